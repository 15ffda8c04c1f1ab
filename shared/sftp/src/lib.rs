//! Drops on SFTP servers.
//!
//! A server is the one whose host key the tenant's file pins, or it is not spoken to. Files are
//! read by many requests side by side, because one at a time is bound by the line's latency.
//! Addresses pass the same policy as calls do: no loopback unless it is listed, nothing private.

mod connect;
mod drop;
mod failure;
mod read;

use std::sync::Arc;

use async_trait::async_trait;
use http::Policy;
use ports::{DropError, Drops, FileDrop, Login};

use drop::SftpDrop;

/// Opens drops on SFTP servers.
#[derive(Debug, Clone)]
pub struct SftpDrops {
    policy: Policy,
}

impl SftpDrops {
    /// Drops on the servers that the policy lets calls go to.
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

#[async_trait]
impl Drops for SftpDrops {
    async fn open(&self, login: &Login) -> Result<Arc<dyn FileDrop>, DropError> {
        let session = connect::session(&self.policy, login).await?;
        Ok(Arc::new(SftpDrop::new(session, &login.place.path)))
    }
}

#[cfg(test)]
mod tests;
