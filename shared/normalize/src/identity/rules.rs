//! The `identity` and `merge` sections of a model file.

use std::collections::BTreeMap;
use std::time::Duration;

use model::SourceName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::form::glob;

/// By what records are recognised as one thing; the section `merge` says how they become one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The field that says when the source last saw the thing; without one it is the instant at
    /// which the record was asked for.
    #[serde(default)]
    pub observed_at: Option<String>,
    /// What tells things apart, by the name that tiers use.
    pub facts: BTreeMap<String, Fact>,
    /// What links two records, strongest first.
    pub tiers: Vec<Tier>,
    /// Whether tiers of low confidence link, too, instead of only being reported.
    #[serde(default)]
    pub merge_low_confidence: bool,
    /// The section `merge`: which value a field takes, by the field's name or by a pattern such as `cloud_*`; what
    /// stands nowhere here takes the newest.
    #[schemars(skip)]
    pub fields: BTreeMap<String, FieldRule>,
}

/// Values of a record that tell things apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// The fields that hold them; each item of a list is a value.
    pub fields: Vec<String>,
    /// How values are written before they are compared.
    #[serde(default)]
    pub form: Form,
    /// Values that say nothing; `*` stands for any text, upper and lower case are the same.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// When given, only values like one of these say anything.
    #[serde(default)]
    pub only: Vec<String>,
}

/// How a value is written before it is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As it is, without space around it.
    #[default]
    Text,
    /// In lower case.
    Lower,
    /// A hardware address: twelve hexadecimal digits, none of them or all of them set counts.
    Mac,
    /// An IP address that means the same machine elsewhere: not loopback, link-local, multicast
    /// or unspecified.
    Ip,
    /// A host name in lower case, without the final dot and endings of local networks.
    Hostname,
    /// The first label of a host name.
    ShortName,
}

/// One way of recognising that two records are the same thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name, as keys and conflicts show it.
    pub name: String,
    /// Lists of facts: records are linked that share a value of every fact of one list.
    #[serde(rename = "match")]
    pub any: Vec<Vec<String>>,
    /// Records that both have such facts and share none are not the same thing, whatever weaker
    /// tiers say.
    #[serde(default)]
    pub veto: bool,
    /// Records link only if they were seen within this span of one another.
    #[serde(default)]
    #[schemars(schema_with = "span_schema")]
    pub within: Option<Duration>,
    /// How much a link of this tier says.
    #[serde(default)]
    pub confidence: Confidence,
}

/// How much a link says.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Enough.
    #[default]
    High,
    /// Reported; followed only where the model says so.
    Low,
}

/// Which value a field of a thing takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// Out of what records say.
    #[serde(default)]
    pub take: Take,
    /// Sources, best first, among values that are equally new; those not named come after, by
    /// name.
    #[serde(default)]
    pub prefer: Vec<SourceName>,
}

/// How one value comes of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// The newest value that is not empty.
    #[default]
    Newest,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// All items of all records, each once; a record's own items are those of its newest
    /// observation.
    Union,
    /// None: it says something of the record, not of the thing.
    Nothing,
}

static NEWEST: FieldRule = FieldRule { take: Take::Newest, prefer: Vec::new() };

impl Rules {
    /// The rule of a field: under its own name, else under the first pattern that it fits.
    pub fn of(&self, field: &str) -> &FieldRule {
        let pattern =
            || self.fields.iter().find(|(name, _)| glob(name, field)).map(|(_, rule)| rule);
        self.fields.get(field).or_else(pattern).unwrap_or(&NEWEST)
    }

    /// Names these rules: things made by others are made again.
    pub fn digest(&self) -> String {
        super::value::digest(&serde_json::to_value(self).unwrap_or_default())
    }
}

impl FieldRule {
    /// The rank of a source: small is better.
    pub(super) fn rank(&self, source: &SourceName) -> usize {
        self.prefer.iter().position(|one| one == source).unwrap_or(self.prefer.len())
    }
}

fn span_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "description": "A span of time, such as 12h or 30d.",
        "type": "string",
        "pattern": "^[0-9]+ ?(ms|s|m|min|h|d|w)$"
    })
}
