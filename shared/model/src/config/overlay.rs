//! `sources/<name>.headwater.yaml`: what the manifest language cannot say.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;

use super::decode::{At, Decoder};
use super::time::{MINUTE, YEAR, optional_span_schema, span_schema};
use super::{AnswerRule, Every, Webhook};
use crate::StreamName;
use crate::document::{Document, Fault};

/// What is known of a source beyond its manifest. Without it, behaviour equals airbyte-cdk's.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// Answers that mean: not ready yet. The run is skipped, nothing fails, nothing moves.
    #[serde(default)]
    pub readiness: Vec<AnswerRule>,
    /// Answers that mean: there are no more records.
    #[serde(default)]
    pub end_of_data: Vec<AnswerRule>,
    /// Where pages end, where the manifest cannot say it.
    #[serde(default)]
    pub pages: Option<PageRule>,
    /// Answers that mean: this account has no such endpoint. The stream is skipped.
    #[serde(default)]
    pub unsupported: Vec<AnswerRule>,
    /// An answer without the list of records, be it empty, is refused instead of read as empty.
    #[serde(default)]
    pub needs_list: bool,
    /// How cursor values are read.
    #[serde(default)]
    pub cursor: Option<CursorRule>,
    /// IANA name of the time zone of texts that name none.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Calls that one credential may make.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// How often all ids are read, so that silent deletes are seen.
    #[serde(default)]
    pub reconcile: Option<Every>,
    /// How windows are sent.
    #[serde(default)]
    pub window: Option<WindowRule>,
    /// What the provider sends when something has changed.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// What differs for single streams.
    #[serde(default)]
    pub streams: BTreeMap<StreamName, StreamOverlay>,
}

/// What differs for one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamOverlay {
    /// As in the overlay.
    #[serde(default)]
    pub cursor: Option<CursorRule>,
    /// As in the overlay.
    #[serde(default)]
    pub reconcile: Option<Every>,
    /// As in the overlay.
    #[serde(default)]
    pub window: Option<WindowRule>,
    /// As in the overlay.
    #[serde(default)]
    pub pages: Option<PageRule>,
}

/// Where pages end, of streams that count records (`OffsetIncrement`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageRule {
    /// Whether a page with fewer records than were asked for is the last one, as the reference has
    /// it. Where the API gives fewer than it is asked for, only an empty page, or an answer of
    /// `end_of_data`, is the end.
    #[serde(default = "yes")]
    pub short_is_last: bool,
    /// The API answers as at the end when fewer records are left than are asked for: so many are
    /// asked for then, from the same place on, before the end is believed.
    #[serde(default)]
    pub tail: Option<NonZeroU32>,
}

impl Default for PageRule {
    fn default() -> Self {
        Self { short_is_last: true, tail: None }
    }
}

fn yes() -> bool {
    true
}

/// How cursor values are read, finer than the reference does.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CursorRule {
    /// Formats tried in order, in the language of the manifest's `cursor_datetime_formats`.
    pub formats: Vec<String>,
}

/// At most `calls` in any window of `per`, counted over every worker and tenant of one scope.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The config field whose value names the credential; a name that is no field stands for
    /// itself, so that all of the source share it.
    pub scope: String,
    /// Calls.
    pub calls: NonZeroU32,
    /// Length of the window.
    #[schemars(schema_with = "span_schema")]
    pub per: Duration,
}

/// How windows are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowRule {
    /// The API's upper bound is inclusive: the end is sent less this much.
    #[serde(default)]
    #[schemars(schema_with = "optional_span_schema")]
    pub inclusive_unit: Option<Duration>,
    /// Each slice is read as so many windows side by side.
    #[serde(default)]
    pub split: Option<NonZeroU32>,
}

const FIELDS: &[&str] = &[
    "readiness",
    "end_of_data",
    "pages",
    "unsupported",
    "needs_list",
    "cursor",
    "timezone",
    "budget",
    "reconcile",
    "window",
    "webhook",
    "streams",
];

impl Overlay {
    /// Reads the file, or tells all that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let d = &mut decoder;
        let root = d.root(FIELDS);
        let mut answers =
            |name: &str| root.field(name).map(|answers| d.answers(&answers)).unwrap_or_default();
        let (readiness, end_of_data) = (answers("readiness"), answers("end_of_data"));
        let unsupported = answers("unsupported");
        let overlay = Self {
            readiness,
            end_of_data,
            pages: root.field("pages").and_then(|pages| d.pages(&pages)),
            unsupported,
            needs_list: root
                .field("needs_list")
                .and_then(|flag| d.truth(&flag))
                .unwrap_or_default(),
            cursor: root.field("cursor").and_then(|cursor| d.cursor(&cursor)),
            timezone: root.field("timezone").and_then(|zone| d.timezone(&zone)),
            budget: root.field("budget").and_then(|budget| d.budget(&budget)),
            reconcile: root.field("reconcile").and_then(|every| d.every(&every)),
            window: root.field("window").and_then(|window| d.window(&window)),
            webhook: root.field("webhook").and_then(|webhook| d.webhook(&webhook)),
            streams: root.field("streams").map(|s| d.stream_overlays(&s)).unwrap_or_default(),
        };
        decoder.finish(Some(overlay))
    }

    /// What holds for one stream: its own where it differs, else the source's.
    pub fn stream(&self, name: &StreamName) -> StreamOverlay {
        let own = self.streams.get(name).cloned().unwrap_or_default();
        StreamOverlay {
            cursor: own.cursor.or_else(|| self.cursor.clone()),
            reconcile: own.reconcile.or(self.reconcile),
            window: own.window.or_else(|| self.window.clone()),
            pages: own.pages.or(self.pages),
        }
    }
}

impl Decoder<'_> {
    fn cursor(&mut self, at: &At<'_>) -> Option<CursorRule> {
        if !self.names(at, &["formats"]) {
            return None;
        }
        let formats = self.required(at, "formats")?;
        let items = self.list(&formats);
        Some(CursorRule { formats: items.iter().filter_map(|item| self.text(item)).collect() })
    }

    fn budget(&mut self, at: &At<'_>) -> Option<Budget> {
        if !self.names(at, &["scope", "calls", "per"]) {
            return None;
        }
        let scope = self.required(at, "scope").and_then(|scope| self.text(&scope));
        let calls = self.required(at, "calls").and_then(|calls| self.positive(&calls));
        let per = self.required(at, "per");
        let per = per.and_then(|per| self.span(&per, Duration::from_millis(1), YEAR));
        Some(Budget { scope: scope?, calls: calls?, per: per? })
    }

    fn window(&mut self, at: &At<'_>) -> Option<WindowRule> {
        if !self.names(at, &["inclusive_unit", "split"]) {
            return None;
        }
        let unit = at.field("inclusive_unit");
        let unit = unit.and_then(|unit| self.span(&unit, Duration::from_millis(1), 1440 * MINUTE));
        let split = at.field("split").and_then(|split| self.positive(&split));
        Some(WindowRule { inclusive_unit: unit, split })
    }

    fn pages(&mut self, at: &At<'_>) -> Option<PageRule> {
        if !self.names(at, &["short_is_last", "tail"]) {
            return None;
        }
        let short = at.field("short_is_last").and_then(|flag| self.truth(&flag));
        let tail = at.field("tail").and_then(|tail| self.positive(&tail));
        Some(PageRule { short_is_last: short.unwrap_or(true), tail })
    }

    fn positive(&mut self, at: &At<'_>) -> Option<NonZeroU32> {
        let number = self.whole(at, 1..=u64::from(u32::MAX))?;
        u32::try_from(number).ok().and_then(NonZeroU32::new)
    }

    fn stream_overlays(&mut self, at: &At<'_>) -> BTreeMap<StreamName, StreamOverlay> {
        let mut streams = BTreeMap::new();
        let Some(entries) = at.node.entries() else {
            self.names(at, &[]);
            return streams;
        };
        for (key, node) in entries {
            let stream = At { node, path: at.below(&key.text) };
            if !self.names(&stream, &["cursor", "reconcile", "window", "pages"]) {
                continue;
            }
            let Some(name) = self.kept(&stream, key.text.parse()) else { continue };
            let overlay = StreamOverlay {
                cursor: stream.field("cursor").and_then(|cursor| self.cursor(&cursor)),
                reconcile: stream.field("reconcile").and_then(|every| self.every(&every)),
                window: stream.field("window").and_then(|window| self.window(&window)),
                pages: stream.field("pages").and_then(|pages| self.pages(&pages)),
            };
            streams.insert(name, overlay);
        }
        streams
    }
}
