//! Does what is due at a push, until nothing is or the time is up.

use std::time::Duration;

use model::Timestamp;
use ports::Deadline;
use store::push::PushKey;

use super::opened::{Opened, open};
use super::parts::Parts;
use super::plan::{self, Planned};
use super::round::{Pass, Round, round};
use super::{Deps, Error, Outcome, RESERVE, wake};

/// Open batches that are looked at together.
pub(super) const WINDOW: usize = 256;

/// With fewer open batches than this more are planned.
const AHEAD: usize = WINDOW / 2;

/// A wait up to this long is waited out.
const PATIENCE: Duration = Duration::from_secs(5);

/// New files are looked for no more often than this while there is other work.
const LOOK: Duration = Duration::from_secs(2);

/// Does what is due at a push.
#[tracing::instrument(skip_all, fields(tenant = %key.tenant, push = %key.push))]
pub(super) async fn run(deps: &Deps, key: &PushKey, until: Deadline) -> Result<Outcome, Error> {
    let Some(opened) = open(deps, key).await? else { return Ok(Outcome::default()) };
    if opened.paused {
        return Ok(Outcome::default());
    }
    let parts = Parts::default();
    let mut running = Running { deps, opened: &opened, parts: &parts, looked: None };
    let reserve = RESERVE + opened.destination.timeout();
    let mut outcome = Outcome::default();
    loop {
        if until.remaining(deps.store.clock().as_ref()) < reserve {
            wake::at(deps, key, deps.store.now()).await?;
            outcome.more = true;
            break;
        }
        let next = match running.turn(&mut outcome).await? {
            Turn::Went => continue,
            Turn::Rests => break,
            Turn::Waits(next) => next,
        };
        let wait = Duration::try_from(next.duration_since(deps.store.now())).unwrap_or_default();
        if wait > PATIENCE {
            wake::at(deps, key, next).await?;
            outcome.more = true;
            break;
        }
        deps.store.clock().sleep(wait.max(Duration::from_millis(20))).await;
    }
    let Outcome { calls, items, files, more, .. } = outcome;
    tracing::info!(calls, items, files, more, "push ran");
    Ok(outcome)
}

/// What one turn came to.
enum Turn {
    /// Something was done.
    Went,
    /// Nothing can be done before then.
    Waits(Timestamp),
    /// Nothing is left to do.
    Rests,
}

struct Running<'a> {
    deps: &'a Deps,
    opened: &'a Opened,
    parts: &'a Parts,
    /// When nothing was found to plan.
    looked: Option<Timestamp>,
}

impl Running<'_> {
    async fn turn(&mut self, outcome: &mut Outcome) -> Result<Turn, Error> {
        let store = &self.deps.store;
        let open = store.open_batches(&self.opened.key, WINDOW).await?;
        let pass = Pass::new(self.deps, self.opened, self.parts).await?;
        let mut lingers = None;
        if open.len() < AHEAD && (open.is_empty() || self.looks()) {
            match plan::step(&pass).await? {
                Planned::Some => return Ok(Turn::Went),
                Planned::Nothing => self.looked = Some(store.now()),
                Planned::Lingers(until) => lingers = Some(until),
            }
        }
        let is_empty = open.is_empty();
        match round(&pass, open, outcome).await? {
            Round::Went => Ok(Turn::Went),
            Round::Waits(next) => {
                Ok(Turn::Waits(lingers.map_or(next, |lingers| lingers.min(next))))
            }
            Round::Nothing if is_empty || lingers.is_some() => {
                Ok(lingers.map_or(Turn::Rests, Turn::Waits))
            }
            Round::Nothing => Ok(Turn::Rests),
        }
    }

    /// Whether it is time to look for files again.
    fn looks(&self) -> bool {
        let now = self.deps.store.now();
        self.looked.is_none_or(|at| now.duration_since(at) >= LOOK.try_into().unwrap_or_default())
    }
}
