use std::sync::Arc;

use testkit::{ManualClock, MemoryTable, SeededIds};

use super::*;
use crate::Timing;

fn store() -> (Store, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let table = Arc::new(MemoryTable::new(Arc::<ManualClock>::clone(&clock)));
    (
        Store::new(
            table,
            Arc::<ManualClock>::clone(&clock),
            Arc::new(SeededIds::new(7)),
            Timing::default(),
        ),
        clock,
    )
}

fn key() -> FeedKey {
    FeedKey { tenant: "heron".parse().unwrap(), feed: "loyalty".parse().unwrap() }
}

async fn held(store: &Store) -> Box<Look> {
    match store.look(&key()).await.unwrap() {
        Held::Ours(look) => look,
        Held::Other { .. } => panic!("held by another"),
    }
}

fn arrival(name: &str) -> ArrivalRow {
    ArrivalRow {
        arrival: format!("arrival-of-{name}"),
        path: name.to_owned(),
        size: 3,
        modified: Timestamp::UNIX_EPOCH,
        since: Timestamp::UNIX_EPOCH,
        marker: None,
        accepted_before: false,
        stage: Stage::Stored { sha256: "abc".to_owned() },
        failures: 0,
    }
}

#[tokio::test]
async fn a_feed_is_held_by_one_worker_until_it_lets_go_or_dies() {
    let (store, clock) = store();
    let first = held(&store).await;
    assert!(matches!(store.look(&key()).await.unwrap(), Held::Other { .. }));
    first.release().await.unwrap();
    let mut dead = held(&store).await;
    clock.advance(LOOK + Duration::from_secs(1));
    let _next = held(&store).await;
    assert!(dead.renew().await.is_err(), "what was taken over cannot be renewed");
}

#[tokio::test]
async fn of_two_claims_on_a_content_one_wins() {
    let (store, _) = store();
    let look = held(&store).await;
    let (a, b) = (arrival("a"), arrival("b"));
    let claims = futures_util::future::join(look.claim("abc", &a), look.claim("abc", &b)).await;
    let claims = [claims.0.unwrap(), claims.1.unwrap()];
    assert_eq!(claims.iter().filter(|claim| **claim == Claim::Ours).count(), 1);
    assert!(claims.iter().any(|claim| matches!(claim, Claim::Taken { .. })));
}

#[tokio::test]
async fn a_content_that_came_before_counts_or_not_when_that_one_is_decided() {
    for refused in [true, false] {
        let (store, _) = store();
        let look = held(&store).await;
        let mut first = look.take_up(None, &sight(), arrival("a")).await.unwrap();
        assert_eq!(look.claim("abc", &first.row).await.unwrap(), Claim::Ours);
        let later = look.claim("abc", &arrival("b")).await.unwrap();
        assert_eq!(later, Claim::Undecided);
        let (code, message) = ("CHECKSUM".to_owned(), "it differs".to_owned());
        let rejected = Decision::Rejected { code, message };
        let decision = if refused { rejected } else { Decision::Accepted };
        let now = Timestamp::UNIX_EPOCH;
        look.decide(&mut first, Some("abc".to_owned()), decision, now).await.unwrap();
        let later = look.claim("abc", &arrival("b")).await.unwrap();
        assert_eq!(later == Claim::Ours, refused, "{later:?}");
    }
}

fn sight() -> SightRow {
    SightRow {
        path: "a".to_owned(),
        size: 3,
        modified: Timestamp::UNIX_EPOCH,
        since: Timestamp::UNIX_EPOCH,
        looks: 1,
        arrival: None,
        settled: false,
        accepted_before: false,
        told: false,
    }
}

#[tokio::test]
async fn what_was_seen_before_undoes_nothing_that_came_of_it_since() {
    let (store, _) = store();
    let look = held(&store).await;
    look.see(None, &sight()).await.unwrap();
    let known = store.sight(&key(), "a").await.unwrap();
    let taken = look.take_up(known.as_ref(), &sight(), arrival("a")).await.unwrap();
    let settled = SightRow { settled: true, ..sight() };
    look.end(&taken, Some(&settled)).await.unwrap();
    // Whoever stood still meanwhile, or whose writes come late.
    look.see(None, &sight()).await.unwrap_err();
    look.see(known.as_ref(), &sight()).await.unwrap_err();
    look.take_up(known.as_ref(), &sight(), arrival("a")).await.unwrap_err();
    assert_eq!(store.sight(&key(), "a").await.unwrap().unwrap().row, settled);
    assert_eq!(store.arrivals(&key()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_content_that_was_refused_may_come_again() {
    let (store, _) = store();
    let look = held(&store).await;
    let mut first = look.take_up(None, &sight(), arrival("a")).await.unwrap();
    assert_eq!(look.claim("abc", &first.row).await.unwrap(), Claim::Ours);
    let decision = Decision::Rejected { code: "DECRYPT".to_owned(), message: "no key".to_owned() };
    look.decide(&mut first, Some("abc".to_owned()), decision, store.now()).await.unwrap();
    look.end(&first, None).await.unwrap();
    assert_eq!(look.claim("abc", &arrival("b")).await.unwrap(), Claim::Ours);
    assert_eq!(store.arrivals(&key()).await.unwrap().len(), 0);
}
