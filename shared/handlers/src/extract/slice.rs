//! One slice: pages in, parts out, committed when it is whole.

use std::time::Duration;

use futures_util::future::join;
use model::Metric;
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
        let mut unsettled = false;
        for walk in 1..=WALKS {
            let whole = open.sofar.saved.is_none();
            let Walked::Whole { shifting } = self.walk(&mut open, &mut lander).await? else {
                return Ok(());
            };
            if !shifting || (whole && self.agrees(&open, &lander).await?) {
                unsettled = false;
                break;
            }
            unsettled = true;
            if walk == WALKS || self.should_stop() {
                break;
            }
            open.sofar = Sofar::default();
            lander.restart()?;
        }
        self.commit(&open, lander, unsettled).await
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
    async fn agrees(&self, open: &OpenSlice, first: &Lander<'_>) -> Result<bool, Error> {
        use std::hash::Hasher;
        let mut said = std::hash::DefaultHasher::new();
        let mut pages: Box<dyn Pages> = self.pull.read(&open.slice, None).await?;
        while let Some(page) = pages.next().await? {
            page.records.iter().for_each(|record| said.write(&record.raw));
            self.count(|counts| counts.pages += 1);
            if self.should_stop() {
                return Ok(false);
            }
        }
        Ok(said.finish() == first.said())
    }

    /// Commits what was landed, after all of it is durable. An attempt that says what the last
    /// one of its place said lands no object of its own.
    async fn commit(
        &self,
        open: &OpenSlice,
        mut lander: Lander<'_>,
        unsettled: bool,
    ) -> Result<(), Error> {
        let mut repeats = false;
        if let Some(part) = lander.last()? {
            let single = lander.sofar.parts.is_empty();
            let digest = single.then(|| part.records.as_str().to_owned());
            let last = if single { self.last_attempt(open).await? } else { None };
            lander.sofar.digest.clone_from(&digest);
            match last.filter(|last| Some(&last.digest) == digest.as_ref()) {
                Some(last) => {
                    lander.sofar.parts = last.parts;
                    repeats = true;
                }
                None => lander.store(part).await?,
            }
        }
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

    /// The attempt that this one may repeat: of the same partition, from the same instant.
    async fn last_attempt(&self, open: &OpenSlice) -> Result<Option<Attempt>, Error> {
        if self.plan.purpose != store::Purpose::Incremental {
            return Ok(None);
        }
        let partition = self.deps.store.partition(self.key(), &open.id.partition).await?;
        let last = partition.and_then(|partition| partition.last);
        Ok(last.filter(|last| last.start == open.id.start))
    }
}
