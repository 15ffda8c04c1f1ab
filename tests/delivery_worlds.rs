//! Partners' files, from the drop to the CRM, in simulated worlds: virtual time, workers that die
//! at any call, calls that fail before or after they happened, writes that come late, messages
//! that are lost, doubled and out of order, workers that stand still, a CRM that does what it is
//! asked for and answers 500, that answers 429 for a while, that leaves results out, that shuts its
//! door, and whose tokens expire.
//!
//! What holds of each world: I-5 never more calls than the budget in any window; I-6 whatever was
//! refused is findable with its reason; I-8 replaying events changes nothing; I-9 every item has
//! exactly one final outcome; and nothing that was delivered is lost at the CRM, or there twice.
//!
//! `SEED=n cargo test -p system-tests --test delivery_worlds one_world` replays one world,
//! `SEED=n WORLDS=m` with `two_thousand_worlds` lives through so many from there on.

#[path = "delivery_worlds/books.rs"]
mod books;
#[path = "delivery_worlds/cast.rs"]
mod cast;
#[path = "delivery_worlds/crash.rs"]
mod crash;
#[path = "delivery_worlds/door.rs"]
mod door;
#[path = "delivery_worlds/partner.rs"]
mod partner;
#[path = "delivery_worlds/planted.rs"]
mod planted;
#[path = "delivery_worlds/verdict.rs"]
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use ports::Ids as _;
use store::invariant::Violation;
use testkit::crm::{Crm, Mishaps, Rules};
use testkit::sim::{Chaos, World, number, seeds, sweep, worlds};

use cast::{CALLS, Cast, Shape, deliver, people};
use partner::{Script, below};
use planted::Bug;
use verdict::{is_done, verdict};

/// Worlds of the test command.
const WORLDS: u64 = 2_000;

/// How a seed's CRM behaves.
fn rules(world: &World) -> Rules {
    let ids = world.ids();
    let odds = |most: f64| if ids.chance() < 0.5 { ids.chance() * most } else { 0.0 };
    Rules {
        token: Duration::from_secs_f64(5.0 + ids.chance() * 300.0),
        calls: CALLS,
        mishaps: Mishaps {
            committed_then_500: odds(0.2),
            refused_500: odds(0.2),
            storm_429: odds(0.4),
            lost: odds(0.2),
            missing: odds(0.2),
            latency: Duration::from_secs_f64(odds(40.0)),
        },
        closed: false,
    }
}

fn shape(world: &World, bug: Option<Bug>) -> Shape {
    let after = ["{move: processed}", "delete", "leave"][below(&world.ids(), 3)];
    Shape { after, stable: "1m", bug }
}

/// Lives through one world; gives what was wrong with it.
fn live(seed: u64, bug: Option<Bug>) -> Vec<Violation> {
    let world = World::new(seed, Chaos::drawn(seed));
    let (clock, ids) = (world.clock(), Arc::new(world.ids()));
    let crm = Arc::new(Crm::new(clock, ids, rules(&world)));
    let cast = Cast::new(&world, &crm, Script::drawn(&world.ids()), shape(&world, bug));
    deliver(&world, &cast);
    people(&world, &cast, 2);
    let shuts = below(&world.ids(), 6) == 0;
    world.run_for(Duration::from_mins(12));
    crm.set(|rules| rules.closed = shuts);
    world.run_for(Duration::from_mins(5));
    crm.set(|rules| rules.closed = false);
    world.run_for(Duration::from_mins(13));
    world.calm();
    crm.set(|rules| rules.mishaps = Mishaps::default());
    rest(&world, &cast)
}

/// Waits until all is done; gives what is wrong then.
fn rest(world: &World, cast: &Cast) -> Vec<Violation> {
    for _ in 0..60 {
        world.run_for(Duration::from_mins(10));
        if is_done(world, cast) {
            return verdict(world, cast);
        }
    }
    vec![Violation::new("liveness", "the world does not come to rest".to_owned())]
}

#[test]
fn two_thousand_worlds_neither_lose_nor_double_anything() {
    let bad = worlds(seeds(WORLDS), |seed| live(seed, None));
    let seeds: Vec<u64> = bad.iter().map(|(seed, _)| *seed).collect();
    assert!(
        bad.is_empty(),
        "worlds {seeds:?} are wrong, replay with `SEED={} cargo test -p system-tests --test \
         delivery_worlds one_world`: {:#?}",
        seeds[0],
        bad.first()
    );
}

#[test]
fn one_world_replays_from_its_seed() {
    let found = live(number("SEED").unwrap_or(1), None);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_worker_may_fail_at_any_call_and_nothing_is_lost_or_doubled() {
    sweep(crash::live);
}

#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        // What the code itself asserts finds a bug as well.
        let lived = |seed| std::panic::catch_unwind(|| live(seed, Some(bug)));
        let found = (0..60).any(|seed| !matches!(lived(seed), Ok(wrong) if wrong.is_empty()));
        assert!(found, "{bug:?} is not found in 60 worlds");
    }
}
