//! What a push remembers: files planned into batches, batches that are open, batches that are
//! done, and which rows of models were pushed last.
//!
//! Batches lie in one order: that in which their files were accepted, and within a file that of
//! its lines. A worker takes a batch under a lease with a fence; what a batch became, and the
//! batches that go on with its items, are written in one transaction, once.

mod batch;
mod entity;
mod fingerprint;
mod group;
mod key;
mod window;

pub use batch::{Counted, Done, Held, HeldLease, OpenBatch, Span};
pub use entity::{Entity, EntityRow, Intake, Took};
pub use fingerprint::Fingerprints;
pub use group::{Closed, Group, GroupFile, Place, PlanStep, PushHead};
pub use key::{PushKey, child_order};
pub use window::{Circuit, Waiting, Waits, claimable};
