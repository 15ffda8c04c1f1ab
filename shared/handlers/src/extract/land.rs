//! Turning the pages of one slice into durable parts.

use std::time::Duration;

use bytes::Bytes;
use lake::{Attempt, Compared, LineContext, LineHeader, Month, PartWriter, RecordsDigest, Shown};
use model::{Classify, CursorValue, Metric, Retry, Timestamp};
use ports::{Attributes, ObjectError, ObjectStore, ObjectStoreExt};
use store::{OpenSlice, Part, Sign, Sofar, Store, counts};

use super::Error;
use super::watch::Fact;
use super::work::Work;
use crate::pull::{PullPage, PullRecord};

/// Tries of one object.
const TRIES: u32 = 5;

/// Rows that are named in one object of rows that were met.
const MET_AT_ONCE: u64 = 64 * 1024;

/// First pause between two tries; doubled each time.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes the rows of one attempt.
pub(super) struct Lander<'w> {
    work: &'w Work<'w>,
    attempt: Attempt,
    slice: String,
    writer: PartWriter,
    part: u32,
    /// What is durable.
    pub(super) sofar: Sofar,
    said: RecordsDigest,
    meeting: Option<Meeting<'w>>,
    /// Rows dated before this have all been read, as far as the source told.
    known_before: Option<Timestamp>,
}

/// What a reconcile does with rows that the view shows as they are: it names them.
struct Meeting<'w> {
    shown: &'w Shown,
    keys: PartWriter,
    said: RecordsDigest,
    scratch: Vec<u8>,
}

impl<'w> Meeting<'w> {
    fn new(work: &'w Work<'w>) -> Result<Option<Self>, Error> {
        let Some(shown) = work.shown.get() else { return Ok(None) };
        let keys = PartWriter::new(work.codec(), work.part_bytes()).map_err(encode)?;
        Ok(Some(Self { shown, keys, said: RecordsDigest::default(), scratch: Vec::new() }))
    }

    /// Names the record if the view shows it; gives whether it does.
    fn meet(&mut self, record: &PullRecord) -> Result<Met, Error> {
        let (key, digest) = match self.shown.compare(&record.raw, &mut self.scratch) {
            Compared::Same(key, digest) => (key, digest),
            Compared::Other => return Ok(Met::Changed),
            Compared::New => return Ok(Met::New),
        };
        self.keys.write_key(&key).map_err(encode)?;
        self.said.merge(digest);
        Ok(Met::Shown)
    }
}

/// What a reconcile knows of a record.
enum Met {
    /// The view shows it as it is.
    Shown,
    /// The view shows another version, or hides it.
    Changed,
    /// No version of it has landed before.
    New,
}

/// Whether a record is dated before an instant.
fn is_before(cursor: Option<&CursorValue>, instant: Option<Timestamp>) -> bool {
    match (cursor, instant) {
        (Some(CursorValue::Instant(at)), Some(instant)) => *at < instant,
        _ => false,
    }
}

impl<'w> Lander<'w> {
    pub(super) fn new(work: &'w Work<'w>, open: &OpenSlice) -> Result<Self, Error> {
        let attempt = attempt(work, open, work.hold.fence())?;
        let slice = format!("{}.{}", attempt.partition, attempt.slice);
        let writer = PartWriter::new(work.codec(), work.part_bytes()).map_err(encode)?;
        let sofar = open.sofar.clone();
        let said = sofar.digest.as_deref().unwrap_or_default().parse().unwrap_or_default();
        let meeting = Meeting::new(work)?;
        let known_before = open.known.before;
        Ok(Self { work, attempt, slice, writer, part: 0, sofar, said, meeting, known_before })
    }

    /// Forgets what was landed, for another walk. Parts that were stored are left to the janitor.
    pub(super) fn restart(&mut self) -> Result<(), Error> {
        self.writer = PartWriter::new(self.work.codec(), self.work.part_bytes()).map_err(encode)?;
        self.sofar = Sofar { again: self.sofar.again + 1, ..Sofar::default() };
        self.said = RecordsDigest::default();
        self.meeting = Meeting::new(self.work)?;
        Ok(())
    }

    /// What the durable records say together: equal when another walk met the same rows.
    pub(super) fn said(&self) -> RecordsDigest {
        self.said
    }

    /// Takes a page; gives whether a part was stored.
    pub(super) async fn page(&mut self, page: &PullPage) -> Result<bool, Error> {
        self.sofar.started.get_or_insert(page.request_start);
        let key = self.work.key();
        let header = LineHeader::new(&LineContext {
            tenant: &key.tenant,
            connection: &key.connection,
            stream: &key.stream,
            run: self.work.hold.run(),
            request_start: page.request_start,
            slice: &self.slice,
            page: page.number,
        });
        let mut late = 0;
        for (ordinal, record) in (0u64..).zip(&page.records) {
            let cursor = record.cursor.as_ref();
            self.observe(cursor);
            if let Some(meeting) = &mut self.meeting {
                match meeting.meet(record)? {
                    Met::Shown => continue,
                    Met::Changed => {}
                    Met::New => late += u64::from(is_before(cursor, self.known_before)),
                }
            }
            self.writer.write(&header, ordinal, cursor, &record.raw).map_err(encode)?;
            self.sofar.rows += 1;
        }
        if late > 0 {
            let example =
                || format!("slice {} page {}: {late} rows are new", self.slice, page.number);
            self.work.suspect(Sign::Late, example);
        }
        let rows = page.records.len() as u64;
        self.sofar.pages += 1;
        self.work.count(|counts| {
            counts.pages += 1;
            counts.rows += rows;
        });
        self.work.tell(Fact::Page { rows });
        let met = self.meeting.as_ref().map_or(0, |meeting| meeting.keys.rows());
        let is_full = self.writer.is_full() || met >= MET_AT_ONCE;
        if is_full { self.flush().await } else { Ok(false) }
    }

    fn observe(&mut self, cursor: Option<&CursorValue>) {
        if !counts(cursor, self.work.plan.now) || self.sofar.cursor.as_ref() > cursor {
            return;
        }
        if self.sofar.cursor.as_ref() == cursor {
            self.sofar.at_cursor += 1;
        } else {
            self.sofar.cursor = cursor.cloned();
            self.sofar.at_cursor = 1;
        }
    }

    /// Stores what is not durable yet.
    pub(super) async fn flush(&mut self) -> Result<bool, Error> {
        let met = self.flush_met().await?;
        let part = self.last()?;
        let landed = part.is_some();
        if let Some(part) = part {
            self.store(part).await?;
        }
        self.sofar.digest = Some(self.said.to_string());
        Ok(met || landed)
    }

    /// Stores what was met and is not durable yet.
    pub(super) async fn flush_met(&mut self) -> Result<bool, Error> {
        let Some(meeting) = &mut self.meeting else { return Ok(false) };
        let Some(part) = meeting.keys.finish().map_err(encode)? else { return Ok(false) };
        self.said.merge(std::mem::take(&mut meeting.said));
        self.part += 1;
        let key = self.attempt.met(self.part, self.work.codec()).map_err(encode)?;
        put(&self.work.deps.store, self.work.deps.lake.as_ref(), &key, part.body).await?;
        self.sofar.met.push(key);
        Ok(true)
    }

    /// The last part, not stored yet, but counted in what was said.
    pub(super) fn last(&mut self) -> Result<Option<lake::Part>, Error> {
        let part = self.writer.finish().map_err(encode)?;
        if let Some(part) = &part {
            self.said.merge(part.records);
        }
        Ok(part)
    }

    /// Stores a part under its own key.
    pub(super) async fn store(&mut self, part: lake::Part) -> Result<(), Error> {
        self.part += 1;
        let key = self.attempt.clone().part(self.part, self.work.codec());
        let key = key.render().map_err(encode)?;
        let bytes = part.body.len() as u64;
        put(&self.work.deps.store, self.work.deps.lake.as_ref(), &key, part.body).await?;
        self.sofar.parts.push(Part {
            key,
            rows: part.rows,
            bytes,
            sha256: part.sha256.as_str().to_owned(),
        });
        self.work.count(|counts| counts.bytes += bytes);
        self.work.deps.watch.count(Metric::BytesLanded, bytes);
        self.work.tell(Fact::Part { bytes });
        Ok(())
    }
}

/// The attempt that a fence makes at a slice.
pub(super) fn attempt(work: &Work<'_>, open: &OpenSlice, fence: u64) -> Result<Attempt, Error> {
    let key = work.key();
    Ok(Attempt {
        source: work.described.source.clone(),
        stream: key.stream.clone(),
        tenant: key.tenant.clone(),
        connection: key.connection.clone(),
        month: Month::from(work.plan.now),
        plan: work.plan.id.clone(),
        partition: open.id.partition.parse().map_err(encode)?,
        slice: open.window.map(model::Window::from).into(),
        fence,
    })
}

pub(super) fn encode(error: impl std::fmt::Display) -> Error {
    Error::Encode { reason: error.to_string() }
}

/// Puts an object once, repeating while its outcome is unknown.
pub(super) async fn put(
    store: &Store,
    lake: &dyn ObjectStore,
    key: &model::ObjectKey,
    body: Bytes,
) -> Result<(), ObjectError> {
    let attributes = Attributes {
        content_type: Some("application/x-ndjson".to_owned()),
        ..Attributes::default()
    };
    let mut tries = 0;
    loop {
        match lake.put_once(key, body.clone(), &attributes).await {
            Ok(_) => return Ok(()),
            Err(error) if error.retry() == Retry::Never || tries >= TRIES => return Err(error),
            Err(_) => {
                let pause = PAUSE * 2u32.saturating_pow(tries);
                tries += 1;
                store.clock().sleep(pause.mul_f64(0.5 + store.ids().chance())).await;
            }
        }
    }
}
