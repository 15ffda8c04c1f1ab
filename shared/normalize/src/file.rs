//! `models/<model>.yaml`: the fields of a model and where each source keeps them.

mod field;
mod mapping;
mod schema;
mod source;

use model::config::{At, Decoder};
use model::document::{Document, Fault};
use model::{SourceName, StreamName};
use regex::Regex;

pub use schema::schema;

use crate::cell::Cell;
use crate::convert::How;
use crate::identity::Rules;
use crate::kind::Kind;
use crate::plan::Plan;
use crate::reader::Reader;

/// A standard model, compiled from its file.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its version: rows that another version made are made anew.
    pub version: u32,
    /// What it is, for people.
    pub description: Option<String>,
    /// The columns of its rows, in order.
    pub fields: Vec<Field>,
    /// The fields that identify a row, as their numbers.
    pub key: Vec<usize>,
    /// What becomes of all that no field takes.
    pub extra: Extra,
    /// By what rows of several sources are known to be the same thing, and how they become one,
    /// where its `identity` is more than a list of fields.
    pub rules: Option<Rules>,
    /// What it is made from.
    pub sources: Vec<Source>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name, of the alphabet that every engine takes unquoted.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether every row has it.
    pub required: bool,
    /// What it is, for people.
    pub description: Option<String>,
    /// What becomes of a row whose value breaks a rule.
    pub on_violation: OnViolation,
    pub(crate) limits: Limits,
}

/// What values a field takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) accepted: Vec<String>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) low: Option<Cell<'static>>,
    pub(crate) high: Option<Cell<'static>>,
}

/// What becomes of a row one of whose values breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnViolation {
    /// The row is set aside with its reasons; for required fields, unless said otherwise.
    Quarantine,
    /// The value is left out and counted; it stays in the rest. For all other fields, unless said
    /// otherwise.
    Null,
    /// The object it came in waits until somebody has looked.
    Fail,
}

/// What becomes of all that no field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// It is kept as JSON text in `_extra`.
    Json,
    /// It is left out.
    Drop,
}

/// How one stream of one source becomes rows.
#[derive(Debug, Clone)]
pub struct Source {
    /// The source.
    pub source: SourceName,
    /// Its stream.
    pub stream: StreamName,
    pub(crate) plan: std::sync::Arc<Plan>,
    /// One a field, in the order of the fields.
    pub(crate) columns: Vec<Column>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) inputs: Vec<Input>,
    pub(crate) pick: Pick,
}

/// Which of several values counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Pick {
    /// The first that is one.
    #[default]
    First,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// One place that a value comes from.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) from: InputFrom,
    pub(crate) how: How,
    /// The place, for violations.
    pub(crate) path: String,
    /// Whether several values can stand there.
    pub(crate) many: bool,
}

/// A kind of place.
#[derive(Debug, Clone)]
pub(crate) enum InputFrom {
    /// The values of a slot.
    Slot(usize),
    /// The place of the row in its list, from 1.
    Place,
    /// Always the same.
    Constant(Cell<'static>),
}

const FIELDS: &[&str] = &[
    "version",
    "description",
    "fields",
    "key",
    "identity",
    "merge",
    "sources",
    "extra",
    "on_violation",
];
const POLICIES: &[(&str, OnViolation)] = &[
    ("quarantine", OnViolation::Quarantine),
    ("null", OnViolation::Null),
    ("fail", OnViolation::Fail),
];

impl Model {
    /// Reads the file and compiles its paths and patterns, or tells all that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let d = &mut decoder;
        let root = d.root(FIELDS);
        let version = d.required(&root, "version").and_then(|at| d.whole(&at, 1..=1_000_000));
        let description = root.field("description").and_then(|at| d.text(&at));
        let policy = root.field("on_violation").and_then(|at| d.word(&at, POLICIES));
        let extra = [("json", Extra::Json), ("drop", Extra::Drop)];
        let extra = root.field("extra").and_then(|at| d.word(&at, &extra)).unwrap_or(Extra::Json);
        let fields = d.required(&root, "fields").map(|at| field::fields(d, &at, policy));
        let fields = fields.unwrap_or_default();
        let rules = root.field("identity").filter(|at| at.node.entries().is_some());
        let key = match (root.field("key"), &rules) {
            (Some(key), _) => Some(key),
            (None, Some(_)) => d.required(&root, "key"),
            (None, None) => d.required(&root, "identity"),
        };
        let key = key.map(|at| identified(d, &at, &fields)).unwrap_or_default();
        let sources = d.required(&root, "sources");
        let sources = sources.map(|at| source::sources(d, &at, &fields)).unwrap_or_default();
        let version = version.and_then(|version| u32::try_from(version).ok());
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let merge = root.field("merge");
        if let (None, Some(merge)) = (&rules, &merge) {
            d.fault(merge, "`merge` goes with an `identity` of facts and tiers");
        }
        let rules = rules.and_then(|at| Rules::decode(d, &at, merge.as_ref(), &names));
        let model = version.map(|version| Self {
            version,
            description,
            fields,
            key,
            extra,
            rules,
            sources,
        });
        decoder.finish(model)
    }

    /// How a stream of a source becomes rows of this model, if it does.
    pub fn source(&self, source: &str, stream: &str) -> Option<&Source> {
        let is = |one: &&Source| one.source.as_str() == source && one.stream.as_str() == stream;
        self.sources.iter().find(is)
    }

    /// Reads records of a stream of a source, if the model is made from it.
    pub fn reader(&self, source: &str, stream: &str) -> Option<Reader<'_>> {
        Some(Reader::new(self, self.source(source, stream)?))
    }

    /// The number of the field of that name.
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

/// The fields that identify a row: each must be there in every row.
fn identified(d: &mut Decoder<'_>, at: &At<'_>, fields: &[Field]) -> Vec<usize> {
    let items = d.list(at);
    if items.is_empty() && at.node.items().is_some() {
        d.fault(at, "accepted is at least one field");
    }
    let mut numbers = Vec::new();
    for item in &items {
        let Some(name) = d.text(item) else { continue };
        let found = fields.iter().enumerate().find(|(_, field)| field.name == name);
        match found {
            Some((number, field)) if field.required => numbers.push(number),
            Some(_) => d.fault(item, format!("`{name}` identifies rows, so it must be `required`")),
            None => {
                let message = no_field(&name, fields);
                d.fault(item, message);
            }
        }
    }
    numbers
}

/// There is no such field, but perhaps one of nearly that name.
fn no_field(name: &str, fields: &[Field]) -> String {
    let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let near = match model::document::suggest(name, &known) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => String::new(),
    };
    format!("there is no field `{name}`{near}; there are: {}", known.join(", "))
}

/// A regular expression, whose automaton stays small.
fn pattern(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Regex> {
    const MAX_PATTERN: usize = 1 << 20;
    let text = d.text(at)?;
    match regex::RegexBuilder::new(&text).size_limit(MAX_PATTERN).build() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            d.fault(at, format!("this is no regular expression: {reason}"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
