//! The section `async` of an operation.

use std::time::Duration;

use model::config::At;

use super::template::{JOB, Reader};
use crate::job::{Asynchronous, Fetch};

/// The longest that a job may be followed.
const LONGEST: Duration = Duration::from_hours(7 * 24);

impl Reader<'_, '_> {
    pub(super) fn asynchronous(&mut self, at: &At<'_>) -> Option<Asynchronous> {
        let known = &["job", "poll", "every", "most", "status", "running", "done", "fetch"];
        if !self.d.names(at, known) {
            return None;
        }
        let id = self.d.required(at, "job").and_then(|at| self.d.parsed(&at));
        let poll = self.d.required(at, "poll").map(|at| self.path(&at, JOB));
        let status = self.d.required(at, "status").and_then(|at| self.d.parsed(&at));
        let span = |reader: &mut Self, name: &str| {
            at.field(name).and_then(|at| reader.d.span(&at, Duration::from_millis(10), LONGEST))
        };
        let (every, most) = (span(self, "every"), span(self, "most"));
        let running = self.states(at, "running");
        let done = self.states(at, "done");
        let fetch = at.field("fetch").and_then(|at| self.fetch(&at));
        Some(Asynchronous {
            id: id?,
            poll: poll?,
            every: every.unwrap_or(Duration::from_secs(5)),
            most: most.unwrap_or(Duration::from_hours(24)),
            status: status?,
            running,
            done,
            fetch,
        })
    }

    fn states(&mut self, at: &At<'_>, name: &str) -> Vec<String> {
        let Some(at) = self.d.required(at, name) else { return Vec::new() };
        let items = if at.node.items().is_some() { self.d.list(&at) } else { vec![at] };
        items.iter().filter_map(|item| self.d.text(item)).collect()
    }

    fn fetch(&mut self, at: &At<'_>) -> Option<Fetch> {
        if !self.d.names(at, &["path", "next", "max_pages"]) {
            return None;
        }
        let path = self.d.required(at, "path").map(|at| self.path(&at, JOB));
        let next = at.field("next").and_then(|at| self.d.parsed(&at));
        let pages = at.field("max_pages").and_then(|at| self.d.whole(&at, 1..=100_000));
        let max_pages = pages.and_then(|pages| u32::try_from(pages).ok()).unwrap_or(1_000);
        Some(Fetch { path: path?, next, max_pages })
    }
}
