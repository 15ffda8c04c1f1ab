//! Contract suites, fakes, fault decorators, the simulated world.
//!
//! What a port promises is written once, as clauses: `object_store_contract!`,
//! `uploads_contract!`, `file_drop_contract!`, `table_contract!`, `queue_contract!`,
//! `secrets_contract!` and `scheduler_contract!` make one test of each, and every adapter calls
//! them. The `Memory…` adapters pass them too, so a unit
//! test may stand on them as on the real thing.
//!
//! ```
//! # use testkit::MemoryStore;
//! # fn main() {}
//! mod contract {
//!     testkit::object_store_contract!(Box::new(testkit::MemoryStore::default()));
//! }
//! ```
//!
//! [`Faulty`] puts a port behind a [`Gate`] that fails chosen calls; [`Faults`] counts the calls of
//! all ports and fails the n-th, for crash sweeps; [`Spoilt`] puts a bug before a port. [`sim`] makes whole worlds out of a seed.
//!
//! Nothing here is for production: clauses panic when they do not hold.

mod clock;
pub mod crm;
mod faulty;
pub mod file_drop;
mod kept;
mod memory;
pub mod object_store;
pub mod queue;
pub mod scheduler;
pub mod secrets;
pub mod sim;
mod spoilt;
pub mod table;
pub mod uploads;

pub use clock::{ManualClock, SeededIds};
pub use faulty::{Call, Fault, Faults, Faulty, Gate, Passage, Side};
pub use kept::Kept;
pub use memory::{
    MemoryDrop, MemoryDrops, MemoryMetrics, MemoryQueue, MemoryScheduler, MemorySecrets,
    MemoryStore, MemoryTable,
};
pub use queue::QueuePair;
pub use spoilt::{Spoil, Spoilt};

#[cfg(test)]
mod tests;
