//! The verbs: what every world must offer — AWS, one machine, the simulation.
//!
//! Ports are small, object-safe traits held as `Arc<dyn …>`. They speak this workspace's types,
//! take and give bytes, and leave codecs to `lake` and `store`. Behaviour is added by decorators,
//! never by flags. Each trait's clauses are executable in `testkit`; every adapter passes them.
//!
//! This is *not* a cloud abstraction: it holds exactly what Headwater's handlers call.

mod clock;
mod file_drop;
mod http;
mod limits;
mod metrics;
mod object_store;
mod query;
mod queue;
mod scheduler;
mod secrets;
mod table;
mod uploads;

pub use clock::{Clock, Deadline, Ids};
pub use file_drop::{Credential, DropError, Drops, Entry, FileDrop, Known, Login};
pub use http::{Http, HttpError, Method, Request, Response};
pub use limits::{
    carried_reason, check_attributes, check_key, check_message, check_part, check_parts,
    check_query, check_schedule, check_writes,
};
pub use metrics::{Dimension, Metrics};
pub use object_store::{
    Attributes, ETag, Listing, Meta, Object, ObjectError, ObjectStore, ObjectStoreExt,
};
pub use query::{
    Definitions, QueryEngine, QueryError, RelationKind, Rows, Selection, Unload, Unloaded,
};
pub use queue::{
    DELIVERY_LIMIT, GROUP, LONGEST_DELAY, Message, NOT_BEFORE, Queue, QueueError, REASON, Received,
};
pub use scheduler::{Cadence, Schedule, Scheduler, SchedulerError};
pub use secrets::{SecretError, SecretPath, Secrets};
pub use table::{
    Direction, Expect, Item, Key, MAX_ITEM_BYTES, MAX_TRANSACTION_ITEMS, Page, Query, SortRange,
    Table, TableError, Version, Write, WriteId,
};
pub use uploads::{MAX_PARTS, MIN_PART_BYTES, PartTag, UploadId, Uploads};
