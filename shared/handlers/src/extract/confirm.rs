//! Rows that a notice called gone: each is asked for by itself, and hidden if the source says that
//! there is no such row.

use lake::{Mode, RowKey};
use model::{Classify, Retry};
use store::{Doubted, GONE, Purpose, SliceId};

use super::Error;
use super::work::Work;

/// What came of asking for some rows.
#[derive(Default)]
struct Asked {
    gone: Vec<RowKey>,
    answered: Vec<Doubted>,
    /// Why not all of them were asked for.
    stopped: Option<Stop>,
}

enum Stop {
    /// The run's time is up: the next one goes on.
    Time,
    /// The source does not answer now: a later run asks.
    Source,
}

impl Work<'_> {
    /// Asks for rows that may be gone, and lands a tombstone for each that is. False when the time
    /// is up before all were asked for. A source that gives no answer does not fail the run:
    /// whatever it was, reconciles see it, too.
    pub(super) async fn confirm(&self) -> Result<bool, Error> {
        if self.plan.purpose == Purpose::Reconcile {
            return Ok(true);
        }
        let mut after = None;
        loop {
            let store = &self.deps.store;
            let (doubts, next) = store.doubts(self.key(), after.as_deref()).await?;
            let at = store.now();
            let asked = self.ask_for(doubts).await;
            if !asked.gone.is_empty() {
                self.hide(&asked.gone, at, SliceId::new(GONE, Some(at))).await?;
            }
            store.answered(self.key(), &asked.answered).await?;
            match (asked.stopped, next) {
                (Some(Stop::Time), _) => return Ok(false),
                (Some(Stop::Source), _) | (None, None) => return Ok(true),
                (None, next) => after = next,
            }
        }
    }

    async fn ask_for(&self, doubts: Vec<Doubted>) -> Asked {
        let mut asked = Asked::default();
        for one in doubts {
            // A refresh tells it by itself, and without a key of one field no row can be named.
            let row = RowKey::single(&self.described.primary_key, &one.doubt.id);
            let Some(row) = row.filter(|_| self.described.mode == Mode::Incremental) else {
                asked.answered.push(one);
                continue;
            };
            if self.should_stop() {
                asked.stopped = Some(Stop::Time);
                break;
            }
            match self.pull.is_gone(&one.doubt.path).await {
                Ok(is_gone) => asked.gone.extend(Some(row).filter(|_| is_gone)),
                Err(error) => {
                    tracing::warn!(stream = %self.key(), %error, "a row cannot be asked for");
                    if error.retry() != Retry::Never {
                        asked.stopped = Some(Stop::Source);
                        break;
                    }
                }
            }
            asked.answered.push(one);
        }
        asked
    }
}
