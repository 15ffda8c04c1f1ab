//! Schedules in SQLite.

mod firing;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Cadence, Clock, Ids, Schedule, Scheduler, SchedulerError, check_schedule};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::database::{Database, DatabaseError, nanoseconds};

pub use firing::{Fired, Firing};

/// A [`Scheduler`] in a [`Database`], which also knows when each schedule is due.
///
/// A schedule by interval is due at its `start`, or at once when it has none, and then at whole
/// intervals from there; one by cron expression at its first time from then on. Each firing is up
/// to the schedule's jitter later. Putting a schedule again leaves its times alone, unless they
/// are what changed. Firings that were missed while nothing ran become one.
#[derive(Debug, Clone)]
pub struct SqliteScheduler {
    database: Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl SqliteScheduler {
    /// The schedules of this database.
    pub fn new(database: &Database, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { database: database.clone(), clock, ids }
    }

    /// A firing's time in the calendar, as late as jitter makes it.
    fn with_jitter(&self, schedule: &Schedule, nominal: Timestamp) -> Timestamp {
        nominal + schedule.jitter.mul_f64(self.ids.chance())
    }
}

#[async_trait]
impl Scheduler for SqliteScheduler {
    async fn put(&self, schedule: &Schedule) -> Result<(), SchedulerError> {
        check_schedule(schedule)?;
        let first = schedule.start.unwrap_or_else(|| self.clock.now());
        let nominal = Some(schedule).filter(|s| s.enabled).and_then(|s| first_at(s, first));
        let due = nominal.map(|nominal| self.with_jitter(schedule, nominal));
        let schedule = schedule.clone();
        let put = move |transaction: &Transaction<'_>| {
            let definition = encode(&schedule)?;
            let before = definition_of(transaction, &schedule.name)?;
            if before.is_some_and(|before| has_same_times(&before, &schedule)) {
                let sql = "UPDATE schedule SET definition = ?2 WHERE name = ?1";
                transaction.execute(sql, params![schedule.name, definition])?;
                return Ok(());
            }
            let sql = "INSERT OR REPLACE INTO schedule (name, definition, nominal, due, claimed) \
                       VALUES (?1, ?2, ?3, ?4, 0)";
            let (nominal, due) = (nominal.map(nanoseconds), due.map(nanoseconds));
            transaction.execute(sql, params![schedule.name, definition, nominal, due])?;
            Ok(())
        };
        self.database.write(put).await.map_err(unavailable)
    }

    async fn delete(&self, name: &str) -> Result<(), SchedulerError> {
        let name = name.to_owned();
        let delete = move |transaction: &Transaction<'_>| {
            transaction.execute("DELETE FROM schedule WHERE name = ?1", [name])?;
            Ok::<_, DatabaseError>(())
        };
        self.database.write(delete).await.map_err(unavailable)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Schedule>, SchedulerError> {
        let prefix = prefix.to_owned();
        let read = move |connection: &Connection| {
            let sql = "SELECT definition FROM schedule \
                       WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([prefix], |row| row.get::<_, String>(0))?;
            rows.map(|row| decode(&row?)).collect::<Result<Vec<Schedule>, DatabaseError>>()
        };
        self.database.read(read).await.map_err(unavailable)
    }
}

fn unavailable(error: DatabaseError) -> SchedulerError {
    SchedulerError::Unavailable { source: Box::new(error) }
}

fn encode(schedule: &Schedule) -> Result<String, DatabaseError> {
    serde_json::to_string(schedule).map_err(|_| DatabaseError::Corrupt { what: "schedule" })
}

fn decode(text: &str) -> Result<Schedule, DatabaseError> {
    serde_json::from_str(text).map_err(|_| DatabaseError::Corrupt { what: "schedule" })
}

fn definition_of(connection: &Connection, name: &str) -> Result<Option<Schedule>, DatabaseError> {
    let sql = "SELECT definition FROM schedule WHERE name = ?1";
    let text = connection.query_row(sql, [name], |row| row.get::<_, String>(0)).optional()?;
    text.as_deref().map(decode).transpose()
}

fn has_same_times(before: &Schedule, after: &Schedule) -> bool {
    let times = |s: &Schedule| (s.cadence.clone(), s.jitter, s.enabled, s.start);
    times(before) == times(after)
}

/// The first time in the calendar that is not before an instant.
fn first_at(schedule: &Schedule, instant: Timestamp) -> Option<Timestamp> {
    match &schedule.cadence {
        Cadence::Every(_) => Some(instant),
        Cadence::Cron { .. } => {
            next_after(schedule, instant, instant - std::time::Duration::from_nanos(1))
        }
    }
}

/// The first time in the calendar after an instant, for a schedule that has one at `nominal`.
fn next_after(schedule: &Schedule, nominal: Timestamp, instant: Timestamp) -> Option<Timestamp> {
    match &schedule.cadence {
        Cadence::Every(every) => {
            let every = i128::try_from(every.as_nanos()).ok().filter(|every| *every > 0)?;
            let (nominal, instant) = (nominal.as_nanosecond(), instant.as_nanosecond());
            let passed = (instant - nominal).div_euclid(every).max(0);
            Timestamp::from_nanosecond(nominal + (passed + 1) * every).ok()
        }
        Cadence::Cron { expression, timezone } => {
            model::Cron::parse(expression, timezone).ok()?.next_after(instant)
        }
    }
}

#[cfg(test)]
mod tests;
