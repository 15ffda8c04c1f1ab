//! The rows, and all that they ever were.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{Timestamp, Unit};

/// One version of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: u64,
    /// Since when it is so, in whole milliseconds.
    pub updated_at: Timestamp,
    /// Its JSON text; empty when the item was deleted.
    pub text: String,
}

impl Row {
    /// Whether this version is a deletion.
    pub fn is_deleted(&self) -> bool {
        self.text.is_empty()
    }
}

#[derive(Debug, Default)]
pub(super) struct History {
    rows: BTreeMap<u64, Row>,
    pub(super) kinds: BTreeMap<String, String>,
    kinds_made: u64,
    pub(super) versions: Vec<Row>,
    pub(super) arrivals: Vec<Timestamp>,
    pub(super) limit: Option<(usize, Duration)>,
    pub(super) over: usize,
}

impl History {
    /// The items that there are.
    pub(super) fn items(&self) -> impl Iterator<Item = &Row> + Clone {
        self.rows.values().filter(|row| !row.is_deleted())
    }

    pub(super) fn create(&mut self, at: Timestamp) {
        self.write(self.rows.len() as u64 + 1, at);
    }

    pub(super) fn update(&mut self, which: usize, at: Timestamp) {
        if let Some(id) = pick(self.items(), which) {
            self.write(id, at);
        }
    }

    pub(super) fn delete(&mut self, which: usize, at: Timestamp) {
        if let Some(id) = pick(self.items(), which) {
            self.keep(Row { id, updated_at: milliseconds(at), text: String::new() });
        }
    }

    pub(super) fn restore(&mut self, which: usize, at: Timestamp) {
        let gone = self.rows.values().filter(|row| row.is_deleted());
        if let Some(id) = pick(gone, which) {
            self.write(id, at);
        }
    }

    fn write(&mut self, id: u64, at: Timestamp) {
        let updated_at = milliseconds(at);
        let version = self.versions.len();
        // Tokens that a careless reader would render otherwise: 1.10, 1E3, a long integer.
        let text = format!(
            "{{\"id\":{id},\"updated_at\":\"{updated_at:.3}\",\"price\":{version}.10,\
             \"weight\":1E3,\"big\":1234567890123456789{version},\"name\":\"n\\u00fc {version}\"}}"
        );
        self.keep(Row { id, updated_at, text });
    }

    fn keep(&mut self, row: Row) {
        self.versions.push(row.clone());
        self.rows.insert(row.id, row);
    }

    pub(super) fn create_kind(&mut self) {
        self.kinds_made += 1;
        let code = format!("k{:03}", self.kinds_made * 37 % 1000);
        let text = format!("{{\"code\":\"{code}\",\"label\":\"kind {}\"}}", self.kinds_made);
        self.kinds.insert(code, text);
    }

    pub(super) fn delete_kind(&mut self, which: usize) {
        let place = which % self.kinds.len().max(1);
        if let Some(code) = self.kinds.keys().nth(place).cloned() {
            self.kinds.remove(&code);
        }
    }

    /// Counts a call, or says how long the window is still full.
    pub(super) fn arrive(&mut self, now: Timestamp) -> Result<(), Duration> {
        self.arrivals.push(now);
        let Some((calls, window)) = self.limit else { return Ok(()) };
        let recent = self.arrivals.iter().filter(|at| now < **at + window).count();
        if recent <= calls {
            return Ok(());
        }
        self.over += 1;
        Err(window)
    }
}

fn pick<'a>(rows: impl Iterator<Item = &'a Row> + Clone, which: usize) -> Option<u64> {
    let count = rows.clone().count();
    rows.map(|row| row.id).nth(which % count.max(1))
}

fn milliseconds(at: Timestamp) -> Timestamp {
    let floor =
        jiff::TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Floor);
    at.round(floor).unwrap_or(at)
}
