//! The simulated world: virtual time, workers that crash, ports that misbehave, a source with a
//! known history. One seed makes one world, to the last step.
//!
//! ```
//! use std::time::Duration;
//! use testkit::sim::{Chaos, World};
//!
//! let world = World::new(7, Chaos::drawn(7));
//! world.spawn("counter", |worker| async move {
//!     let key = ports::Key { partition: "p".to_owned(), sort: "s".to_owned() };
//!     loop {
//!         // Any call may fail, come late, or be the worker's last: the closure then starts anew.
//!         let _ = worker.table().add(&key, 1).await;
//!         worker.clock().sleep(Duration::from_secs(60)).await;
//!     }
//! });
//! world.run_for(Duration::from_hours(1));
//! world.calm();                              // from here on nothing fails
//! world.run_for(Duration::from_hours(1));
//! assert!(world.now() > testkit::sim::beginning());
//! ```
//!
//! **Workers.** [`World::spawn`] starts a closure as a worker and starts it again, some seconds
//! later, whenever it crashes. All that a worker may use comes from its [`Worker`] handle: ports,
//! a clock that is wrong by a constant skew, ids. Between any two port calls other workers may
//! run; a call may take minutes (so that leases run out under a worker that lives), fail before
//! or after it happened, or happen after its caller was told that it failed, or is dead.
//!
//! **The test's own view.** [`World::objects`], [`World::table`], [`World::queue`] give the same
//! things without faults, and [`World::block_on`] runs a future of the test's own.
//!
//! **The source.** [`World::provider`] is an API behind [`Worker::http`]; [`MANIFEST`] is its
//! declarative manifest. Its rows change while [`World::calm`] has not been called, also between
//! two pages of a walk; [`Provider::truth`] is what it holds now.
//!
//! **Sweeps.** [`worlds`] lives through a world of each seed; [`sweep`] strikes one worker at each
//! of its calls, in each way that a [`Blow`] knows.
//!
//! A panic inside the world prints its seed.

mod blow;
mod chaos;
mod kernel;
mod provider;
mod seeds;
mod task;
mod worker;
mod world;

pub use blow::{Blow, Struck, sweep};
pub use chaos::Chaos;
pub use provider::{MANIFEST, Provider, Row, TOKEN, URL_BASE};
pub use seeds::{number, seeds, worlds};
pub use task::Quiet;
pub use worker::{SimClock, SimIds, Worker};
pub use world::World;

/// The instant at which every world begins.
pub fn beginning() -> jiff::Timestamp {
    ports::Clock::now(&crate::ManualClock::default())
}

#[cfg(test)]
mod tests;
