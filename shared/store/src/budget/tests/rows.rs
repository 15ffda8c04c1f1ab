//! The row of a budget, as a value.

use model::Timestamp;

use super::*;
use crate::budget::slots::{AHEAD, instant};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn ask(tenant: &str, want: usize, now: i64) -> Ask {
    let id = format!("{tenant} at {now}");
    Ask { id, tenant: tenant.to_owned(), want, now, skew: 50 }
}

fn grant(slots: &mut Slots, ask: &Ask, limit: &CallLimit) -> Grant {
    match slots.lease(ask, limit) {
        Granted::Slots(grant) => grant,
        Granted::Wait(wait) => panic!("no slots: {wait:?}"),
    }
}

#[test]
fn a_dead_worker_costs_its_own_slots_a_window_and_keeps_nobody_waiting_for_long() {
    let limit = limit(100, 10_000);
    let mut slots = Slots::default();
    let dead = grant(&mut slots, &ask("dead", 60, 0), &limit);
    let next = grant(&mut slots, &ask("next", 60, 1), &limit);
    assert_eq!((dead.slots.len(), next.slots.len()), (60, 40));
    let back = dead.use_by + 1_000 + 10_000 + 50;
    let early = ask("early", 60, back - 2_001);
    assert!(matches!(slots.lease(&early, &limit), Granted::Wait(_)), "slots that may be in use");
    slots.settle(&dead.id, &[(0, 5)]);
    assert_eq!(grant(&mut slots, &ask("late", 60, back), &limit).slots.len(), 60);
}

#[test]
fn a_lease_takes_no_slot_that_is_free_long_after_its_first() {
    let limit = limit(4, 10_000);
    let free = vec![1_000, 1_500, 1_000 + AHEAD, 1_001 + AHEAD];
    let mut slots = Slots { free, ..Slots::default() };
    let lease = grant(&mut slots, &ask("a", 9, 900), &limit);
    assert_eq!(lease.slots, [1_000, 1_500, 1_000 + AHEAD]);
    assert_eq!(slots.free, [1_001 + AHEAD]);
}

#[test]
fn giving_a_slot_back_twice_changes_nothing() {
    let limit = limit(2, 1_000);
    let mut slots = Slots::default();
    let lease = grant(&mut slots, &ask("a", 2, 0), &limit);
    slots.settle(&lease.id, &[(0, 70)]);
    let once = slots.clone();
    slots.settle(&lease.id, &[(0, 70)]);
    assert_eq!(slots, once);
}

#[test]
fn a_pause_stops_everyone_until_it_ends() {
    let limit = limit(2, 1_000);
    let mut slots = Slots::default();
    slots.pause(5_000);
    let Granted::Wait(wait) = slots.lease(&ask("a", 2, 0), &limit) else { panic!("a call") };
    assert_eq!((wait.until, wait.free), (5_000, 5_000));
    grant(&mut slots, &ask("a", 2, 5_000), &limit);
}

#[test]
fn a_smaller_limit_keeps_the_slots_that_stand_for_counted_calls() {
    let mut slots = Slots { free: vec![10, 20, 30], ..Slots::default() };
    slots.fit(&limit(2, 1_000), 0);
    assert_eq!(slots.free, [20, 30]);
    slots.fit(&limit(3, 1_000), 25);
    assert_eq!(slots.free, [20, 25, 30]);
}

#[test]
fn who_is_behind_and_waits_comes_before_the_first_slot_is_free_and_others_after() {
    let limit = limit(400, 60_000);
    let mut slots = Slots { free: (0..400).map(|n| n * 100).collect(), ..Slots::default() };
    // `a` takes far more than `b` has, which lets everyone know that it waits.
    for now in (0..15_000).step_by(1_800) {
        grant(&mut slots, &ask("a", 50, now), &limit);
    }
    let first = slots.free[0];
    let late = ask("b", 50, first - 10_000);
    assert!(matches!(slots.lease(&late, &limit), Granted::Wait(_)));
    assert!(slots.note_waiting(&late, &limit) && !slots.note_waiting(&late, &limit));
    let Granted::Wait(wait) = slots.lease(&ask("a", 50, first - 300), &limit) else {
        panic!("who is ahead went first")
    };
    assert_eq!(wait.until, first);
    let mut without = slots.clone();
    grant(&mut slots, &ask("b", 50, first - 300), &limit);
    // Had nobody come, the slots would not have stayed unused, nor `b` been waited for again.
    grant(&mut without, &ask("a", 50, first), &limit);
    let next = without.free[0];
    grant(&mut without, &ask("a", 50, next - 300), &limit);
}

#[test]
fn a_newcomer_gets_no_more_than_a_short_turn_for_itself() {
    let limit = limit(1_000, 60_000);
    let mut slots = Slots { free: (0..1_000).map(|n| n * 60).collect(), ..Slots::default() };
    let mut now = 0;
    while now < 30_000 {
        now = slots.free[0];
        grant(&mut slots, &ask("old", 64, now), &limit);
    }
    let mut turn = 0;
    while let Granted::Slots(grant) = slots.lease(&ask("new", 64, slots.free[0] - 300), &limit) {
        turn += grant.slots.len();
    }
    assert!((128..256).contains(&turn), "{turn} calls before the others' turn");
}

#[test]
fn a_row_reads_as_it_was_written() {
    let limit = limit(5, 60_000);
    let mut slots = Slots { free: vec![1_770_000_000_000, 1_770_000_000_400], ..Slots::default() };
    grant(&mut slots, &ask("a", 2, 1_770_000_000_000), &limit);
    slots.pause(1_770_000_009_000);
    let text = serde_json::to_string(&slots).unwrap();
    assert_eq!(serde_json::from_str::<Slots>(&text).unwrap(), slots);
    insta::assert_snapshot!(text, @r#"{"free":[1770000000000,0,400],"leases":[{"id":"a at 1770000000000","out":[0,1],"dead":1770000063050}],"paused":1770000009000,"turns":{"a":{"taken":2,"seen":1770000000000}}}"#);
}

#[test]
fn a_window_is_half_open_when_calls_are_counted() {
    let calls = [at(0), at(999), at(1_000)];
    assert_eq!(most_in_any_window(&calls, Duration::from_secs(1)), 2);
    assert_eq!(instant(at(7)), 7);
}
