//! Contract suites, fakes, fault decorators, the simulated world.
//!
//! What a port promises is written once, as clauses: `object_store_contract!`,
//! `table_contract!`, `queue_contract!`, `secrets_contract!` and `scheduler_contract!` make one
//! test of each, and every adapter calls them. The `Memory…` adapters pass them too, so a unit
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
//! Nothing here is for production: clauses panic when they do not hold.

mod clock;
mod kept;
mod memory;
pub mod object_store;
pub mod queue;
pub mod scheduler;
pub mod secrets;
pub mod table;

pub use clock::{ManualClock, SeededIds};
pub use kept::Kept;
pub use memory::{MemoryQueue, MemoryScheduler, MemorySecrets, MemoryStore, MemoryTable};
pub use queue::QueuePair;
