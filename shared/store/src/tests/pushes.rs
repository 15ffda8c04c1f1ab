use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;

use super::*;
use crate::push::{
    Done, Fingerprints, Group, GroupFile, HeldLease, OpenBatch, PlanStep, PushHead, PushKey, Span,
    Waits, child_order, claimable,
};

fn key() -> PushKey {
    PushKey { tenant: "heron".parse().unwrap(), push: "crm".parse().unwrap() }
}

fn store() -> (Store, ManualClock) {
    let world = world();
    (world.store, world.clock)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(2_524_608_000 + second).unwrap()
}

fn batch(order: &str, operation: &str, entities: &[&str]) -> OpenBatch {
    OpenBatch {
        id: format!("id-{order}"),
        order: order.to_owned(),
        group: "g".to_owned(),
        operation: operation.to_owned(),
        spans: vec![Span { file: 0, part: 0, first: 1, last: 2, records: 2 }],
        entities: entities.iter().map(|entity| Fingerprints::of(entity)).collect(),
        accepted: at(0),
        not_before: at(0),
        round: 0,
        tries: 0,
        reroutes: 0,
        defers: 0,
        refreshed: false,
        intent: None,
        doubt: false,
        job: None,
        fence: 0,
        lease: None,
    }
}

fn group() -> Group {
    Group {
        id: "g".to_owned(),
        order: "a".to_owned(),
        operation: "ADD".to_owned(),
        files: vec![GroupFile { file: "f".to_owned(), accepted: "inbox/f".parse().unwrap() }],
        late: false,
        next: None,
    }
}

fn lease(id: &str) -> HeldLease {
    HeldLease { id: id.to_owned(), until: at(60) }
}

fn done(batch: &OpenBatch) -> Done {
    Done {
        id: batch.id.clone(),
        outcome: "outcomes/x".parse().unwrap(),
        at: at(1),
        counts: Vec::new(),
        entities: Fingerprints::default(),
        children: Vec::new(),
    }
}

async fn planned(store: &Store, batches: Vec<OpenBatch>) {
    let head = store.push_head(&key()).await.unwrap();
    let step = PlanStep { head, group: Some(group()), batches };
    assert!(store.plan_step(&key(), step).await.unwrap());
}

fn ready(open: &[OpenBatch], now: i64, waits: &BTreeMap<String, Waits>) -> Vec<usize> {
    claimable(open, (at(now), Duration::from_secs(1)), waits).ready
}

#[test]
fn batches_of_one_entity_go_one_after_the_other() {
    let open =
        [batch("1", "ADD", &["a", "b"]), batch("2", "ADD", &["b"]), batch("3", "UPD", &["c"])];
    assert_eq!(ready(&open, 0, &BTreeMap::new()), [0, 2]);
}

#[test]
fn an_earlier_batch_waits_for_a_later_one_that_somebody_works_on() {
    let later = OpenBatch { lease: Some(lease("w")), ..batch("2", "ADD", &["a"]) };
    let open = [batch("1", "ADD", &["a"]), later];
    assert_eq!(ready(&open, 0, &BTreeMap::new()), [0usize; 0]);
    assert_eq!(ready(&open, 61, &BTreeMap::new()), [0]);
}

#[test]
fn an_operation_waits_for_earlier_ones_but_not_for_ever() {
    let waits = Waits { operations: vec!["ADD".to_owned()], longest: Duration::from_secs(100) };
    let waits = BTreeMap::from([("TRX".to_owned(), waits)]);
    let held = OpenBatch { not_before: at(500), ..batch("1", "ADD", &[]) };
    let open = [held, batch("2", "TRX", &[])];
    let waiting = claimable(&open, (at(0), Duration::ZERO), &waits);
    assert_eq!((waiting.ready, waiting.next), (vec![], Some(at(100))));
    assert_eq!(ready(&open, 100, &waits), [1]);
}

#[tokio::test]
async fn of_two_planners_one_takes_the_step() {
    let (store, _) = store();
    let head = store.push_head(&key()).await.unwrap();
    let step = PlanStep { head, group: Some(group()), batches: vec![batch("a.1", "ADD", &[])] };
    assert!(store.plan_step(&key(), step.clone()).await.unwrap());
    assert!(!store.plan_step(&key(), step).await.unwrap());
    let (head, _) = store.push_head(&key()).await.unwrap();
    assert_eq!(head, PushHead { steps: 1, ..PushHead::default() });
    assert!(store.has_open(&key(), &group()).await.unwrap());
}

#[tokio::test]
async fn a_batch_is_taken_once_and_whoever_had_it_cannot_end_it() {
    let (store, _) = store();
    planned(&store, vec![batch("a.1", "ADD", &[])]).await;
    let open = store.open_batches(&key(), 10).await.unwrap();
    let first = store.claim_batch(&key(), open[0].clone(), lease("one")).await.unwrap().unwrap();
    assert!(store.claim_batch(&key(), open[0].clone(), lease("two")).await.unwrap().is_none());
    let open = store.open_batches(&key(), 10).await.unwrap();
    let second = store.claim_batch(&key(), open[0].clone(), lease("two")).await.unwrap().unwrap();
    assert_eq!(second.batch.fence, 2);
    assert!(!store.finish_batch(&key(), &first, &done(&first.batch), &[]).await.unwrap());
    assert!(store.finish_batch(&key(), &second, &done(&second.batch), &[]).await.unwrap());
    assert!(!store.has_open(&key(), &group()).await.unwrap());
}

#[tokio::test]
async fn what_was_ended_is_not_opened_again_by_whoever_comes_late() {
    let (store, _) = store();
    planned(&store, vec![batch("a.1", "ADD", &[])]).await;
    let open = store.open_batches(&key(), 10).await.unwrap();
    let late = store.claim_batch(&key(), open[0].clone(), lease("one")).await.unwrap().unwrap();
    let open = store.open_batches(&key(), 10).await.unwrap();
    let other = store.claim_batch(&key(), open[0].clone(), lease("two")).await.unwrap().unwrap();
    let child = OpenBatch { id: "child".to_owned(), ..batch("a.1", "UPD", &[]) };
    let sister =
        OpenBatch { id: "sister".to_owned(), order: child_order("a.1", 0, 1), ..child.clone() };
    let children = [child, sister];
    assert!(store.finish_batch(&key(), &other, &done(&other.batch), &children).await.unwrap());
    for _ in 0..2 {
        let (open, version) = store.open_batches(&key(), 10).await.unwrap().remove(0);
        let held = store.claim_batch(&key(), (open, version), lease("x")).await.unwrap().unwrap();
        assert!(store.finish_batch(&key(), &held, &done(&held.batch), &[]).await.unwrap());
    }
    assert!(!store.finish_batch(&key(), &late, &done(&late.batch), &children).await.unwrap());
    assert!(!store.has_open(&key(), &group()).await.unwrap());
    let (done, _) = store.done_batches(&key(), "g", None).await.unwrap();
    assert_eq!(done.len(), 3);
}

#[tokio::test]
async fn whoever_takes_a_batch_whose_request_was_stored_doubts_that_it_was_not_sent() {
    let (store, _) = store();
    planned(&store, vec![batch("a.1", "ADD", &[])]).await;
    let open = store.open_batches(&key(), 10).await.unwrap();
    let held = store.claim_batch(&key(), open[0].clone(), lease("one")).await.unwrap().unwrap();
    assert!(!held.batch.doubt);
    let noted = |batch: &mut OpenBatch| batch.intent = Some("outcomes/i".parse().unwrap());
    assert!(store.change_batch(&key(), held, noted).await.unwrap().is_some());
    let open = store.open_batches(&key(), 10).await.unwrap();
    let held = store.claim_batch(&key(), open[0].clone(), lease("two")).await.unwrap().unwrap();
    assert!(held.batch.doubt);
}

#[tokio::test]
async fn a_closed_group_is_remembered_by_its_files() {
    let (store, _) = store();
    planned(&store, Vec::new()).await;
    for _ in 0..2 {
        store.close_group(&key(), &group()).await.unwrap();
    }
    assert!(store.groups(&key()).await.unwrap().is_empty());
    assert!(store.closed_files(&key(), "").await.unwrap().contains("f"));
    assert!(store.closed_files(&key(), "b").await.unwrap().is_empty());
    assert_eq!(store.groups_after(&key(), "0").await.unwrap(), ["g"]);
    assert!(store.groups_after(&key(), "a").await.unwrap().is_empty());
}

#[tokio::test]
async fn one_of_those_who_wait_undertakes_to_wake_a_push() {
    let (store, clock) = store();
    let soon = clock.now() + Duration::from_secs(30);
    assert!(store.undertake_wake(&key(), soon).await.unwrap());
    assert!(!store.undertake_wake(&key(), soon + Duration::from_secs(5)).await.unwrap());
    assert!(store.undertake_wake(&key(), clock.now() + Duration::from_secs(5)).await.unwrap());
}
