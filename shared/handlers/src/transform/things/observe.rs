//! Records of a landing object as observations.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::curated::{Quarantined, Reason, ThingCounts};
use lake::{Codec, Line, LineReader, PartRef, RowKey, Sha256Hex};
use model::{ObjectKey, Timestamp};
use normalize::identity::{Observation, Outcome, Raw};
use normalize::{Model, Refusal, Row, Sink};
use store::cluster::Scope;

use crate::identity::{ByRules, Taken, observation, take};
use crate::transform::models::Known;
use crate::transform::object::{LIMITS, Source, is_line_of};
use crate::transform::refuse::{About, Quarantine, rule_of};
use crate::transform::{Deps, Error};

/// Observations that are taken in at once.
const AT_ONCE: usize = 16;

/// Observations that are held before they are taken in.
const HELD: usize = 64;

/// A part whose records are observed.
pub(in crate::transform) struct Observing<'a> {
    pub(in crate::transform) deps: &'a Deps,
    pub(in crate::transform) known: &'a Known,
    pub(in crate::transform) scope: &'a Scope,
    pub(in crate::transform) shape: &'a ByRules,
    pub(in crate::transform) source: Source<'a>,
}

/// Which record an observation is of.
struct Of {
    line: u64,
    run: String,
    key: Option<String>,
    observation: Observation,
}

impl Observing<'_> {
    /// Takes in what the records of an object say; gives what became of them, and quarantine
    /// lines of those that could not take part.
    pub(in crate::transform) async fn part(
        &self,
        part: &PartRef,
        body: Bytes,
    ) -> Result<(ThingCounts, Option<Vec<u8>>), Error> {
        let mut counts = ThingCounts::default();
        let revision = &self.known.revised.revision;
        let made_by = (&self.known.name, revision);
        let Source { attempt, run, at, .. } = self.source;
        let mut quarantine = Quarantine::new(attempt, made_by, (&part.key, run), at);
        let mut held = Vec::new();
        let mut number = 0;
        // What cannot be read stands in quarantine already.
        let Ok(mut lines) = LineReader::new(body, Codec::of_key(&part.key), LIMITS) else {
            return Ok((counts, None));
        };
        let model = self.known.model();
        let Some(mut reader) = model.reader(attempt.source.as_str(), attempt.stream.as_str())
        else {
            return Ok((counts, None));
        };
        loop {
            match lines.next_line() {
                Ok(Some(text)) => {
                    number += 1;
                    self.line(&mut reader, (&part.key, number, text), &mut held)?;
                }
                Err(lake::ReadError::Line { .. }) => number += 1,
                Ok(None) | Err(_) => break,
            }
            if held.len() >= HELD {
                self.take(&mut held, &mut counts, &mut quarantine).await?;
            }
        }
        self.take(&mut held, &mut counts, &mut quarantine).await?;
        Ok((counts, quarantine.finish()))
    }

    fn line(
        &self,
        reader: &mut normalize::Reader<'_>,
        (object, number, text): (&ObjectKey, u64, &[u8]),
        held: &mut Vec<Of>,
    ) -> Result<(), Error> {
        let Ok(line) = Line::parse(text) else { return Ok(()) };
        if line.deleted || !is_line_of(&line, self.source.attempt) {
            return Ok(());
        }
        let record = line.record.get();
        let fetched = line.request_start.parse().unwrap_or(self.source.at);
        let key = RowKey::of(record, self.source.primary_key);
        let mut seen = Seen {
            model: self.known.model(),
            source: &self.source,
            fetched,
            raw: Raw {
                key: object.clone(),
                line: number - 1,
                sha256: Sha256Hex::of(record.as_bytes()).to_string(),
            },
            found: Vec::new(),
        };
        let read = reader.rows(record.as_bytes(), &mut seen);
        read.map_err(|refusal| Error::Violated {
            object: object.clone(),
            line: number,
            model: self.known.name.clone(),
            refusal,
        })?;
        held.extend(seen.found.into_iter().map(|observation| Of {
            line: number,
            run: line.run.to_string(),
            key: key.as_ref().map(|key| key.as_str().to_owned()),
            observation,
        }));
        Ok(())
    }

    async fn take(
        &self,
        held: &mut Vec<Of>,
        counts: &mut ThingCounts,
        quarantine: &mut Quarantine,
    ) -> Result<(), Error> {
        let (store, scope, shape) = (&self.deps.store, self.scope, self.shape);
        let taken = stream::iter(std::mem::take(held)).map(async |of| {
            let Of { line, run, key, observation } = of;
            let taken = take(store, scope, shape, observation).await?;
            Ok::<_, Error>((line, run, key, taken))
        });
        let taken: Vec<_> = taken.buffered(AT_ONCE).try_collect().await?;
        for (line, run, key, Taken { outcome, reason, .. }) in taken {
            *match outcome {
                Outcome::Inserted => &mut counts.inserted,
                Outcome::Updated => &mut counts.updated,
                Outcome::Unchanged => &mut counts.unchanged,
                Outcome::Stale => &mut counts.stale,
                Outcome::Rejected => &mut counts.rejected,
            } += 1;
            if outcome == Outcome::Rejected {
                let about =
                    About { line: Some(line), place: None, run: Some(&run), key: key.as_deref() };
                let found = without_values(&reason.unwrap_or_default());
                let broken = rule_of("identity", found, "a record that the rules can place");
                quarantine.add(about, Reason::Identity, vec![broken]);
            }
        }
        Ok(())
    }
}

/// A reason may end in the keys that say too little: values, which stand in the record alone.
fn without_values(reason: &str) -> String {
    reason.split(';').next().unwrap_or_default().to_owned()
}

/// What of a quarantine file is not about identity, so that a repeat does not double it.
pub(in crate::transform) fn without_rejected(lines: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let entry = serde_json::from_slice::<Quarantined>(line);
        if entry.is_ok_and(|entry| entry.reason != Reason::Identity) {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// Rows as observations.
struct Seen<'a> {
    model: &'a Model,
    source: &'a Source<'a>,
    fetched: Timestamp,
    raw: Raw,
    found: Vec<Observation>,
}

impl Sink for Seen<'_> {
    fn row(&mut self, row: &Row<'_>) {
        let source = self.source.attempt.source.clone();
        let raw = self.raw.clone();
        self.found.push(observation(self.model, row, source, self.fetched, raw));
    }

    fn refused(&mut self, _: &Refusal) {}
}
