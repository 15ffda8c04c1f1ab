//! What a notice says, and what follows from it.

use model::config::{Connection, HookAction, Reaction, RowRule, Streams, Webhook};
use model::{Metric, StreamName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{Asked, Doubt, Notice, Sight, Standing, StreamKey};

use super::{Deps, Error, Found, Taken};
use crate::job::{Job, enqueue};

/// Longest id of a row, in bytes.
const LONGEST_ID: usize = 512;

/// What an id has that stands in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A notice's body.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) event: String,
    json: Value,
}

impl Body {
    /// Of JSON that names an event.
    pub(super) fn read(webhook: &Webhook, bytes: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(bytes).ok()?;
        let event = webhook.event.iter().find_map(|path| text(&json, path)).map(str::to_owned);
        Some(Self { event: event?, json })
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        text(&self.json, path)
    }
}

/// A text at a path such as `data.type`.
fn text<'j>(json: &'j Value, path: &str) -> Option<&'j str> {
    at(json, path)?.as_str()
}

fn at<'j>(json: &'j Value, path: &str) -> Option<&'j Value> {
    path.split('.').try_fold(json, |value, name| value.get(name))
}

/// Does what the overlay says of the event.
pub(super) async fn react(
    deps: &Deps,
    (found, webhook): (&Found, &Webhook),
    notice: &Body,
    bytes: &[u8],
) -> Result<Taken, Error> {
    let (tenant, connection) = found.names();
    let event = notice.event.as_str();
    let action = webhook.actions.iter().find(|action| action.names(event));
    let reaction = action.map_or(Reaction::Ignore, |action| action.reaction);
    let taken = match action {
        Some(action) => perform(deps, found, (action, notice), bytes).await?,
        None => Taken::default(),
    };
    let Taken { jobs, waiting } = taken;
    tracing::info!(%tenant, %connection, event, ?reaction, jobs, waiting, "a notice is taken");
    Ok(taken)
}

async fn perform(
    deps: &Deps,
    found: &Found,
    (action, notice): (&HookAction, &Body),
    bytes: &[u8],
) -> Result<Taken, Error> {
    let event = notice.event.as_str();
    match action.reaction {
        Reaction::Pull => pull(deps, found, (action, bytes), Sight::Changes).await,
        Reaction::Reconcile => pull(deps, found, (action, bytes), Sight::Everything).await,
        Reaction::Confirm => confirm(deps, found, (action, notice), bytes).await,
        Reaction::Ready => {
            deps.store.stands(found.names(), Standing::Ready, event).await?;
            pull(deps, found, (action, bytes), Sight::Changes).await
        }
        Reaction::NeedsUpdate => suspend(deps, found, Standing::NeedsUpdate, event).await,
        Reaction::Disabled => suspend(deps, found, Standing::Disabled, event).await,
        Reaction::Ignore => Ok(Taken::default()),
    }
}

/// Asks for streams now, and notes the row to ask for that the notice is about. Where it names
/// none, everything is read.
async fn confirm(
    deps: &Deps,
    found: &Found,
    (action, notice): (&HookAction, &Body),
    bytes: &[u8],
) -> Result<Taken, Error> {
    let doubt = action.row.as_ref().and_then(|rule| doubt(rule, notice));
    let Some(doubt) = doubt else {
        return pull(deps, found, (action, bytes), Sight::Everything).await;
    };
    for stream in streams(deps, found, action).await? {
        deps.store.doubt(&key(found, stream), &doubt).await?;
    }
    pull(deps, found, (action, bytes), Sight::Changes).await
}

/// The row that a notice is about, and where it would be. An id that is a step within a path is
/// none.
fn doubt(rule: &RowRule, notice: &Body) -> Option<Doubt> {
    let id = match at(&notice.json, &rule.id)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if matches!(id.as_str(), "" | "." | "..") || id.len() > LONGEST_ID {
        return None;
    }
    let segment = utf8_percent_encode(&id, SEGMENT).to_string();
    Some(Doubt { path: rule.path.replace("{id}", &segment), id })
}

/// Asks for streams now. While the jobs that a notice led to have not begun, the same notice leads
/// to none.
async fn pull(
    deps: &Deps,
    found: &Found,
    (action, bytes): (&HookAction, &[u8]),
    sight: Sight,
) -> Result<Taken, Error> {
    let digest = digest(bytes);
    let names = found.names();
    let before = deps.store.notice(names, &digest).await?;
    if let Some(before) = before.filter(|before| !before.streams.is_empty())
        && !begun(deps, found, &before).await?
    {
        return Ok(Taken { jobs: 0, waiting: before.streams.len() as u64 });
    }
    let (mut taken, mut led) = (Taken::default(), Notice::default());
    for stream in streams(deps, found, action).await? {
        let key = key(found, stream);
        match ask(deps, found, &key, sight).await? {
            Asked::Claimed(claim) => {
                led.streams.insert(key.stream, claim.expects);
                enqueue(deps.jobs.as_ref(), &Job::claimed(claim)).await?;
                taken.jobs += 1;
            }
            Asked::Waiting(fence) => {
                led.streams.insert(key.stream, fence);
                taken.waiting += 1;
            }
            Asked::Resting | Asked::Unknown => {}
        }
    }
    deps.store.note(names, &digest, &led).await?;
    Ok(taken)
}

/// Asks for a stream; one that nobody asked for before is made known first.
async fn ask(deps: &Deps, found: &Found, key: &StreamKey, sight: Sight) -> Result<Asked, Error> {
    let asked = deps.store.ask(key, sight).await?;
    if asked != Asked::Unknown {
        return Ok(asked);
    }
    deps.store.enroll(key, &found.connection.source, deps.store.now()).await?;
    Ok(deps.store.ask(key, sight).await?)
}

/// Whether a job that a notice led to has begun.
async fn begun(deps: &Deps, found: &Found, notice: &Notice) -> Result<bool, Error> {
    for (stream, fence) in &notice.streams {
        let head = deps.store.head(&key(found, stream.clone())).await?;
        if head.is_none_or(|(head, _)| head.fence > *fence) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The streams that an action means, of those that the connection pulls: all that were ever
/// pulled, and those that its file lists.
async fn streams(
    deps: &Deps,
    found: &Found,
    action: &HookAction,
) -> Result<Vec<StreamName>, Error> {
    let (tenant, connection) = found.names();
    let known = deps.store.streams(tenant, Some(connection)).await?;
    let mut all: Vec<StreamName> = known.into_iter().map(|listed| listed.key.stream).collect();
    all.extend(listed(&found.connection));
    if matches!(found.connection.streams, Streams::All) {
        all.extend(action.streams.iter().cloned());
    }
    all.sort();
    all.dedup();
    let meant = |stream: &StreamName| action.streams.is_empty() || action.streams.contains(stream);
    let pulled = |stream: &StreamName| found.connection.streams.config(stream).is_some();
    all.retain(|stream| meant(stream) && pulled(stream));
    Ok(all)
}

fn listed(connection: &Connection) -> Vec<StreamName> {
    match &connection.streams {
        Streams::Listed(streams) => streams.iter().map(|stream| stream.name.clone()).collect(),
        Streams::All => Vec::new(),
    }
}

fn key(found: &Found, stream: StreamName) -> StreamKey {
    let (tenant, connection) = found.names();
    StreamKey { tenant: tenant.clone(), connection: connection.clone(), stream }
}

/// Notes that a connection does not work. Its schedule stays: when the provider's word was wrong,
/// or never comes again, the next run sees for itself.
async fn suspend(
    deps: &Deps,
    found: &Found,
    standing: Standing,
    event: &str,
) -> Result<Taken, Error> {
    let (tenant, connection) = found.names();
    if deps.store.stands((tenant, connection), standing, event).await? {
        deps.metrics.emit(Metric::ConnectionsSuspended, 1.0, &[]);
        tracing::error!(%tenant, %connection, event, ?standing, "a connection is suspended");
    }
    Ok(Taken::default())
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        _ = write!(text, "{byte:02x}");
    }
    text
}
