//! Slices that are read side by side: their pages come as they arrive, their ends in their order.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;

use crate::cursor::Moment;
use crate::error::Error;
use crate::retriever::{Page, PageReader};
use crate::slice::{Partition, Slice};

/// Slices that are being read, and the ends of partitions between them.
#[derive(Debug)]
pub(super) struct Ahead {
    items: VecDeque<Item>,
    running: FuturesUnordered<BoxFuture<'static, Read>>,
    /// Slices at once.
    level: usize,
    begun: u64,
}

#[derive(Debug)]
enum Item {
    Slice(Box<Open>),
    End(Partition),
}

/// A slice being read.
#[derive(Debug)]
pub(super) struct Open {
    number: u64,
    pub(super) slice: Slice,
    /// Not while a page is being read, nor after the last one.
    reader: Option<PageReader>,
    end: Option<Result<Ended, Error>>,
    /// Greatest cursor value so far.
    pub(super) latest: Option<Moment>,
    /// Greatest count so far.
    pub(super) count: Option<i128>,
}

/// How the pages of a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    /// The source said that there is nothing to read: the slice was not read at all.
    Skipped,
}

/// A page that came, or the end.
struct Read {
    number: u64,
    reader: PageReader,
    page: Result<Option<Page>, Error>,
}

/// What comes next.
pub(super) enum Step {
    /// A page, of the slice of that number.
    Page(u64, Box<Page>),
    /// The first slice was read whole.
    Closed(Box<Open>),
    /// It was skipped.
    Skipped,
    /// All slices of a partition were read.
    Partition(Partition),
    /// Nothing is being read.
    Idle,
}

impl Ahead {
    /// Nothing being read yet; so many slices at once from then on.
    pub(super) fn new(level: usize) -> Self {
        let running = FuturesUnordered::new();
        Self { items: VecDeque::new(), running, level: level.max(1), begun: 0 }
    }

    /// Whether another slice can be begun. One that is alone waits for the end of its partition
    /// to be taken.
    pub(super) fn has_room(&self) -> bool {
        let open = self.items.iter().filter(|item| matches!(item, Item::Slice(_))).count();
        if self.level == 1 { self.items.is_empty() } else { open < self.level }
    }

    /// Begins a slice.
    pub(super) fn begin(&mut self, slice: Slice, reader: PageReader) {
        self.begun += 1;
        self.items.push_back(Item::Slice(Box::new(Open {
            number: self.begun,
            slice,
            reader: Some(reader),
            end: None,
            latest: None,
            count: None,
        })));
    }

    /// Marks the end of a partition behind its last slice.
    pub(super) fn end_partition(&mut self, partition: Partition) {
        self.items.push_back(Item::End(partition));
    }

    /// The slice of that number.
    pub(super) fn slice(&mut self, number: u64) -> Option<&mut Open> {
        self.items.iter_mut().find_map(|item| match item {
            Item::Slice(open) if open.number == number => Some(open.as_mut()),
            _ => None,
        })
    }

    /// What comes next.
    pub(super) async fn step(&mut self) -> Result<Step, Error> {
        loop {
            self.go_on();
            let Some(Item::Slice(first)) = self.items.front_mut() else {
                return Ok(match self.items.pop_front() {
                    Some(Item::End(partition)) => Step::Partition(partition),
                    _ => Step::Idle,
                });
            };
            if let Some(ended) = first.end.take() {
                let ended = ended?;
                return Ok(match self.items.pop_front() {
                    Some(Item::Slice(open)) if ended == Ended::Whole => Step::Closed(open),
                    _ => Step::Skipped,
                });
            }
            let Some(read) = self.running.next().await else { return Ok(Step::Idle) };
            let number = read.number;
            if let Some(page) = self.take(read) {
                return Ok(Step::Page(number, Box::new(page)));
            }
        }
    }

    /// Lets each slice read its next page.
    fn go_on(&mut self) {
        for item in &mut self.items {
            let Item::Slice(open) = item else { continue };
            if let Some(mut reader) = open.reader.take() {
                let number = open.number;
                let read = async move {
                    let page = reader.next().await;
                    Read { number, reader, page }
                };
                self.running.push(read.boxed());
            }
        }
    }

    /// Notes what came of a slice; gives its page.
    fn take(&mut self, read: Read) -> Option<Page> {
        let open = self.slice(read.number)?;
        match read.page {
            Ok(page @ Some(_)) => {
                open.reader = Some(read.reader);
                return page.filter(|page| !page.waiting);
            }
            Ok(None) => {
                let skipped = read.reader.skipped();
                open.end = Some(Ok(if skipped { Ended::Skipped } else { Ended::Whole }));
            }
            Err(error) => open.end = Some(Err(error)),
        }
        None
    }
}
