//! The section `results` of an operation.

use model::config::At;
use model::document::NodeValue;

use super::template::Reader;
use crate::answer::{By, List, Results};
use crate::destination::Bounds;
use crate::path::Path;
use crate::rule::Then;

const FIELDS: &[&str] = &[
    "path",
    "ref",
    "index",
    "pattern",
    "by",
    "only",
    "status",
    "code",
    "message",
    "entity_id",
    "warnings",
    "then",
];

/// What can be said of entries or of their absence without a rule.
#[derive(Debug, Clone, Copy)]
enum Word {
    Succeed,
    Duplicate,
    Retry,
    Fail,
}

const WORDS: &[(&str, Word)] = &[
    ("succeed", Word::Succeed),
    ("duplicate", Word::Duplicate),
    ("retry", Word::Retry),
    ("fail", Word::Fail),
];

impl Reader<'_, '_> {
    pub(super) fn results(&mut self, operation: &At<'_>, bounds: &Bounds) -> Option<Results> {
        let absent = operation.field("absent").map(|at| (self.outcome(&at, bounds), at));
        let Some(at) = operation.field("results") else {
            if let Some((_, at)) = absent {
                self.d.fault(&at, "`absent` goes with `results`");
            }
            return None;
        };
        let lists = match at.node.items() {
            Some(_) => self.d.list(&at),
            None => vec![at.clone()],
        };
        if lists.is_empty() {
            self.d.fault(&at, "accepted is at least one list of results");
        }
        let lists = lists.iter().filter_map(|at| self.result_list(at, bounds)).collect();
        let absent = absent.and_then(|(then, _)| then);
        Some(Results { lists, absent: absent.unwrap_or(Then::Retry(bounds.retry)) })
    }

    fn outcome(&mut self, at: &At<'_>, bounds: &Bounds) -> Option<Then> {
        Some(match self.d.word(at, WORDS)? {
            Word::Succeed => Then::Succeed,
            Word::Duplicate => Then::Duplicate,
            Word::Retry => Then::Retry(bounds.retry),
            Word::Fail => Then::Fail,
        })
    }

    fn result_list(&mut self, at: &At<'_>, bounds: &Bounds) -> Option<List> {
        if !self.d.names(at, FIELDS) {
            return None;
        }
        let path = self.d.required(at, "path").and_then(|at| self.d.parsed(&at));
        let by = self.by(at);
        let one = |reader: &mut Self, name: &str| {
            at.field(name).and_then(|at| reader.d.parsed::<Path>(&at))
        };
        let only = at.field("only").map(|at| self.only(&at)).unwrap_or_default();
        Some(List {
            only,
            status: one(self, "status"),
            code: self.paths(at, "code"),
            message: self.paths(at, "message"),
            entity_id: one(self, "entity_id"),
            warnings: one(self, "warnings"),
            then: at.field("then").and_then(|at| self.outcome(&at, bounds)),
            by: by?,
            path: path?,
        })
    }

    /// `ref: path`, `index: path` with a pattern, or `by: position | whole`.
    fn by(&mut self, at: &At<'_>) -> Option<By> {
        let (reference, index, by) = (at.field("ref"), at.field("index"), at.field("by"));
        if let (Some(pattern), None) = (at.field("pattern"), &index) {
            self.d.fault(&pattern, "`pattern` goes with `index`");
        }
        match (reference, index, by) {
            (Some(path), None, None) => self.d.parsed(&path).map(By::Reference),
            (None, Some(path), None) => {
                let pattern = at.field("pattern");
                let pattern = match &pattern {
                    Some(at) => Some(self.pattern(at)?),
                    None => None,
                };
                self.d.parsed(&path).map(|path| By::Index(path, pattern))
            }
            (None, None, Some(by)) => {
                let position = self.d.word(&by, &[("position", true), ("whole", false)])?;
                Some(if position { By::Position } else { By::Whole })
            }
            _ => {
                let message = "accepted is one of `ref` (where an entry names the item), `index` \
                               (where it holds the item's place) and `by: position | whole`";
                self.d.fault(at, message);
                None
            }
        }
    }

    /// `{input_array: attributes}`: fields that an entry must have to count.
    fn only(&mut self, at: &At<'_>) -> Vec<(Path, String)> {
        let NodeValue::Mapping(entries) = &at.node.value else {
            self.d.fault(at, "accepted is a mapping of paths to texts");
            return Vec::new();
        };
        let mut only = Vec::new();
        for (key, node) in entries {
            let entry = At { node, path: at.below(&key.text) };
            let path = self.d.kept(&entry, key.text.parse::<Path>());
            if let (Some(path), Some(text)) = (path, self.d.text(&entry)) {
                only.push((path, text));
            }
        }
        only
    }
}
