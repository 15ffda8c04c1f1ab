//! The tasks.

mod aws;
mod budget;
mod fuzz;
mod identity;
mod kill;
mod oracle;
mod pocketbase;
mod prove;
mod pyairbyte;
mod steps;
mod test;
mod trino;

pub use aws::{down, up};
pub use budget::budget;
pub use fuzz::fuzz;
pub use identity::{ORDERS, identity};
pub use kill::kill;
pub use oracle::{Selection, Share, interchange, load, oracle};
pub use pocketbase::pocketbase;
pub use prove::prove;
pub use pyairbyte::pyairbyte;
pub use test::test;
pub use trino::trino;
