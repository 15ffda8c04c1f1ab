//! Drops on SFTP servers.
//!
//! A server is the one whose host key the tenant's file pins, or it is not spoken to. Files are
//! read by many requests side by side, because one at a time is bound by the line's latency.
//! Addresses pass the same policy as calls do: no loopback unless it is listed, nothing private.

mod connect;
mod drop;
mod drops;
mod failure;
mod read;

pub use drops::SftpDrops;

#[cfg(test)]
mod tests;
