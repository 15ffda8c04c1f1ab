//! Claims by many producers, on SQLite; `aws.rs` holds DynamoDB to the same.

#[path = "producers.rs"]
mod producers;

use std::sync::Arc;

use local::{Database, SqliteTable};
use testkit::ManualClock;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_producers_claim_a_thousand_links_once_each_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::default();
    let database = Database::open(&folder.path().join("state.sqlite")).unwrap();
    let table = SqliteTable::open(&database, Arc::new(clock.clone())).await.unwrap();
    producers::each_link_is_claimed_once_and_none_is_lost(Arc::new(table), clock).await;
}
