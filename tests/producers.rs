//! Twenty producers, a thousand due links: each is claimed once, on every table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use host::SystemIds;
use ports::{Clock as _, Deadline, Table};
use store::{Store, StreamKey, Timing};
use testkit::ManualClock;

const LINKS: usize = 1000;
const PRODUCERS: u8 = 20;

/// One producer's store: its own, as if in a process of its own.
fn producer(table: &Arc<dyn Table>, clock: &ManualClock) -> Store {
    let (table, clock) = (Arc::clone(table), Arc::new(clock.clone()));
    Store::new(table, clock, Arc::new(SystemIds), Timing::default())
}

/// Claims whatever is due, one shard after the other, and says what it got.
async fn claim_all(store: Store, from: u8, until: Deadline) -> Vec<StreamKey> {
    let mut mine = Vec::new();
    for step in 0..Store::shards() {
        let shard = (from + step) % Store::shards();
        for listed in store.due(shard, until.instant(), LINKS).await.unwrap() {
            let claim = store.claim(&listed.key, Duration::ZERO).await.unwrap();
            mine.extend(claim.map(|claim| claim.key));
        }
    }
    mine
}

/// Each link goes to one producer; the claims of one that dies come back to the others.
pub async fn each_link_is_claimed_once_and_none_is_lost(table: Arc<dyn Table>, clock: ManualClock) {
    let first = producer(&table, &clock);
    let source = "rutter".parse().unwrap();
    let keys: Vec<StreamKey> = (0..LINKS)
        .map(|n| StreamKey {
            tenant: format!("tenant-{}", n % 50).parse().unwrap(),
            connection: "shop".parse().unwrap(),
            stream: format!("stream {n}").parse().unwrap(),
        })
        .collect();
    for some in keys.chunks(16) {
        let enrolled = some.iter().map(|key| first.enroll(key, &source, clock.now()));
        for outcome in join_all(enrolled).await {
            outcome.unwrap();
        }
    }
    let due = Deadline::at(clock.now());
    // Two or three begin at each shard, and all of them pass through every one.
    let claims =
        (0..PRODUCERS).map(|n| claim_all(producer(&table, &clock), n % Store::shards(), due));
    let claimed: Vec<StreamKey> = join_all(claims).await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((claimed.len(), distinct.len()), (LINKS, LINKS));
    // No message was sent for any of them, as if each producer had died after its claim.
    clock.advance(Timing::default().claim);
    let again = claim_all(first, 0, Deadline::at(clock.now())).await;
    assert_eq!(again.len(), LINKS);
}
