//! How many jobs a source runs at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for so many jobs.
#[derive(Debug)]
pub(crate) struct Slots(AtomicUsize);

/// Room for one, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

impl Slots {
    /// At least one.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(most.max(1))))
    }

    /// Room for a job, if there is any.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let less = |free: usize| free.checked_sub(1);
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.is_ok().then(|| Slot(Arc::clone(self)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}
