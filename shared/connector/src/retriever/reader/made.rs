//! Walks over pages that a job makes.

use std::sync::Arc;

use request::value::Value;

use super::PageReader;
use crate::retriever::job::JobWalk;
use crate::retriever::{Evidence, Page};
use crate::slice::{Position, Slice};
use crate::stream::Core;

impl PageReader {
    /// Where a job makes the pages: they are there when it is done.
    pub(super) fn of_job(core: Arc<Core>, slice: Slice, from: Option<&Position>) -> Self {
        let (walk, token, number) = JobWalk::new(from);
        let token = if token.is_nothing() { core.paginator.initial() } else { token };
        let this = Self::at_place(core, slice, (token, number));
        Self { job: Some(walk), number, ..this }
    }

    /// Whether the source said that there is nothing to read: the slice was not read at all.
    pub(crate) fn skipped(&self) -> bool {
        self.job.as_ref().is_some_and(JobWalk::skipped)
    }

    /// What is given while there is no page: a place to wait on from.
    pub(super) fn waiting(&self, core: &Core) -> Page {
        let (token, number) = self.next.clone().unwrap_or_default();
        let token = if self.number == 0 { Value::None } else { token };
        let place = self.job.as_ref().map(|job| job.position(&token, number, 0));
        Page {
            records: Vec::new(),
            number,
            request_start: core.shared.runtime.clock.now(),
            this: place.clone().unwrap_or(Position::FIRST),
            next: place.or(Some(Position::FIRST)),
            evidence: Evidence::default(),
            bytes: 0,
            waiting: true,
        }
    }

    /// The places of a page of a job lead through its targets.
    pub(super) fn of_target(&mut self, core: &Core, mut page: Page) -> Page {
        let Some(job) = &mut self.job else { return page };
        page.this = job.position(&Value::from(&page.this.token), page.number, 0);
        self.number = page.number + 1;
        if let Some((token, number)) = &self.next {
            page.next = Some(job.position(token, *number, 0));
            return page;
        }
        page.next = job.has_more().then(|| job.position(&Value::None, self.number, 1));
        job.next_target();
        self.asked.clear();
        self.next = Some((core.paginator.initial(), self.number));
        page
    }
}
