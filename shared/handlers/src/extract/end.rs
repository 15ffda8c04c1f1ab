//! A run from its lease to its end: the plan it works on, the heartbeat beside it, and how it
//! leaves the stream.

use std::time::Duration;

use futures_util::future::{Either, select};
use model::{Classify, Metric, Retry, Timestamp};
use ports::Deadline;
use store::{
    Counts, Hold, Leave, Plan, PossibleGap, Purpose, Reason, Refreshed, Run, RunStatus, StoreError,
};

use super::watch::Fact;
use super::work::{Left, Work, plan_id, purpose};
use super::{Deps, Error, Job, Outcome};
use crate::pull::{Described, PullError};

/// Longest pause between a failed run and the next try.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Pause before a source that was not ready is asked again.
const READY_AGAIN: Duration = Duration::from_mins(15);

/// What a run did, before it is written down.
struct Report {
    plan: Option<Plan>,
    counts: Counts,
    gaps: Vec<PossibleGap>,
    end: Result<Left, Error>,
}

impl Report {
    /// Of a run that failed before its first request.
    fn failed(plan: Option<Plan>, error: Error) -> Self {
        Self { plan, counts: Counts::default(), gaps: Vec::new(), end: Err(error) }
    }
}

/// Runs a job under its lease and leaves the stream.
pub(super) async fn run(
    deps: &Deps,
    hold: Hold,
    job: &Job,
    deadline: Deadline,
) -> Result<Outcome, Error> {
    let started = deps.store.now();
    let described = match deps.sources.describe(&job.stream).await {
        Ok(described) => described,
        Err(error) => return fail_closed(deps, hold, error.into()).await,
    };
    let open_plan = hold.head().await.plan;
    if job.plan.is_some() && job.plan != open_plan {
        let due = open_plan.map_or(described.schedule.after(started), |_| started);
        hold.leave(Leave::Waiting { due }).await?;
        return Ok(Outcome::Dropped);
    }
    let report = {
        let work = Box::pin(work(deps, &hold, &described, deadline));
        match select(work, Box::pin(heartbeat(deps, &hold))).await {
            Either::Left((report, _)) => report,
            Either::Right((error, _)) => Report::failed(None, error.into()),
        }
    };
    Ending { deps, job, described: &described, started }.leave(hold, report).await
}

/// Leaves a stream that could not even be looked up.
async fn fail_closed(deps: &Deps, hold: Hold, error: Error) -> Result<Outcome, Error> {
    let failures = hold.head().await.failures;
    let due = store_later(deps.store.now(), pause(deps, failures));
    hold.leave(Leave::Failed { due }).await?;
    deps.watch.count(Metric::RunsFailed, 1);
    Err(error)
}

/// Keeps the lease while the work goes on; ends when it is lost.
async fn heartbeat(deps: &Deps, hold: &Hold) -> StoreError {
    loop {
        deps.store.clock().sleep(deps.store.timing().lease / 3).await;
        if let Err(error) = hold.keep().await {
            return error;
        }
    }
}

/// Works on plans until nothing is open: one, or a reconcile and the plan that follows it.
async fn work(deps: &Deps, hold: &Hold, described: &Described, deadline: Deadline) -> Report {
    let (mut counts, mut gaps) = (Counts::default(), Vec::new());
    loop {
        let report = one_plan(deps, hold, described, deadline).await;
        counts += report.counts;
        gaps.extend(report.gaps);
        match report.end {
            Ok(Left::CatchUp) => {}
            end => return Report { plan: report.plan, counts, gaps, end },
        }
    }
}

async fn one_plan(deps: &Deps, hold: &Hold, described: &Described, deadline: Deadline) -> Report {
    let plan = match plan(deps, hold, described).await {
        Ok(plan) => plan,
        Err(error) => return Report::failed(None, error),
    };
    deps.watch.tell(hold.key(), Fact::Started { purpose: plan.purpose });
    let pull = match deps.sources.open(hold.key(), plan.now).await {
        Ok(pull) => pull,
        Err(error) => return Report::failed(Some(plan), error.into()),
    };
    let work = Work::new(deps, hold, (described, pull.as_ref()), plan.clone(), deadline);
    let end = match work.slices().await {
        Ok(()) => work.close().await,
        Err(error) => Err(error),
    };
    Report { plan: Some(plan), counts: work.counts(), gaps: work.gaps(), end }
}

/// The open plan, or a new one, stored before its first request.
async fn plan(deps: &Deps, hold: &Hold, described: &Described) -> Result<Plan, Error> {
    let head = hold.head().await;
    let refresh = described.mode == lake::Mode::FullRefresh;
    if let Some(id) = &head.plan
        && let Some(plan) = deps.store.plan(hold.key(), id).await?
        && refresh == (plan.purpose == Purpose::Refresh)
    {
        return Ok(plan);
    }
    // What lies within the clocks' difference may not have happened yet at the source.
    let skew = deps.store.timing().skew;
    let now = deps.store.now().checked_sub(skew).unwrap_or(Timestamp::MIN);
    let mode = serde_json::to_value(described.mode)?;
    let plan = Plan {
        id: plan_id(now, &deps.store.ids().fresh())?,
        purpose: purpose(described, &head, now),
        now,
        run: hold.run().clone(),
        mode: mode.as_str().unwrap_or_default().to_owned(),
        generation: None,
        expanded: false,
    };
    Ok(hold.begin(plan).await?)
}

fn pause(deps: &Deps, failures: u32) -> Duration {
    (deps.store.timing().retry * 2u32.saturating_pow(failures.min(10))).min(LONGEST_PAUSE)
}

fn store_later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How a run leaves its stream.
struct Ending<'a> {
    deps: &'a Deps,
    job: &'a Job,
    described: &'a Described,
    started: Timestamp,
}

impl Ending<'_> {
    async fn leave(&self, hold: Hold, report: Report) -> Result<Outcome, Error> {
        let Report { plan, mut counts, gaps, end } = report;
        for gap in &gaps {
            let PossibleGap { sign, times, example } = gap;
            let advice = sign.advice();
            tracing::warn!(%sign, times, example, advice, "rows may be missing");
            counts.gaps += times;
        }
        self.deps.watch.count(Metric::PagesFetched, counts.pages);
        self.deps.watch.count(Metric::GapsSuspected, counts.gaps);
        let now = self.deps.store.now();
        let began = plan.as_ref().map_or(self.started, |plan| plan.now);
        let regular = self.described.schedule.after(began).max(now);
        let (outcome, leave) = match end {
            Ok(Left::Nothing) => (Outcome::Complete { counts }, Leave::Complete { due: regular }),
            Ok(Left::Open | Left::CatchUp) => self.go_on(counts, None, regular),
            Err(error) => match self.failed(error, &hold, counts, regular).await {
                Ok(ended) => ended,
                Err(lost) => return lost,
            },
        };
        let (run, fence) = (hold.run().clone(), hold.fence());
        let head = match hold.leave(leave).await {
            Ok(head) => head,
            Err(StoreError::Lost { .. }) => return Ok(Outcome::Dropped),
            Err(error) => return Err(error.into()),
        };
        if let Some(at) = head.resume {
            let age = now.duration_since(at).as_secs().unsigned_abs();
            self.deps.watch.count(Metric::FreshnessSeconds, age);
        }
        let record = Run {
            id: run,
            key: self.job.stream.clone(),
            source: self.described.source.clone(),
            purpose: plan.as_ref().map(|plan| plan.purpose),
            plan: plan.map(|plan| plan.id),
            fence,
            started: self.started,
            ended: now,
            status: status(&outcome),
            counts,
            gaps,
            reason: reason(&outcome),
            resume: head.resume,
        };
        self.deps.watch.tell(&record.key, Fact::Ended { status: record.status, counts });
        self.deps.store.record(&record).await?;
        if let Outcome::Continued { until, .. } = &outcome {
            self.enqueue(&record, *until).await;
        }
        Ok(outcome)
    }

    /// Work is left: the continuation takes it up, or the sweep if that gets lost.
    fn go_on(
        &self,
        counts: Counts,
        until: Option<Timestamp>,
        regular: Timestamp,
    ) -> (Outcome, Leave) {
        if self.job.hop >= self.described.settings.hops.get() {
            self.deps.watch.count(Metric::InvocationsExhausted, 1);
            let message = format!("stopped after {} continuations", self.job.hop);
            let class = "Exhausted".to_owned();
            return (Outcome::Failed { class, message }, Leave::More { due: regular });
        }
        let from = until.unwrap_or(self.started).max(self.deps.store.now());
        let due = store_later(from, self.deps.store.timing().claim);
        (Outcome::Continued { counts, until }, Leave::More { due })
    }

    async fn failed(
        &self,
        error: Error,
        hold: &Hold,
        counts: Counts,
        regular: Timestamp,
    ) -> Result<(Outcome, Leave), Result<Outcome, Error>> {
        let now = self.deps.store.now();
        match &error {
            Error::Store(StoreError::Lost { .. }) => return Err(Ok(Outcome::Dropped)),
            Error::Source(PullError::NotReady { message }) => {
                let due = store_later(now, READY_AGAIN).min(regular);
                let reason = format!("not ready: {message}");
                return Ok((Outcome::Skipped { reason }, Leave::Waiting { due }));
            }
            Error::Source(PullError::Unsupported { message }) => {
                let reason = format!("not offered to this account: {message}");
                return Ok((Outcome::Skipped { reason }, Leave::Complete { due: regular }));
            }
            _ => {}
        }
        let due = match error.retry() {
            Retry::After(wait) => {
                let until = store_later(now, wait);
                let reason = error.to_string();
                self.deps.watch.tell(hold.key(), Fact::Waiting { reason, until });
                return Ok(self.go_on(counts, Some(until), regular));
            }
            Retry::Backoff => store_later(now, pause(self.deps, hold.head().await.failures)),
            Retry::Never | Retry::BadData => regular,
        };
        self.deps.watch.count(Metric::RunsFailed, 1);
        tracing::error!(stream = %hold.key(), %error, retry = error.retry().class(), "the run failed");
        let (class, message) = (error.retry().class().to_owned(), chain(&error));
        Ok((Outcome::Failed { class, message }, Leave::Failed { due }))
    }

    /// Enqueues the continuation. One that is lost is found by the sweep.
    async fn enqueue(&self, run: &Run, until: Option<Timestamp>) {
        let job = Job {
            stream: run.key.clone(),
            plan: run.plan.clone(),
            expects: Some(run.fence),
            hop: self.job.hop + 1,
            not_before: until,
        };
        if let Err(error) = crate::job::enqueue(self.deps.jobs.as_ref(), &job).await {
            tracing::warn!(stream = %run.key, %error, "a continuation waits for the sweep");
        }
    }
}

fn status(outcome: &Outcome) -> RunStatus {
    match outcome {
        Outcome::Complete { .. } => RunStatus::Complete,
        Outcome::Continued { .. } => RunStatus::Continued,
        Outcome::Skipped { .. } | Outcome::Held { .. } | Outcome::Dropped => RunStatus::Skipped,
        Outcome::Failed { .. } => RunStatus::Failed,
    }
}

fn reason(outcome: &Outcome) -> Option<Reason> {
    match outcome {
        Outcome::Skipped { reason } => {
            Some(Reason { class: "Skipped".to_owned(), message: reason.clone() })
        }
        Outcome::Failed { class, message } => {
            Some(Reason { class: class.clone(), message: message.clone() })
        }
        Outcome::Continued { .. }
        | Outcome::Complete { .. }
        | Outcome::Held { .. }
        | Outcome::Dropped => None,
    }
}

/// An error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

impl Work<'_> {
    /// A refresh read everything: it is published, or held aside and said so.
    pub(super) async fn refreshed(&self, refreshed: Refreshed) -> Result<(), Error> {
        match refreshed {
            Refreshed::Committed(_) => self.publish(None).await,
            Refreshed::Held(generation) => {
                self.deps.watch.count(Metric::GenerationsHeld, 1);
                tracing::error!(
                    stream = %self.key(),
                    rows = generation.rows,
                    "a refresh is much smaller than the last one: held aside until it is accepted",
                );
            }
        }
        Ok(())
    }
}
