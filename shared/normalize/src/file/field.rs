//! The fields of a model.

use model::config::{At, Decoder};
use model::document::NodeValue;

use super::{Field, Limits, OnViolation, POLICIES, pattern};
use crate::cell::Cell;
use crate::convert::{How, Step, compare, scalar};
use crate::kind::{JsonType, Kind};

const NAMES: &[&str] =
    &["type", "required", "enum", "pattern", "range", "description", "on_violation"];

/// All fields, in the order of the file.
pub(super) fn fields(d: &mut Decoder<'_>, at: &At<'_>, policy: Option<OnViolation>) -> Vec<Field> {
    let Some(entries) = at.node.entries() else {
        d.names(at, &[]);
        return Vec::new();
    };
    if entries.is_empty() {
        d.fault(at, "accepted is at least one field");
    }
    let mut fields = Vec::new();
    for (key, node) in entries {
        let at = At { node, path: at.below(&key.text) };
        if !is_name(&key.text) {
            d.fault(&at, "a field's name is a letter and up to 62 of a-z, 0-9 and `_`");
            continue;
        }
        if PARTITIONS.contains(&key.text.as_str()) {
            d.fault(
                &at,
                "the model's tables have a partition of that name; call the field something else",
            );
            continue;
        }
        fields.extend(field(d, &at, &key.text, policy));
    }
    fields
}

/// What the tables of models are partitioned by.
pub(super) const PARTITIONS: &[&str] = &["tenant", "month"];

fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() < 64 && name.bytes().all(fits)
}

/// A type alone, or a mapping.
fn field(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    name: &str,
    policy: Option<OnViolation>,
) -> Option<Field> {
    let plain = |kind| Field {
        name: name.to_owned(),
        kind,
        required: false,
        description: None,
        on_violation: policy.unwrap_or(OnViolation::Null),
        limits: Limits::default(),
    };
    if at.node.entries().is_none() {
        return d.parsed(at).map(plain);
    }
    d.names(at, NAMES);
    let kind: Kind = d.required(at, "type").and_then(|at| d.parsed(&at))?;
    let required = at.field("required").and_then(|at| d.truth(&at)).unwrap_or_default();
    let own = at.field("on_violation").and_then(|at| d.word(&at, POLICIES));
    let policy = match own.or(policy) {
        None | Some(OnViolation::Null) if required => OnViolation::Quarantine,
        policy => policy.unwrap_or(OnViolation::Null),
    };
    if required && own == Some(OnViolation::Null) {
        d.fault(at, "a required field cannot become null; accepted: quarantine, fail");
    }
    Some(Field {
        required,
        description: at.field("description").and_then(|at| d.text(&at)),
        on_violation: policy,
        limits: limits(d, at, kind),
        ..plain(kind)
    })
}

fn limits(d: &mut Decoder<'_>, at: &At<'_>, kind: Kind) -> Limits {
    let mut limits = Limits::default();
    let is_text = matches!(kind, Kind::Text | Kind::Texts);
    if let Some(words) = at.field("enum") {
        if !is_text {
            d.fault(&words, "`enum` goes with string and list");
        }
        let items = d.list(&words);
        limits.accepted = items.iter().filter_map(|item| d.text(item)).collect();
    }
    if let Some(expression) = at.field("pattern") {
        if !is_text {
            d.fault(&expression, "`pattern` goes with string and list");
        }
        limits.pattern = pattern(d, &expression);
    }
    if let Some(range) = at.field("range") {
        let has_order =
            matches!(kind, Kind::Integer | Kind::Decimal { .. } | Kind::Timestamp | Kind::Date);
        if !has_order {
            d.fault(&range, "`range` goes with integer, decimal, timestamp and date");
        } else if d.names(&range, &["min", "max"]) {
            limits.low = range.field("min").and_then(|at| constant(d, &at, kind));
            limits.high = range.field("max").and_then(|at| constant(d, &at, kind));
            if let (Some(low), Some(high)) = (&limits.low, &limits.high)
                && compare(low, high) == Some(std::cmp::Ordering::Greater)
            {
                d.fault(&range, "`min` is larger than `max`");
            }
        }
    }
    limits
}

/// A value of that kind, written in the file.
pub(super) fn constant(d: &mut Decoder<'_>, at: &At<'_>, kind: Kind) -> Option<Cell<'static>> {
    let token = match &at.node.value {
        NodeValue::Number(token) => token.clone(),
        _ => at.node.to_json().to_string(),
    };
    let is_scalar = at.node.entries().is_none() && at.node.items().is_none();
    let cell = match scalar(kind, &token, &How::default()) {
        Ok(read) if is_scalar || kind == Kind::Json => read.cell.into_owned(),
        _ => Cell::Null,
    };
    match (cell, kind) {
        (Cell::Null, _) => {
            d.fault(at, format!("{} stands here; accepted is {kind}", at.node.kind()));
            None
        }
        (Cell::Text(text), Kind::Texts) => Some(Cell::Texts(vec![text])),
        (cell, _) => Some(cell),
    }
}

/// The names of the steps that a text can go through.
pub(super) fn steps(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<Step> {
    let items = if at.node.items().is_some() { d.list(at) } else { vec![at.clone()] };
    items.iter().filter_map(|item| d.word(item, crate::convert::STEPS)).collect()
}

/// The types of JSON, by their words.
pub(super) fn types(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<JsonType> {
    let words = crate::kind::JSON_TYPES.map(|one| (one.as_str(), one));
    let items = if at.node.items().is_some() { d.list(at) } else { vec![at.clone()] };
    items.iter().filter_map(|item| d.word(item, &words)).collect()
}
