//! Packs records into batches: full ones, none with the same entity twice, and the records of an
//! entity in their order.

use std::collections::{HashSet, VecDeque};

use store::push::{Fingerprints, Span};

/// Batches that are filled side by side. A record whose entity is in one of them goes into one
/// behind it.
const DEPTH: usize = 8;

/// What an item costs in a request beside its record, in bytes; a guess.
const AROUND: u64 = 96;

/// A record, as planning sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) file: u32,
    pub(super) part: u32,
    /// Its place in the part, from 0.
    pub(super) place: u32,
    pub(super) line: u64,
    pub(super) bytes: u64,
    pub(super) entity: Option<u64>,
}

/// A batch that is packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) items: Vec<Seen>,
    entities: HashSet<u64>,
    bytes: u64,
}

/// How large batches may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) items: usize,
    pub(super) bytes: u64,
}

/// Fills batches.
#[derive(Debug)]
pub(super) struct Packer {
    size: Size,
    open: VecDeque<Packed>,
}

impl Packed {
    fn takes(&self, record: &Seen, size: Size) -> bool {
        let bytes = self.bytes.saturating_add(record.bytes + AROUND);
        self.items.is_empty() || (self.items.len() < size.items && bytes <= size.bytes)
    }

    fn add(&mut self, record: Seen) {
        self.bytes = self.bytes.saturating_add(record.bytes + AROUND);
        self.entities.extend(record.entity);
        self.items.push(record);
    }

    /// Its records, run by run.
    pub(super) fn spans(&self) -> Vec<Span> {
        spans(&self.items)
    }

    /// Its entities.
    pub(super) fn entities(&self) -> Fingerprints {
        self.entities.iter().copied().collect()
    }
}

/// Records, run by run.
pub(super) fn spans(items: &[Seen]) -> Vec<Span> {
    let mut spans: Vec<(Span, u32)> = Vec::new();
    let mut items = items.to_vec();
    items.sort_unstable_by_key(|item| (item.file, item.part, item.place));
    for Seen { file, part, place, line, .. } in items {
        match spans.last_mut() {
            Some((span, last)) if (span.file, span.part) == (file, part) && *last + 1 == place => {
                span.last = line;
                span.records += 1;
                *last = place;
            }
            _ => spans.push((Span { file, part, first: line, last: line, records: 1 }, place)),
        }
    }
    spans.into_iter().map(|(span, _)| span).collect()
}

impl Packer {
    pub(super) fn new(size: Size) -> Self {
        Self { size, open: VecDeque::new() }
    }

    /// Adds a record; gives the batches that are full by it, in order.
    pub(super) fn add(&mut self, record: Seen) -> Vec<Packed> {
        let has = |packed: &Packed| record.entity.is_some_and(|e| packed.entities.contains(&e));
        let behind = self.open.iter().rposition(has).map_or(0, |last| last + 1);
        let room =
            self.open.iter().skip(behind).position(|packed| packed.takes(&record, self.size));
        if let Some(packed) = room.and_then(|room| self.open.get_mut(behind + room)) {
            packed.add(record);
        } else {
            let mut packed = Packed::default();
            packed.add(record);
            self.open.push_back(packed);
        }
        let mut full = Vec::new();
        let is_full = |packed: &Packed| packed.items.len() >= self.size.items;
        while self.open.len() > DEPTH || self.open.front().is_some_and(is_full) {
            full.extend(self.open.pop_front());
        }
        full
    }

    /// What is left, in order.
    pub(super) fn finish(self) -> Vec<Packed> {
        self.open.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(place: u32, entity: Option<u64>) -> Seen {
        Seen { file: 0, part: 0, place, line: u64::from(place) + 2, bytes: 50, entity }
    }

    fn packed(size: Size, records: impl IntoIterator<Item = Seen>) -> Vec<Packed> {
        let mut packer = Packer::new(size);
        let mut all: Vec<Packed> =
            records.into_iter().flat_map(|record| packer.add(record)).collect();
        all.extend(packer.finish());
        all
    }

    const SIZE: Size = Size { items: 100, bytes: 1 << 20 };

    #[test]
    fn two_hundred_and_fifty_records_make_three_batches() {
        let all = packed(SIZE, (0..250).map(|n| record(n, Some(u64::from(n)))));
        let sizes: Vec<usize> = all.iter().map(|packed| packed.items.len()).collect();
        assert_eq!(sizes, [100, 100, 50]);
        let span = Span { file: 0, part: 0, first: 102, last: 201, records: 100 };
        assert_eq!(all[1].spans(), [span]);
    }

    #[test]
    fn one_entity_is_never_twice_in_a_batch_and_its_records_keep_their_order() {
        let records: Vec<Seen> =
            (0..300).map(|n| record(n, Some(u64::from(n) * 7 % 40 % 11))).collect();
        let all = packed(Size { items: 5, ..SIZE }, records.clone());
        let count: usize = all.iter().map(|packed| packed.items.len()).sum();
        assert_eq!(count, records.len());
        for packed in &all {
            let mut entities: Vec<_> = packed.items.iter().map(|item| item.entity).collect();
            entities.sort_unstable();
            entities.dedup();
            assert_eq!(entities.len(), packed.items.len());
        }
        for entity in 0..11 {
            let of = |item: &&Seen| item.entity == Some(entity);
            let sent: Vec<u32> =
                all.iter().flat_map(|p| p.items.iter().filter(of)).map(|item| item.place).collect();
            assert!(sent.is_sorted(), "{entity}: {sent:?}");
        }
    }

    #[test]
    fn a_batch_ends_before_its_bytes_exceed_the_limit() {
        let size = Size { items: 100, bytes: 1_000 };
        let all = packed(size, (0..30).map(|n| record(n, None)));
        assert!(all.iter().all(|packed| packed.bytes <= 1_000));
        let huge = Seen { bytes: 5_000, ..record(0, None) };
        assert_eq!(packed(size, [huge]).len(), 1, "too large for any batch, alone in one");
    }

    #[test]
    fn records_that_are_not_neighbours_are_spans_of_their_own() {
        let packed = Packed { items: vec![record(0, None), record(2, None)], ..Packed::default() };
        let lines: Vec<_> = packed.spans().iter().map(|span| (span.first, span.last)).collect();
        assert_eq!(lines, [(2, 2), (4, 4)]);
    }
}
