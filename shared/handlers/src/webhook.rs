//! Takes the notices of providers: whose they are is checked, what they say is taken as a hint.
//!
//! A notice never brings data. It makes a stream due now, or says how a connection stands; what is
//! true the source says when it is read. So notices may come twice, late, in any order or never.

mod notice;
mod signature;
mod wire;

use std::sync::Arc;

use model::config::{Connection, Overlay, TenantFile, Webhook};
use model::{Classify, ConnectionId, Metric, Retry, TenantId};
use ports::{Deadline, Metrics, Queue, SecretError, SecretPath, Secrets};
use store::{Store, StoreError};

use crate::configuration::{self, Configuration};
use crate::job::SendError;

use signature::Unsigned;
pub use wire::{Answer, Event};

/// Largest body, in bytes.
pub const MOST: usize = 256 * 1024;

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// What is configured.
    pub configuration: Arc<Configuration>,
    /// The keys that providers sign with.
    pub secrets: Arc<dyn Secrets>,
    /// State.
    pub store: Store,
    /// Where jobs go.
    pub jobs: Arc<dyn Queue>,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
}

/// Why a notice could not be handled; its provider sends it again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is out of reach, or faulty.
    #[error("the configuration cannot be used")]
    Configuration(#[from] configuration::Error),
    /// A key is out of reach.
    #[error("a key cannot be read")]
    Secret(#[from] SecretError),
    /// State is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A job was not enqueued; its claim comes back.
    #[error(transparent)]
    Job(#[from] SendError),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Configuration(error) => error.retry(),
            Self::Secret(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::Job(error) => error.retry(),
        }
    }
}

/// Why a notice is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Notices are posted.
    #[error("use POST")]
    Method,
    /// It is too large.
    #[error("the body is larger than 256 KiB")]
    TooLarge,
    /// It is not JSON, or names no event.
    #[error("the body is no notice of this source")]
    Malformed,
    /// There is no such connection, its source sends no notices, or this is not one of them. A
    /// stranger learns no more.
    #[error("not signed")]
    Unsigned,
    /// It was signed too long ago, or ahead of time.
    #[error("signed too long ago, or ahead of time")]
    Stale,
}

impl Refusal {
    fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::Malformed => 400,
            Self::Unsigned | Self::Stale => 401,
        }
    }
}

impl From<Unsigned> for Refusal {
    fn from(fault: Unsigned) -> Self {
        match fault {
            Unsigned::Stale => Self::Stale,
            Unsigned::Missing | Unsigned::Wrong => Self::Unsigned,
        }
    }
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Jobs that were enqueued.
    pub jobs: u64,
    /// Streams for which a job waits already.
    pub waiting: u64,
}

/// A connection, and what says how its notices are told from others.
#[derive(Debug, Clone)]
struct Found {
    file: Arc<TenantFile>,
    id: ConnectionId,
    connection: Connection,
    overlay: Arc<Overlay>,
}

impl Found {
    fn names(&self) -> (&TenantId, &ConnectionId) {
        (&self.file.tenant, &self.id)
    }
}

/// Takes a notice, or says why not.
#[tracing::instrument(skip_all)]
pub async fn handle(deps: &Deps, event: Event, _: Deadline) -> Result<Answer, Error> {
    let taken = take(deps, &event).await?;
    let answer = match taken {
        Ok(taken) => {
            deps.metrics.count(Metric::NoticesTaken, 1);
            deps.metrics.count(Metric::JobsEnqueued, taken.jobs);
            Answer::new(202, &taken.to_string())
        }
        Err(refusal) => {
            deps.metrics.emit(Metric::NoticesRefused, 1.0, &[]);
            tracing::warn!(path = event.path(), %refusal, "a notice is refused");
            Answer::new(refusal.status(), &refusal.to_string())
        }
    };
    Ok(answer)
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs, {} waiting already", self.jobs, self.waiting)
    }
}

async fn take(deps: &Deps, event: &Event) -> Result<Result<Taken, Refusal>, Error> {
    if event.method() != "POST" {
        return Ok(Err(Refusal::Method));
    }
    let Some(body) = event.body(MOST) else { return Ok(Err(Refusal::TooLarge)) };
    let Some((tenant, connection)) = event.target() else { return Ok(Err(Refusal::Unsigned)) };
    let Some(found) = find(deps, &tenant, &connection).await? else {
        return Ok(Err(Refusal::Unsigned));
    };
    let Some(webhook) = &found.overlay.webhook else { return Ok(Err(Refusal::Unsigned)) };
    if let Err(fault) = verified(deps, (&found, webhook), event, &body).await? {
        return Ok(Err(fault.into()));
    }
    let Some(notice) = notice::Body::read(webhook, &body) else {
        return Ok(Err(Refusal::Malformed));
    };
    let Some(subject) = subject(deps, (&found, webhook), (event, &body), &notice).await? else {
        tracing::info!(event = notice.event, "the notice is about no connection that is known");
        return Ok(Ok(Taken::default()));
    };
    Ok(Ok(notice::react(deps, (&subject, webhook), &notice, &body).await?))
}

/// A connection; none where no file names it, or it rests.
async fn find(deps: &Deps, tenant: &TenantId, id: &ConnectionId) -> Result<Option<Found>, Error> {
    let file = match deps.configuration.tenant(tenant).await {
        Ok(file) => file,
        Err(configuration::Error::Unknown { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(connection) = file.connections.get(id).filter(|found| !found.paused).cloned() else {
        return Ok(None);
    };
    let overlay = deps.configuration.overlay(&connection.source).await?;
    Ok(Some(Found { file, id: id.clone(), connection, overlay }))
}

/// Whether one of a connection's keys signed a body.
async fn verified(
    deps: &Deps,
    (found, webhook): (&Found, &Webhook),
    event: &Event,
    body: &[u8],
) -> Result<Result<(), Unsigned>, Error> {
    let signed = match signature::Signed::read(&webhook.signature, event, body) {
        Ok(signed) => signed,
        Err(fault) => return Ok(Err(fault)),
    };
    let grants = deps.configuration.grants(&found.file).await?;
    let mut by_any = false;
    for field in &webhook.signature.keys {
        let key = match found.connection.config.get(field) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => {
                let reference = value.get("secret").and_then(serde_json::Value::as_str);
                let Some(reference) = reference.and_then(|text| text.parse().ok()) else {
                    continue;
                };
                let path = SecretPath::resolve(&found.file.tenant, &reference, &grants)?;
                deps.secrets.get(&path).await?.expose().clone()
            }
            None => continue,
        };
        by_any |= signed.is_by(key.as_bytes());
    }
    Ok(if by_any { signed.is_fresh(deps.store.now()) } else { Err(Unsigned::Wrong) })
}

/// The connection that a notice is about: the one that the address names, or one of the same
/// source that is signed for with its own key, of the same tenant or of one that the tenant grants
/// a secret to.
async fn subject(
    deps: &Deps,
    (found, webhook): (&Found, &Webhook),
    (event, body): (&Event, &[u8]),
    notice: &notice::Body,
) -> Result<Option<Found>, Error> {
    let Some(rule) = &webhook.connection else { return Ok(Some(found.clone())) };
    let Some(wanted) = notice.text(&rule.event) else { return Ok(Some(found.clone())) };
    let is_meant = |connection: &Connection| {
        connection.config.get(&rule.config).and_then(serde_json::Value::as_str) == Some(wanted)
    };
    if is_meant(&found.connection) {
        return Ok(Some(found.clone()));
    }
    let granted = found.file.grants.values().flatten();
    for tenant in std::iter::once(&found.file.tenant).chain(granted) {
        let file = match deps.configuration.tenant(tenant).await {
            Ok(file) => file,
            Err(configuration::Error::Unknown { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let same = |connection: &Connection| connection.source == found.connection.source;
        let meant = file.connections.iter().find(|(_, one)| same(one) && is_meant(one));
        let Some((id, _)) = meant else { continue };
        let Some(other) = find(deps, tenant, id).await? else { continue };
        if verified(deps, (&other, webhook), event, body).await?.is_ok() {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
