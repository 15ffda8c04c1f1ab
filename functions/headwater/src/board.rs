//! What the streams of this process are doing, as handlers tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use handlers::extract::{Fact, Progress};
use model::{Metric, Timestamp};
use ports::{Dimension, Metrics};
use store::{RunStatus, StreamKey};

/// Keeps what was told.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    counted: Counted,
    ended: BTreeMap<StreamKey, RunStatus>,
    waiting: BTreeMap<StreamKey, (String, Timestamp)>,
    running: BTreeSet<StreamKey>,
}

/// Numbers over all streams.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Pages fetched.
    pub(crate) pages: u64,
    /// Rows read.
    pub(crate) rows: u64,
    /// Bytes stored.
    pub(crate) bytes: u64,
}

impl Board {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers so far.
    pub(crate) fn counted(&self) -> Counted {
        self.seen().counted
    }

    /// Streams whose run ended since this was asked last, and how.
    pub(crate) fn take_ended(&self) -> BTreeMap<StreamKey, RunStatus> {
        std::mem::take(&mut self.seen().ended)
    }

    /// What a stream waits for at an instant, if it does.
    pub(crate) fn waits(&self, stream: &StreamKey, now: Timestamp) -> Option<String> {
        let seen = self.seen();
        let (reason, until) = seen.waiting.get(stream).filter(|(_, until)| *until > now)?;
        Some(format!("{stream} ({reason}, {}s)", until.duration_since(now).as_secs() + 1))
    }

    /// Streams that are being read.
    pub(crate) fn running(&self) -> BTreeSet<StreamKey> {
        self.seen().running.clone()
    }
}

impl Progress for Board {
    fn tell(&self, stream: &StreamKey, fact: Fact) {
        let mut seen = self.seen();
        match fact {
            Fact::Started { .. } => {
                seen.waiting.remove(stream);
                seen.running.insert(stream.clone());
            }
            Fact::Page { rows } => {
                seen.waiting.remove(stream);
                seen.counted.pages += 1;
                seen.counted.rows += rows;
            }
            Fact::Part { bytes } => seen.counted.bytes += bytes,
            Fact::Committed { .. } => {}
            Fact::Waiting { reason, until } => {
                seen.waiting.insert(stream.clone(), (reason, until));
            }
            Fact::Ended { status, .. } => {
                seen.running.remove(stream);
                seen.ended.insert(stream.clone(), status);
            }
        }
    }
}

/// Takes numbers and forgets them: on one machine run records hold what dashboards show on AWS.
#[derive(Debug)]
pub(crate) struct Unmeasured;

impl Metrics for Unmeasured {
    fn emit(&self, _: Metric, _: f64, _: &[Dimension]) {}
}
