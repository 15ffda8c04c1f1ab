//! One look at a place, from the listing to the last file moved.

use std::collections::BTreeSet;
use std::time::Duration;

use files::{Code, Found, Look as Seen, Refusal, Sight, is_late, is_marker_overdue};
use lake::delivery::{Accepted, FileDigest, FileFact};
use model::{Classify, Metric, Retry, Timestamp};
use ports::{Deadline, Entry};
use store::files::{ArrivalRow, FeedKey, Held, Look, SightRow, Stage, Versioned};

use super::read::Read;
use super::{Deps, Error, Looked, OpenFeed, Outcome, RESERVE};

/// Most files of one look; the others are seen when these are moved.
const MAX_FILES: usize = 10_000;

/// Failures of a file that the other files of a look wait for.
const PATIENCE: u32 = 3;

/// When files that wait for another one are looked at again.
const AGAIN: Duration = Duration::from_secs(30);

/// A look under way.
pub(super) struct Scan<'a> {
    pub(super) deps: &'a Deps,
    pub(super) open: OpenFeed,
    pub(super) look: Box<Look>,
    pub(super) deadline: Deadline,
    pub(super) now: Timestamp,
    pub(super) looked: Looked,
    /// Whether a file failed that others may have to wait for.
    hold: bool,
}

/// Looks at a feed.
pub(super) async fn scan(deps: &Deps, key: &FeedKey, deadline: Deadline) -> Result<Outcome, Error> {
    look(deps, key, deadline, None).await
}

/// Looks at a feed, and takes a refused file of it in once more.
pub(super) async fn look(
    deps: &Deps,
    key: &FeedKey,
    deadline: Deadline,
    again: Option<&FileFact>,
) -> Result<Outcome, Error> {
    let Some(open) = deps.feeds.open(key).await? else { return Ok(Outcome::Unknown) };
    let look = match deps.store.look(key).await? {
        Held::Ours(look) => look,
        Held::Other { until } => return Ok(Outcome::Busy { until }),
    };
    let (now, looked) = (deps.store.now(), Looked::default());
    let mut scan = Scan { deps, open, look, deadline, now, looked, hold: false };
    let done = scan.run(again).await;
    let Scan { look, looked, .. } = scan;
    let released = look.release().await;
    done?;
    released?;
    tracing::info!(
        tenant = %key.tenant, feed = %key.feed, seen = looked.seen, waiting = looked.waiting,
        accepted = looked.accepted, rejected = looked.rejected, duplicates = looked.duplicates,
        failed = looked.failed, records = looked.records, more = looked.more,
        "looked at feed `{key}`"
    );
    Ok(Outcome::Looked(looked))
}

impl Scan<'_> {
    async fn run(&mut self, again: Option<&FileFact>) -> Result<(), Error> {
        if let Some(fact) = again {
            self.take_again(fact).await?;
        }
        self.see().await?;
        let mut arrivals = self.deps.store.arrivals(&self.look.key).await?;
        if !self.fetch_all(&mut arrivals).await? {
            self.looked.more = true;
            return Ok(());
        }
        self.decide_all(arrivals).await?;
        self.tell_late();
        Ok(())
    }

    /// Whether there is time for another step.
    pub(super) fn has_time(&self) -> bool {
        self.deadline.remaining(self.deps.store.clock().as_ref()) >= RESERVE
    }

    pub(super) fn failed(&self, source: ports::DropError) -> Error {
        Error::Drop { feed: self.look.key.clone(), source }
    }

    /// Lists the place, and takes up what has arrived whole.
    async fn see(&mut self) -> Result<(), Error> {
        let entries = self.open.place.list(MAX_FILES).await;
        let entries = entries.map_err(|source| self.failed(source))?;
        let seen = Seen::at(&self.open.feed, &entries);
        let under_way = self.deps.store.arrivals(&self.look.key).await?;
        let under_way: BTreeSet<String> = under_way.into_iter().map(|open| open.row.path).collect();
        for found in &seen.files {
            if !under_way.contains(&found.entry.path) {
                self.look.keep().await?;
                self.see_file(found).await?;
            }
        }
        for marker in &seen.lone {
            self.see_lone(marker).await?;
        }
        Ok(())
    }

    async fn see_file(&mut self, found: &Found) -> Result<(), Error> {
        let Found { entry, marker } = found;
        let before = self.sight(&entry.path).await?;
        let known = before.as_ref().map(|known| &known.row);
        if known.is_some_and(|row| row.arrival.is_some()) {
            // Another look has taken it up since this one read what is under way.
            return Ok(());
        }
        let same = |row: &&SightRow| row.size == entry.size && row.modified == entry.modified;
        if known.filter(same).is_some_and(|row| row.settled) {
            return Ok(());
        }
        self.looked.seen += 1;
        let (mut row, sight) = self.seen(known, entry);
        if found.is_whole(&self.open.feed, &sight, self.now) {
            return self.take_up(before.as_ref(), row, marker.clone()).await;
        }
        self.looked.waiting += 1;
        if found.is_overdue(&self.open.feed, &sight, self.now) && !row.told {
            row.told = true;
            self.deps.metrics.count(Metric::FilesUnmarked, 1);
            tracing::warn!(
                tenant = %self.look.key.tenant, feed = %self.look.key.feed, path = %entry.path,
                "a file waits for its marker: ask the partner whether it is whole"
            );
        }
        let whole = self.now.checked_add(self.open.feed.complete.stable_for).ok();
        if self.open.feed.complete.markers.is_empty() {
            self.looked.next = self.looked.next.min(whole).or(whole);
        }
        Ok(self.look.see(before.as_ref(), &row).await?)
    }

    async fn see_lone(&mut self, marker: &Entry) -> Result<(), Error> {
        let before = self.sight(&marker.path).await?;
        let (mut row, sight) = self.seen(before.as_ref().map(|known| &known.row), marker);
        if is_marker_overdue(&self.open.feed, &sight, self.now) && !row.told {
            row.told = true;
            self.deps.metrics.count(Metric::MarkersAlone, 1);
            tracing::warn!(
                tenant = %self.look.key.tenant, feed = %self.look.key.feed, path = %marker.path,
                "a marker waits for its file: ask the partner to send it"
            );
        }
        Ok(self.look.see(before.as_ref(), &row).await?)
    }

    pub(super) async fn sight(&self, path: &str) -> Result<Option<Versioned<SightRow>>, Error> {
        Ok(self.deps.store.sight(&self.look.key, path).await?)
    }

    fn seen(&self, before: Option<&SightRow>, entry: &Entry) -> (SightRow, Sight) {
        let known = before.map(|row| Sight {
            size: row.size,
            modified: row.modified,
            since: row.since,
            looks: row.looks,
        });
        let sight = Sight::after(known, entry, self.now);
        let row = SightRow {
            path: entry.path.clone(),
            size: sight.size,
            modified: sight.modified,
            since: sight.since,
            looks: sight.looks,
            arrival: None,
            settled: false,
            accepted_before: before.is_some_and(|row| row.accepted_before),
            told: before.is_some_and(|row| row.told && sight.looks > 1),
        };
        (row, sight)
    }

    /// Takes a file up that has arrived whole.
    async fn take_up(
        &mut self,
        before: Option<&Versioned<SightRow>>,
        mut row: SightRow,
        marker: Option<String>,
    ) -> Result<(), Error> {
        let FeedKey { tenant, feed } = &self.look.key;
        let (size, modified) = (row.size.to_string(), row.modified.to_string());
        let since = self.now.to_string();
        let arrival =
            FileDigest::of(&[tenant.as_str(), feed.as_str(), &row.path, &size, &modified, &since]);
        row.arrival = Some(arrival.to_string());
        let fetching = Stage::Fetching { upload: None, parts: Vec::new(), hash: String::new() };
        let arrival = ArrivalRow {
            arrival: arrival.to_string(),
            path: row.path.clone(),
            size: row.size,
            modified: row.modified,
            since: self.now,
            marker,
            accepted_before: row.accepted_before,
            stage: fetching,
            failures: 0,
        };
        let mut taken = self.look.take_up(before, &row, arrival).await?;
        if let Some(refusal) = self.wrong_size(row.size) {
            self.decide_refused(&mut taken, None, &refusal).await?;
        }
        Ok(())
    }

    /// Files of a size that the feed does not take are not even fetched.
    fn wrong_size(&self, size: u64) -> Option<Refusal> {
        let limits = &self.open.feed.limits;
        if size < limits.min_bytes {
            let least = limits.min_bytes;
            let message = format!("{size} bytes, {least} are the least: was it cut off?");
            return Some(Refusal::new(Code::FileTooSmall, message));
        }
        let most = limits.max_bytes;
        let message = format!(
            "{size} bytes, {most} are the most; send it in pieces, or raise `limits.max_bytes` of \
             the feed"
        );
        (size > most).then(|| Refusal::new(Code::FileTooLarge, message))
    }

    /// Brings all files into the archive; tells whether the time sufficed.
    async fn fetch_all(
        &mut self,
        arrivals: &mut Vec<Versioned<ArrivalRow>>,
    ) -> Result<bool, Error> {
        let mut kept = Vec::with_capacity(arrivals.len());
        for mut arrival in arrivals.drain(..) {
            if !matches!(arrival.row.stage, Stage::Fetching { .. }) {
                kept.push(arrival);
                continue;
            }
            if !self.has_time() {
                return Ok(false);
            }
            match self.fetch(&mut arrival).await {
                Ok(super::fetch::Fetched::Stored) => kept.push(arrival),
                Ok(super::fetch::Fetched::Changed) => {}
                Ok(super::fetch::Fetched::OutOfTime) => return Ok(false),
                Err(error) => self.put_off(&mut arrival, error).await?,
            }
        }
        *arrivals = kept;
        Ok(true)
    }

    /// A failure of one file that may pass holds up no other one.
    async fn put_off(
        &mut self,
        arrival: &mut Versioned<ArrivalRow>,
        error: Error,
    ) -> Result<(), Error> {
        let of_place = matches!(error, Error::Drop { .. });
        if !of_place && error.retry() != Retry::Backoff || matches!(error, Error::Store(_)) {
            return Err(error);
        }
        self.looked.failed += 1;
        arrival.row.failures = arrival.row.failures.saturating_add(1);
        self.hold |= arrival.row.failures <= PATIENCE;
        tracing::warn!(
            tenant = %self.look.key.tenant, feed = %self.look.key.feed, path = %arrival.row.path,
            failures = arrival.row.failures, %error, "a file failed and is tried again"
        );
        Ok(self.look.advance(arrival).await?)
    }

    /// Reads all files that are in the archive, then lets them count in the order of their kinds.
    async fn decide_all(&mut self, arrivals: Vec<Versioned<ArrivalRow>>) -> Result<(), Error> {
        let (mut accepted, mut waiting) = (Vec::new(), Vec::new());
        for mut arrival in arrivals {
            if !self.has_time() {
                self.looked.more = true;
                // Nothing counts before what has to come first.
                return Ok(());
            }
            self.look.keep().await?;
            match self.read(&mut arrival).await {
                Ok(Read::Accepted(file)) => accepted.push((arrival, file)),
                Ok(Read::Decided) => self.end_refused(arrival).await?,
                Ok(Read::Waits) => waiting.push(arrival),
                Ok(Read::OutOfTime) => {
                    self.looked.more = true;
                    return Ok(());
                }
                Err(error) => self.put_off(&mut arrival, error).await?,
            }
        }
        if self.hold {
            // Customers come before what they buy: a file that fails for now holds up the look.
            self.looked.next = self.now.checked_add(AGAIN).ok();
            return Ok(());
        }
        // What was decided by a look that ended early counts by its instant, before all others.
        let begun = |(arrival, file): &(Versioned<ArrivalRow>, Box<Accepted>)| {
            let decided = matches!(arrival.row.stage, Stage::Decided { .. });
            (!decided, file.accepted, file.rank, file.name.clone())
        };
        accepted.sort_by_cached_key(begun);
        for (arrival, file) in accepted {
            self.look.keep().await?;
            let at = self.next_instant();
            self.accept(arrival, *file, at).await?;
        }
        self.decide_again(waiting).await
    }

    /// Files with the content of another one, now that it is decided whether that counts.
    async fn decide_again(&mut self, waiting: Vec<Versioned<ArrivalRow>>) -> Result<(), Error> {
        for mut arrival in waiting {
            self.look.keep().await?;
            match self.read(&mut arrival).await? {
                Read::Decided => self.end_refused(arrival).await?,
                // What is accepted out of turn would come behind what it has to precede.
                Read::Accepted(_) | Read::Waits | Read::OutOfTime => {
                    self.looked.next = self.now.checked_add(AGAIN).ok();
                }
            }
        }
        Ok(())
    }

    /// The instant by which the next file counts: later than that of every file before it, in
    /// whole milliseconds, so that files of one look have an order as well.
    fn next_instant(&self) -> Timestamp {
        let last = self.look.head.last_file.map_or(i64::MIN, Timestamp::as_millisecond);
        let next = self.now.as_millisecond().max(last.saturating_add(1));
        Timestamp::from_millisecond(next).unwrap_or(self.now)
    }

    /// Tells once that the next file is late.
    fn tell_late(&mut self) {
        let head = &mut self.look.head;
        let Some(last) = head.last_file.or(head.first_look) else { return };
        self.looked.late = is_late(&self.open.feed, last, self.now);
        if self.looked.late && head.late_told != Some(last) {
            head.late_told = Some(last);
            self.deps.metrics.count(Metric::FilesLate, 1);
            tracing::warn!(
                tenant = %self.look.key.tenant, feed = %self.look.key.feed, last_file = %last,
                "no file has come for longer than the feed expects"
            );
        }
    }
}
