//! Adapters that live in memory and pass the contracts: the fakes of unit tests and worlds.

mod file_drop;
mod metrics;
mod object_store;
mod queue;
mod scheduler;
mod secrets;
mod table;

pub use file_drop::{MemoryDrop, MemoryDrops};
pub use metrics::MemoryMetrics;
pub use object_store::MemoryStore;
pub use queue::MemoryQueue;
pub use scheduler::MemoryScheduler;
pub use secrets::MemorySecrets;
pub use table::MemoryTable;
