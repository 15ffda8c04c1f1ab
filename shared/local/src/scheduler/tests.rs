use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt;
use tempfile::TempDir;
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::testing::scratch_database;

fn scratch() -> (SqliteScheduler, ManualClock, TempDir) {
    let (database, folder) = scratch_database();
    let clock = ManualClock::default();
    let ids = Arc::new(SeededIds::new(1));
    (SqliteScheduler::new(&database, Arc::new(clock.clone()), ids), clock, folder)
}

mod contract {
    use super::*;

    testkit::scheduler_contract!({
        let (scheduler, _, folder) = scratch();
        testkit::Kept::new(scheduler, folder)
    });
}

const MINUTE: Duration = Duration::from_mins(1);

fn every(minutes: u64) -> Schedule {
    Schedule {
        name: "a".to_owned(),
        cadence: Cadence::Every(MINUTE * u32::try_from(minutes).unwrap()),
        jitter: Duration::ZERO,
        input: "{}".to_owned(),
        enabled: true,
        start: None,
    }
}

/// Lets a time pass minute by minute and gives the minutes at which something fired.
async fn minutes(scheduler: &SqliteScheduler, clock: &ManualClock, span: u32) -> Vec<u32> {
    let mut fired = Vec::new();
    for minute in 0..span {
        let count = scheduler.fire_due(&|_| async { Ok(()) }.boxed()).await.unwrap();
        fired.extend((0..count).map(|_| minute));
        clock.advance(MINUTE);
    }
    fired
}

#[tokio::test]
async fn an_interval_fires_at_once_and_then_each_interval() {
    let (scheduler, clock, _folder) = scratch();
    scheduler.put(&every(5)).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 12).await, [0, 5, 10]);
}

#[tokio::test]
async fn nothing_fires_before_the_start_nor_when_it_is_off() {
    let (scheduler, clock, _folder) = scratch();
    let start = Some(clock.now() + 3 * MINUTE);
    scheduler.put(&Schedule { start, ..every(5) }).await.unwrap();
    scheduler.put(&Schedule { name: "off".to_owned(), enabled: false, ..every(1) }).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 10).await, [3, 8]);
}

#[tokio::test]
async fn a_cron_schedule_fires_by_the_calendar_of_its_zone() {
    let (scheduler, clock, _folder) = scratch();
    let (expression, timezone) = ("30 1 * * ? *".to_owned(), "Europe/Berlin".to_owned());
    let cadence = Cadence::Cron { expression, timezone };
    scheduler.put(&Schedule { cadence, ..every(1) }).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 60).await, [30]);
    let next = scheduler.next_due().await.unwrap().unwrap();
    assert_eq!(next.to_string(), "2050-01-02T00:30:00Z");
}

#[tokio::test]
async fn missed_firings_become_one() {
    let (scheduler, clock, _folder) = scratch();
    scheduler.put(&every(5)).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 1).await, [0]);
    clock.advance(61 * MINUTE);
    assert_eq!(minutes(&scheduler, &clock, 5).await, [0, 3]);
}

#[tokio::test]
async fn jitter_makes_a_firing_later_but_never_earlier() {
    let (scheduler, clock, _folder) = scratch();
    let mut delays = Vec::new();
    for n in 0..20 {
        let jitter = 10 * MINUTE;
        let name = format!("s{n}");
        scheduler.put(&Schedule { name, jitter, ..every(60) }).await.unwrap();
    }
    for (name, definition) in scheduler.list("").await.unwrap().iter().map(|s| (&s.name, s)) {
        assert_eq!(definition.jitter, 10 * MINUTE, "{name}");
    }
    delays.extend(minutes(&scheduler, &clock, 60).await);
    assert_eq!(delays.len(), 20);
    assert!(delays.iter().all(|minute| *minute <= 10), "{delays:?}");
    assert!(delays.first() != delays.last(), "{delays:?}");
}

#[tokio::test]
async fn a_firing_that_fails_comes_again_soon() {
    let (scheduler, clock, _folder) = scratch();
    scheduler.put(&every(60)).await.unwrap();
    let tries = Mutex::new(0);
    let fire = |_| {
        *tries.lock().unwrap() += 1;
        let result = if *tries.lock().unwrap() < 3 { Err("not now".into()) } else { Ok(()) };
        async { result }.boxed()
    };
    for _ in 0..10 {
        scheduler.fire_due(&fire).await.unwrap();
        clock.advance(MINUTE);
    }
    assert_eq!(*tries.lock().unwrap(), 3);
}

#[tokio::test]
async fn a_claim_whose_owner_died_is_fired_by_another_and_only_then() {
    let (scheduler, clock, _folder) = scratch();
    scheduler.put(&every(60)).await.unwrap();
    let claimed = scheduler.claim_due().await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(minutes(&scheduler, &clock, 10).await, [5]);
    scheduler.fired(&claimed[0]).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 60).await, [50]);
}

#[tokio::test]
async fn putting_a_schedule_again_leaves_its_times_alone() {
    let (scheduler, clock, _folder) = scratch();
    scheduler.put(&every(5)).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 3).await, [0]);
    scheduler.put(&Schedule { input: "{\"x\":1}".to_owned(), ..every(5) }).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 3).await, [2]);
    scheduler.put(&every(2)).await.unwrap();
    assert_eq!(minutes(&scheduler, &clock, 3).await, [0, 2]);
}
