//! One slice: pages in, parts out, committed when it is whole.

use std::time::Duration;

use futures_util::future::join;
use lake::RecordsDigest;
use model::Metric;
use model::json::minify_into;
use serde_json::Value;
use store::{Attempt, Check, Landed, OpenSlice, Saved, Sign, Sofar};

use super::Error;
use super::land::Lander;
use super::signs::Trail;
use super::watch::Fact;
use super::work::Work;
use crate::pull::{Pages, Place, Placing, PullError, PullPage};

/// A place found by counting is good for this long.
const COUNTED_PLACE: Duration = Duration::from_mins(5);

/// Times that a slice is begun again before it is taken as it is, and said to be unsettled.
const AGAIN: u32 = 2;

/// How a walk ended.
enum Walked {
    /// At the last page.
    Whole {
        /// Whether rows could have shifted between its pages.
        shifting: bool,
        /// What it showed.
        trail: Box<Trail>,
    },
    /// In time; what it has is saved.
    Stopped,
}

/// What a second walk found.
enum Checked {
    /// The same rows.
    Same,
    /// Other rows.
    Other,
    /// It stopped in time; its place is saved.
    Stopped,
}

impl Work<'_> {
    /// Reads one slice and commits it, or stops in time with its place saved. A slice whose pages
    /// can shift is read until two walks agree: what one of them skipped the other has.
    pub(super) async fn slice(&self, mut open: OpenSlice) -> Result<(), Error> {
        self.refresh_place(&mut open);
        let mut lander = Lander::new(self, &open)?;
        let mut seen = None;
        loop {
            if open.sofar.check.is_none() {
                let shifting = match self.walk(&mut open, &mut lander).await {
                    Ok(Walked::Whole { shifting, trail }) => {
                        seen = Some(trail);
                        shifting
                    }
                    Ok(Walked::Stopped) => return Ok(()),
                    Err(error) => {
                        self.misplaced(error, &mut open, &mut lander).await?;
                        continue;
                    }
                };
                if !shifting {
                    self.look_back(&open, seen.as_deref()).await;
                    return self.commit(&open, lander, false).await;
                }
                lander.flush().await?;
                lander.sofar.check = Some(Check::default());
                open.sofar = lander.sofar.clone();
            }
            match self.check(&mut open, lander.said()).await? {
                Checked::Stopped => return Ok(()),
                Checked::Same => {
                    self.look_back(&open, seen.as_deref()).await;
                    return self.commit(&open, lander, false).await;
                }
                Checked::Other if open.sofar.again >= AGAIN => {
                    self.look_back(&open, seen.as_deref()).await;
                    return self.commit(&open, lander, true).await;
                }
                Checked::Other => lander.restart()?,
            }
            open.sofar = lander.sofar.clone();
        }
    }

    /// Looks for signs that a walk missed rows. One that counted pages or records takes a short
    /// page for the last one: whether there are rows behind it is asked once.
    async fn look_back(&self, open: &OpenSlice, trail: Option<&Trail>) {
        let Some(trail) = trail else { return };
        self.walked(trail, open);
        let Some(beyond) = trail.beyond().filter(|_| !self.should_stop()) else { return };
        let behind = match self.pull.read(&open.slice, Some(&beyond.detail)).await {
            Ok(mut pages) => pages.next().await,
            Err(error) => Err(error),
        };
        match behind {
            Ok(Some(page)) if trail.is_news(&page) => {
                let rows = page.records.len();
                let example =
                    || format!("slice {}: {rows} rows after the last page", open.id.start);
                self.suspect(Sign::Beyond, example);
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(stream = %self.key(), %error, "no page behind the last"),
        }
    }

    /// Begins a slice again whose saved place the source does not know any more. A source that
    /// knows none of its places fails the run; the next one begins at the slice's start.
    async fn misplaced(
        &self,
        error: Error,
        open: &mut OpenSlice,
        lander: &mut Lander<'_>,
    ) -> Result<(), Error> {
        if !matches!(error, Error::Source(PullError::Misplaced { .. })) {
            return Err(error);
        }
        if open.sofar.again >= AGAIN {
            open.sofar = Sofar::default();
            self.hold.save(&self.plan, open).await?;
            return Err(error);
        }
        tracing::warn!(stream = %self.key(), %error, "a slice begins again");
        lander.restart()?;
        open.sofar = lander.sofar.clone();
        Ok(())
    }

    /// Drops a saved place that has grown old: the slice, or its check, starts again.
    fn refresh_place(&self, open: &mut OpenSlice) {
        let now = self.deps.store.now();
        let is_old = |saved: &Saved| {
            let counted = saved.position.get("counted").and_then(Value::as_bool);
            let age = now.duration_since(saved.at).unsigned_abs();
            counted.unwrap_or_default() && age > COUNTED_PLACE
        };
        let again = open.sofar.again + 1;
        if again > AGAIN {
            return;
        }
        if open.sofar.saved.as_ref().is_some_and(is_old) {
            open.sofar = Sofar { again, ..Sofar::default() };
        }
        if let Some(check) = &mut open.sofar.check
            && check.saved.as_ref().is_some_and(is_old)
        {
            *check = Check::default();
            open.sofar.again = again;
        }
    }

    /// Walks the pages of a slice from its saved place on. While one page is landed the next one
    /// is being fetched.
    async fn walk(&self, open: &mut OpenSlice, to: &mut Lander<'_>) -> Result<Walked, Error> {
        let saved = open.sofar.saved.take();
        let place = saved.as_ref().and_then(|saved| saved.position.get("place"));
        let mut pages = self.pull.read(&open.slice, place).await?;
        let mut shifting = false;
        let mut trail = Box::new(Trail::new(open, place.is_none()));
        let mut page = pages.next().await?;
        while let Some(current) = page {
            trail.page(&current);
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
        }
        Ok(Walked::Whole { shifting, trail })
    }

    /// Saves where to go on behind a page, once its rows are durable.
    async fn save(
        &self,
        open: &mut OpenSlice,
        to: &mut Lander<'_>,
        behind: &PullPage,
    ) -> Result<(), Error> {
        let Some(next) = &behind.next else { return Ok(()) };
        to.flush().await?;
        to.sofar.saved = Some(self.saved(next));
        open.sofar = to.sofar.clone();
        self.hold.save(&self.plan, open).await?;
        Ok(())
    }

    fn saved(&self, next: &Place) -> Saved {
        let counted = next.placing == Placing::Count;
        let position = serde_json::json!({"counted": counted, "place": next.detail});
        Saved { position, at: self.deps.store.now() }
    }

    /// Walks once more without landing: whether the source still says the same.
    async fn check(&self, open: &mut OpenSlice, first: RecordsDigest) -> Result<Checked, Error> {
        let check = open.sofar.check.clone().unwrap_or_default();
        let mut said: RecordsDigest =
            check.digest.as_deref().unwrap_or_default().parse().unwrap_or_default();
        let place = check.saved.as_ref().and_then(|saved| saved.position.get("place"));
        let mut pages: Box<dyn Pages> = self.pull.read(&open.slice, place).await?;
        loop {
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) => {
                    if matches!(error, PullError::Misplaced { .. }) {
                        open.sofar.check = Some(Check::default());
                    }
                    self.hold.save(&self.plan, open).await?;
                    return Err(error.into());
                }
            };
            add_all(&mut said, &page);
            self.count(|counts| counts.pages += 1);
            let saved = page.next.as_ref().map(|next| self.saved(next));
            let stops = saved.is_some() && self.should_stop();
            open.sofar.check = Some(Check { digest: Some(said.to_string()), saved });
            if stops {
                self.hold.save(&self.plan, open).await?;
                return Ok(Checked::Stopped);
            }
        }
        Ok(if said == first { Checked::Same } else { Checked::Other })
    }

    /// Commits what was landed, after all of it is durable. An attempt that says what the last
    /// one of its place said lands no object of its own.
    async fn commit(
        &self,
        open: &OpenSlice,
        mut lander: Lander<'_>,
        unsettled: bool,
    ) -> Result<(), Error> {
        lander.flush_met().await?;
        let part = lander.last()?;
        let digest = lander.said().to_string();
        let last = self.last_attempt(open, &digest).await?;
        let repeats = last.is_some();
        if let Some(last) = last {
            lander.sofar.parts = last.parts;
        } else if let Some(part) = part {
            lander.store(part).await?;
        }
        lander.sofar.digest = Some(digest);
        let whole = Landed { sofar: lander.sofar, unsettled, repeats };
        let done = self.hold.commit(&self.plan, open, whole).await?;
        self.count(|counts| {
            counts.slices += 1;
            counts.committed += if done.repeats { 0 } else { done.rows };
        });
        if unsettled {
            self.suspect(Sign::Unsettled, || format!("slice {}", done.id.start));
        }
        self.deps.watch.count(Metric::RecordsExtracted, done.rows);
        self.tell(Fact::Committed { rows: done.rows });
        if self.plan.generation.is_none() {
            self.publish(Some(&done.id)).await;
        }
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

fn add_all(said: &mut RecordsDigest, page: &PullPage) {
    let mut plain = Vec::new();
    for record in &page.records {
        plain.clear();
        minify_into(&mut plain, &record.raw);
        said.add(&plain);
    }
}
