//! How a batch ends, or begins anew, and what is told of it.

use std::time::Duration;

use destination::{Attempt, Judgement};
use model::{Metric, Timestamp};
use store::push::{Circuit, Held, OpenBatch};

use super::super::verdict::{self, Judged, Made};
use super::super::{Error, book};
use super::{Ended, Sending};

/// A push that was stopped tries again after this long; longer each time.
const STOPPED: Duration = Duration::from_mins(5);

/// The longest stop.
const LONGEST_STOP: Duration = Duration::from_hours(1);

impl Sending<'_> {
    /// Says what needs to be looked at.
    pub(super) fn tell(&self, judgement: &Judgement) {
        let key = &self.pass.opened.key;
        for alarm in &judgement.alarms {
            tracing::error!(push = %key, alarm, "a destination needs to be looked at");
        }
        if !judgement.unknown.is_empty() {
            self.tell_unknown(&judgement.unknown);
        }
    }

    fn tell_unknown(&self, codes: &[String]) {
        let (key, listed) = (&self.pass.opened.key, codes.join(", "));
        tracing::error!(push = %key, codes = listed, "no rule knows these codes");
        self.pass.deps.metrics.count(Metric::CodesUnknown, codes.len() as u64);
    }

    /// Stops the push; gives until when.
    pub(super) async fn stop(&self, reason: &str) -> Result<Timestamp, Error> {
        let (store, key) = (&self.pass.deps.store, &self.pass.opened.key);
        let before = store.circuit(key).await?;
        let now = store.now();
        if let Some(open) = before.as_ref().filter(|circuit| circuit.until > now) {
            return Ok(open.until);
        }
        let times = before.as_ref().map_or(0, |circuit| circuit.times + 1);
        let wait = STOPPED.saturating_mul(2_u32.saturating_pow(times.min(8))).min(LONGEST_STOP);
        let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let since = before.map_or(now, |circuit| circuit.since);
        let circuit = Circuit { since, until, times, reason: reason.to_owned() };
        store.open_circuit(key, &circuit).await?;
        tracing::error!(push = %key, reason, "push stopped");
        self.pass.deps.metrics.count(Metric::PushesStopped, 1);
        Ok(until)
    }

    /// Stores what came of the batch and ends it.
    pub(super) async fn conclude(&self, held: &Held, with: (Judged, Made)) -> Result<Ended, Error> {
        let on = (self.group.as_ref(), &held.batch);
        let outcome = verdict::concluded(self.pass, on, &self.items, with)?;
        let outcome = book::conclude(self.pass, on, outcome).await?;
        self.finish(held, &outcome).await
    }

    /// Ends the batch as its outcome says.
    pub(super) async fn finish(
        &self,
        held: &Held,
        outcome: &lake::delivery::BatchOutcome,
    ) -> Result<Ended, Error> {
        let (pass, deps) = (self.pass, self.pass.deps);
        let on = (self.group.as_ref(), &held.batch);
        let children = verdict::go_on(pass, &held.batch, &self.items, outcome)?;
        let done = verdict::done(pass, on, &self.items, outcome)?;
        let ended = deps.store.finish_batch(&pass.opened.key, held, &done, &children).await?;
        if !ended {
            return Ok(Ended::default());
        }
        if outcome.status.is_some() && deps.store.circuit(&pass.opened.key).await?.is_some() {
            deps.store.close_circuit(&pass.opened.key).await?;
        }
        let items = done.counts.iter().map(|counted| counted.items).sum();
        let of = |verdicts: &[&str]| {
            let counts = done.counts.iter();
            let counts = counts.filter(|counted| verdicts.contains(&counted.verdict.as_str()));
            counts.map(|counted| counted.items).sum()
        };
        deps.metrics.count(Metric::RecordsPushed, of(&["ok", "duplicate"]));
        deps.metrics.count(Metric::RecordsUnpushed, of(&["failed", "unknown"]));
        Ok(Ended { calls: 0, items })
    }
}

/// The same batch again: after a known answer in a new round, after none with the same request.
pub(super) fn again(batch: &mut OpenBatch, until: Timestamp, known: bool, attempt: &Attempt) {
    batch.not_before = until;
    (batch.tries, batch.reroutes) = (attempt.tries, attempt.reroutes);
    (batch.defers, batch.refreshed) = (attempt.defers, attempt.refreshed);
    if known && !batch.doubt {
        batch.round += 1;
        batch.intent = None;
    } else {
        batch.doubt = true;
    }
}
