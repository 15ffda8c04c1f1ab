//! The views on the embedded engine: over random histories they equal the fold (I-4).

#[path = "history.rs"]
mod history;

use std::sync::Arc;

use ports::{Attributes, ObjectStore as _, QueryEngine as _};
use proptest::prelude::*;
use query::Engine;
use testkit::MemoryStore;

use history::{Lake, Tried, incremental, primary_key, reading, refreshed, table, texts};

async fn viewed(engine: &Engine, view: &str) -> Vec<Vec<String>> {
    texts(engine.run(&reading(view), 1_000_000).await.unwrap().rows)
}

/// Puts the lake's objects, asks in between, and asks at the end.
async fn equals(
    history: &[Tried],
    primary_key: &[Vec<String>],
    pause: usize,
) -> Result<(), TestCaseError> {
    let lake = Lake::of(history);
    let table = table(primary_key);
    let (view, keyless) = (table.name.clone(), format!("{}_without_key", table.name));
    let store = Arc::new(MemoryStore::default());
    let engine = Engine::in_memory(Arc::clone(&store) as _, vec![table]).unwrap();
    let objects = lake.objects();
    for (rest, (key, body)) in (0..objects.len()).rev().zip(objects) {
        if rest == pause {
            viewed(&engine, &view).await;
        }
        store.put_new(&key, body, &Attributes::default()).await.unwrap();
    }
    prop_assert_eq!(viewed(&engine, &view).await, lake.latest(primary_key));
    if !primary_key.is_empty() {
        prop_assert_eq!(viewed(&engine, &keyless).await, lake.without_key(primary_key));
    }
    Ok(())
}

fn run(work: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_views_of_an_incremental_stream_equal_the_fold(
        history in incremental(),
        pause in 0usize..8,
    ) {
        run(equals(&history, &primary_key(), pause))?;
    }

    #[test]
    fn the_views_of_refreshes_and_increments_equal_the_fold(
        history in refreshed(),
        pause in 0usize..10,
    ) {
        run(equals(&history, &primary_key(), pause))?;
    }

    #[test]
    fn the_view_of_a_stream_without_a_key_equals_the_fold(
        history in refreshed(),
        pause in 0usize..8,
    ) {
        run(equals(&history, &[], pause))?;
    }
}
