//! `customers/<customer>.yaml`: who gets a copy of which tenants' data.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;

use super::decode::{At, Decoder};
use super::time::optional_span_schema;
use crate::document::{Document, Fault};
use crate::{ObjectKey, TenantId};

/// A customer whose warehouse gets the rows of its tenants, and of no others.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerFile {
    /// The name people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// Its tenants.
    pub tenants: Vec<TenantId>,
    /// Key prefix under which its copies are put, such as `customers/meadow`. It begins with
    /// `customers/`, and no other customer's lies within it.
    #[schemars(with = "String")]
    pub target: ObjectKey,
    /// The views that it gets, such as `rutter_orders` or `model_order`; all when left out.
    #[serde(default)]
    pub relations: Option<Vec<String>>,
    /// Copies that are kept, the newest included; 3 when left out.
    #[serde(default)]
    pub keep: Option<NonZeroU32>,
    /// How old its newest copy may get, such as `6h`; 24 hours when left out.
    #[serde(default)]
    #[schemars(schema_with = "optional_span_schema")]
    pub every: Option<Duration>,
}

const FIELDS: &[&str] = &["name", "tenants", "target", "relations", "keep", "every"];

/// Where all copies stand.
const ROOT: &str = "customers/";

/// Copies are looked after every hour.
const OFTEN: Duration = Duration::from_hours(1);

/// The longest that makes sense.
const SELDOM: Duration = Duration::from_hours(366 * 24);

impl CustomerFile {
    /// Reads the file, or tells all that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let d = &mut decoder;
        let root = d.root(FIELDS);
        let name = root.field("name").and_then(|name| d.text(&name));
        let tenants = d.required(&root, "tenants").map(|list| {
            let items = some(d, &list, "at least one tenant");
            items.iter().filter_map(|item| d.parsed(item)).collect()
        });
        let target = d.required(&root, "target").and_then(|at| target(d, &at));
        let relations = root.field("relations").map(|list| {
            let items = some(d, &list, "at least one view; for all of them leave the list out");
            items.iter().filter_map(|item| d.text(item)).collect()
        });
        let keep = root.field("keep").and_then(|keep| d.whole(&keep, 1..=1000));
        let keep = keep.and_then(|n| NonZeroU32::new(u32::try_from(n).ok()?));
        let every = root.field("every").and_then(|every| d.span(&every, OFTEN, SELDOM));
        let file = match (tenants, target) {
            (Some(tenants), Some(target)) => {
                Some(Self { name, tenants, target, relations, keep, every })
            }
            _ => None,
        };
        decoder.finish(file)
    }

    /// Copies that are kept, the newest included.
    pub fn copies(&self) -> usize {
        self.keep.map_or(3, |keep| usize::try_from(keep.get()).unwrap_or(usize::MAX))
    }

    /// How old its newest copy may get.
    pub fn age(&self) -> Duration {
        self.every.unwrap_or(Duration::from_hours(24))
    }
}

/// The items of a list that may not be empty.
fn some<'n>(d: &mut Decoder<'_>, list: &At<'n>, accepted: &str) -> Vec<At<'n>> {
    let items = d.list(list);
    if items.is_empty() && list.node.items().is_some() {
        d.fault(list, format!("accepted is {accepted}"));
    }
    items
}

/// A prefix under [`ROOT`]: anywhere else copies would stand among what the platform keeps.
fn target(d: &mut Decoder<'_>, at: &At<'_>) -> Option<ObjectKey> {
    let target: ObjectKey = d.parsed(at)?;
    if target.as_str().strip_prefix(ROOT).is_none_or(str::is_empty) {
        d.fault(at, format!("accepted is a prefix that begins with `{ROOT}`"));
    }
    Some(target)
}
