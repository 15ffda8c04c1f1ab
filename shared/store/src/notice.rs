//! Notices of providers: streams that somebody asks for now, what a notice has led to, and what is
//! known of a connection's state.
//!
//! A notice is a hint. What is lost of it the schedule makes up for.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ConnectionId, StreamName, TenantId, Timestamp};
use ports::{Expect, Key, TableError, Write};
use serde::{Deserialize, Serialize};

use crate::head::{Head, turn};
use crate::repository::later;
use crate::row::{encode, put, put_until};
use crate::{Claim, Store, StoreError, StreamKey};

/// What a notice led to is kept for this long.
const KEPT: Duration = Duration::from_hours(24);

/// What is to be read of a stream that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// What has changed.
    Changes,
    /// All its rows, so that those that are gone are seen, where the stream is reconciled at all.
    Everything,
}

/// What came of asking for a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A job is to be sent; while a run holds the stream it waits for its end.
    Claimed(Claim),
    /// A job waits already, of this fence.
    Waiting(u64),
    /// The connection rests.
    Resting,
    /// Nobody enrolled the stream yet.
    Unknown,
}

/// What a notice led to: the streams that were asked for, and the fence of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Fence of each stream, by which it is seen whether its job has begun.
    pub streams: BTreeMap<StreamName, u64>,
}

/// What a provider says of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It can be read.
    Ready,
    /// A person has to sign in again.
    NeedsUpdate,
    /// It was switched off.
    Disabled,
}

/// A connection's standing, as a provider last said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionState {
    /// How it stands.
    pub standing: Standing,
    /// The event that said so.
    pub event: String,
    /// Since when.
    pub since: Timestamp,
}

/// That a job waits for the end of a run.
#[derive(Debug, Serialize, Deserialize)]
struct After {
    fence: u64,
}

impl Store {
    /// Asks for a stream now, whatever its schedule says. Of any number of callers one gets a
    /// claim until its job begins.
    pub async fn ask(&self, key: &StreamKey, sight: Sight) -> Result<Asked, StoreError> {
        loop {
            let Some((before, version)) = self.head(key).await? else { return Ok(Asked::Unknown) };
            let (now, claim) = (self.now(), claim(key, &before));
            let Some(due) = before.due else { return Ok(Asked::Resting) };
            let mut after = before.clone();
            if sight == Sight::Everything {
                (after.reconciled, after.since_reconcile) = (None, u32::MAX);
            }
            let is_held = before.live(now).is_some();
            let waits = before.claims > 0 && due > now;
            if !is_held && !waits {
                after.due = Some(later(now, self.timing().claim));
                after.claims = before.claims.saturating_add(1);
            }
            if after != before {
                let writes = turn(key, Some((&before, &version)), &after)?;
                match self.write(&writes, &self.write_id()).await {
                    Err(TableError::Contended { .. }) => continue,
                    Err(error) => return Err(error.into()),
                    Ok(_) => {}
                }
            }
            return match (is_held, waits) {
                (true, _) if !self.follow(key, before.fence).await? => {
                    Ok(Asked::Waiting(before.fence))
                }
                (false, true) => Ok(Asked::Waiting(before.fence)),
                _ => Ok(Asked::Claimed(claim)),
            };
        }
    }

    /// Notes that a job waits for the end of the run with a fence; false when one does already.
    async fn follow(&self, key: &StreamKey, fence: u64) -> Result<bool, StoreError> {
        let row = key.asked();
        let found = self.row::<After>(&row).await?;
        if found.as_ref().is_some_and(|(after, _)| after.fence >= fence) {
            return Ok(false);
        }
        let expect = found.map_or(Expect::Absent, |(_, version)| Expect::Version(version));
        let body = encode(&row, &After { fence })?;
        let expires = Some(later(self.now(), KEPT));
        let write = Write::Put { key: row, expect, body, expires };
        match self.write(&[write], &self.write_id()).await {
            Ok(_) => Ok(true),
            Err(TableError::Contended { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What a notice led to, when one of that digest was taken lately.
    pub async fn notice(
        &self,
        connection: (&TenantId, &ConnectionId),
        digest: &str,
    ) -> Result<Option<Notice>, StoreError> {
        Ok(self.row(&notice_key(connection, digest)).await?.map(|(notice, _)| notice))
    }

    /// Notes what a notice led to.
    pub async fn note(
        &self,
        connection: (&TenantId, &ConnectionId),
        digest: &str,
        notice: &Notice,
    ) -> Result<(), StoreError> {
        let expires = Some(later(self.now(), KEPT));
        let write = put_until(notice_key(connection, digest), notice, expires)?;
        self.write(&[write], &self.write_id()).await?;
        Ok(())
    }

    /// What a provider last said of a connection's standing.
    pub async fn connection_state(
        &self,
        connection: (&TenantId, &ConnectionId),
    ) -> Result<Option<ConnectionState>, StoreError> {
        Ok(self.row(&state_key(connection)).await?.map(|(state, _)| state))
    }

    /// Notes a connection's standing; whether that is news.
    pub async fn stands(
        &self,
        connection: (&TenantId, &ConnectionId),
        standing: Standing,
        event: &str,
    ) -> Result<bool, StoreError> {
        let before = self.connection_state(connection).await?;
        if before.is_some_and(|before| before.standing == standing) {
            return Ok(false);
        }
        let state = ConnectionState { standing, event: event.to_owned(), since: self.now() };
        let write = put(state_key(connection), &state)?;
        self.write(&[write], &self.write_id()).await?;
        Ok(true)
    }
}

fn claim(key: &StreamKey, head: &Head) -> Claim {
    Claim {
        key: key.clone(),
        source: head.source.clone(),
        expects: head.fence,
        plan: head.plan.clone(),
    }
}

fn notice_key((tenant, connection): (&TenantId, &ConnectionId), digest: &str) -> Key {
    Key { partition: format!("notices#{tenant}#{connection}"), sort: digest.to_owned() }
}

fn state_key((tenant, connection): (&TenantId, &ConnectionId)) -> Key {
    Key { partition: format!("connection#{tenant}#{connection}"), sort: "state".to_owned() }
}
