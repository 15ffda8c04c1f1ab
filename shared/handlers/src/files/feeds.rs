//! Feeds as tenants' files have them: the place opened, secrets resolved.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use files::{Feed, Keys, ObjectDrop};
use model::Secret;
use model::config::{DropPlace, FeedUse, Schedule, SftpPlace, TenantFile};
use ports::{Credential, Drops, FileDrop, Login, Secrets, Uploads};
use serde_json::{Map, Value};
use store::files::FeedKey;

use super::Error;
use crate::configuration::{self, Configuration, resolve_config};

/// A feed that is not at rest.
#[derive(Debug, Clone)]
pub struct FeedListed {
    /// Which.
    pub key: FeedKey,
    /// When it is looked at.
    pub schedule: Schedule,
    /// The prefix of its objects, where it is one.
    pub prefix: Option<String>,
}

/// A feed with everything that a look needs.
#[derive(Debug, Clone)]
pub struct OpenFeed {
    /// How its files look.
    pub feed: Arc<Feed>,
    /// Where they arrive.
    pub place: Arc<dyn FileDrop>,
    /// The tenant's keys.
    pub keys: Keys,
}

/// Gives feeds.
#[async_trait]
pub trait Feeds: Debug + Send + Sync + 'static {
    /// All that are not at rest.
    async fn list(&self) -> Result<Vec<FeedListed>, Error>;

    /// One of them; none when there is no such feed, or it rests.
    async fn open(&self, key: &FeedKey) -> Result<Option<OpenFeed>, Error>;
}

/// [`Feeds`] over a [`Configuration`].
#[derive(Debug)]
pub struct ConfiguredFeeds {
    /// Tenants and feeds.
    pub configuration: Arc<Configuration>,
    /// What places and files need.
    pub secrets: Arc<dyn Secrets>,
    /// Servers.
    pub drops: Arc<dyn Drops>,
    /// The lake, some prefixes of which are places.
    pub lake: Arc<dyn Uploads>,
}

#[async_trait]
impl Feeds for ConfiguredFeeds {
    async fn list(&self) -> Result<Vec<FeedListed>, Error> {
        let mut listed = Vec::new();
        for tenant in self.configuration.tenants().await? {
            let file = match self.configuration.tenant(&tenant).await {
                Ok(file) => file,
                // One tenant's fault is not the others'.
                Err(error @ configuration::Error::Faults(_)) => {
                    tracing::error!(%tenant, %error, "a tenant's file cannot be used");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let feeds = file.feeds.iter().filter(|(_, feed)| !feed.paused);
            listed.extend(feeds.map(|(id, feed)| FeedListed {
                key: FeedKey { tenant: tenant.clone(), feed: id.clone() },
                schedule: feed.schedule.clone(),
                prefix: match &feed.from {
                    DropPlace::S3 { prefix } => Some(prefix.clone()),
                    DropPlace::Sftp(_) => None,
                },
            }));
        }
        Ok(listed)
    }

    async fn open(&self, key: &FeedKey) -> Result<Option<OpenFeed>, Error> {
        let file = match self.configuration.tenant(&key.tenant).await {
            Ok(file) => file,
            Err(configuration::Error::Unknown { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(used) = file.feeds.get(&key.feed).filter(|feed| !feed.paused) else {
            return Ok(None);
        };
        let feed = self.configuration.feed(&used.feed).await?;
        let config = resolved(&self.configuration, self.secrets.as_ref(), (&file, used)).await?;
        let place: Arc<dyn FileDrop> = match &used.from {
            DropPlace::S3 { prefix } => Arc::new(ObjectDrop::new(Arc::clone(&self.lake), prefix)),
            DropPlace::Sftp(place) => {
                let login = login(key, place, &config)?;
                let opened = self.drops.open(&login).await;
                opened.map_err(|source| Error::Drop { feed: key.clone(), source })?
            }
        };
        Ok(Some(OpenFeed { feed, place, keys: keys(&config) }))
    }
}

/// How the files of a feed look, and the keys that they are read with.
pub(crate) async fn rules(
    configuration: &Configuration,
    secrets: &dyn Secrets,
    (file, used): (&TenantFile, &FeedUse),
) -> Result<(Arc<Feed>, Keys), configuration::Error> {
    let feed = configuration.feed(&used.feed).await?;
    let config = resolved(configuration, secrets, (file, used)).await?;
    Ok((feed, keys(&config)))
}

async fn resolved(
    configuration: &Configuration,
    secrets: &dyn Secrets,
    (file, used): (&TenantFile, &FeedUse),
) -> Result<Map<String, Value>, configuration::Error> {
    let grants = configuration.grants(file).await?;
    resolve_config(&used.config, &file.tenant, &grants, secrets).await
}

fn text(config: &Map<String, Value>, name: &str) -> Option<String> {
    config.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn secret(config: &Map<String, Value>, name: &str) -> Option<Secret<String>> {
    text(config, name).map(Secret::new)
}

fn login(key: &FeedKey, place: &SftpPlace, config: &Map<String, Value>) -> Result<Login, Error> {
    let credential = match (secret(config, "private_key"), secret(config, "password")) {
        (Some(key), _) => Credential::Key { key, passphrase: secret(config, "passphrase") },
        (None, Some(password)) => Credential::Password(password),
        (None, None) => {
            let reason = "its `config` has neither `password` nor `private_key`".to_owned();
            return Err(Error::Feed { feed: key.clone(), reason });
        }
    };
    Ok(Login { place: place.clone(), credential })
}

fn keys(config: &Map<String, Value>) -> Keys {
    Keys {
        pgp_key: secret(config, "pgp_key"),
        pgp_passphrase: secret(config, "pgp_passphrase"),
        signer: text(config, "signer"),
    }
}
