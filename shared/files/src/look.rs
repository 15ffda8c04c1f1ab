//! A look at a drop: which files have arrived whole, and what to tell a person about.

use std::time::Duration;

use model::Timestamp;
use ports::Entry;

use crate::feed::Feed;
use crate::name;

/// What the last look knew of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Its size.
    pub size: u64,
    /// Its time.
    pub modified: Timestamp,
    /// Since when both have been seen so.
    pub since: Timestamp,
    /// How many looks have seen both so.
    pub looks: u32,
}

impl Sight {
    /// What is known after one more look.
    #[must_use]
    pub fn after(before: Option<Self>, entry: &Entry, now: Timestamp) -> Self {
        let first = Self { size: entry.size, modified: entry.modified, since: now, looks: 1 };
        let same = before.filter(|b| b.size == entry.size && b.modified == entry.modified);
        same.map_or(first, |before| Self { looks: before.looks.saturating_add(1), ..before })
    }

    /// Whether it has stayed the same for long enough.
    pub fn is_stable(&self, feed: &Feed, now: Timestamp) -> bool {
        let stable = feed.complete.stable_for;
        stable.is_zero() || self.looks > 1 && age(self.since, now) >= stable
    }
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or(Duration::ZERO)
}

/// A file and the one that says that it is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub entry: Entry,
    /// Its marker's path.
    pub marker: Option<String>,
}

/// What lies in a drop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Files, each with its marker where there is one.
    pub files: Vec<Found>,
    /// Markers whose files are not there.
    pub lone: Vec<Entry>,
}

impl Look {
    /// Tells files, markers and what is never looked at apart.
    pub fn at(feed: &Feed, entries: &[Entry]) -> Self {
        let seen: Vec<&Entry> =
            entries.iter().filter(|entry| !name::is_ignored(feed, &entry.path)).collect();
        let is_marker = |entry: &&&Entry| name::marker_of(feed, &entry.path).is_some();
        let markers: Vec<&Entry> = seen.iter().filter(is_marker).copied().collect();
        let files: Vec<&Entry> = seen.iter().filter(|e| !is_marker(e)).copied().collect();
        let marker = |file: &Entry| {
            let about = |marker: &&&Entry| name::is_about(feed, &marker.path, &file.path);
            markers.iter().find(about).map(|marker| marker.path.clone())
        };
        let found: Vec<Found> = files
            .iter()
            .map(|file| Found { entry: (*file).clone(), marker: marker(file) })
            .collect();
        let is_lone = |marker: &&&Entry| {
            !files.iter().any(|file| name::is_about(feed, &marker.path, &file.path))
        };
        let lone = markers.iter().filter(is_lone).map(|marker| (*marker).clone()).collect();
        Self { files: found, lone }
    }
}

impl Found {
    /// Whether the file has arrived whole.
    pub fn is_whole(&self, feed: &Feed, sight: &Sight, now: Timestamp) -> bool {
        if feed.complete.markers.is_empty() {
            return sight.is_stable(feed, now);
        }
        self.marker.is_some()
    }

    /// Whether it has waited for its marker for longer than it should.
    pub fn is_overdue(&self, feed: &Feed, sight: &Sight, now: Timestamp) -> bool {
        !feed.complete.markers.is_empty()
            && self.marker.is_none()
            && age(sight.since, now) >= feed.complete.file_alone
    }
}

/// Whether a marker has waited for its file for longer than it should.
pub fn is_marker_overdue(feed: &Feed, sight: &Sight, now: Timestamp) -> bool {
    age(sight.since, now) >= feed.complete.marker_alone
}

/// Whether the next file of a feed is late, when the last one came then.
pub fn is_late(feed: &Feed, last: Timestamp, now: Timestamp) -> bool {
    feed.expect.is_some_and(|expect| age(last, now) > expect.every + expect.late_after)
}

#[cfg(test)]
mod tests;
