//! Providers that behave like the real ones: Rutter, Metrc, Stashstock, three inventories of hosts,
//! and a CRM to push to.
//!
//! One seeded [`World`] lies behind all of them and outlives the process, so that a pipeline can
//! be run, stopped and run again against it. The admin endpoints under `/__admin/` give the truth
//! row by row, let the world go on, and make providers misbehave in the ways that real ones do.
//!
//! Accounts and their keys are constants ([`accounts`]); they open nothing else.

mod account;
mod admin;
mod apis;
mod crm;
mod dice;
mod fault;
mod generate;
mod hosts;
mod journal;
mod json;
mod limiter;
mod metrc;
mod notices;
mod params;
pub mod partner;
mod rutter;
mod server;
mod sftp;
mod stashstock;
mod tick;
mod world;

#[cfg(test)]
mod tests;

pub use account::{
    Account, Credentials, Facility, Organisation, Stamps, Stream, UnknownName, Weight, accounts,
};
pub use crm::{CrmAccount, crm_accounts};
pub use fault::{Fault, Switch};
pub use server::{Running, serve};
pub use sftp::{Access, LoginKey, SftpServer, Sshd};
pub use world::{Change, Seed, Size, World, WorldError};
