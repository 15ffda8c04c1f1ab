//! Compaction: whatever it meets, does twice or leaves half-done, views show what the fold of the
//! landing layer says (I-4).

#[path = "compact_world.rs"]
mod compact_world;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use handlers::compact::Pace;
use proptest::prelude::*;
use testkit::{Call, Fault, Faults, Faulty, Gate, Passage, Side};

use compact_world::{Told, World, compact, told};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Run(Vec<Told>),
    RunAgain(usize),
    Refresh(Vec<Vec<Told>>, bool),
    Transform(usize, bool),
    Replay,
    Compact(u64),
    Ask,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => told().prop_map(Step::Run),
        1 => any::<usize>().prop_map(Step::RunAgain),
        1 => (prop::collection::vec(told(), 1..3), prop::bool::weighted(0.8))
            .prop_map(|(slices, is_whole)| Step::Refresh(slices, is_whole)),
        6 => (0usize..8, prop::bool::weighted(0.3)).prop_map(|(n, again)| Step::Transform(n, again)),
        1 => Just(Step::Replay),
        3 => (1u64..4).prop_map(Step::Compact),
        1 => Just(Step::Ask),
    ]
}

async fn follow(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new().await;
    let mut version = 1;
    for step in steps {
        match step {
            Step::Run(told) => world.run(told).await,
            Step::RunAgain(earlier) => world.run_again(*earlier).await,
            Step::Refresh(slices, is_whole) => world.refresh(slices, *is_whole).await,
            Step::Transform(commit, again) => world.transform(*commit, *again).await,
            Step::Replay => {
                version += 1;
                world.version(version).await;
                for commit in 0..world.commits.len() {
                    world.transform(commit, true).await;
                }
            }
            Step::Compact(records) => {
                world.compact(*records).await;
            }
            Step::Ask => {
                world.shown().await;
            }
        }
    }
    world.settle().await;
    prop_assert_eq!(world.shown_anew().await, world.truth());
    world.compact(2).await;
    world.settle().await;
    prop_assert_eq!(world.shown().await, world.truth());
    Ok(())
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_of_runs_transforms_replays_and_compactions_leaves_the_view_equal_to_the_fold(
        steps in prop::collection::vec(step(), 0..24),
    ) {
        run(follow(&steps))?;
    }
}

fn row(id: u32, cursor: u8, lines: u8) -> Told {
    Told { id, cursor: Some(cursor), late: 0, lines: Some(lines) }
}

/// A record without a cursor: the one that was seen last shows.
fn free(id: u32, lines: u8) -> Told {
    Told { id, cursor: None, late: 0, lines: Some(lines) }
}

fn gone(id: u32) -> Told {
    Told { id, cursor: None, late: 0, lines: None }
}

/// A snapshot, and receipts since: updates, a shrunk list, a deleted record, a refresh under way.
async fn eventful() -> World {
    let mut world = World::new().await;
    world.refresh(&[vec![row(0, 1, 2), row(1, 1, 1)], vec![row(2, 1, 2)]], true).await;
    world.run(&[row(0, 2, 1), free(3, 1)]).await;
    world.settle().await;
    world.compact(2).await;
    world.run(&[row(1, 3, 2), gone(2)]).await;
    world.run(&[row(0, 4, 0), free(3, 2)]).await;
    world.refresh(&[vec![row(0, 9, 2)]], false).await;
    world.settle().await;
    world
}

#[test]
fn views_are_right_wherever_a_compaction_dies() {
    run(async {
        let faults = Arc::new(Faults::none());
        let world = eventful().await;
        compact(&world.compacting(2, &faults), world.deadline()).await.unwrap();
        assert!(faults.calls() > 40, "{}", faults.calls());
        for call in 1..=faults.calls() {
            for side in [Side::Before, Side::After] {
                let world = eventful().await;
                let truth = world.truth();
                let fault = Arc::new(Faults::of(Fault::Crash(call, side)));
                let died = compact(&world.compacting(2, &fault), world.deadline()).await;
                assert!(died.is_err() && truth.len() == 4, "call {call}: {truth:?}");
                assert_eq!(world.shown_anew().await, truth, "after call {call}, {side:?}");
                world.compact(2).await;
                assert_eq!(world.shown_anew().await, truth, "again after call {call}, {side:?}");
            }
        }
    });
}

/// Something that happens when the n-th call is about to be made.
struct Meanwhile {
    at: u64,
    calls: Mutex<u64>,
    work: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meanwhile").field("at", &self.at).finish_non_exhaustive()
    }
}

#[async_trait]
impl Gate for Meanwhile {
    async fn enter(&self, _: &Call) -> Passage {
        let now = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            if *calls == self.at { self.work.lock().unwrap().take() } else { None }
        };
        if let Some(work) = now {
            work.await;
        }
        Passage::Through
    }

    fn postpone(&self, _: BoxFuture<'static, ()>) {}
}

/// Compacts while something happens at each of its calls in turn.
fn meanwhile(work: impl Fn(&Arc<World>) -> BoxFuture<'static, ()>) {
    run(async {
        for at in 1.. {
            let mut world = eventful().await;
            // What this compaction drops is seen again.
            world.run_again(2).await;
            let world = Arc::new(world);
            let gate = Arc::new(Meanwhile {
                at,
                calls: Mutex::new(0),
                work: Mutex::new(Some(work(&world))),
            });
            let (lake, table, queue) = world.ports();
            let deps = world.compacting_over(
                2,
                Arc::new(Faulty::new(lake, Arc::<Meanwhile>::clone(&gate))),
                Arc::new(Faulty::new(table, Arc::<Meanwhile>::clone(&gate))),
                Arc::new(Faulty::new(queue, Arc::<Meanwhile>::clone(&gate))),
            );
            compact(&deps, world.deadline()).await.unwrap();
            if gate.work.lock().unwrap().is_some() {
                assert!(at > 40, "{at}");
                return;
            }
            world.settle().await;
            assert_eq!(world.shown_anew().await, world.truth(), "at call {at}");
            world.compact(2).await;
            world.settle().await;
            assert_eq!(world.shown_anew().await, world.truth(), "later, at call {at}");
        }
    });
}

#[test]
fn two_compactions_at_once_leave_one_snapshot_and_the_same_view() {
    meanwhile(|world| {
        let world = Arc::clone(world);
        Box::pin(async move {
            world.compact(3).await;
        })
    });
}

#[test]
fn a_receipt_that_names_what_is_being_compacted_loses_nothing() {
    meanwhile(|world| {
        let world = Arc::clone(world);
        let last = world.commits.len() - 1;
        Box::pin(async move { world.transform(last, false).await })
    });
}

#[test]
fn what_was_compacted_is_removed_and_tombstones_stay() {
    run(async {
        let world = eventful().await;
        let outcome = world.compact(1000).await;
        assert_eq!((outcome.snapshots, outcome.raced, outcome.retold), (1, 0, 0));
        let left: Vec<String> = keys(&world, "receipts/").await;
        // Only the refresh that is under way.
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(keys(&world, "curated/").await.len(), 1);
        let snapshots = keys(&world, "snapshot/").await;
        assert!(snapshots.iter().all(|key| key.contains("/00000002-")), "{snapshots:?}");
        assert!(keys(&world, "compacted/").await.is_empty());
        assert_eq!(world.shown().await, world.truth());
        let again = world.compact(1000).await;
        assert_eq!((again.snapshots, again.removed), (0, 0));
    });
}

#[test]
fn after_thirty_days_a_view_scans_little_more_than_what_lives() {
    const RECORDS: u32 = 4000;
    run(async {
        let mut world = World::new().await;
        (world.chunk, world.file) = (1000, Pace::default().file);
        let all: Vec<Told> = (0..RECORDS).map(|id| row(id, 0, 3)).collect();
        world.run(&all).await;
        for day in 1..=30 {
            // One in twenty changes, one in a thousand goes.
            let changed = (0..RECORDS).filter(|id| (id * 7 + u32::from(day)) % 20 == 0);
            let changed: Vec<Told> = changed.map(|id| row(id, day, 3)).collect();
            world.run(&changed).await;
            let ids = (0..RECORDS).filter(|id| id % 1000 == u32::from(day));
            world.run(&ids.map(gone).collect::<Vec<Told>>()).await;
        }
        world.settle().await;
        let before = scanned(&world).await;
        world.compact(1500).await;
        let after = scanned(&world).await;
        assert_eq!(world.shown().await, world.truth());

        // The same rows, landed once.
        let mut once = World::new().await;
        once.chunk = RECORDS as usize;
        let left = u32::try_from(world.truth().len() / 3).unwrap();
        let left: Vec<Told> = (0..left).map(|id| row(id, 0, 3)).collect();
        once.run(&left).await;
        once.settle().await;
        assert_eq!(once.truth().len(), world.truth().len());
        let live = scanned(&once).await;
        println!("scanned before {before}, after {after}, live {live} bytes");
        assert!(after * 10 <= live * 11, "before {before}, after {after}, live {live} bytes");
    });
}

/// The bytes of all objects that the view reads.
async fn scanned(world: &World) -> usize {
    world.objects().await.iter().map(|(_, body)| body.len()).sum()
}

async fn keys(world: &World, prefix: &str) -> Vec<String> {
    use ports::ObjectStoreExt as _;
    let all = world.lake.list_all(prefix).await.unwrap();
    all.into_iter().map(|meta| meta.key.to_string()).collect()
}
