//! Where partners deliver.

use std::net::SocketAddr;
use std::path::Path;

use sandbox::{Access, LoginKey, SftpServer, Sshd};

use super::files::TENANT;
use crate::failure::Failure;

/// An SFTP server over a folder: the machine's own OpenSSH where it has one.
pub(super) enum Server {
    Machine(Sshd),
    Sandbox(SftpServer),
}

impl Server {
    pub(super) fn start(work: &Path, root: &Path, key: &LoginKey) -> Result<Self, Failure> {
        let unable =
            |error: std::io::Error| Failure::of("the SFTP server cannot be started", error);
        let keys = vec![key.public.clone()];
        // A machine whose sshd does not start for us has the sandbox's.
        if let Ok(Some(machine)) = Sshd::start(work, root, &keys) {
            return Ok(Self::Machine(machine));
        }
        let access = Access { user: TENANT.to_owned(), keys, ..Access::default() };
        SftpServer::start(root, &access, "127.0.0.1:0").map(Self::Sandbox).map_err(unable)
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Machine(server) => server.address(),
            Self::Sandbox(server) => server.address(),
        }
    }

    pub(super) fn user(&self) -> &str {
        match self {
            Self::Machine(server) => server.user(),
            Self::Sandbox(_) => TENANT,
        }
    }

    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Machine(server) => server.fingerprint(),
            Self::Sandbox(server) => server.fingerprint(),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Machine(_) => "OpenSSH",
            Self::Sandbox(_) => "the sandbox's SFTP server",
        }
    }
}
