//! Finds commits that no event told of, or that a changed model takes in anew; and, when somebody
//! asks, all commits of a model.

use std::collections::HashMap;
use std::time::Duration;

use lake::curated::KeyDigest;
use lake::{Attempt, CommitKey, Month, commits_prefix};
use model::{ModelName, ObjectKey, TenantId, Timestamp};
use normalize::Source;
use ports::{Deadline, Message, Meta};
use serde::{Deserialize, Serialize};
use store::{Feed, ReceiptMonth, Settled, StreamKey};

use super::models::{Known, Models};
use super::things::{tell, tell_all};
use super::{Deps, Error, Outcome, RESERVE, Take, Work, message};

/// An event of a younger commit may still be on its way.
const YOUNG: Duration = Duration::from_mins(10);

/// A month that ended so long ago gets no more commits, or only such as an event tells of.
const OLD: Duration = Duration::from_hours(35 * 24);

/// Keys of one listing.
const PAGE: usize = 1000;

/// Messages that are sent together.
const SENT: usize = 100;

/// Which commits are to be taken in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// By this model.
    pub model: ModelName,
    /// Those of this tenant; of all when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Those behind this one, when somebody ran out of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ObjectKey>,
}

/// Messages that wait to be sent together.
struct Outbox<'a> {
    deps: &'a Deps,
    waiting: Vec<Message>,
    sent: u64,
}

impl<'a> Outbox<'a> {
    fn new(deps: &'a Deps) -> Self {
        Self { deps, waiting: Vec::new(), sent: 0 }
    }

    async fn add(&mut self, take: Take) -> Result<(), Error> {
        self.waiting.push(message(&Work::Take(take))?);
        if self.waiting.len() >= SENT { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let messages = std::mem::take(&mut self.waiting);
        self.deps.queue.send_all(&messages).await?;
        self.sent += messages.len() as u64;
        Ok(())
    }
}

/// Enqueues every commit that a model has not taken in.
pub(super) async fn sweep(
    deps: &Deps,
    models: &Models,
    deadline: Deadline,
) -> Result<Outcome, Error> {
    let mut outbox = Outbox::new(deps);
    let mut more = false;
    for known in models.iter() {
        for source in &known.model().sources {
            let mut walk = Walk::new(deps, known, source);
            more |= !walk.run(&mut outbox, deadline).await?;
        }
    }
    outbox.send().await?;
    let told = untold(deps, models, deadline).await?;
    let enqueued = outbox.sent;
    tracing::info!(enqueued, told, more, "commits swept");
    Ok(Outcome::Swept { enqueued, told, more })
}

/// Tells of things that changed and that nobody was told of, because who changed them died.
async fn untold(deps: &Deps, models: &Models, deadline: Deadline) -> Result<u64, Error> {
    let mut told = 0;
    let ruled = models.iter().filter(|known| known.model().rules.is_some());
    for known in ruled {
        for tenant in deps.configuration.tenants().await? {
            if deadline.remaining(deps.store.clock().as_ref()) < RESERVE {
                return Ok(told);
            }
            told += tell(deps, known, &tenant).await?;
        }
    }
    Ok(told)
}

/// A walk over the commits of one stream, all tenants, for one model.
struct Walk<'a> {
    deps: &'a Deps,
    known: &'a Known,
    source: &'a Source,
    revision: String,
    now: Timestamp,
    /// The last month that is old.
    past: String,
    /// What is known of the commits of one tenant's month.
    receipts: Option<(ReceiptMonth, HashMap<String, String>)>,
    at: Option<At>,
}

/// The connection that a walk is at.
struct At {
    feed: Feed,
    settled: Option<String>,
    /// Up to which month nothing was missing.
    through: Option<String>,
    /// Whether something was.
    missing: bool,
    /// Nothing up to this key is looked at.
    skip: Option<ObjectKey>,
}

impl<'a> Walk<'a> {
    fn new(deps: &'a Deps, known: &'a Known, source: &'a Source) -> Self {
        let now = deps.store.now();
        let old = now.checked_sub(OLD).unwrap_or(Timestamp::MIN);
        let revision = known.revised.revision.to_string();
        let past = Month::from(old).to_string();
        Self { deps, known, source, revision, now, past, receipts: None, at: None }
    }

    /// Walks; gives whether it came to the end in time.
    async fn run(&mut self, outbox: &mut Outbox<'_>, deadline: Deadline) -> Result<bool, Error> {
        let prefix = commits_prefix(&self.source.source, &self.source.stream);
        let mut after: Option<ObjectKey> = None;
        loop {
            if deadline.remaining(self.deps.store.clock().as_ref()) < RESERVE {
                return Ok(false);
            }
            let page = self.deps.lake.list(&prefix, after.as_ref(), PAGE).await?;
            for meta in &page.objects {
                self.look(meta, outbox).await?;
            }
            let Some(next) = page.next else { break };
            let skip = self.at.as_ref().and_then(|at| at.skip.clone());
            after = Some(skip.map_or(next.clone(), |skip| skip.max(next)));
        }
        self.leave().await?;
        Ok(true)
    }

    async fn look(&mut self, meta: &Meta, outbox: &mut Outbox<'_>) -> Result<(), Error> {
        let Ok(CommitKey(attempt)) = CommitKey::parse(&meta.key) else { return Ok(()) };
        self.come_to(&attempt).await?;
        let Some(at) = &self.at else { return Ok(()) };
        if at.skip.as_ref().is_some_and(|skip| meta.key <= *skip) {
            return Ok(());
        }
        let digest = KeyDigest::of(&meta.key).to_string();
        let revision = self.taken_by(&attempt, &digest).await?;
        let Some(at) = &mut self.at else { return Ok(()) };
        if revision.as_ref() == Some(&self.revision) {
            let month = attempt.month.to_string();
            if !at.missing && month < self.past {
                at.through = Some(month);
            }
            return Ok(());
        }
        if !at.missing {
            // The month that something is missing of is not settled.
            let month = attempt.month.to_string();
            at.through = at.through.take().filter(|through| *through < month);
        }
        at.missing = true;
        let young = meta.modified.checked_add(YOUNG).is_ok_and(|until| until > self.now);
        if young && revision.is_none() {
            return Ok(());
        }
        let models = Some(vec![self.known.name.clone()]);
        outbox.add(Take { models, ..Take::new(meta.key.clone()) }).await
    }

    /// Comes to the connection of an attempt, and learns what of it need not be looked at.
    async fn come_to(&mut self, attempt: &Attempt) -> Result<(), Error> {
        let stream = StreamKey {
            tenant: attempt.tenant.clone(),
            connection: attempt.connection.clone(),
            stream: attempt.stream.clone(),
        };
        if self.at.as_ref().is_some_and(|at| at.feed.stream == stream) {
            return Ok(());
        }
        self.leave().await?;
        let (model, source) = (self.known.name.clone(), attempt.source.clone());
        let feed = Feed { model, source, stream };
        let settled = self.deps.store.settled(&feed).await?;
        let settled = settled.filter(|row| row.revision == self.revision).map(|row| row.through);
        let skip = settled.as_ref().and_then(|month| {
            let prefix = commits_prefix(&attempt.source, &attempt.stream);
            let Attempt { tenant, connection, .. } = attempt;
            // Behind every key of that month: no key of ours has this sign.
            format!("{prefix}tenant={tenant}/connection={connection}/month={month}/~").parse().ok()
        });
        self.at = Some(At { feed, settled, through: None, missing: false, skip });
        Ok(())
    }

    /// Notes up to which month nothing was missing.
    async fn leave(&mut self) -> Result<(), Error> {
        let Some(At { feed, settled, through, .. }) = self.at.take() else { return Ok(()) };
        match through {
            Some(through) if settled.is_none_or(|settled| settled < through) => {
                let row = Settled { revision: self.revision.clone(), through };
                Ok(self.deps.store.put_settled(&feed, &row).await?)
            }
            _ => Ok(()),
        }
    }

    /// The revision that has taken a commit in.
    async fn taken_by(&mut self, attempt: &Attempt, digest: &str) -> Result<Option<String>, Error> {
        let month = ReceiptMonth {
            model: self.known.name.clone(),
            tenant: attempt.tenant.clone(),
            source: attempt.source.clone(),
            stream: attempt.stream.clone(),
            month: attempt.month.to_string(),
        };
        if self.receipts.as_ref().is_none_or(|(known, _)| *known != month) {
            let mut all = HashMap::new();
            let mut after: Option<String> = None;
            loop {
                let (rows, next) = self.deps.store.receipts(&month, after.as_deref()).await?;
                all.extend(rows.into_iter().map(|(commit, row)| (commit, row.revision)));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            self.receipts = Some((month, all));
        }
        Ok(self.receipts.as_ref().and_then(|(_, all)| all.get(digest)).cloned())
    }
}

/// Enqueues all commits of a model's streams.
pub(super) async fn replay(
    deps: &Deps,
    models: &Models,
    replay: Replay,
    deadline: Deadline,
) -> Result<Outcome, Error> {
    let mut outbox = Outbox::new(deps);
    let known = models.named(&replay.model);
    let mut prefixes: Vec<String> = known
        .iter()
        .flat_map(|known| &known.model().sources)
        .map(|source| {
            let prefix = commits_prefix(&source.source, &source.stream);
            let tenant = replay.tenant.as_ref();
            tenant.map_or(prefix.clone(), |tenant| format!("{prefix}tenant={tenant}/"))
        })
        .collect();
    prefixes.sort();
    let mut after = replay.after.clone();
    for prefix in prefixes {
        loop {
            let page = deps.lake.list(&prefix, after.as_ref(), PAGE).await?;
            for meta in &page.objects {
                let models = Some(vec![replay.model.clone()]);
                let take = Take { models, again: true, ..Take::new(meta.key.clone()) };
                outbox.add(take).await?;
                after = Some(meta.key.clone());
            }
            if page.next.is_none() {
                break;
            }
            if deadline.remaining(deps.store.clock().as_ref()) < RESERVE {
                outbox.send().await?;
                let rest = Work::Replay { replay: Replay { after, ..replay } };
                super::enqueue(deps, &rest).await?;
                return Ok(Outcome::Continued);
            }
        }
    }
    outbox.send().await?;
    let told = match known {
        Some(known) if known.model().rules.is_some() => {
            told_again(deps, known, replay.tenant.as_ref()).await?
        }
        _ => 0,
    };
    Ok(Outcome::Replayed { enqueued: outbox.sent, told })
}

/// Tells of all things again.
async fn told_again(deps: &Deps, known: &Known, tenant: Option<&TenantId>) -> Result<u64, Error> {
    let tenants = match tenant {
        Some(tenant) => vec![tenant.clone()],
        None => deps.configuration.tenants().await?,
    };
    let mut told = 0;
    for tenant in &tenants {
        told += tell_all(deps, known, tenant).await?;
    }
    Ok(told)
}
