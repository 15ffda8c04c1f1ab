//! What a model is made from.

use std::sync::Arc;

use model::config::{At, Decoder};
use model::{SourceName, StreamName};

use super::mapping::{Builder, column};
use super::{Column, Field, Source, no_field};
use crate::path::{From, Path};
use crate::plan::Plan;

const NAMES: &[&str] = &["fields", "explode", "timezone", "known"];

/// All sources, in the order of the file.
pub(super) fn sources(d: &mut Decoder<'_>, at: &At<'_>, fields: &[Field]) -> Vec<Source> {
    let Some(entries) = at.node.entries() else {
        d.names(at, &[]);
        return Vec::new();
    };
    if entries.is_empty() {
        d.fault(at, "accepted is at least one source");
    }
    let mut sources = Vec::new();
    for (key, node) in entries {
        let at = At { node, path: at.below(&key.text) };
        let Some((source, stream)) = named(d, &at, &key.text) else { continue };
        sources.extend(one(d, &at, fields, (source, stream)));
    }
    sources
}

/// `rutter/orders`.
fn named(d: &mut Decoder<'_>, at: &At<'_>, text: &str) -> Option<(SourceName, StreamName)> {
    let Some((source, stream)) = text.split_once('/') else {
        d.fault(at, "accepted is a source and its stream, as in `rutter/orders`");
        return None;
    };
    let source = d.kept(at, source.parse());
    source.zip(d.kept(at, stream.parse()))
}

fn one(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    fields: &[Field],
    name: (SourceName, StreamName),
) -> Option<Source> {
    if !d.names(at, NAMES) {
        return None;
    }
    let explode = at.field("explode").and_then(|at| exploded(d, &at));
    let zone = at.field("timezone").and_then(|at| d.timezone(&at));
    let zone = zone.and_then(|zone| jiff::tz::TimeZone::get(&zone).ok());
    let mut builder = Builder {
        plan: Plan::new(explode.as_ref()),
        zone,
        explodes: at.field("explode").is_some(),
    };
    let mapped = d.required(at, "fields")?;
    let columns = columns(d, &mapped, fields, &mut builder);
    if let Some(known) = at.field("known") {
        for item in d.list(&known) {
            if let Some(path) = d.parsed::<Path>(&item) {
                if let Some(message) = builder.misplaced(&path) {
                    d.fault(&item, message);
                }
                builder.plan.know(&path);
            }
        }
    }
    let (source, stream) = name;
    Some(Source { source, stream, plan: Arc::new(builder.plan), columns })
}

/// The path of the lists whose items become rows.
fn exploded(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Path> {
    let path: Path = d.parsed(at)?;
    if path.is_many() && path.from == From::Row {
        return Some(path);
    }
    d.fault(at, "accepted is a path into a list, as in `line_items[]`");
    None
}

/// One column a field; a required one that is not mapped is a fault.
fn columns(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    fields: &[Field],
    builder: &mut Builder,
) -> Vec<Column> {
    let mut columns = vec![Column::default(); fields.len()];
    let Some(entries) = at.node.entries() else {
        d.names(at, &[]);
        return columns;
    };
    for (key, node) in entries {
        let at = At { node, path: at.below(&key.text) };
        let field = fields.iter().position(|field| field.name == key.text);
        let Some((field, place)) = field.and_then(|n| Some((fields.get(n)?, columns.get_mut(n)?)))
        else {
            let message = no_field(&key.text, fields);
            d.fault(&at, message);
            continue;
        };
        *place = column(d, &at, field, builder);
    }
    for (field, column) in fields.iter().zip(&columns) {
        if field.required
            && column.inputs.is_empty()
            && !entries.iter().any(|(k, _)| k.text == field.name)
        {
            d.fault(at, format!("`{}` is required and not mapped", field.name));
        }
    }
    columns
}
