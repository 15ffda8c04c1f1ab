//! Sections `rules`.

use model::config::At;
use model::document::NodeValue;
use regex::Regex;

use super::template::{ANSWER, RESULT, Reader};
use crate::destination::Bounds;
use crate::rule::{Code, Level, Rule, Status, Then};
use model::OperationName;

/// A rule, its place, and the operations that it is for; none: all.
pub(super) struct Read<'n> {
    pub(super) at: At<'n>,
    pub(super) operations: Vec<OperationName>,
    pub(super) rule: Rule,
}

const FIELDS: &[&str] = &[
    "level",
    "operations",
    "status",
    "code",
    "body",
    "predicate",
    "then",
    "nothing_done",
    "alarm",
];

const LEVELS: &[(&str, Level)] =
    &[("request", Level::Request), ("item", Level::Item), ("job", Level::Job)];

/// What can follow, before its own bounds are read.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Succeed,
    Duplicate,
    Fail,
    Retry,
    Yield,
    Reroute,
    Defer,
    Split,
    Bisect,
    RefreshToken,
    Stop,
}

const VERBS: &[(&str, Verb)] = &[
    ("succeed", Verb::Succeed),
    ("duplicate", Verb::Duplicate),
    ("fail", Verb::Fail),
    ("retry", Verb::Retry),
    ("yield", Verb::Yield),
    ("reroute", Verb::Reroute),
    ("defer", Verb::Defer),
    ("split", Verb::Split),
    ("bisect", Verb::Bisect),
    ("refresh_token", Verb::RefreshToken),
    ("stop", Verb::Stop),
];

/// Verbs that take bounds, for messages.
const BOUNDED: &[&str] = &["retry", "yield", "reroute", "defer"];

impl Reader<'_, '_> {
    pub(super) fn rules<'n>(&mut self, at: &At<'n>, bounds: &Bounds) -> Vec<Read<'n>> {
        let items = self.d.list(at);
        items.into_iter().filter_map(|item| self.rule(item, bounds)).collect()
    }

    fn rule<'n>(&mut self, at: At<'n>, bounds: &Bounds) -> Option<Read<'n>> {
        if !self.d.names(&at, FIELDS) {
            return None;
        }
        let level = self.d.required(&at, "level").and_then(|at| self.d.word(&at, LEVELS));
        let status = self.many(&at, "status", Self::status);
        let code = self.many(&at, "code", |reader, at| reader.d.text(at).map(|t| Code::read(&t)));
        let operations = self.many(&at, "operations", |reader, at| reader.d.parsed(at));
        let body = at.field("body").and_then(|at| self.pattern(&at));
        let offer = if level == Some(Level::Item) { RESULT } else { ANSWER };
        let predicate = at.field("predicate").and_then(|at| self.condition(&at, offer));
        let nothing_done = at.field("nothing_done").and_then(|at| self.d.truth(&at));
        let alarm = at.field("alarm").and_then(|at| self.d.truth(&at)).unwrap_or(false);
        let place = self.d.required(&at, "then");
        let then = place.as_ref().and_then(|place| self.then(place, bounds))?;
        let level = level?;
        if let (Some(place), true) = (&place, level != Level::Request && !then.is_for_items()) {
            let message = "this is about a whole request; accepted of an item: succeed, \
                           duplicate, fail, retry, reroute, defer";
            self.d.fault(place, message);
        }
        let line = at.node.line;
        let rule = Rule { level, status, code, body, predicate, then, nothing_done, alarm, line };
        Some(Read { at, operations, rule })
    }

    /// A list, or one alone.
    fn many<T>(
        &mut self,
        at: &At<'_>,
        name: &str,
        read: impl Fn(&mut Self, &At<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(at) = at.field(name) else { return Vec::new() };
        let items = if at.node.items().is_some() { self.d.list(&at) } else { vec![at] };
        items.iter().filter_map(|item| read(self, item)).collect()
    }

    /// `429`, `5xx`, `500-599`, or `none` for no complete answer.
    fn status(&mut self, at: &At<'_>) -> Option<Status> {
        let text = self.d.text(at)?;
        let status = Status::read(&text);
        if status.is_none() {
            let message = format!(
                "`{text}` is no status; accepted are such as 429, 5xx, 500-599, and `none` for no \
                 complete answer"
            );
            self.d.fault(at, message);
        }
        status
    }

    pub(super) fn pattern(&mut self, at: &At<'_>) -> Option<Regex> {
        const MAX_PATTERN: usize = 1 << 20;
        let text = self.d.text(at)?;
        match regex::RegexBuilder::new(&text).size_limit(MAX_PATTERN).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let said = error.to_string();
                let last = said.lines().last().unwrap_or_default();
                let reason = last.strip_prefix("error: ").unwrap_or(last);
                self.d.fault(at, format!("this is no regular expression: {reason}"));
                None
            }
        }
    }

    /// `fail`, or `{reroute: UPDATE}`, `{retry: {most: 3}}`.
    fn then(&mut self, at: &At<'_>, bounds: &Bounds) -> Option<Then> {
        let NodeValue::Mapping(entries) = &at.node.value else {
            let verb = self.d.word(at, VERBS)?;
            return self.bounded(at, verb, None, bounds);
        };
        let [(key, node)] = entries.as_slice() else {
            self.d.fault(at, "accepted is one of them, such as `{reroute: UPDATE}`");
            return None;
        };
        let inner = At { node, path: at.below(&key.text) };
        let found = VERBS.iter().find(|(word, _)| *word == key.text);
        match found {
            Some((word, verb)) if BOUNDED.contains(word) => {
                self.bounded(at, *verb, Some(&inner), bounds)
            }
            _ => {
                let near = super::template::near(&key.text, BOUNDED);
                let accepted = BOUNDED.join(", ");
                let message =
                    format!("`{}` takes no bounds{near}; those that do: {accepted}", key.text);
                self.d.fault(&inner, message);
                None
            }
        }
    }

    fn bounded(
        &mut self,
        at: &At<'_>,
        verb: Verb,
        inner: Option<&At<'_>>,
        bounds: &Bounds,
    ) -> Option<Then> {
        Some(match verb {
            Verb::Succeed => Then::Succeed,
            Verb::Duplicate => Then::Duplicate,
            Verb::Fail => Then::Fail,
            Verb::Split => Then::Split,
            Verb::Bisect => Then::Bisect,
            Verb::RefreshToken => Then::RefreshToken,
            Verb::Stop => Then::Stop,
            Verb::Retry => {
                Then::Retry(inner.map_or(bounds.retry, |at| self.backoff(at, bounds.retry)))
            }
            Verb::Yield => {
                Then::Yield(inner.map_or(bounds.pause, |at| self.pause(at, bounds.pause)))
            }
            Verb::Defer => {
                Then::Defer(inner.map_or(bounds.defer, |at| self.defer(at, bounds.defer)))
            }
            Verb::Reroute => {
                let Some(inner) = inner else {
                    self.d.fault(at, "to which operation? such as `{reroute: UPDATE}`");
                    return None;
                };
                return self.reroute(inner);
            }
        })
    }

    /// `UPDATE`, or `{to: UPDATE, most: 1}`
    fn reroute(&mut self, at: &At<'_>) -> Option<Then> {
        if at.node.entries().is_none() {
            return self.d.parsed(at).map(|to| Then::Reroute { to, most: 1 });
        }
        self.d.names(at, &["to", "most"]);
        let most = self.most(at).unwrap_or(1);
        let to = self.d.required(at, "to")?;
        self.d.parsed(&to).map(|to| Then::Reroute { to, most })
    }
}

impl Status {
    fn read(text: &str) -> Option<Self> {
        let status = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status));
        if text == "none" {
            return Some(Self::None);
        }
        if let Some(hundred) = text.strip_suffix("xx") {
            let low = hundred.parse::<u16>().ok().filter(|n| (1..=5).contains(n))? * 100;
            return Some(Self::Range(low, low + 99));
        }
        match text.split_once('-') {
            Some((low, high)) => Some(Self::Range(status(low)?, status(high)?)),
            None => status(text).map(|only| Self::Range(only, only)),
        }
    }
}

impl Code {
    /// A code, or a range of numbers.
    fn read(text: &str) -> Self {
        let range = text
            .split_once('-')
            .and_then(|(low, high)| Some(Self::Range(low.parse().ok()?, high.parse().ok()?)));
        range.unwrap_or_else(|| Self::Exact(text.to_owned()))
    }
}
