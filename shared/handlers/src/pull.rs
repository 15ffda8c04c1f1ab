//! What extract asks of a source: the seam to whatever reads it.
//!
//! Slices and positions are opaque JSON here, because extract only stores them and gives them
//! back. One implementation stands on `connector`; the simulation has another, with a history
//! that it knows.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use lake::Mode;
use model::{Classify, CursorValue, Retry, SourceName, Timestamp, Window};
use serde_json::{Map, Value};
use store::StreamKey;

/// Why a source gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Its data is not there yet: nothing failed, nothing moves.
    #[error("not ready: {message}")]
    NotReady {
        /// What it answered.
        message: String,
    },
    /// This account has no such endpoint.
    #[error("not offered to this account: {message}")]
    Unsupported {
        /// What it answered.
        message: String,
    },
    /// No configuration names the stream any more.
    #[error("{stream} is not configured")]
    Unconfigured {
        /// Stream.
        stream: Box<StreamKey>,
    },
    /// The source does not go on from the place that it was given: the slice begins again.
    #[error("{source}")]
    Misplaced {
        /// What it answered.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It failed. The cause holds no secret.
    #[error("{source}")]
    Failed {
        /// What to do about it.
        retry: Retry,
        /// Cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PullError {
    /// A failure that knows its own class.
    pub fn failed(source: impl Classify + std::error::Error + Send + Sync + 'static) -> Self {
        Self::Failed { retry: source.retry(), source: Box::new(source) }
    }
}

impl Classify for PullError {
    fn retry(&self) -> Retry {
        match self {
            Self::NotReady { .. } => Retry::Backoff,
            Self::Unsupported { .. } | Self::Unconfigured { .. } | Self::Misplaced { .. } => {
                Retry::Never
            }
            Self::Failed { retry, .. } => *retry,
        }
    }
}

/// A part of a stream that has its own place.
#[derive(Debug, Clone, PartialEq)]
pub struct PullPartition {
    /// What names it; empty for a stream without partitions.
    pub key: Map<String, Value>,
    /// What the source needs besides its name.
    pub detail: Value,
}

/// What one walk over pages covers.
#[derive(Debug, Clone, PartialEq)]
pub struct PullSlice {
    /// Its window, when the stream has a cursor.
    pub window: Option<Window>,
    /// The source's own description of it.
    pub detail: Value,
}

/// How a place inside a slice is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// By a token of the source: it stays where it is.
    Token,
    /// By counting records or pages: it shifts when the source changes.
    Count,
}

/// The request of one page.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// How it is found again.
    pub placing: Placing,
    /// The source's own description of it.
    pub detail: Value,
}

/// One record.
#[derive(Debug, Clone)]
pub struct PullRecord {
    /// The source's value, valid JSON, tokens as they came.
    pub raw: Bytes,
    /// Its place in the stream's order.
    pub cursor: Option<CursorValue>,
}

/// One page.
#[derive(Debug, Clone)]
pub struct PullPage {
    /// Records in order.
    pub records: Vec<PullRecord>,
    /// Its number within the slice, from 0.
    pub number: u64,
    /// When its request was sent.
    pub request_start: Timestamp,
    /// Its own request.
    pub this: Place,
    /// The request of the page after it; none at the end.
    pub next: Option<Place>,
    /// What it says of the walk's completeness.
    pub evidence: Evidence,
}

/// What a page says of the walk that it belongs to, beside its records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Records that the page held, filtered ones among them.
    pub found: u64,
    /// Records that a page can hold, where that is known.
    pub limit: Option<u64>,
    /// Whether the page after it is asked for by the cursor value of its last record alone.
    pub by_cursor: bool,
    /// Whether the source says that there is more; on first and last pages.
    pub more: Option<bool>,
    /// How many records the source says that there are; on first and last pages.
    pub total: Option<u64>,
    /// On the last page of a walk that counts pages or records: the place behind the end.
    pub beyond: Option<Place>,
}

/// Reads a slice page by page; retries and waits are inside.
#[async_trait]
pub trait Pages: Debug + Send {
    /// The next page; none at the end.
    async fn next(&mut self) -> Result<Option<PullPage>, PullError>;
}

/// One stream of one connection, with its configuration resolved.
#[async_trait]
pub trait Pull: Debug + Send + Sync {
    /// Its partitions: one that is empty for a stream without.
    fn partitions(&self) -> BoxStream<'_, Result<PullPartition, PullError>>;

    /// The slices of a partition from where it resumes: an instant, or a count.
    async fn slices(
        &self,
        partition: &PullPartition,
        from: Option<&CursorValue>,
    ) -> Result<Vec<PullSlice>, PullError>;

    /// Reads a slice from a place; from its first page when none is given.
    async fn read(&self, slice: &Value, from: Option<&Value>) -> Result<Box<dyn Pages>, PullError>;

    /// Whether the source says that there is no such row; `path` is where it would give it.
    async fn is_gone(&self, path: &str) -> Result<bool, PullError>;
}

/// What is configured for a stream.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its source.
    pub source: SourceName,
    /// How its rows become its view.
    pub mode: Mode,
    /// Paths of the fields that identify a record.
    pub primary_key: Vec<Vec<String>>,
    /// When it is pulled.
    pub schedule: Timetable,
    /// When all its rows are read again to see which are gone.
    pub reconcile: Option<model::config::Every>,
    /// Slices read side by side.
    pub parallel: usize,
    /// Whether its connection rests.
    pub paused: bool,
    /// Settings of the installation.
    pub settings: Arc<model::config::Settings>,
}

/// When a stream is pulled.
#[derive(Debug, Clone)]
pub enum Timetable {
    /// At an interval.
    Every(Duration),
    /// At times of the day.
    Cron(Box<model::Cron>),
}

impl Timetable {
    /// The first firing after a run that started then.
    pub fn after(&self, start: Timestamp) -> Timestamp {
        match self {
            Self::Every(every) => start.checked_add(*every).unwrap_or(Timestamp::MAX),
            Self::Cron(cron) => cron.next_after(start).unwrap_or(Timestamp::MAX),
        }
    }
}

/// Opens what is configured.
#[async_trait]
pub trait Sources: Debug + Send + Sync {
    /// What is configured for a stream.
    async fn describe(&self, stream: &StreamKey) -> Result<Described, PullError>;

    /// The streams of a connection that are pulled by one schedule: the connection's own when
    /// `stream` is none, else that stream's.
    async fn streams(&self, connection: &crate::job::Target) -> Result<Vec<StreamKey>, PullError>;

    /// Opens a stream for one run; `now` is the present instant of the run's plan.
    async fn open(&self, stream: &StreamKey, now: Timestamp) -> Result<Arc<dyn Pull>, PullError>;
}
