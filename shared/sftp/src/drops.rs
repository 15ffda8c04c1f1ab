//! Opening drops.

use std::sync::Arc;

use async_trait::async_trait;
use http::Policy;
use ports::{DropError, Drops, FileDrop, Login};

use crate::connect;
use crate::drop::SftpDrop;

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
