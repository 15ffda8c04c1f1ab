//! What must stay true of a stream's rows, as pure functions of what was written: used by tests,
//! the simulation and debug assertions.

use std::fmt;

use model::Timestamp;

use crate::{Head, Partition};

/// An invariant that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which: `I-1` and so on.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

impl Violation {
    /// Says what was seen.
    pub fn new(invariant: &'static str, what: String) -> Self {
        Self { invariant, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// I-2 the resume point moves forward only.
pub fn moves_forward(before: Option<Timestamp>, after: Option<Timestamp>) -> Option<Violation> {
    (after < before).then(|| {
        Violation::new("I-2", format!("the resume point went from {before:?} back to {after:?}"))
    })
}

/// I-2 of a partition: resume point and cursor move forward only.
pub fn partitions(before: &Partition, after: &Partition) -> Option<Violation> {
    let cursor = || {
        (after.cursor < before.cursor)
            .then(|| Violation::new("I-2", "the cursor of a partition went back".to_owned()))
    };
    moves_forward(before.resume, after.resume).or_else(cursor)
}

/// Two heads of one stream, one after the other: the resume point and all counters move forward
/// only, and a lease changes hands under a new fence alone.
pub fn heads(before: &Head, after: &Head) -> Vec<Violation> {
    let mut found: Vec<_> = moves_forward(before.resume, after.resume).into_iter().collect();
    let number = |head: &Head| head.generations.committed.as_ref().map(|last| last.number);
    if number(after) < number(before) || after.generations.begun < before.generations.begun {
        found.push(Violation::new("I-2", "generations went back".to_owned()));
    }
    if after.fence < before.fence {
        let what = format!("the fence went from {} back to {}", before.fence, after.fence);
        found.push(Violation::new("I-2", what));
    }
    let owner = |head: &Head| head.lease.as_ref().map(|lease| lease.owner.clone());
    let passed = owner(after).is_some() && owner(after) != owner(before);
    if passed && after.fence == before.fence {
        found.push(Violation::new("I-2", "a lease changed hands under the same fence".to_owned()));
    }
    found
}
