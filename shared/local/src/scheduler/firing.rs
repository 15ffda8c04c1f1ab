//! Firing what is due.

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use jiff::Timestamp;
use ports::{Schedule, SchedulerError};
use rusqlite::{Connection, Row, Transaction, params};

use super::{SqliteScheduler, decode, next_after, unavailable};
use crate::database::{DatabaseError, instant, nanoseconds};

/// How long a claimed firing may take before someone else fires it too.
const CLAIM: Duration = Duration::from_mins(5);

/// How long a firing that failed waits for its next attempt.
const AGAIN: Duration = Duration::from_secs(30);

/// Most that the loop sleeps: other processes may have changed schedules.
const LOOK: Duration = Duration::from_secs(1);

/// Most firings side by side.
const TOGETHER: u32 = 32;

/// A schedule that is due and claimed by this process.
#[derive(Debug, Clone)]
pub struct Firing {
    /// What fires.
    pub schedule: Schedule,
    nominal: Timestamp,
}

/// Whether a firing did what it should.
pub type Fired = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl SqliteScheduler {
    /// Fires schedules when they are due, for ever: drop the future to stop. A firing that fails
    /// or is dropped fires again, so each comes at least once.
    pub async fn run(
        &self,
        fire: impl Fn(Schedule) -> BoxFuture<'static, Fired> + Send + Sync,
    ) -> Result<(), SchedulerError> {
        loop {
            if self.fire_due(&fire).await? == 0 {
                let now = self.clock.now();
                let until = self.next_due().await?.unwrap_or(Timestamp::MAX);
                let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                self.clock.sleep(wait.clamp(Duration::from_millis(1), LOOK)).await;
            }
        }
    }

    /// Fires what is due now, side by side, and says how many there were.
    pub async fn fire_due(
        &self,
        fire: &(impl Fn(Schedule) -> BoxFuture<'static, Fired> + Send + Sync),
    ) -> Result<usize, SchedulerError> {
        let firings = self.claim_due().await?;
        let settle = firings.iter().map(|firing| async {
            match fire(firing.schedule.clone()).await {
                Ok(()) => self.fired(firing).await,
                Err(error) => {
                    let name = &firing.schedule.name;
                    tracing::warn!(schedule = name, %error, "schedule `{name}` will fire again");
                    self.claim_until(firing, self.clock.now() + AGAIN).await
                }
            }
        });
        join_all(settle).await.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(firings.len())
    }

    /// Claims what is due. A claim that is not settled is void after some minutes.
    pub async fn claim_due(&self) -> Result<Vec<Firing>, SchedulerError> {
        let now = self.clock.now();
        let claim = move |transaction: &Transaction<'_>| {
            let sql = "UPDATE schedule SET claimed = ?2 WHERE name IN ( \
                         SELECT name FROM schedule WHERE due <= ?1 AND claimed <= ?1 \
                         ORDER BY due LIMIT ?3) \
                       RETURNING definition, nominal";
            let values = params![nanoseconds(now), nanoseconds(now + CLAIM), TOGETHER];
            let mut statement = transaction.prepare_cached(sql)?;
            let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let firing = |row: rusqlite::Result<(String, i64)>| {
                let (definition, nominal) = row?;
                Ok(Firing { schedule: decode(&definition)?, nominal: instant(nominal) })
            };
            rows.map(firing).collect::<Result<Vec<Firing>, DatabaseError>>()
        };
        self.database.write(claim).await.map_err(unavailable)
    }

    /// Settles a firing: the schedule is due again at its next time.
    pub async fn fired(&self, firing: &Firing) -> Result<(), SchedulerError> {
        let now = self.clock.now().max(firing.nominal);
        let next = next_after(&firing.schedule, firing.nominal, now);
        let due = next.map(|next| self.with_jitter(&firing.schedule, next));
        let (name, nominal) = (firing.schedule.name.clone(), firing.nominal);
        let settle = move |transaction: &Transaction<'_>| {
            // A schedule that was put anew meanwhile has other times, which stay.
            let sql = "UPDATE schedule SET nominal = ?3, due = ?4, claimed = 0 \
                       WHERE name = ?1 AND nominal = ?2";
            let (next, due) = (next.map(nanoseconds), due.map(nanoseconds));
            transaction.execute(sql, params![name, nanoseconds(nominal), next, due])?;
            Ok::<_, DatabaseError>(())
        };
        self.database.write(settle).await.map_err(unavailable)
    }

    /// When the next firing is due, claimed ones apart; none when nothing ever is.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, SchedulerError> {
        let read = |connection: &Connection| {
            let sql = "SELECT min(max(due, claimed)) FROM schedule";
            let first = |row: &Row<'_>| row.get::<_, Option<i64>>(0);
            Ok::<_, DatabaseError>(connection.query_row(sql, [], first)?.map(instant))
        };
        self.database.read(read).await.map_err(unavailable)
    }

    async fn claim_until(&self, firing: &Firing, until: Timestamp) -> Result<(), SchedulerError> {
        let (name, nominal) = (firing.schedule.name.clone(), firing.nominal);
        let postpone = move |transaction: &Transaction<'_>| {
            let sql = "UPDATE schedule SET claimed = ?3 WHERE name = ?1 AND nominal = ?2";
            let values = params![name, nanoseconds(nominal), nanoseconds(until)];
            transaction.execute(sql, values)?;
            Ok::<_, DatabaseError>(())
        };
        self.database.write(postpone).await.map_err(unavailable)
    }
}
