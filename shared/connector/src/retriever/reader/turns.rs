//! What a walk does other than going to the next page, and what it knows of its end.

use std::sync::Arc;

use request::value::Value;

use super::PageReader;
use crate::error::{At, Error};
use crate::retriever::Evidence;
use crate::retriever::fetch::{self, Answer};
use crate::retriever::page::Content;

impl PageReader {
    /// What a page says of the walk's completeness.
    pub(super) fn evidence(
        &self,
        (content, answer): (&Content, &Answer),
        (token, number): (&Value, u64),
        ends: bool,
    ) -> Evidence {
        let (core, size) = (&self.core, self.size());
        let mut evidence = Evidence {
            found: content.count,
            limit: core.paginator.full(size),
            by_cursor: core.pages_by_cursor(),
            ..Evidence::default()
        };
        if core.is_feed() || !(ends || number == 0) {
            return evidence;
        }
        (evidence.more, evidence.total) = content.says(answer);
        evidence.more = evidence.more.filter(|_| !core.paginator.stops_by_record());
        // Behind the pages of a job there is nothing to ask for without another job.
        let whole = ends && self.windows.is_empty() && self.job.is_none();
        let is_over = whole && (number > 0 || content.count > 0);
        let beyond = core.paginator.beyond((token, content.count), size).filter(|_| is_over);
        evidence.beyond = beyond.map(|token| self.position(&token, number + 1));
        evidence
    }

    /// Begins again at the first page.
    pub(super) fn begin_again(&mut self, number: u64, at: &At) -> Result<(), Error> {
        let cursor = self.core.cursor.as_ref();
        let again = self.tracker.again(self.window.as_ref(), &self.slice, cursor);
        let window = again.map_err(|message| Error::Shape { at: at.clone(), message })?;
        self.enter(window);
        self.asked.clear();
        self.next = Some((self.core.paginator.initial(), number));
        Ok(())
    }

    /// Asks for fewer records a page from now on.
    pub(super) async fn shrink(&mut self, message: String, at: &At) -> Result<(), Error> {
        let Some(reducer) = &mut self.reducer else {
            return Err(Error::Refused { at: at.clone(), message, configuration: true });
        };
        let wait = reducer.reduce().map_err(|(text, attempts)| Error::Exhausted {
            at: at.clone(),
            message: format!("{text}: {message}"),
            attempts,
        })?;
        self.asked.clear();
        fetch::pause(&self.core.shared.runtime, wait, at, message).await
    }

    /// Reads the present window as two halves.
    pub(super) fn halve(&mut self, message: String, number: u64, at: &At) -> Result<(), Error> {
        let core = Arc::clone(&self.core);
        let known = self.window.as_ref().zip(core.datetime()).zip(core.splitting.as_ref());
        let Some(((window, cursor), splitting)) = known else {
            return Err(Error::Refused { at: at.clone(), message, configuration: true });
        };
        let halves = splitting.halves(window, cursor);
        let [first, second] = halves.map_err(|text| Error::Exhausted {
            at: at.clone(),
            message: format!("{text}: {message}"),
            attempts: 1,
        })?;
        self.windows.push(second);
        self.enter(Some(first));
        self.next = Some((core.paginator.initial(), number));
        Ok(())
    }
}
