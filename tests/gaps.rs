//! What rows may be missing though nothing failed: faults that real sources have are re-created
//! and must be reported, and sources that are merely odd must not be.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says by panicking what went wrong"
)]

#[path = "gaps/api.rs"]
mod api;
#[path = "gaps/faults.rs"]
mod faults;
#[path = "gaps/manifest.rs"]
mod manifest;
#[path = "gaps/shape.rs"]
mod shape;
#[path = "gaps/sound.rs"]
mod sound;
#[path = "gaps/world.rs"]
mod world;

use faults::{Expected, Fault};
use sound::{Sound, drawn, odd};
use world::live;

#[test]
fn faults_that_lose_rows_without_an_error_are_reported() {
    let (mut wrong, mut all, mut reported) = (Vec::new(), 0, 0);
    for Fault { name, shape, rows, days, expected } in faults::all() {
        let told = live(shape, rows, days);
        let as_expected = match expected {
            Expected::Sign(sign) => told.signs.contains(&sign),
            Expected::Failure => !told.failures.is_empty(),
            Expected::Healed => told.missing == 0,
            Expected::Unseen => {
                told.signs.is_empty() && told.failures.is_empty() && told.missing > 0
            }
        };
        all += 1;
        reported += usize::from(expected != Expected::Unseen && as_expected);
        if !as_expected {
            wrong.push(format!("{name}: expected {expected:?}, {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((all, reported), (30, 27));
}

/// Sources of every make, beside the odd ones.
const DRAWN: u64 = 64;

#[test]
fn sources_in_order_are_not_suspected() {
    let mut wrong = Vec::new();
    for Sound { name, shape, rows, days } in odd().into_iter().chain((0..DRAWN).map(drawn)) {
        let text = format!("{shape:?}");
        let told = live(shape, rows, days);
        if !told.signs.is_empty() || !told.failures.is_empty() {
            wrong.push(format!("{name}: {:?} {:?} {text}", told.examples, told.failures));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
