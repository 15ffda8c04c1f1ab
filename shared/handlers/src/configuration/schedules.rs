//! Schedules, as tenants' files ask for them.

use std::collections::BTreeMap;
use std::time::Duration;

use model::config::{Schedule as Wanted, Streams, TenantFile};
use model::{ConnectionId, StreamName, TenantId};
use ports::{Cadence, Schedule, Scheduler, SchedulerError};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Configuration, Error};

/// Name of the schedule that looks for overdue work.
pub const SWEEP: &str = "headwater.sweep";

/// What every name of ours starts with, so that others' schedules are left alone.
const PREFIX: &str = "headwater.";

/// Longest name that `EventBridge` Scheduler takes
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>).
const LONGEST_NAME: usize = 64;

/// Most that a firing is put off, so that a herd spreads out.
const JITTER: Duration = Duration::from_mins(15);

/// What applying the files changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Schedules created or changed.
    pub put: Vec<String>,
    /// Schedules that no file asks for any more.
    pub removed: Vec<String>,
    /// Schedules that were right already.
    pub unchanged: usize,
}

/// Why schedules could not be brought in line with the files.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The files cannot be used.
    #[error(transparent)]
    Configuration(#[from] Error),
    /// The scheduler refuses or does not answer.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
}

impl Configuration {
    /// Makes the scheduler's schedules those that the files ask for: one a connection, one a
    /// stream with its own schedule, and the sweep. Repeating it changes nothing.
    pub async fn apply_schedules(&self, scheduler: &dyn Scheduler) -> Result<Applied, ApplyError> {
        let mut wanted = BTreeMap::new();
        for tenant in self.tenants().await? {
            for schedule in schedules(&*self.tenant(&tenant).await?) {
                wanted.insert(schedule.name.clone(), schedule);
            }
        }
        wanted.insert(SWEEP.to_owned(), sweep());
        let mut applied = Applied::default();
        let mut standing = BTreeMap::new();
        for schedule in scheduler.list(PREFIX).await? {
            if wanted.contains_key(&schedule.name) {
                standing.insert(schedule.name.clone(), schedule);
            } else {
                scheduler.delete(&schedule.name).await?;
                applied.removed.push(schedule.name);
            }
        }
        for (name, schedule) in wanted {
            if standing.get(&name).is_some_and(|stands| same(stands, &schedule)) {
                applied.unchanged += 1;
                continue;
            }
            scheduler.put(&schedule).await?;
            applied.put.push(name);
        }
        Ok(applied)
    }
}

/// The schedules of a tenant: one a connection, and one a stream that has its own.
pub fn schedules(file: &TenantFile) -> Vec<Schedule> {
    let mut all = Vec::new();
    for (id, connection) in &file.connections {
        let enabled = !connection.paused;
        all.push(schedule(&file.tenant, id, None, (&connection.schedule, enabled)));
        let Streams::Listed(streams) = &connection.streams else { continue };
        for stream in streams {
            if let Some(own) = &stream.schedule {
                all.push(schedule(&file.tenant, id, Some(&stream.name), (own, enabled)));
            }
        }
    }
    all
}

fn schedule(
    tenant: &TenantId,
    connection: &ConnectionId,
    stream: Option<&StreamName>,
    (wanted, enabled): (&Wanted, bool),
) -> Schedule {
    let mut input = json!({"tenant": tenant, "connection": connection});
    let mut name = format!("{PREFIX}{tenant}.{connection}");
    if let (Some(stream), Some(fields)) = (stream, input.as_object_mut()) {
        fields.insert("stream".to_owned(), json!(stream));
        name = format!("{name}.{stream}");
    }
    let (cadence, jitter) = match wanted {
        Wanted::Every { every } => (Cadence::Every(*every), (*every / 4).min(JITTER)),
        Wanted::Cron { cron, timezone } => {
            let timezone = timezone.clone().unwrap_or_else(|| "UTC".to_owned());
            (Cadence::Cron { expression: cron.clone(), timezone }, JITTER)
        }
    };
    let jitter = Duration::from_secs(jitter.as_secs() / 60 * 60);
    let (name, input) = (fitting(name), input.to_string());
    Schedule { name, cadence, jitter, input, enabled, start: None }
}

fn sweep() -> Schedule {
    Schedule {
        name: SWEEP.to_owned(),
        cadence: Cadence::Every(Duration::from_mins(5)),
        jitter: Duration::ZERO,
        input: json!({"sweep": true}).to_string(),
        enabled: true,
        start: None,
    }
}

/// The name itself where it is accepted, else its start and a digest of the whole.
fn fitting(name: String) -> String {
    let accepted = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= LONGEST_NAME && name.chars().all(accepted) {
        return name;
    }
    let mut digest = String::new();
    for byte in Sha256::digest(name.as_bytes()).iter().take(12) {
        digest
            .extend([byte >> 4, byte & 15].map(|n| char::from_digit(n.into(), 16).unwrap_or('0')));
    }
    let start: String =
        name.chars().filter(|c| accepted(*c)).take(LONGEST_NAME - digest.len() - 1).collect();
    format!("{start}.{digest}")
}

fn same(stands: &Schedule, wanted: &Schedule) -> bool {
    let start = None;
    Schedule { start, ..stands.clone() } == *wanted
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ports::{Attributes, ObjectStore};
    use testkit::{MemoryScheduler, MemoryStore};

    use super::*;

    const FILE: &str = r#"
timezone: Europe/Berlin
connections:
  shop:
    source: shop
    schedule: {every: 2h}
    streams: [{name: orders, schedule: {cron: "30 * * * ? *"}}, customers]
  other: {source: shop, paused: true}
"#;

    async fn put(store: &MemoryStore, text: &str) {
        let key = "tenants/bluebird.yaml".parse().unwrap();
        store.put(&key, text.to_owned().into(), &Attributes::default()).await.unwrap();
    }

    #[tokio::test]
    async fn schedules_follow_the_files() {
        let store = Arc::new(MemoryStore::default());
        put(&store, FILE).await;
        let configuration = Configuration::new(Arc::clone(&store) as Arc<dyn ObjectStore>, "");
        let scheduler = MemoryScheduler::default();
        let applied = configuration.apply_schedules(&scheduler).await.unwrap();
        let names = [
            "headwater.bluebird.other",
            "headwater.bluebird.shop",
            "headwater.bluebird.shop.orders",
            SWEEP,
        ];
        assert_eq!(applied.put, names);
        let orders = scheduler.list("headwater.bluebird.shop.orders").await.unwrap().remove(0);
        assert_eq!(orders.input, r#"{"tenant":"bluebird","connection":"shop","stream":"orders"}"#);
        let (expression, timezone) = ("30 * * * ? *".to_owned(), "Europe/Berlin".to_owned());
        assert_eq!(orders.cadence, Cadence::Cron { expression, timezone });

        let again = configuration.apply_schedules(&scheduler).await.unwrap();
        assert_eq!(again, Applied { unchanged: 4, ..Applied::default() });

        put(&store, "connections: {shop: {source: shop}}").await;
        let changed = configuration.apply_schedules(&scheduler).await.unwrap();
        assert_eq!(changed.put, ["headwater.bluebird.shop"]);
        let removed = ["headwater.bluebird.other", "headwater.bluebird.shop.orders"];
        assert_eq!(changed.removed, removed);
    }

    #[test]
    fn every_name_is_one_that_schedulers_accept() {
        for name in
            ["headwater.a.b.Contact Search".to_owned(), format!("headwater.{}", "a".repeat(99))]
        {
            let fitted = fitting(name.clone());
            assert!(fitted.len() <= LONGEST_NAME && !fitted.contains(' '), "{fitted}");
            assert_ne!(fitted, fitting(format!("{name}x")));
        }
    }
}
