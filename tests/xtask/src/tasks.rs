//! The tasks.

mod aws;
mod kill;
mod oracle;
mod prove;
mod steps;
mod test;
mod trino;

pub use aws::{down, up};
pub use kill::kill;
pub use oracle::{Selection, Share, interchange, load, oracle};
pub use prove::prove;
pub use test::test;
pub use trino::trino;
