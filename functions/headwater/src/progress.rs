//! Progress on a terminal: rate, pages, rows, and what is waited for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use connector::protocol::{FileReference, Sink, Status};
use connector::{Error, FilePath};
use indicatif::{ProgressBar, ProgressStyle};
use model::Timestamp;
use ports::Clock;
use serde_json::{Map, Value};

use crate::board::Counted;
use crate::console::Console;

/// Names of what is waited for that fit beside the numbers.
const NAMED: usize = 3;

/// Records between two looks at the clock.
const SHOWN: u64 = 1000;

/// A line that shows how far work is; nothing where nobody watches.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    since: Timestamp,
}

impl Progress {
    /// Starts counting.
    pub(crate) fn start(console: Console, since: Timestamp) -> Self {
        if !console.is_watched() {
            return Self { bar: ProgressBar::hidden(), since };
        }
        let bar = ProgressBar::new_spinner();
        let template = if console.has_colours() {
            "{spinner:.cyan} {wide_msg}"
        } else {
            "{spinner} {wide_msg}"
        };
        // The template is a constant of ours; a faulty one would leave the default.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, since }
    }

    /// Shows numbers and names.
    pub(crate) fn show(&self, now: Timestamp, counted: Counted, done: usize, waiting: &[String]) {
        self.bar.set_message(line(
            now.duration_since(self.since).as_secs_f64(),
            counted,
            done,
            waiting,
        ));
    }

    /// Says what goes on.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }

    /// Clears the line.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A sink that shows how much came through.
#[derive(Debug)]
pub(crate) struct Counting<'p, S> {
    inner: S,
    progress: &'p Progress,
    clock: Arc<dyn Clock>,
    counted: Counted,
}

impl<'p, S: Sink> Counting<'p, S> {
    /// In front of another sink.
    pub(crate) fn new(inner: S, progress: &'p Progress, clock: Arc<dyn Clock>) -> Self {
        Self { inner, progress, clock, counted: Counted::default() }
    }
}

impl<S: Sink> Sink for Counting<'_, S> {
    fn record(
        &mut self,
        stream: &str,
        record: &[u8],
        file: Option<&FileReference>,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.counted.rows += 1;
        if self.counted.rows.is_multiple_of(SHOWN) {
            self.progress.show(self.clock.now(), self.counted, 0, &[stream.to_owned()]);
        }
        self.inner.record(stream, record, file, at)
    }

    fn file(&mut self, path: &FilePath, content: &[u8]) -> io::Result<FileReference> {
        self.inner.file(path, content)
    }

    fn state(
        &mut self,
        stream: &str,
        state: &Map<String, Value>,
        records: u64,
    ) -> Result<(), Error> {
        self.inner.state(stream, state, records)
    }

    fn note(&mut self, stream: &str, text: &str) -> Result<(), Error> {
        self.inner.note(stream, text)
    }

    fn status(&mut self, stream: &str, status: Status, at: Timestamp) -> Result<(), Error> {
        self.inner.status(stream, status, at)
    }

    fn error(&mut self, stream: &str, error: &Error, at: Timestamp) -> Result<(), Error> {
        self.inner.error(stream, error, at)
    }
}

fn line(seconds: f64, counted: Counted, done: usize, waiting: &[String]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = if seconds > 0.0 { counted.rows as f64 / seconds } else { 0.0 };
    let total = done + waiting.len();
    let mut text = format!(
        "{done}/{total} streams  {} pages  {} rows  {rate:.0} rows/s  {seconds:.0}s",
        counted.pages, counted.rows
    );
    if !waiting.is_empty() {
        let named = waiting.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = waiting.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text = format!("{text}  waiting for {named}{more}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_rate_and_what_is_waited_for() {
        let counted = Counted { pages: 12, rows: 600, ..Counted::default() };
        let waiting = ["a/b/c", "d/e/f", "g/h/i", "j/k/l"].map(str::to_owned);
        assert_eq!(
            line(2.0, counted, 3, &waiting),
            "3/7 streams  12 pages  600 rows  300 rows/s  2s  waiting for a/b/c, d/e/f, g/h/i and 1 more"
        );
    }
}
