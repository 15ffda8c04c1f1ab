//! `headwater.yaml`: what holds for the whole installation.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;

use super::decode::{At, Decoder};
use super::time::span_schema;
use crate::document::{Document, Fault, NodeValue};

/// Settings of an installation. Every field has a default; an absent file is all defaults.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How landing objects are compressed.
    pub compression: Compression,
    /// Size at which a landing object is closed and the next part begun, in bytes before
    /// compression.
    pub part_bytes: u64,
    /// What a run may take from a source.
    pub limits: Limits,
    /// A generation smaller than this share of the last one is kept aside until accepted.
    pub smallest_generation: f64,
    /// Continuations that one job may enqueue.
    pub hops: NonZeroU32,
    /// Loopback hosts that sources may call from this machine, `name` or `name:port`. Functions
    /// on AWS call none.
    pub allow_hosts: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compression: Compression::Zstd,
            part_bytes: 4 * MIB,
            limits: Limits::default(),
            smallest_generation: 0.5,
            hops: NonZeroU32::MIN.saturating_add(199),
            allow_hosts: Vec::new(),
        }
    }
}

/// How objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
}

/// What a run may take from a source.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Pages of one slice.
    pub max_pages: u64,
    /// Slices of one plan.
    pub max_slices: u64,
    /// Bytes of one answer, decompressed.
    pub max_body: u64,
    /// Time for one call, its answer included.
    #[schemars(schema_with = "span_schema")]
    pub timeout: Duration,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pages: 100_000,
            max_slices: 10_000,
            max_body: 32 * MIB,
            timeout: Duration::from_mins(1),
        }
    }
}

const FIELDS: &[&str] =
    &["compression", "part_bytes", "limits", "smallest_generation", "hops", "allow_hosts"];
const LIMITS: &[&str] = &["max_pages", "max_slices", "max_body", "timeout"];

impl Settings {
    /// Reads the file, or tells all that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let d = &mut decoder;
        let root = d.root(FIELDS);
        let mut settings = Self::default();
        let words =
            [("none", Compression::None), ("zstd", Compression::Zstd), ("gzip", Compression::Gzip)];
        if let Some(word) = root.field("compression").and_then(|at| d.word(&at, &words)) {
            settings.compression = word;
        }
        let part = root.field("part_bytes").and_then(|at| d.whole(&at, 64 * 1024..=64 * MIB));
        settings.part_bytes = part.unwrap_or(settings.part_bytes);
        if let Some(limits) = root.field("limits") {
            settings.limits = d.limits(&limits);
        }
        if let Some(share) = root.field("smallest_generation").and_then(|at| d.share(&at)) {
            settings.smallest_generation = share;
        }
        let hops = root.field("hops").and_then(|at| d.whole(&at, 1..=10_000));
        if let Some(hops) = hops.and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new) {
            settings.hops = hops;
        }
        if let Some(hosts) = root.field("allow_hosts") {
            let items = d.list(&hosts);
            settings.allow_hosts = items.iter().filter_map(|host| d.text(host)).collect();
        }
        decoder.finish(Some(settings))
    }
}

impl Decoder<'_> {
    fn limits(&mut self, at: &At<'_>) -> Limits {
        let mut limits = Limits::default();
        if !self.names(at, LIMITS) {
            return limits;
        }
        let mut whole = |name: &str, value: &mut u64, high: u64| {
            if let Some(number) = at.field(name).and_then(|at| self.whole(&at, 1..=high)) {
                *value = number;
            }
        };
        whole("max_pages", &mut limits.max_pages, u64::MAX);
        whole("max_slices", &mut limits.max_slices, u64::MAX);
        whole("max_body", &mut limits.max_body, 1024 * MIB);
        let (low, high) = (Duration::from_millis(100), Duration::from_mins(15));
        if let Some(timeout) = at.field("timeout").and_then(|at| self.span(&at, low, high)) {
            limits.timeout = timeout;
        }
        limits
    }

    fn share(&mut self, at: &At<'_>) -> Option<f64> {
        let share = match &at.node.value {
            NodeValue::Number(token) => token.parse::<f64>().ok(),
            _ => None,
        };
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            self.fault(at, "accepted is a number from 0 to 1");
        }
        share
    }
}
