//! Schedule and extract in simulated worlds: virtual time, workers that die, calls that fail
//! before or after they happened, writes that come late, a source that changes while it is read.
//!
//! `SEED=n cargo test -p system-tests --test simulation one_world` replays one world, `SEED=n
//! WORLDS=m` with `two_thousand_worlds` lives through so many from there on.

#[path = "simulation/cast.rs"]
mod cast;
#[path = "simulation/crash.rs"]
mod crash;
#[path = "simulation/interpreted.rs"]
mod interpreted;
#[path = "simulation/planted.rs"]
mod planted;
#[path = "simulation/source.rs"]
mod source;
#[path = "simulation/verdict.rs"]
mod verdict;
#[path = "simulation/watch.rs"]
mod watch;

use std::num::NonZeroU32;
use std::time::Duration;

use model::config::Every;
use ports::Ids;
use store::budget::CallLimit;
use store::invariant::Violation;
use testkit::sim::{Chaos, World, number, seeds, sweep, worlds};

use cast::{JOBS, people};
use planted::Bug;
use source::Shape;
use verdict::{is_done, verdict};
use watch::Watched;

/// Worlds of the test command.
const WORLDS: u64 = 2_000;

/// Those of them in which nothing of the pipeline is replaced.
const INTERPRETED: u64 = 60;

/// How a seed's pipeline is set up.
fn shape(world: &World, bug: Option<Bug>) -> Shape {
    let ids = world.ids();
    let draw = |from: usize, to: usize| {
        let number = u64::from_str_radix(&ids.fresh()[..8], 16).unwrap();
        from + usize::try_from(number).unwrap() % (to - from + 1)
    };
    Shape {
        parallel: draw(1, 3),
        windows: i64::try_from(draw(1, 4)).unwrap(),
        page: draw(2, 7),
        part: draw(400, 3_000) as u64,
        reconcile: (draw(0, 1) == 1).then(|| Every::Runs(NonZeroU32::MIN.saturating_add(1))),
        limit: (draw(0, 2) == 0).then(|| CallLimit {
            calls: NonZeroU32::new(8).unwrap(),
            per: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
        }),
        bug,
        interpreted: None,
    }
}

/// Lives through one world; gives what was wrong with it.
fn live(seed: u64, bug: Option<Bug>) -> Vec<Violation> {
    let chaos = Chaos::drawn(seed);
    let world = World::new(seed, chaos.clone());
    let shape = shape(&world, bug);
    live_in(&world, &chaos, &shape)
}

/// The same with the manifest's interpreter for a source.
fn live_interpreted(seed: u64) -> Vec<Violation> {
    let chaos = Chaos::drawn(seed);
    let world = World::new(seed, chaos.clone());
    let interpreted = Some(interpreted::configuration(&world));
    let reconcile = Some(Every::Runs(NonZeroU32::MIN.saturating_add(1)));
    let shape = Shape { interpreted, reconcile, limit: None, ..shape(&world, None) };
    live_in(&world, &chaos, &shape)
}

fn live_in(world: &World, chaos: &Chaos, shape: &Shape) -> Vec<Violation> {
    let watched = Watched::new(world);
    let provider = world.provider();
    provider.stock(24, Duration::from_hours(24 * 10));
    world.stir(Duration::from_mins(12));
    let queue = world.queue(JOBS);
    world.block_on(cast::poison(queue));
    people(world, &watched, shape, 2);
    world.run_for(Duration::from_mins(130));
    world.calm();
    let calm = world.now() + cast::timing().skew * 2;
    for _ in 0..36 {
        world.run_for(Duration::from_mins(20));
        if is_done(world, shape, calm) || !watched.violations().is_empty() {
            return verdict(world, &watched, chaos, shape);
        }
    }
    vec![Violation::new("liveness", "the world does not come to rest".to_owned())]
}

#[test]
fn two_thousand_worlds_hold_the_invariants() {
    let bad = worlds(seeds(WORLDS), |seed| live(seed, None));
    assert!(bad.is_empty(), "{} worlds, first: {:#?}", bad.len(), bad.first());
}

#[test]
fn interpreted_worlds_hold_the_invariants() {
    let bad = worlds(0..INTERPRETED, live_interpreted);
    assert!(bad.is_empty(), "{} worlds, first: {:#?}", bad.len(), bad.first());
}

#[test]
fn one_world_replays_from_its_seed() {
    let found = live(number("SEED").unwrap_or(1), None);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_worker_may_fail_at_any_call_and_nothing_is_lost() {
    sweep(crash::live);
}

#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        let found = (0..60).find_map(|seed| live(seed, Some(bug)).pop());
        assert!(found.is_some(), "{bug:?} is not found in 60 worlds");
    }
}
