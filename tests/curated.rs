//! The views of models on the embedded engine: over random histories they equal the fold (I-4).

#[path = "curated_history.rs"]
mod curated_history;

use std::sync::Arc;

use ports::{Attributes, ObjectStore as _, QueryEngine as _};
use proptest::prelude::*;
use query::Engine;
use serde_json::Value;
use testkit::MemoryStore;

use curated_history::{Lake, Spelling, Tried, histories, reading, table};

const SQLITE: Spelling = Spelling {
    paid: "CASE paid WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
    second: "replace(substr(updated_at, 1, 19), 'T', ' ')",
    day: "day",
    items: "CAST(json_array_length(tags) AS text)",
};

async fn viewed(engine: &Engine) -> Vec<Vec<String>> {
    let rows = engine.run(&reading(&SQLITE), 1_000_000).await.unwrap().rows;
    let text = |cell: &Value| cell.as_str().unwrap().to_owned();
    let mut rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(text).collect()).collect();
    rows.sort();
    rows
}

/// Puts the lake's objects, asks in between, and asks at the end.
async fn equals(history: &[Tried], pause: usize) -> Result<(), TestCaseError> {
    let lake = Lake::of(history);
    let store = Arc::new(MemoryStore::default());
    let engine = Engine::in_memory(Arc::clone(&store) as _, Vec::new()).unwrap();
    let engine = engine.with_models(vec![table()]).unwrap();
    let objects = lake.objects();
    for (rest, (key, body)) in (0..objects.len()).rev().zip(objects) {
        if rest == pause {
            viewed(&engine).await;
        }
        store.put_new(&key, body, &Attributes::default()).await.unwrap();
    }
    prop_assert_eq!(viewed(&engine).await, lake.shown());
    Ok(())
}

fn run(work: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_view_of_a_model_equals_the_fold(history in histories(), pause in 0usize..8) {
        run(equals(&history, pause))?;
    }
}
