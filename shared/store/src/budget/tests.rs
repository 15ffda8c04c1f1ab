//! The guarantee, over simulated workers: a provider that counts calls anywhere between sending
//! and completion never sees more than the limit in any window, whoever dies and however clocks
//! differ.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::Timestamp;
use proptest::prelude::*;

use super::pool::{Pool, Step, Ticket};
use super::slots::{Ask, Granted, Slots, free_after, instant};
use super::*;

const SKEW: Duration = Duration::from_millis(SKEW_MS as u64);
const SKEW_MS: u32 = 50;

#[derive(Debug, Clone, Copy)]
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).cast_signed() % below.max(1)
    }
}

#[derive(Debug)]
struct Worker {
    pool: Pool,
    skew: i64,
    lanes: usize,
    born: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Wake { worker: usize, born: u64 },
    Done { worker: usize, born: u64, ticket: Ticket },
    Die { worker: usize },
}

struct Sim {
    slots: Slots,
    limit: CallLimit,
    workers: Vec<Worker>,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    counted: Vec<Timestamp>,
    writes: usize,
    leases: u64,
    chance: Chance,
    latency: i64,
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

impl Sim {
    fn new(limit: CallLimit, lanes: &[usize], seed: u64) -> Self {
        let mut chance = Chance(seed);
        let worker = |(_, lanes): (usize, &usize)| Worker {
            pool: Pool::new(),
            skew: chance.next(i64::from(SKEW_MS)),
            lanes: *lanes,
            born: 0,
        };
        let workers = lanes.iter().enumerate().map(worker).collect();
        let mut sim = Self {
            slots: Slots::default(),
            limit,
            workers,
            events: BinaryHeap::new(),
            counted: Vec::new(),
            writes: 0,
            leases: 0,
            chance,
            latency: 100,
        };
        for worker in 0..lanes.len() {
            sim.start(0, worker);
        }
        sim
    }

    fn push(&mut self, at: i64, event: Event) {
        self.leases += 1;
        self.events.push(Reverse((at, self.leases, event)));
    }

    fn start(&mut self, now: i64, worker: usize) {
        let Worker { lanes, born, .. } = self.workers[worker];
        for _ in 0..lanes {
            self.push(now, Event::Wake { worker, born });
        }
    }

    fn run(&mut self, until: i64) {
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            if now >= until {
                return;
            }
            match event {
                Event::Wake { worker, born } => self.wake(now, worker, born),
                Event::Done { worker, born, ticket } => {
                    let limit = self.limit;
                    let owner = &mut self.workers[worker];
                    if owner.born == born {
                        let free = free_after(at(now + owner.skew), &limit, SKEW);
                        owner.pool.give_back(ticket, free);
                        self.wake(now, worker, born);
                    }
                }
                Event::Die { worker } => {
                    self.workers[worker].born += 1;
                    self.workers[worker].pool = Pool::new();
                    self.start(now + 500, worker);
                }
            }
        }
    }

    fn wake(&mut self, now: i64, worker: usize, born: u64) {
        let local = now + self.workers[worker].skew;
        if self.workers[worker].born != born {
            return;
        }
        loop {
            let step = self.workers[worker].pool.step(local);
            let until = match step {
                Step::Wait { until } => until,
                Step::Send(ticket) => return self.send(now, worker, born, ticket),
                Step::Lease => match self.lease(local, worker) {
                    None => continue,
                    Some(until) => until,
                },
            };
            let skew = self.workers[worker].skew;
            return self.push((until - skew).max(now + 1), Event::Wake { worker, born });
        }
    }

    fn lease(&mut self, local: i64, worker: usize) -> Option<i64> {
        let pool = &mut self.workers[worker].pool;
        let (returned, want) = pool.close();
        let mut slots = self.slots.clone();
        for (lease, free) in &returned {
            slots.settle(lease, free);
        }
        self.leases += 1;
        let ask = Ask { id: self.leases.to_string(), want, now: local, skew: i64::from(SKEW_MS) };
        match slots.lease(&ask, &self.limit) {
            Granted::Wait { until } => {
                pool.keep(returned);
                pool.wait(until);
                Some(until)
            }
            Granted::Slots(grant) => {
                pool.open(grant);
                self.slots = slots;
                self.writes += 1;
                None
            }
        }
    }

    fn send(&mut self, now: i64, worker: usize, born: u64, ticket: Ticket) {
        let takes = 1 + self.chance.next(self.latency * 2);
        let counted = now + self.chance.next(takes + 1);
        self.counted.push(at(counted));
        self.push(now + takes, Event::Done { worker, born, ticket });
    }
}

fn limit(calls: u32, per: u64) -> CallLimit {
    CallLimit {
        calls: calls.try_into().unwrap(),
        per: Duration::from_millis(per),
        timeout: Duration::from_secs(1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_window_holds_more_calls_than_the_limit(
        calls in 1u32..120,
        per in 200u64..5_000,
        lanes in proptest::collection::vec(1usize..12, 1..5),
        deaths in proptest::collection::vec((0i64..20_000, 0usize..5), 0..6),
        seed: u64,
    ) {
        let mut sim = Sim::new(limit(calls, per), &lanes, seed);
        for (when, worker) in deaths {
            sim.push(when, Event::Die { worker: worker % lanes.len() });
        }
        sim.run(30_000);
        let most = most_in_any_window(&sim.counted, Duration::from_millis(per));
        prop_assert!(most <= calls as usize, "{most} calls in a window of {per} ms, {calls} allowed");
        prop_assert!(sim.counted.len() >= calls as usize, "only {} calls", sim.counted.len());
    }
}

#[test]
fn busy_workers_use_nearly_all_that_is_allowed_with_few_writes() {
    for lanes in [&[64usize][..], &[20, 20, 20, 20], &[10; 8]] {
        let limit = limit(500, 10_000);
        let mut sim = Sim::new(limit, lanes, 3);
        sim.run(200_000);
        let ideal = 500.0 * 200_000.0 / (10_000.0 + 100.0);
        let calls = u32::try_from(sim.counted.len()).unwrap();
        let share = f64::from(calls) / ideal;
        let calls_per_write = sim.counted.len() / sim.writes;
        assert!(share >= 0.99, "{lanes:?}: {share:.4} of the ideal");
        assert!(calls_per_write >= 20, "{lanes:?}: {calls_per_write} calls a write");
    }
}

#[test]
fn a_dead_worker_costs_its_own_slots_a_window_and_keeps_nobody_waiting_for_long() {
    let limit = limit(100, 10_000);
    let mut slots = Slots::default();
    let ask = |id: &str, now| Ask { id: id.to_owned(), want: 60, now, skew: 50 };
    let Granted::Slots(dead) = slots.lease(&ask("dead", 0), &limit) else { panic!("no slots") };
    let Granted::Slots(next) = slots.lease(&ask("next", 1), &limit) else { panic!("no slots") };
    assert_eq!((dead.slots.len(), next.slots.len()), (60, 40));
    assert!(dead.use_by <= 2_000);
    let back = dead.use_by + 1_000 + 10_000 + 50;
    let Granted::Wait { .. } = slots.lease(&ask("early", back - 2_001), &limit) else {
        panic!("slots of a lease that may still be in use")
    };
    slots.settle("dead", &[(0, 5)]);
    assert!(matches!(slots.lease(&ask("late", back), &limit), Granted::Slots(_)));
}

#[test]
fn giving_a_slot_back_twice_changes_nothing() {
    let limit = limit(2, 1_000);
    let mut slots = Slots::default();
    let ask = Ask { id: "a".to_owned(), want: 2, now: 0, skew: 0 };
    slots.lease(&ask, &limit);
    slots.settle("a", &[(0, 70)]);
    let once = slots.clone();
    slots.settle("a", &[(0, 70)]);
    assert_eq!(slots, once);
}

#[test]
fn a_pause_stops_everyone_until_it_ends() {
    let limit = limit(2, 1_000);
    let mut slots = Slots::default();
    slots.pause(5_000);
    let ask = |now| Ask { id: "a".to_owned(), want: 2, now, skew: 0 };
    assert_eq!(slots.lease(&ask(0), &limit), Granted::Wait { until: 5_000 });
    assert!(matches!(slots.lease(&ask(5_000), &limit), Granted::Slots(_)));
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
fn a_window_is_half_open_when_calls_are_counted() {
    let calls = [at(0), at(999), at(1_000)];
    assert_eq!(most_in_any_window(&calls, Duration::from_secs(1)), 2);
    assert_eq!(instant(at(7)), 7);
}
