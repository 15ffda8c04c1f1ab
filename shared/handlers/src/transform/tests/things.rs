use std::collections::BTreeMap;

use lake::curated::ThingCounts;
use testkit::{Fault, Faults, Side};

use super::*;

const DEVICE: &str = "
version: 1
fields:
  id: {type: string, required: true}
  serial: string
  seen: timestamp
  names: list
  price: \"decimal(18,2)\"
key: [id]
identity:
  observed_at: seen
  facts:
    serial: {fields: [serial]}
  tiers:
    - {name: serial, match: [[serial]]}
merge:
  id: {take: nothing}
  names: {take: union}
sources:
  shop/orders:
    fields: {id: id, serial: serial, seen: seen, names: name, price: price?}
  shop/notes:
    fields: {id: id, serial: serial, seen: seen, names: name, price: price?}
";

fn device(id: &str, serial: u32, hour: u32) -> String {
    format!(
        r#"{{"id":"{id}","serial":"s{serial}","seen":"2024-05-01T{hour:02}:00:00Z","name":"n-{id}","price":{hour}.5}}"#
    )
}

impl Ground {
    async fn devices(&self, plan: &str, stream: &str, records: &[String]) -> ObjectKey {
        let attempt = Attempt { stream: stream.parse().unwrap(), ..attempt(plan) };
        let lines: Vec<Landed<'_>> = records.iter().map(|r| Landed::Record(r)).collect();
        let part = self.land(&attempt, 1, &lines).await;
        self.commit(&attempt, vec![part]).await
    }

    /// The newest of each thing that there is: serial, names, price.
    async fn shown(&self) -> Vec<String> {
        let wanted = ["_id", "_number", "_kind", "serial", "names", "price"];
        let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for row in self.read("things/device/", &wanted).await {
            let (id, rest) = row.split_once(' ').unwrap();
            let (number, rest) = rest.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            let last = newest.entry(id.to_owned()).or_default();
            if number >= last.0 {
                *last = (number, rest.to_owned());
            }
        }
        let there = newest
            .into_values()
            .filter_map(|(_, row)| row.strip_prefix("thing ").map(str::to_owned));
        let mut shown: Vec<String> = there.collect();
        shown.sort();
        shown
    }

    async fn things(&self, commit: &ObjectKey) -> ThingCounts {
        self.take(commit).await.unwrap()[0].things.unwrap()
    }
}

const SHOWN: [&str; 2] = ["s1 [\"n-a\", \"n-c\"] 3.50", "s2 [\"n-b\"] 2.50"];

#[tokio::test]
async fn records_of_several_streams_become_things_that_are_told_once() {
    let ground = Ground::new(&[("device", DEVICE)]).await;
    let first = ground.devices("p1", "orders", &[device("a", 1, 1), device("b", 2, 2)]).await;
    let counts = ground.things(&first).await;
    assert_eq!(counts, ThingCounts { inserted: 2, ..ThingCounts::default() });
    let second = ground.devices("p2", "notes", &[device("c", 1, 3), device("a", 1, 0)]).await;
    let counts = ground.things(&second).await;
    assert_eq!(counts, ThingCounts { updated: 1, stale: 1, ..ThingCounts::default() });
    assert_eq!(ground.shown().await, SHOWN);
    let receipts = ground.receipts("device").await;
    assert!(receipts.iter().any(|receipt| receipt.things == Some(counts)), "{receipts:?}");
    // What is known is not told again.
    let told = ground.keys("things/").await;
    let again = Take { again: true, ..Take::new(first) };
    handle(&ground.deps, Event::Work(Work::Take(again)), ground.deadline()).await.unwrap();
    assert_eq!(ground.keys("things/").await, told);
    let row = ground.read("things/device/", &["_sources", "_provenance", "_conflicts"]).await;
    assert!(row.iter().any(|r| r.contains("p1.e3b0c442") && r.contains("\"line\":0")), "{row:?}");
}

#[tokio::test]
async fn a_replay_tells_of_all_things_again() {
    let ground = Ground::new(&[("device", DEVICE)]).await;
    ground.put("config/tenants/bluebird.yaml", "connections: {}").await;
    let first = ground.devices("p1", "orders", &[device("a", 1, 1), device("b", 2, 2)]).await;
    ground.take(&first).await.unwrap();
    let second = ground.devices("p2", "notes", &[device("c", 1, 3)]).await;
    ground.take(&second).await.unwrap();
    for key in ground.keys("things/").await {
        ground.lake.delete(&key.parse().unwrap()).await.unwrap();
    }
    let replay = Replay { model: "device".parse().unwrap(), tenant: None, after: None };
    let event = Event::Work(Work::Replay { replay });
    let answer = handle(&ground.deps, event, ground.deadline()).await.unwrap();
    assert_eq!(answer, Answer::Work(Outcome::Replayed { enqueued: 2, told: 2 }));
    assert_eq!(ground.shown().await, SHOWN);
}

#[tokio::test]
async fn a_record_that_cannot_be_placed_stands_in_quarantine_with_its_reason() {
    let ground = Ground::new(&[("device", DEVICE)]).await;
    let long = "x".repeat(600);
    let records = [device("a", 1, 1), device(&long, 2, 2), r#"{"serial":"s"}"#.to_owned()];
    let commit = ground.devices("p1", "orders", &records).await;
    let counts = ground.things(&commit).await;
    assert_eq!(counts, ThingCounts { inserted: 1, rejected: 1, ..ThingCounts::default() });
    for _ in 0..2 {
        let refused = ground.quarantined("device").await;
        assert_eq!(
            rules(&refused),
            [
                (Some(3), Reason::Contract, vec!["required"]),
                (Some(2), Reason::Identity, vec!["identity"]),
            ]
        );
        assert!(refused[1].violations[0].found.contains("has 600 bytes"), "{refused:?}");
        let again = Take { again: true, ..Take::new(commit.clone()) };
        handle(&ground.deps, Event::Work(Work::Take(again)), ground.deadline()).await.unwrap();
    }
    let part = &ground.receipts("device").await[0].parts[0];
    assert!(part.quarantine.is_some() && part.counts.refused == 1, "{part:?}");
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_leaves_things_that_the_next_one_completes() {
    let records = [device("a", 1, 1), device("b", 2, 2)];
    let (faults, calm) = (Arc::new(Faults::none()), Ground::new(&[("device", DEVICE)]).await);
    let first = calm.devices("p1", "orders", &records).await;
    let event = || Event::Work(Work::Take(Take::new(first.clone())));
    handle(&calm.behind(&faults), event(), calm.deadline()).await.unwrap();
    for n in 1..=faults.calls() {
        for side in [Side::Before, Side::After] {
            let ground = Ground::new(&[("device", DEVICE)]).await;
            ground.devices("p1", "orders", &records).await;
            let faults = Arc::new(Faults::of(Fault::Crash(n, side)));
            handle(&ground.behind(&faults), event(), ground.deadline()).await.ok();
            handle(&ground.deps, event(), ground.deadline()).await.unwrap();
            let second = ground.devices("p2", "notes", &[device("c", 1, 3)]).await;
            ground.take(&second).await.unwrap();
            assert_eq!(ground.shown().await, SHOWN, "call {n}, {side:?}");
        }
    }
}
