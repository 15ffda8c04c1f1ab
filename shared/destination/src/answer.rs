//! Where in an answer the results of the items are.

use std::collections::HashMap;

use regex::Regex;
use request::interpolation::Context;
use request::value::{Style, Value};
use serde::{Deserialize, Serialize};

use crate::destination::Session;
use crate::operation::Operation;
use crate::path::{Path, text_of};
use crate::rule::{Level, Seen, Then};
use crate::said::said;

/// The lists of an answer that say what became of items.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) lists: Vec<List>,
    /// What no list says anything of.
    pub(crate) absent: Then,
}

/// One list of results.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) path: Path,
    pub(crate) by: By,
    /// Fields that an entry has for it to count.
    pub(crate) only: Vec<(Path, String)>,
    pub(crate) status: Option<Path>,
    pub(crate) code: Vec<Path>,
    pub(crate) message: Vec<Path>,
    pub(crate) entity_id: Option<Path>,
    pub(crate) warnings: Option<Path>,
    /// What its entries mean; without it rules say it.
    pub(crate) then: Option<Then>,
}

/// How an entry names its items.
#[derive(Debug)]
pub(crate) enum By {
    /// By their references.
    Reference(Path),
    /// By their places in the request, from 0; the pattern's first group where there is one.
    Index(Path, Option<Regex>),
    /// By its own place in the list.
    Position,
    /// It is about all of them.
    Whole,
}

/// What a result says of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) then: Option<Then>,
    pub(crate) alarm: bool,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) entity_id: Option<String>,
    pub(crate) warnings: Vec<String>,
}

impl Found {
    fn is_success(&self) -> bool {
        matches!(self.then, Some(Then::Succeed | Then::Duplicate))
    }
}

/// What an answer says of the items of a request.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// One slot an item, in the order sent.
    pub(crate) found: Vec<Option<Found>>,
    /// Entries that belong to no item, and what the first of them says.
    pub(crate) strays: usize,
    pub(crate) stray: Option<(Option<String>, Option<String>)>,
}

impl Operation {
    /// Reads all lists of results. Of several entries for one item those of the first list count;
    /// within a list, one that is no success.
    pub(crate) fn read(
        &self,
        results: &Results,
        session: &Session,
        references: &[String],
        (status, body): (Option<u16>, &Value),
    ) -> Reading {
        let places: HashMap<&str, usize> =
            references.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let mut reading = Reading { found: vec![None; references.len()], ..Reading::default() };
        for list in &results.lists {
            let taken: Vec<bool> = reading.found.iter().map(Option::is_some).collect();
            for (position, entry) in list.entries(body).into_iter().enumerate() {
                if !list.counts(entry) {
                    continue;
                }
                let found = self.result(list, session, (status, entry));
                let targets = list.by.targets(entry, position, &places);
                if targets.is_empty() {
                    reading.strays += 1;
                    reading.stray.get_or_insert((found.code.clone(), found.message.clone()));
                }
                for target in targets.into_iter().filter(|at| taken.get(*at) == Some(&false)) {
                    let Some(slot) = reading.found.get_mut(target) else { continue };
                    match slot {
                        Some(present) if !present.is_success() || found.is_success() => {}
                        _ => *slot = Some(found.clone()),
                    }
                }
            }
        }
        reading
    }

    /// What one entry says, and what follows by the list or the rules; none when no rule knows.
    fn result(&self, list: &List, session: &Session, answer: (Option<u16>, &Value)) -> Found {
        let (status, entry) = answer;
        let own = list.status.as_ref().and_then(|path| path.text(entry));
        let status = own.and_then(|text| text.parse().ok()).or(status);
        let code = list.code.iter().find_map(|path| path.text(entry)).map(|code| cut(&code, 100));
        let message = list.message.iter().find_map(|path| path.text(entry));
        let (then, alarm) = if let Some(then) = &list.then {
            (Some(then.clone()), false)
        } else {
            let context = session.context();
            let context = Context::within(&context).with("item", entry.clone());
            let text = || entry.json_text(Style::Compact);
            let seen = Seen { status, code: code.as_deref(), text: &text, context: &context };
            let rule = self.rules.iter().find(|rule| rule.fits(Level::Item, &seen));
            (rule.map(|rule| rule.then.clone()), rule.is_some_and(|rule| rule.alarm))
        };
        Found {
            then,
            alarm,
            code: code.or_else(|| status.map(|status| status.to_string())),
            message: message.map(|message| said(&message)),
            entity_id: list.entity_id.as_ref().and_then(|path| path.text(entry)),
            warnings: list.warnings.as_ref().map(|path| warnings(path, entry)).unwrap_or_default(),
        }
    }
}

impl List {
    fn entries<'v>(&self, body: &'v Value) -> Vec<&'v Value> {
        if matches!(self.by, By::Whole) {
            return self.path.first(body).into_iter().collect();
        }
        let mut entries = Vec::new();
        for value in self.path.all(body) {
            match value.as_slice() {
                Some(items) => entries.extend(items),
                None => entries.push(value),
            }
        }
        entries
    }

    fn counts(&self, entry: &Value) -> bool {
        self.only.iter().all(|(path, wanted)| path.text(entry).as_ref() == Some(wanted))
    }
}

impl By {
    fn targets(&self, entry: &Value, position: usize, places: &HashMap<&str, usize>) -> Vec<usize> {
        let within = |at: &usize| *at < places.len();
        match self {
            Self::Reference(path) => {
                let names = path.all(entry).into_iter().filter_map(text_of);
                names.filter_map(|name| places.get(name.as_str()).copied()).collect()
            }
            Self::Index(path, pattern) => {
                let texts = path.all(entry).into_iter().filter_map(text_of);
                let number = |text: String| match pattern {
                    None => text.parse().ok(),
                    Some(pattern) => pattern.captures(&text)?.get(1)?.as_str().parse().ok(),
                };
                texts.filter_map(number).filter(within).collect()
            }
            Self::Position => Some(position).filter(within).into_iter().collect(),
            Self::Whole => (0..places.len()).collect(),
        }
    }
}

/// Remarks, as texts.
fn warnings(path: &Path, entry: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for value in path.all(entry) {
        let items = value.as_slice().unwrap_or(std::slice::from_ref(value));
        let text = |item: &Value| text_of(item).unwrap_or_else(|| item.json_text(Style::Compact));
        found.extend(items.iter().take(20).map(|item| cut(&said(&text(item)), 200)));
    }
    found
}

/// At most so many characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => text.split_at(end).0.to_owned(),
        None => text.to_owned(),
    }
}
