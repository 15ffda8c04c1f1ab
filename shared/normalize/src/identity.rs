//! Identity: which records are the same thing, and what that thing is.
//!
//! Records of several sources speak of the same things under different names. A model's
//! [`Rules`] say which *facts* of a record tell things apart, in which *tiers* equal facts link
//! two records, which tier's difference forbids a link, and which value a field takes where
//! records differ. Nothing here knows what the things are.
//!
//! Two pure functions carry everything. [`Record::join`] folds what was observed of one record of
//! one source; it is commutative, associative and idempotent, so neither order nor repetition of
//! observations matters. [`entities`] makes things of records; it depends on the set of records
//! alone, so what looked like one thing comes apart as soon as a record says otherwise.
//!
//! It keeps nothing: records that any key connects are brought together by `store`.

mod decode;
mod entity;
mod form;
mod keys;
mod link;
mod merge;
mod observation;
mod rules;
mod value;

pub use entity::{Conflict, ConflictKind, Entity, Member, Origin, entities, former_ids};
pub use keys::MAX_KEYS;
pub use observation::{Observation, Outcome, Raw, Record, Rejection, Seen};
pub use rules::{Confidence, Fact, FieldRule, Form, Rules, Take, Tier};

#[cfg(test)]
mod tests;
