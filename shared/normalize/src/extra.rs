//! What no field took, as JSON: the record with the taken members cut out, its tokens verbatim.

use crate::walk::{Entry, EntryKind, Walk};

/// Renders the rest of a row.
#[derive(Debug)]
pub(crate) struct Rest<'a> {
    pub(crate) record: &'a [u8],
    pub(crate) walk: &'a Walk,
    /// Whether a capture's value stands in a cell, by capture.
    pub(crate) taken: &'a [bool],
}

impl Rest<'_> {
    /// Appends what is left of an entry's value; false when nothing is.
    pub(crate) fn value(&self, out: &mut Vec<u8>, at: usize) -> bool {
        let Some(entry) = self.walk.entries.get(at) else { return false };
        if self.is_taken(entry) {
            return false;
        }
        match entry.kind {
            EntryKind::Leaf => self.copy(out, entry.value, entry.end),
            EntryKind::Lone => self.value(out, at + 1),
            EntryKind::Object => self.object(out, at + 1, entry.next),
            EntryKind::Array => self.array(out, entry, at + 1),
        }
    }

    fn is_taken(&self, entry: &Entry) -> bool {
        entry.capture.and_then(|capture| self.taken.get(capture)).is_some_and(|taken| *taken)
    }

    fn copy(&self, out: &mut Vec<u8>, start: usize, end: usize) -> bool {
        out.extend_from_slice(self.record.get(start..end).unwrap_or_default());
        true
    }

    fn object(&self, out: &mut Vec<u8>, mut at: usize, end: usize) -> bool {
        let (mark, was_empty) = (out.len(), at >= end);
        out.push(b'{');
        let mut is_empty = true;
        while let Some(entry) = self.walk.entries.get(at).filter(|_| at < end) {
            let before = out.len();
            if !is_empty {
                out.push(b',');
            }
            let (last, next) = self.run(at, end);
            if let Some(last) = last {
                is_empty = !self.copy(out, entry.start, last);
            } else {
                self.copy(out, entry.start, entry.value);
                if self.value(out, at) {
                    is_empty = false;
                } else {
                    out.truncate(before);
                }
            }
            at = next;
        }
        if is_empty && !was_empty {
            out.truncate(mark);
            return false;
        }
        out.push(b'}');
        true
    }

    /// The end of the members from here on that are copied as they stand, and what comes next.
    fn run(&self, mut at: usize, end: usize) -> (Option<usize>, usize) {
        let mut last = None;
        while let Some(entry) = self.walk.entries.get(at).filter(|_| at < end) {
            if entry.kind != EntryKind::Leaf || self.is_taken(entry) {
                return (last, if last.is_some() { at } else { entry.next });
            }
            (last, at) = (Some(entry.end), entry.next);
        }
        (last, at)
    }

    /// Items keep their places: an emptied object stays as `{}`, and where any other item was
    /// taken and its neighbours were not, the list stays whole.
    fn array(&self, out: &mut Vec<u8>, list: &Entry, mut at: usize) -> bool {
        let (mark, was_empty) = (out.len(), at >= list.next);
        let (mut any, mut holes) = (was_empty, false);
        out.push(b'[');
        while let Some(entry) = self.walk.entries.get(at).filter(|_| at < list.next) {
            if out.len() > mark + 1 {
                out.push(b',');
            }
            if self.value(out, at) {
                any = true;
            } else {
                holes |= entry.kind != EntryKind::Object || self.is_taken(entry);
                out.extend_from_slice(b"{}");
            }
            at = entry.next;
        }
        out.push(b']');
        if !any || holes {
            out.truncate(mark);
        }
        any && (!holes || self.copy(out, list.value, list.end))
    }
}
