//! One slice: pages in, parts out, committed when it is whole.

use std::time::Duration;

use futures_util::future::join;
use lake::RecordsDigest;
use model::Metric;
use model::json::minify_into;
use serde_json::Value;
use store::{Attempt, Landed, OpenSlice, Saved, Sofar};

use super::Error;
use super::land::Lander;
use super::watch::Fact;
use super::work::Work;
use crate::pull::{Pages, Placing, PullPage};

/// A place found by counting is good for this long.
const COUNTED_PLACE: Duration = Duration::from_mins(5);

/// Walks over pages that shift until two of them agree.
const WALKS: u32 = 3;

/// How a walk ended.
enum Walked {
    /// At the last page.
    Whole {
        /// Whether rows could have shifted between its pages.
        shifting: bool,
    },
    /// In time; what it has is saved.
    Stopped,
}

impl Work<'_> {
    /// Reads one slice and commits it, or stops in time with its place saved.
    pub(super) async fn slice(&self, mut open: OpenSlice) -> Result<(), Error> {
        self.refresh_place(&mut open);
        let mut lander = Lander::new(self, &open)?;
        for walk in 1..=WALKS {
            let Walked::Whole { shifting } = self.walk(&mut open, &mut lander).await? else {
                return Ok(());
            };
            let last = lander.last()?;
            let unsettled = shifting && !self.agrees(&open, lander.said()).await?;
            if !unsettled || walk == WALKS || self.should_stop() {
                return self.commit(&open, (lander, last), unsettled).await;
            }
            open.sofar = Sofar::default();
            lander.restart()?;
        }
        Ok(())
    }

    /// Drops a saved place that cannot be trusted any more: the slice starts again.
    fn refresh_place(&self, open: &mut OpenSlice) {
        let Some(saved) = &open.sofar.saved else { return };
        let counted = saved.position.get("counted").and_then(Value::as_bool).unwrap_or_default();
        let age = self.deps.store.now().duration_since(saved.at).unsigned_abs();
        let keyless = self.described.primary_key.is_empty();
        if counted && (keyless || age > COUNTED_PLACE) {
            open.sofar = Sofar::default();
        }
    }

    /// Walks the pages of a slice from its saved place on. While one page is landed the next one
    /// is being fetched.
    async fn walk(&self, open: &mut OpenSlice, to: &mut Lander<'_>) -> Result<Walked, Error> {
        let saved = open.sofar.saved.take();
        let place = saved.as_ref().and_then(|saved| saved.position.get("place"));
        let mut pages = self.pull.read(&open.slice, place).await?;
        let mut shifting = false;
        let mut page = pages.next().await?;
        while let Some(current) = page {
            shifting |= current.next.as_ref().is_some_and(|next| next.placing == Placing::Count);
            if self.should_stop() && current.next.is_some() {
                to.page(&current).await?;
                self.save(open, to, &current).await?;
                return Ok(Walked::Stopped);
            }
            let (next, landed) = join(pages.next(), to.page(&current)).await;
            if landed? && current.next.is_some() {
                self.save(open, to, &current).await?;
            }
            page = match next {
                Ok(page) => page,
                Err(error) => {
                    self.save(open, to, &current).await?;
                    return Err(error.into());
                }
            };
            if page.is_none() && current.full {
                self.count(|counts| counts.full += 1);
            }
        }
        Ok(Walked::Whole { shifting })
    }

    /// Saves where to go on behind a page: once its rows are durable, the request of the next.
    async fn save(
        &self,
        open: &mut OpenSlice,
        to: &mut Lander<'_>,
        behind: &PullPage,
    ) -> Result<(), Error> {
        let Some(next) = &behind.next else { return Ok(()) };
        to.flush().await?;
        let counted = next.placing == Placing::Count;
        let place = if counted { &behind.this } else { next };
        let position = serde_json::json!({"counted": counted, "place": place.detail});
        to.sofar.saved = Some(Saved { position, at: self.deps.store.now() });
        open.sofar = to.sofar.clone();
        self.hold.save(&self.plan, open).await?;
        Ok(())
    }

    /// Walks once more without landing: whether the source still says the same.
    async fn agrees(&self, open: &OpenSlice, first: RecordsDigest) -> Result<bool, Error> {
        let mut said = RecordsDigest::default();
        let mut plain = Vec::new();
        let mut pages: Box<dyn Pages> = self.pull.read(&open.slice, None).await?;
        while let Some(page) = pages.next().await? {
            for record in &page.records {
                plain.clear();
                minify_into(&mut plain, &record.raw);
                said.add(&plain);
            }
            self.count(|counts| counts.pages += 1);
            if self.should_stop() {
                return Ok(false);
            }
        }
        Ok(said == first)
    }

    /// Commits what was landed, after all of it is durable. An attempt that says what the last
    /// one of its place said lands no object of its own.
    async fn commit(
        &self,
        open: &OpenSlice,
        (mut lander, part): (Lander<'_>, Option<lake::Part>),
        unsettled: bool,
    ) -> Result<(), Error> {
        let digest = lander.said().to_string();
        let last = if part.is_some() { self.last_attempt(open, &digest).await? } else { None };
        let repeats = last.is_some();
        if let Some(last) = last {
            lander.sofar.parts = last.parts;
        } else if let Some(part) = part {
            lander.store(part).await?;
        }
        lander.sofar.digest = Some(digest);
        lander.sofar.saved = None;
        let whole = Landed { sofar: lander.sofar, unsettled, repeats };
        let done = self.hold.commit(&self.plan, open, whole).await?;
        self.count(|counts| {
            counts.slices += 1;
            counts.committed += done.rows;
            counts.gaps += u64::from(unsettled);
        });
        self.deps.watch.count(Metric::RecordsExtracted, done.rows);
        self.tell(Fact::Committed { rows: done.rows });
        self.publish(Some(&done.id)).await;
        Ok(())
    }

    /// The attempt that this one repeats: of the same partition, from the same instant, with the
    /// same rows.
    async fn last_attempt(&self, open: &OpenSlice, digest: &str) -> Result<Option<Attempt>, Error> {
        if self.plan.purpose != store::Purpose::Incremental {
            return Ok(None);
        }
        let partition = self.deps.store.partition(self.key(), &open.id.partition).await?;
        let last = partition.and_then(|partition| partition.last);
        Ok(last.filter(|last| last.start == open.id.start && last.digest == digest))
    }
}
