//! Configuration files: one file a thing, each read whole with every fault it has.
//!
//! A reader gives either the typed file or all of its faults, each with line, field, what is
//! accepted and the name that was probably meant. The same types carry the JSON Schemas.

mod answer;
mod customer;
mod decode;
mod delivery;
mod overlay;
mod settings;
mod tenant;
mod time;
mod webhook;

pub use answer::AnswerRule;
pub use customer::CustomerFile;
pub use decode::{At, Decoder};
pub use delivery::{DropPlace, FeedUse, PushSource, PushUse, SftpPlace};
pub use overlay::{Budget, CursorRule, Overlay, PageRule, StreamOverlay, WindowRule};
pub use settings::{Compression, Limits, Settings};
pub use tenant::{Connection, SecretUse, StreamConfig, Streams, SyncMode, TenantFile};
pub use time::{Every, Schedule, duration_text, parse_duration};
pub use webhook::{
    Algorithm, Encoding, HookAction, Reaction, RowRule, Signature, SignedTime, Subject, Webhook,
};

/// The JSON Schema of every kind of file, by its name: `tenant`, `overlay`, `customer`,
/// `headwater`.
pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
    vec![
        ("tenant", schemars::schema_for!(TenantFile)),
        ("overlay", schemars::schema_for!(Overlay)),
        ("customer", schemars::schema_for!(CustomerFile)),
        ("headwater", schemars::schema_for!(Settings)),
    ]
}

#[cfg(test)]
mod tests;
