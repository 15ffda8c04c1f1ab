//! The nouns: ids, keys, instants and windows, cursor values, secrets, the retry class, metrics.
//!
//! Everything here is pure: no I/O, no clock, no environment. A value that exists is valid; what
//! comes from outside is parsed once, at the edge, into one of these types.

pub mod config;
mod cron;
mod cursor;
pub mod document;
mod id;
pub mod json;
mod key;
mod metric;
mod retry;
mod secret;
mod window;

pub use cron::{Cron, CronError};
pub use cursor::{CursorError, CursorValue};
pub use id::{
    ConnectionId, DestinationName, FeedId, FeedName, IdError, ModelName, OperationName, PlanId,
    PushId, RunId, SecretRef, SourceName, StreamName, TenantId,
};
pub use jiff::{SignedDuration, Timestamp};
pub use key::{KeyError, ObjectKey, encode_segment};
pub use metric::{Metric, Unit};
pub use retry::{Classify, Retry};
pub use secret::Secret;
pub use window::{Window, WindowError, fixed_text};
