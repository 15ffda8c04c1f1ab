//! Fuzzing of what reads the texts of strangers: manifests, templates, dates, paths, states,
//! standard models and their records.
//!
//! A [`Target`] takes any text; the only ways to fail are a panic, a death and a hang. Texts are
//! mutated from a corpus by a seeded generator, so a failure comes again with its seed, and a text
//! that makes a target say something new joins the corpus of that run. It needs no instrumentation
//! of the compiler, hence no nightly toolchain. `cargo test` replays `tests/fuzz/corpus/`.

mod corpus;
mod mutation;
mod standard_model;
mod target;
mod world;

pub use corpus::{Corpus, folder};
pub use mutation::Mutator;
pub use target::Target;

#[cfg(test)]
mod tests;
