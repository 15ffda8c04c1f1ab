//! What records have that their model does not know of, and the other way round: paths and JSON
//! types, never values.

use std::collections::HashMap;

use serde::Serialize;

use crate::kind::{JsonType, JsonTypes};
use crate::plan::Plan;

/// Unknown paths that are told one by one; beyond, records whose names are data would grow this
/// without end.
const MAX_UNKNOWN: usize = 1_000;
/// Bytes of an unknown name that are told.
const MAX_NAME: usize = 128;

/// How the records of one source differ from what its model says, over all that a reader has read.
#[derive(Debug, Clone, Default)]
pub struct Drift {
    records: u64,
    seen: Vec<Seen>,
    unknown: Vec<(usize, Box<str>, Seen)>,
    numbers: Vec<HashMap<Box<str>, usize>>,
    untold: u64,
}

/// What was seen at one place.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    values: u64,
    /// Values that can have members or items.
    containers: u64,
    types: JsonTypes,
}

impl Seen {
    fn add(&mut self, json: JsonType) {
        self.values += 1;
        self.containers += u64::from(matches!(json, JsonType::Array | JsonType::Object));
        self.types.add(json);
    }
}

/// How a place differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// Records have it, the model does not know of it.
    Unknown,
    /// The model knows of it, and no record had it though its surroundings were there.
    Vanished,
    /// Its values are of other types than the model says.
    Retyped,
}

impl DriftKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Vanished => "vanished",
            Self::Retyped => "retyped",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// How the place differs.
    pub kind: DriftKind,
    /// The place: names joined by dots, `[]` for the items of a list.
    pub path: String,
    /// The types that were found; none where nothing was.
    pub found: JsonTypes,
    /// The types that the model says; none where it says nothing.
    pub expected: JsonTypes,
    /// Values that were seen there.
    pub values: u64,
}

impl Drift {
    pub(crate) fn new(plan: &Plan) -> Self {
        let nodes = plan.nodes().len();
        Self {
            seen: vec![Seen::default(); nodes],
            numbers: vec![HashMap::new(); nodes],
            ..Self::default()
        }
    }

    /// Records that were read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Values under unknown names beyond the first thousand, which are not told one by one.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    pub(crate) fn record(&mut self) {
        self.records += 1;
    }

    /// A value at a place of the plan.
    pub(crate) fn known(&mut self, node: usize, json: JsonType) {
        if let Some(seen) = self.seen.get_mut(node) {
            seen.add(json);
        }
    }

    /// The number of an unknown member; none beyond the limit.
    pub(crate) fn unknown(&mut self, node: usize, name: &str) -> Option<usize> {
        let numbers = self.numbers.get_mut(node)?;
        if let Some(number) = numbers.get(name) {
            return Some(*number);
        }
        let number = self.unknown.len();
        if number >= MAX_UNKNOWN || name.len() > MAX_NAME {
            self.untold += 1;
            return None;
        }
        numbers.insert(name.into(), number);
        self.unknown.push((node, name.into(), Seen::default()));
        Some(number)
    }

    /// A value of an unknown member.
    pub(crate) fn value(&mut self, unknown: Option<usize>, json: JsonType) {
        if let Some((_, _, seen)) = unknown.and_then(|number| self.unknown.get_mut(number)) {
            seen.add(json);
        }
    }

    /// All differences: unknown ones as they came, then those of the model's own places.
    pub(crate) fn facts(&self, plan: &Plan) -> Vec<Fact> {
        let unknown = self.unknown.iter().map(|(node, name, seen)| {
            let around = plan.node(*node).map_or("", |node| node.path.as_str());
            let dot = if around.is_empty() { "" } else { "." };
            Fact {
                kind: DriftKind::Unknown,
                path: format!("{around}{dot}{name}"),
                found: seen.types,
                expected: JsonTypes::default(),
                values: seen.values,
            }
        });
        let known = plan.nodes().iter().zip(&self.seen).skip(1).filter_map(|(node, seen)| {
            let around = self.seen.get(node.parent).map_or(0, |seen| seen.containers);
            let expected = node.expected.with(JsonTypes::of(&[JsonType::Null]));
            let strange = seen.types.without(expected);
            let kind =
                if seen.values == 0 && node.needed && around > 0 && !node.path.ends_with("[]") {
                    DriftKind::Vanished
                } else if !node.expected.is_empty() && !strange.is_empty() {
                    DriftKind::Retyped
                } else {
                    return None;
                };
            let found = if kind == DriftKind::Retyped { strange } else { seen.types };
            let (path, expected) = (node.path.clone(), node.expected);
            Some(Fact { kind, path, found, expected, values: seen.values })
        });
        unknown.chain(known).collect()
    }

    /// Every place that values were seen at, with their types: what is compared from object to
    /// object to see types change where the model says nothing.
    pub(crate) fn places(&self, plan: &Plan) -> Vec<(String, JsonTypes)> {
        let known = plan.nodes().iter().zip(&self.seen).skip(1);
        let known = known.filter(|(_, seen)| seen.values > 0);
        let known = known.map(|(node, seen)| (node.path.clone(), seen.types));
        let unknown = self.facts(plan).into_iter();
        let unknown = unknown.filter(|fact| fact.kind == DriftKind::Unknown);
        known.chain(unknown.map(|fact| (fact.path, fact.found))).collect()
    }
}
