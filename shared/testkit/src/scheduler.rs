//! The clauses of [`Scheduler`].

#![expect(clippy::unwrap_used, reason = "a clause that does not hold panics")]

use std::time::Duration;

use model::{Classify, Retry};
use ports::{Cadence, Schedule, Scheduler, SchedulerError};

/// Tests an adapter of [`Scheduler`](ports::Scheduler): one `#[tokio::test]` a clause.
///
/// Takes an expression, which may `await`, for a fresh scheduler of its own: anything that
/// derefs to it. Call it in a module of its own.
#[macro_export]
macro_rules! scheduler_contract {
    ($new:expr) => {
        $crate::scheduler_contract!(@ $new,
            a_schedule_comes_back_as_it_went
            put_replaces_by_name
            delete_removes
            delete_of_nothing_succeeds
            list_selects_by_prefix_in_order_of_names
            list_holds_more_than_a_page
            bad_names_are_refused
            bad_intervals_are_refused
            bad_cron_expressions_are_refused
        );
    };
    (@ $new:expr, $($clause:ident)*) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let scheduler = $new;
                $crate::scheduler::$clause(&*scheduler).await;
            }
        )*
    };
}

fn every(name: &str, minutes: u64) -> Schedule {
    Schedule {
        name: name.to_owned(),
        cadence: Cadence::Every(Duration::from_mins(minutes)),
        jitter: Duration::from_mins(5),
        input: "{\"tenant\":\"acme\",\"connection\":\"shop\"}".to_owned(),
        enabled: true,
        start: None,
    }
}

fn cron(name: &str, expression: &str, timezone: &str) -> Schedule {
    let (expression, timezone) = (expression.to_owned(), timezone.to_owned());
    Schedule { cadence: Cadence::Cron { expression, timezone }, ..every(name, 1) }
}

async fn names(scheduler: &dyn Scheduler, prefix: &str) -> Vec<String> {
    scheduler.list(prefix).await.unwrap().into_iter().map(|schedule| schedule.name).collect()
}

async fn refused(scheduler: &dyn Scheduler, schedule: Schedule) {
    let error = scheduler.put(&schedule).await.unwrap_err();
    assert!(matches!(error, SchedulerError::Refused { .. }), "{schedule:?}: {error:?}");
    assert_eq!(error.retry(), Retry::Never);
    assert_eq!(scheduler.list("").await.unwrap(), []);
}

/// What was put is listed, to the last field.
pub async fn a_schedule_comes_back_as_it_went(scheduler: &dyn Scheduler) {
    let expected = [
        cron("a-cron", "0 6 ? * MON-FRI *", "America/New_York"),
        Schedule { enabled: false, jitter: Duration::ZERO, ..every("b.off", 1) },
        every("c_day", 24 * 60),
        every("d_minutes", 90),
    ];
    for schedule in &expected {
        scheduler.put(schedule).await.unwrap();
    }
    assert_eq!(scheduler.list("").await.unwrap(), expected);
}

/// A second put under a name replaces the first.
pub async fn put_replaces_by_name(scheduler: &dyn Scheduler) {
    scheduler.put(&every("a", 5)).await.unwrap();
    let other =
        Schedule { enabled: false, input: "{}".to_owned(), ..cron("a", "0 6 * * ? *", "UTC") };
    for _ in 0..2 {
        scheduler.put(&other).await.unwrap();
    }
    assert_eq!(scheduler.list("a").await.unwrap(), [other]);
}

/// What was deleted is not listed.
pub async fn delete_removes(scheduler: &dyn Scheduler) {
    scheduler.put(&every("a", 5)).await.unwrap();
    scheduler.put(&every("ab", 5)).await.unwrap();
    scheduler.delete("a").await.unwrap();
    assert_eq!(names(scheduler, "").await, ["ab"]);
}

/// Deleting what is absent succeeds.
pub async fn delete_of_nothing_succeeds(scheduler: &dyn Scheduler) {
    scheduler.delete("absent").await.unwrap();
}

/// A prefix selects names; they come in byte order.
pub async fn list_selects_by_prefix_in_order_of_names(scheduler: &dyn Scheduler) {
    for name in ["tenant.b.x", "tenant.a.y", "tenant.a.x", "tenant.ab", "sweep"] {
        scheduler.put(&every(name, 5)).await.unwrap();
    }
    assert_eq!(names(scheduler, "tenant.a.").await, ["tenant.a.x", "tenant.a.y"]);
    assert_eq!(names(scheduler, "tenant.").await.len(), 4);
    assert_eq!(names(scheduler, "none").await.len(), 0);
}

/// All are listed, however many.
pub async fn list_holds_more_than_a_page(scheduler: &dyn Scheduler) {
    let expected: Vec<String> = (0..120).map(|n| format!("many.{n:03}")).collect();
    for name in &expected {
        scheduler.put(&every(name, 5)).await.unwrap();
    }
    assert_eq!(names(scheduler, "many.").await, expected);
}

/// Names that `EventBridge` does not take are refused.
pub async fn bad_names_are_refused(scheduler: &dyn Scheduler) {
    for name in ["", "a/b", "a b", "ä", &"x".repeat(65)] {
        refused(scheduler, every(name, 5)).await;
    }
}

/// Intervals and jitters are whole minutes.
pub async fn bad_intervals_are_refused(scheduler: &dyn Scheduler) {
    for seconds in [0, 30, 90] {
        let cadence = Cadence::Every(Duration::from_secs(seconds));
        refused(scheduler, Schedule { cadence, ..every("a", 1) }).await;
    }
    refused(scheduler, Schedule { jitter: Duration::from_secs(1), ..every("a", 1) }).await;
}

/// Expressions and time zones that `EventBridge` does not take are refused.
pub async fn bad_cron_expressions_are_refused(scheduler: &dyn Scheduler) {
    for expression in ["0 6 * * *", "0 6 * * * *", "61 6 * * ? *", "0 6 * * ? *x", ""] {
        refused(scheduler, cron("a", expression, "UTC")).await;
    }
    refused(scheduler, cron("a", "0 6 * * ? *", "Mars/Olympus")).await;
}
