//! What a cluster, an item and a transaction cannot hold.

use super::*;

#[tokio::test]
async fn a_key_that_connects_too_much_is_refused_and_named() {
    let World { store, .. } = world();
    for n in 0..MAX_RECORDS {
        seen(&store, &letters(&format!("{n:03}"), "x", None)).await;
    }
    let more = letters("more", "xy", None);
    let refused = store.clusters(&scope(), &Sharing::default()).observe(&more).await.unwrap();
    let refused = refused.unwrap_err();
    assert_eq!(refused, Overfull::Records { records: 101, keys: vec!["letter x".to_owned()] });
    assert!(refused.to_string().contains("connects 101 records, at most 100"), "{refused}");
    let known = letters("000", "x", Some(7));
    assert!(seen(&store, &known).await.change.is_some(), "what is in a full cluster goes on");
}

#[tokio::test]
async fn many_clusters_become_one_in_several_transactions() {
    let World { store, .. } = world();
    let alphabet: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    for letter in &alphabet {
        seen(&store, &letters(&format!("of {letter}"), &letter.to_string(), None)).await;
    }
    let all: String = alphabet.iter().collect();
    seen(&store, &letters("all", &all, None)).await;
    let joined = names(&groups(&store).await);
    assert_eq!(joined.len(), 52, "one shares its entity with the bridge: {joined:?}");
    let page = store.clusters(&scope(), &Sharing::default()).changed(200).await.unwrap();
    let mut clusters = Vec::new();
    for changed in &page {
        clusters.push(store.clusters(&scope(), &Sharing::default()).things(changed).await.unwrap());
    }
    assert!(clusters.iter().all(|things| things.entities.len() == 52), "all lead to the same");
}

#[tokio::test]
async fn what_no_item_can_hold_is_refused() {
    let World { store, .. } = world();
    let shape = Sharing::default();
    let heavy = Letters { ballast: "b".repeat(420_000), ..letters("009", "x", None) };
    let refused = store.clusters(&scope(), &shape).observe(&heavy).await.unwrap();
    let refused = refused.unwrap_err().to_string();
    assert!(refused.starts_with("record 009 would have 4"), "{refused}");
    for (name, bytes) in [("a", 300_000), ("b", 90_000)] {
        let ballast = "b".repeat(bytes);
        seen(&store, &Letters { ballast, ..letters(name, "y", None) }).await;
    }
    let last = Letters { ballast: "b".repeat(90_000), ..letters("c", "y", None) };
    let refused = store.clusters(&scope(), &shape).observe(&last).await.unwrap().unwrap_err();
    assert!(refused.to_string().starts_with("entity 61 would have 4"), "{refused}");
    assert_eq!(names(&groups(&store).await), ["a+b"]);
}

#[tokio::test]
async fn entities_that_exceed_one_transaction_are_written_in_several_wherever_somebody_dies() {
    let numbers = 0..u32::try_from(MAX_RECORDS).unwrap();
    let full = world();
    for n in numbers {
        seen(&full.store, &letters(&format!("{n:03}"), "x", Some(n))).await;
    }
    // Under new rules all of a hundred entities are to be written, with the record and the head.
    let new = Sharing { ignored: ['q'].into() };
    let more = letters("005", "xy", Some(5));
    let calm = Arc::new(Faults::none());
    let undisturbed = full.copied().await.behind(&calm);
    undisturbed.clusters(&scope(), &new).observe(&more).await.unwrap().unwrap();
    // The last calls are those that write entities: what comes before them is swept elsewhere.
    let log = calm.log();
    let writes = log[log.len() - 12..].iter().filter(|call| call.writes).count();
    assert!(writes >= 2, "{log:?}");
    for calls in calm.calls() - 12..=calm.calls() {
        let world = full.copied().await;
        let faulty = world.behind(&Arc::new(Faults::of(Fault::Crash(calls, Side::After))));
        let died = faulty.clusters(&scope(), &new).observe(&more).await.is_err();
        assert!(died || calls == calm.calls());
        world.store.clusters(&scope(), &new).observe(&more).await.unwrap().unwrap();
        let made = entities(&world.store).await;
        assert_eq!(made.len(), MAX_RECORDS);
        assert!(made.values().all(|group| group.rules == new.digest()), "after {calls} calls");
    }
}

#[tokio::test]
async fn entities_of_more_than_four_megabytes_are_written_in_several_transactions() {
    let World { store, .. } = world();
    let of = |n: u32| char::from_digit(n, 36).unwrap().to_string();
    for n in 0..12 {
        let one = letters(&format!("{n:03}"), &of(n), Some(n));
        seen(&store, &Letters { ballast: "b".repeat(380_000), ..one }).await;
    }
    // Under new rules all entities are to be written.
    let new = Sharing { ignored: ['q'].into() };
    let bridge = letters("bridge", &(0..12).map(of).collect::<String>(), None);
    let change = store.clusters(&scope(), &new).observe(&bridge).await.unwrap().unwrap().change;
    assert_eq!(change.unwrap().changed.len(), 12);
    let made = entities(&store).await;
    assert!(made.len() == 12 && made.values().all(|group| group.rules == new.digest()));
}
