//! The way in: passwords, keys, and the one subsystem.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Server, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};

use super::Access;
use super::folder::Folder;

/// Who may enter, and where that leads.
#[derive(Debug)]
struct Rules {
    root: PathBuf,
    user: String,
    password: Option<String>,
    keys: Vec<PublicKey>,
    read_only: bool,
}

/// Gives each caller a session.
#[derive(Debug)]
pub(super) struct Door(Arc<Rules>);

impl Door {
    pub(super) fn new(root: PathBuf, access: &Access) -> Result<Self, russh::keys::ssh_key::Error> {
        let keys = access.keys.iter().map(|line| PublicKey::from_openssh(line));
        Ok(Self(Arc::new(Rules {
            root,
            user: access.user.clone(),
            password: access.password.clone(),
            keys: keys.collect::<Result<_, _>>()?,
            read_only: access.read_only,
        })))
    }
}

impl Server for Door {
    type Handler = Caller;

    fn new_client(&mut self, _from: Option<SocketAddr>) -> Caller {
        Caller { rules: Arc::clone(&self.0), channels: HashMap::new() }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Caller {
    rules: Arc<Rules>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

fn answer(is_known: bool) -> Auth {
    if is_known { Auth::Accept } else { Auth::reject() }
}

impl Handler for Caller {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let rules = &self.rules;
        Ok(answer(user == rules.user && rules.password.as_deref() == Some(password)))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let given = key.public_key.key_data();
        let is_known = self.rules.keys.iter().any(|known| known.key_data() == given);
        Ok(answer(user == self.rules.user && is_known))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.close(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(opened) = self.channels.remove(&channel).filter(|_| name == "sftp") else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        let folder = Folder::new(self.rules.root.clone(), self.rules.read_only);
        russh_sftp::server::run(opened.into_stream(), folder).await;
        Ok(())
    }
}
