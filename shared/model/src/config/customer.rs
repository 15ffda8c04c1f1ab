//! `customers/<customer>.yaml`: who gets a copy of which tenants' data.

use schemars::JsonSchema;

use super::decode::Decoder;
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
    /// Key prefix under which its copies are put, such as `customers/meadow`.
    #[schemars(with = "String")]
    pub target: ObjectKey,
}

const FIELDS: &[&str] = &["name", "tenants", "target"];

impl CustomerFile {
    /// Reads the file, or tells all that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let d = &mut decoder;
        let root = d.root(FIELDS);
        let name = root.field("name").and_then(|name| d.text(&name));
        let tenants = d.required(&root, "tenants").map(|list| {
            let items = d.list(&list);
            if items.is_empty() && list.node.items().is_some() {
                d.fault(&list, "accepted is at least one tenant");
            }
            items.iter().filter_map(|item| d.parsed(item)).collect()
        });
        let target = d.required(&root, "target").and_then(|target| d.parsed(&target));
        let file = match (tenants, target) {
            (Some(tenants), Some(target)) => Some(Self { name, tenants, target }),
            _ => None,
        };
        decoder.finish(file)
    }
}
