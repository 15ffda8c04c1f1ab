//! What Headwater remembers: repositories on [`ports::Table`].
//!
//! Streams are leased under fences, found through a due index, and read by stored plans; an
//! attempt at a slice becomes data by one transaction that is conditional on the stream's head.
//! The crate knows neither sources nor the lake's formats: slices, positions and partitions are
//! opaque JSON, parts are keys and digests.

pub mod airbyte;
pub mod budget;
pub mod cluster;
mod doubt;
mod drift;
mod due;
mod error;
pub mod files;
mod gap;
mod grant;
mod head;
mod hold;
pub mod invariant;
mod key;
mod notice;
mod plan;
mod publish;
pub mod push;
mod receipt;
mod repository;
mod resume;
mod row;
mod run;
mod slices;
mod snapshot;
mod work;

pub use doubt::{Doubt, Doubted};
pub use drift::{DriftScope, Drifted};
pub use due::Claim;
pub use error::{Refusal, StoreError};
pub use gap::{PossibleGap, Sign};
pub use grant::{GrantClaim, GrantKey, GrantTokens};
pub use head::{Generation, Generations, Head, Lease, Walk};
pub use hold::{Hold, Leave};
pub use key::{Listed, SliceId, StreamKey};
pub use notice::{Asked, ConnectionState, Notice, Sight, Standing};
pub use plan::{
    Attempt, Check, DoneSlice, Edge, Known, OpenSlice, Part, Partition, Plan, Purpose, Saved,
    Sofar, partition_digest,
};
pub use publish::Unpublished;
pub use receipt::{Feed, ReceiptMonth, Receipted, Settled};
pub use repository::{Store, Timing};
pub use resume::{Progress, counted, counts, resume_point};
pub use run::{Counts, Reason, Run, RunStatus};
pub use work::{GENERATION, GONE, Landed, Refreshed};

#[cfg(test)]
mod tests;
