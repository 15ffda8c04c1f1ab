//! Brings streams to the present: schedule, queue and extract in one process, until each of them
//! has a complete run that began after a given instant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use handlers::job::Target;
use handlers::schedule;
use model::{Retry, Timestamp};
use ports::Deadline;
use store::{Counts, Plan, Purpose, Run, RunStatus, StreamKey};

use crate::failure::Failure;
use crate::progress::Progress;
use crate::workers::{self, Workers};
use crate::world::World;

/// How often it is looked at what is missing.
const LOOK: Duration = Duration::from_millis(200);

/// Looks between two sweeps, which take up what dead processes left.
const LOOKS_A_SWEEP: u32 = 5;

/// Failures of a stream that are tried again.
const TRIES: u32 = 3;

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is at the present.
    Done,
    /// Its source said "not now" or "not for this account".
    Skipped(String),
    /// It failed.
    Failed(String),
    /// The time was up.
    Unfinished,
}

/// A stream and what was done for it.
#[derive(Debug, Clone)]
pub(crate) struct Driven {
    pub(crate) key: StreamKey,
    pub(crate) ended: Ended,
    pub(crate) counts: Counts,
}

/// What is asked of one stream.
struct Wanted {
    /// Whether deletes have to be looked for, too.
    reconcile: bool,
    failures: u32,
    ended: Option<Ended>,
}

/// Drives streams to the present.
pub(crate) struct Drive<'a> {
    world: &'a Arc<World>,
    since: Timestamp,
    until: Timestamp,
    streams: BTreeMap<StreamKey, Wanted>,
}

impl<'a> Drive<'a> {
    /// From `since` on, for no longer than `limit`.
    pub(crate) fn new(world: &'a Arc<World>, since: Timestamp, limit: Duration) -> Self {
        let until = since.checked_add(limit).unwrap_or(Timestamp::MAX);
        Self { world, since, until, streams: BTreeMap::new() }
    }

    /// Runs the streams of these schedules' targets, and gives what became of them.
    pub(crate) async fn run(
        mut self,
        targets: &[Target],
        progress: &Progress,
    ) -> Result<Vec<Driven>, Failure> {
        for target in targets {
            self.begin(target).await?;
        }
        // A plan's present lies the allowed skew behind the clock: started now, the first one would
        // end before `since`, and every stream would need a second run.
        let skew = self.world.store.timing().skew;
        self.world.clock.sleep(skew * 2).await;
        let workers = Workers::start(self.world);
        for target in targets {
            self.fire(schedule::Event::Fired(target.clone())).await?;
        }
        let mut looks = 0;
        while !self.is_over() {
            self.world.clock.sleep(LOOK).await;
            looks += 1;
            self.look().await?;
            if looks % LOOKS_A_SWEEP == 0 {
                self.fire(schedule::Event::Sweep { sweep: true }).await?;
            }
            self.show(progress);
        }
        self.drain(progress).await?;
        workers.stop().await;
        self.report().await
    }

    /// Makes every stream of a target known and due.
    async fn begin(&mut self, target: &Target) -> Result<(), Failure> {
        let unusable = |error| Failure::of("the configuration cannot be used", error);
        for key in self.world.sources.streams(target).await.map_err(unusable)? {
            let described = self.world.sources.describe(&key).await.map_err(unusable)?;
            let store = &self.world.store;
            store.enroll(&key, &described.source, self.since).await.map_err(state)?;
            store.set_due(&key, Some(self.since)).await.map_err(state)?;
            let head = store.head(&key).await.map_err(state)?;
            // A run that was killed may have committed rows that are gone by now.
            let known = head.is_some_and(|(head, _)| head.fence > 0);
            let incremental = described.mode == lake::Mode::Incremental;
            let reconcile = described.reconcile.is_some() && incremental && known;
            self.streams.insert(key, Wanted { reconcile, failures: 0, ended: None });
        }
        Ok(())
    }

    async fn fire(&self, event: schedule::Event) -> Result<(), Failure> {
        let deadline = Deadline::at(self.until);
        let fired = schedule::handle(&self.world.schedule, event, deadline).await;
        fired.map(|_| ()).map_err(|error| Failure::of("work cannot be scheduled", error))
    }

    /// Lets models take in what was committed.
    async fn drain(&self, progress: &Progress) -> Result<(), Failure> {
        workers::sweep(self.world).await?;
        while self.world.clock.now() < self.until {
            let depth = self.world.transforms.depth().await;
            let depth = depth.map_err(|error| Failure::of("a queue is out of reach", error))?;
            let waiting = depth.ready + depth.in_work;
            if waiting == 0 {
                break;
            }
            let named = [format!("{waiting} commits for the models")];
            let now = self.world.clock.now();
            progress.show(now, self.world.board.counted(), self.streams.len(), &named);
            self.world.clock.sleep(LOOK).await;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let open = self.streams.values().any(|wanted| wanted.ended.is_none());
        !open || self.world.clock.now() >= self.until
    }

    /// Looks at the streams whose runs ended, and asks for another run where one is missing.
    async fn look(&mut self) -> Result<(), Failure> {
        for (key, status) in self.world.board.take_ended() {
            let Some(wanted) = self.streams.get(&key).filter(|wanted| wanted.ended.is_none())
            else {
                continue;
            };
            let runs = self.runs(&key).await?;
            let ended = match status {
                RunStatus::Complete => self.satisfied(&runs, wanted.reconcile).await?,
                RunStatus::Skipped => Some(Ended::Skipped(reason(&runs))),
                RunStatus::Failed if is_final(&runs) || wanted.failures + 1 >= TRIES => {
                    Some(Ended::Failed(reason(&runs)))
                }
                RunStatus::Failed | RunStatus::Continued => None,
            };
            let again = ended.is_none() && status != RunStatus::Continued;
            if let Some(wanted) = self.streams.get_mut(&key) {
                wanted.failures += u32::from(status == RunStatus::Failed);
                wanted.ended = ended;
            }
            if again {
                let now = self.world.clock.now();
                self.world.store.set_due(&key, Some(now)).await.map_err(state)?;
                self.fire(schedule::Event::Sweep { sweep: true }).await?;
            }
        }
        Ok(())
    }

    /// The runs of a stream since the beginning, newest first.
    async fn runs(&self, key: &StreamKey) -> Result<Vec<Run>, Failure> {
        let runs = self.world.store.runs(&key.tenant, &key.connection, 500).await;
        let mut runs = runs.map_err(state)?;
        runs.retain(|run| &run.key == key && run.ended >= self.since);
        Ok(runs)
    }

    /// Whether a plan that began after the beginning was read whole, and, where deletes have to be
    /// looked for, a walk over everything too.
    async fn satisfied(&self, runs: &[Run], reconcile: bool) -> Result<Option<Ended>, Failure> {
        let store = &self.world.store;
        for run in runs.iter().filter(|run| run.status == RunStatus::Complete) {
            let Some(id) = &run.plan else { continue };
            let plan = store.plan(&run.key, id).await.map_err(state)?;
            let is_new = |plan: &Plan| plan.now >= self.since && plan.purpose != Purpose::Reconcile;
            if !plan.as_ref().is_some_and(is_new) {
                continue;
            }
            let head = store.head(&run.key).await.map_err(state)?;
            let reconciled = head.and_then(|(head, _)| head.reconciled);
            if !reconcile || reconciled.is_some_and(|at| at >= self.since) {
                return Ok(Some(Ended::Done));
            }
        }
        Ok(None)
    }

    fn show(&self, progress: &Progress) {
        let now = self.world.clock.now();
        let open = self.streams.iter().filter(|(_, wanted)| wanted.ended.is_none());
        let named =
            |key: &StreamKey| self.world.board.waits(key, now).unwrap_or_else(|| key.to_string());
        let waiting: Vec<String> = open.map(|(key, _)| named(key)).collect();
        let done = self.streams.len() - waiting.len();
        progress.show(now, self.world.board.counted(), done, &waiting);
    }

    async fn report(self) -> Result<Vec<Driven>, Failure> {
        let mut all = Vec::new();
        for key in self.streams.keys() {
            let mut counts = Counts::default();
            for run in self.runs(key).await? {
                counts.pages += run.counts.pages;
                counts.rows += run.counts.rows;
                counts.committed += run.counts.committed;
                counts.bytes += run.counts.bytes;
                counts.slices += run.counts.slices;
                counts.gone += run.counts.gone;
                counts.gaps += run.counts.gaps;
            }
            let ended = self.streams.get(key).and_then(|wanted| wanted.ended.clone());
            let ended = ended.unwrap_or(Ended::Unfinished);
            all.push(Driven { key: key.clone(), ended, counts });
        }
        Ok(all)
    }
}

fn reason(runs: &[Run]) -> String {
    let newest = runs.first().and_then(|run| run.reason.as_ref());
    newest.map(|reason| reason.message.clone()).unwrap_or_default()
}

/// Whether the newest run failed in a way that no repetition mends.
fn is_final(runs: &[Run]) -> bool {
    let newest = runs.first().and_then(|run| run.reason.as_ref());
    newest.is_some_and(|reason| reason.class == Retry::Never.class())
}

fn state(error: store::StoreError) -> Failure {
    Failure::of("the state cannot be read or written", error)
}
