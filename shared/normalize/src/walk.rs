//! One pass over a record: which values stand where, as ranges of its bytes.

use std::collections::HashMap;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};

use crate::drift::Drift;
use crate::kind::JsonType;
use crate::plan::Plan;
use crate::violation::{Rule, Violation};

/// Members and items that are told apart in one record: what they cost stays below 100 MB.
const MAX_VALUES: usize = 1 << 20;

/// What a pass has found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Values that fields want, in the order of the record.
    pub(crate) captures: Vec<Capture>,
    /// Members and items of what was looked into, each followed by those below it.
    pub(crate) entries: Vec<Entry>,
    /// The record's rows.
    pub(crate) rows: Vec<RowPlace>,
    names: Vec<u64>,
}

/// A value that a field wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capture {
    pub(crate) slot: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) json: JsonType,
}

/// A member of an object or an item of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Where it starts: with its name, if it has one.
    pub(crate) start: usize,
    /// Where its value starts.
    pub(crate) value: usize,
    pub(crate) end: usize,
    pub(crate) kind: EntryKind,
    /// The capture of the whole value.
    pub(crate) capture: Option<usize>,
    /// The entry after it and all that is below it.
    pub(crate) next: usize,
}

/// How far an entry was looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// Not at all.
    Leaf,
    /// Its members are entries.
    Object,
    /// Its items are entries.
    Array,
    /// A value in the place of a list: one entry stands for it.
    Lone,
}

/// A value that becomes a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowPlace {
    /// First and last-but-one of its captures.
    pub(crate) captures: (usize, usize),
    pub(crate) entry: usize,
}

impl Walk {
    /// Reads a record that is UTF-8.
    pub(crate) fn read(
        &mut self,
        record: &[u8],
        plan: &Plan,
        drift: &mut Drift,
    ) -> Result<(), Violation> {
        self.captures.clear();
        self.entries.clear();
        self.rows.clear();
        self.names.clear();
        let (jiter, in_row) = (Jiter::new(record), false);
        let mut walker = Walker { record, jiter, plan, walk: self, drift, in_row };
        walker.record().map_err(|stop| match stop {
            Stop::Json(error) => broken(record, &error),
            Stop::Rule(violation) => violation,
        })
    }
}

/// Why a pass ends early.
enum Stop {
    Json(JiterError),
    Rule(Violation),
}

impl From<JiterError> for Stop {
    fn from(error: JiterError) -> Self {
        Self::Json(error)
    }
}

struct Walker<'r, 'm> {
    record: &'r [u8],
    jiter: Jiter<'r>,
    plan: &'m Plan,
    walk: &'m mut Walk,
    drift: &'m mut Drift,
    /// Whether a value is a row's: what is unknown around the rows is another model's business.
    in_row: bool,
}

impl Walker<'_, '_> {
    fn record(&mut self) -> Result<(), Stop> {
        if self.jiter.peek()? != Peek::Object {
            self.jiter.next_skip()?;
            self.jiter.finish()?;
            return Err(Stop::Rule(Violation {
                path: String::new(),
                field: None,
                rule: Rule::Shape,
                found: format!("a JSON {}", JsonType::of(self.record.trim_ascii_start())),
                accepted: "an object".to_owned(),
            }));
        }
        self.value(0, self.jiter.current_index())?;
        Ok(self.jiter.finish()?)
    }

    /// A value at a place of the plan.
    fn value(&mut self, at: usize, start: usize) -> Result<(), Stop> {
        let peek = self.jiter.peek()?;
        let value = self.jiter.current_index();
        let Some(node) = self.plan.node(at) else { return Ok(()) };
        let entry = self.open(start, value)?;
        let first = self.walk.captures.len();
        let row = (at == self.plan.row).then(|| {
            self.in_row = true;
            self.walk.rows.push(RowPlace { captures: (first, first), entry });
            self.walk.rows.len() - 1
        });
        let capture = node.slot.map(|slot| {
            self.walk.captures.push(Capture {
                slot,
                start: value,
                end: value,
                json: JsonType::Null,
            });
            first
        });
        let kind = match (peek, node.each) {
            (Peek::Object, _) if node.has_children() => self.object(at)?,
            (Peek::Array, Some(each)) => self.array(each)?,
            (Peek::Null, _) | (_, None) => self.skip(peek)?,
            (_, Some(_)) if node.is_exploded => return Err(self.no_list(&node.path, value)?),
            (_, Some(each)) => {
                self.value(each, value)?;
                EntryKind::Lone
            }
        };
        let end = self.jiter.current_index();
        let json = JsonType::of(self.record.get(value..end).unwrap_or_default());
        self.drift.known(at, json);
        if let Some(capture) = capture.and_then(|at| self.walk.captures.get_mut(at)) {
            (capture.end, capture.json) = (end, json);
        }
        if let Some(row) = row.and_then(|row| self.walk.rows.get_mut(row)) {
            row.captures.1 = self.walk.captures.len();
            self.in_row = false;
        }
        self.close(entry, kind, capture);
        Ok(())
    }

    fn object(&mut self, at: usize) -> Result<EntryKind, Stop> {
        let (names, entry) = (self.walk.names.len(), self.walk.entries.len());
        let mut before = self.jiter.current_index();
        let mut name = self.jiter.known_object()?;
        while let Some(found) = name {
            self.walk.names.push(folded(found));
            let child = self.plan.child(at, found);
            let unknown = match child {
                None if self.in_row => self.drift.unknown(at, found),
                _ => None,
            };
            let start = quote_from(self.record, before);
            match child {
                Some(child) => self.value(child, start)?,
                None => self.unknown(unknown, start)?,
            }
            before = self.jiter.current_index();
            name = self.jiter.next_key()?;
        }
        let found = self.walk.names.get_mut(names..).unwrap_or_default();
        found.sort_unstable();
        let again = found.windows(2).any(|pair| pair.first() == pair.last());
        self.walk.names.truncate(names);
        if again && let Some(violation) = self.repeated(at, entry) {
            return Err(Stop::Rule(violation));
        }
        Ok(EntryKind::Object)
    }

    fn array(&mut self, each: usize) -> Result<EntryKind, Stop> {
        let mut next = self.jiter.known_array()?;
        while next.is_some() {
            self.value(each, self.jiter.current_index())?;
            next = self.jiter.array_step()?;
        }
        Ok(EntryKind::Array)
    }

    /// A member that the plan does not speak of.
    fn unknown(&mut self, number: Option<usize>, start: usize) -> Result<(), Stop> {
        let peek = self.jiter.peek()?;
        let value = self.jiter.current_index();
        let entry = self.open(start, value)?;
        let kind = self.skip(peek)?;
        let end = self.jiter.current_index();
        let token = self.record.get(value..end).unwrap_or_default();
        self.drift.value(number, JsonType::of(token));
        self.close(entry, kind, None);
        Ok(())
    }

    fn skip(&mut self, peek: Peek) -> Result<EntryKind, Stop> {
        self.jiter.known_skip(peek)?;
        Ok(EntryKind::Leaf)
    }

    fn open(&mut self, start: usize, value: usize) -> Result<usize, Stop> {
        if self.walk.entries.len() >= MAX_VALUES {
            return Err(Stop::Rule(Violation {
                path: String::new(),
                field: None,
                rule: Rule::Size,
                found: "more values where the model looks".to_owned(),
                accepted: format!("at most {MAX_VALUES} of them"),
            }));
        }
        let (kind, capture) = (EntryKind::Leaf, None);
        self.walk.entries.push(Entry { start, value, end: value, kind, capture, next: 0 });
        Ok(self.walk.entries.len() - 1)
    }

    fn close(&mut self, entry: usize, kind: EntryKind, capture: Option<usize>) {
        let (end, next) = (self.jiter.current_index(), self.walk.entries.len());
        if let Some(entry) = self.walk.entries.get_mut(entry) {
            *entry = Entry { end, kind, capture, next, ..*entry };
        }
    }

    /// Something stands where the list of rows should.
    fn no_list(&mut self, path: &str, value: usize) -> Result<Stop, Stop> {
        self.jiter.next_skip()?;
        let token = self.record.get(value..self.jiter.current_index()).unwrap_or_default();
        Ok(Stop::Rule(Violation {
            path: path.to_owned(),
            field: None,
            rule: Rule::Explode,
            found: format!("a JSON {}", JsonType::of(token)),
            accepted: "a list, whose items become rows".to_owned(),
        }))
    }

    /// The name that an object has twice, exactly or but for case.
    fn repeated(&self, at: usize, mut entry: usize) -> Option<Violation> {
        let mut met: HashMap<String, String> = HashMap::new();
        while let Some(member) = self.walk.entries.get(entry) {
            let token = self.record.get(member.start..member.value)?.trim_ascii_end();
            let token = token.strip_suffix(b":").unwrap_or(token);
            let name: String = serde_json::from_slice(token).ok()?;
            if let Some(other) = met.get(&name.to_ascii_lowercase()) {
                let (rule, found) = if *other == name {
                    (Rule::DuplicateKey, "the name twice")
                } else {
                    (Rule::CollidingKeys, "the name in another case beside it")
                };
                let around = self.plan.node(at).map_or("", |node| node.path.as_str());
                let dot = if around.is_empty() { "" } else { "." };
                let shown: String = name.chars().take(64).collect();
                return Some(Violation {
                    path: format!("{around}{dot}{shown}"),
                    field: None,
                    rule,
                    found: found.to_owned(),
                    accepted: "one member of a name".to_owned(),
                });
            }
            met.insert(name.to_ascii_lowercase(), name);
            entry = member.next;
        }
        None
    }
}

/// A hash that names differing in case share (FNV-1a).
fn folded(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where the next name begins.
fn quote_from(record: &[u8], at: usize) -> usize {
    let rest = record.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| *byte == b'"').unwrap_or(0)
}

/// What is wrong with a record that is not JSON.
fn broken(record: &[u8], error: &JiterError) -> Violation {
    let at = error.index;
    let (rule, found) = match &error.error_type {
        JiterErrorType::JsonError(JsonErrorType::RecursionLimitExceeded) => {
            (Rule::Depth, format!("deeper nesting at byte {at}"))
        }
        _ if record.get(at..).is_some_and(is_no_number) => {
            (Rule::Json, format!("NaN or an infinity at byte {at}"))
        }
        JiterErrorType::JsonError(kind) => (Rule::Json, format!("at byte {at}: {kind}")),
        JiterErrorType::WrongType { .. } => (Rule::Json, format!("another value at byte {at}")),
    };
    let accepted = match rule {
        Rule::Depth => "at most 200 levels",
        _ => "JSON",
    };
    Violation { path: String::new(), field: None, rule, found, accepted: accepted.to_owned() }
}

fn is_no_number(rest: &[u8]) -> bool {
    [&b"NaN"[..], b"-NaN", b"Infinity", b"-Infinity", b"nan", b"inf"]
        .iter()
        .any(|w| rest.starts_with(w))
}
