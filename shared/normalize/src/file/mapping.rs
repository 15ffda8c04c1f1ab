//! Where one field's values come from, and how they are read.

use jiff::tz::TimeZone;
use model::config::{At, Decoder};

use super::field::{constant, steps, types};
use super::{Column, Field, Input, InputFrom, Pick, pattern};
use crate::convert::{How, Split, usual};
use crate::kind::{JsonTypes, Kind};
use crate::path::{From, Path};
use crate::plan::Plan;

const NAMES: &[&str] =
    &["path", "const", "pick", "as", "none", "map", "split", "take", "timezone", "format", "is"];

/// What one source's paths are compiled into.
pub(super) struct Builder {
    pub(super) plan: Plan,
    pub(super) zone: Option<TimeZone>,
    pub(super) explodes: bool,
}

impl Builder {
    /// Why a path cannot be used here.
    pub(super) fn misplaced(&self, path: &Path) -> Option<&'static str> {
        let from_record = path.from == From::Record;
        match self.explodes {
            false if from_record => {
                Some("`^` leads out of a row that `explode` makes; there is none")
            }
            true if from_record && self.plan.is_within_row(path) => {
                Some("this leads into the rows themselves: write it without `^`")
            }
            _ => None,
        }
    }
}

/// A path, a list of places, or a mapping.
pub(super) fn column(d: &mut Decoder<'_>, at: &At<'_>, field: &Field, b: &mut Builder) -> Column {
    let mut column = Column::default();
    let items = if at.node.items().is_some() { d.list(at) } else { vec![at.clone()] };
    let is_one = items.len() == 1;
    for item in &items {
        let picked = item.field("pick").filter(|_| item.node.entries().is_some());
        if let Some(pick) = picked {
            let words = [("first", Pick::First), ("min", Pick::Min), ("max", Pick::Max)];
            column.pick = d.word(&pick, &words).unwrap_or_default();
            if !is_one {
                d.fault(&pick, "`pick` goes with one mapping, whose `path` is a list");
            }
        }
        column.inputs.extend(inputs(d, item, field, b, is_one));
    }
    if is_one && at.node.is_null() {
        d.fault(at, "accepted is a path, a list of them, or a mapping");
    }
    if column.pick != Pick::First && matches!(field.kind, Kind::Texts | Kind::Json) {
        d.fault(at, format!("`pick` does not go with {}", field.kind));
    }
    column
}

/// The inputs of one item: as many as it has paths.
fn inputs(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    field: &Field,
    b: &mut Builder,
    is_one: bool,
) -> Vec<Input> {
    if at.node.is_null() {
        return Vec::new();
    }
    if at.node.entries().is_none() {
        let how = How { zone: b.zone.clone(), ..How::default() };
        return input(d, at, field, b, (&how, None, !is_one)).into_iter().collect();
    }
    d.names(at, NAMES);
    if let Some(value) = at.field("const") {
        if at.field("path").is_some() {
            d.fault(at, "accepted is either `path` or `const`");
        }
        let cell = constant(d, &value, field.kind);
        let constant = |cell| Input {
            from: InputFrom::Constant(cell),
            how: How::default(),
            path: String::new(),
            many: false,
        };
        return cell.map(constant).into_iter().collect();
    }
    let Some(path) = d.required(at, "path") else { return Vec::new() };
    let how = how(d, at, b);
    let is = at.field("is").map(|at| JsonTypes::of(&types(d, &at)));
    let paths = if path.node.items().is_some() { d.list(&path) } else { vec![path] };
    let optional = !is_one || paths.len() > 1;
    paths.iter().filter_map(|path| input(d, path, field, b, (&how, is, optional))).collect()
}

fn how(d: &mut Decoder<'_>, at: &At<'_>, b: &Builder) -> How {
    let own = at.field("timezone").and_then(|at| d.timezone(&at));
    let own = own.and_then(|zone| TimeZone::get(&zone).ok());
    let formats = at.field("format").map(|at| texts(d, &at)).unwrap_or_default();
    How {
        steps: at.field("as").map(|at| steps(d, &at)).unwrap_or_default(),
        none: at.field("none").map(|at| texts(d, &at)).unwrap_or_default(),
        map: at.field("map").map(|at| pairs(d, &at)).unwrap_or_default(),
        split: split(d, at),
        zone: own.or_else(|| b.zone.clone()),
        formats,
    }
}

/// A pattern and the group of it that is taken: the first, or the one of that name or number.
fn split(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Split> {
    let take = at.field("take");
    let Some(expression) = at.field("split") else {
        if let Some(take) = take {
            d.fault(&take, "`take` goes with `split`");
        }
        return None;
    };
    let pattern = pattern(d, &expression)?;
    let Some(take) = take else {
        let group = usize::from(pattern.captures_len() > 1);
        return Some(Split { pattern, group });
    };
    let word = d.text(&take)?;
    let by_name = pattern.capture_names().position(|name| name == Some(word.as_str()));
    let by_number = word.parse().ok().filter(|group| *group < pattern.captures_len());
    let group = by_name.or(by_number);
    if group.is_none() {
        d.fault(&take, format!("the pattern has no group `{word}`"));
    }
    group.map(|group| Split { pattern, group })
}

fn input(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    field: &Field,
    b: &mut Builder,
    (how, is, optional): (&How, Option<JsonTypes>, bool),
) -> Option<Input> {
    let how = how.clone();
    if at.node.text() == Some("#") {
        if !b.explodes || field.kind != Kind::Integer {
            d.fault(at, "`#` is the place of a row that `explode` makes, for an integer");
            return None;
        }
        return Some(Input { from: InputFrom::Place, how, path: String::new(), many: false });
    }
    let path: Path = d.parsed(at)?;
    if let Some(message) = b.misplaced(&path) {
        d.fault(at, message);
        return None;
    }
    let expected = is.unwrap_or_else(|| usual(field.kind, &how));
    let slot = b.plan.slot(&path, !optional && !path.optional, expected);
    let (from, many) = (InputFrom::Slot(slot), path.is_many());
    Some(Input { from, how, path: path.to_string(), many })
}

/// A text, or a list of texts.
fn texts(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<String> {
    let items = if at.node.items().is_some() { d.list(at) } else { vec![at.clone()] };
    let text = |item: &At<'_>| match item.node.text() {
        Some(text) => Some(text.to_owned()),
        None => d.text(item),
    };
    items.iter().filter_map(text).collect()
}

/// Texts and what they mean.
fn pairs(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<(String, String)> {
    let Some(entries) = at.node.entries() else {
        d.names(at, &[]);
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for (key, node) in entries {
        let value = At { node, path: at.below(&key.text) };
        pairs.extend(d.text(&value).map(|to| (key.text.clone(), to)));
    }
    pairs
}
