//! Statements through the real SDK, to an Athena that nobody here wrote. It runs none of them: the
//! wire is what is held.

use std::sync::Arc;
use std::time::Duration;

use aws::{Athena, Card, Patience, Place, Tools};
use model::{Classify, Retry};
use ports::{QueryEngine, QueryError, Selection, Unload};
use serde_json::{Value, json};
use testkit::{ManualClock, MemoryMetrics, SeededIds};

use super::{aws, cloud, fresh};

/// A workgroup of its own.
fn athena(workgroup: &str) -> Athena {
    let place = Place {
        workgroup: workgroup.to_owned(),
        database: "headwater".to_owned(),
        bucket: "lake".to_owned(),
    };
    let tools = Tools {
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SeededIds::new(7)),
        metrics: Arc::new(MemoryMetrics::default()),
    };
    Athena::new(aws(), place, tools, Patience(Duration::from_mins(1)))
}

#[tokio::test]
async fn statements_are_started_asked_after_and_read_on_an_emulated_athena() {
    let name = fresh("workgroup");
    cloud().workgroup(&name).unwrap();
    let athena = athena(&name);
    let result = [vec!["id", "n"], vec!["a", "1"], vec!["b", "9007199254740993"]];
    cloud().next_result(&[("id", "varchar"), ("n", "bigint")], &result).unwrap();
    let rows = athena.run("SELECT id, n FROM orders", 10).await.unwrap();
    assert_eq!(rows.columns, ["id", "n"]);
    let large: Value = 9_007_199_254_740_993_u64.into();
    assert_eq!(rows.rows, [[json!("a"), json!(1)], [json!("b"), large]]);

    cloud().next_result(&[("id", "varchar"), ("n", "bigint")], &result).unwrap();
    let refused = athena.run("SELECT id, n FROM orders", 1).await.unwrap_err();
    assert!(matches!(refused, QueryError::TooMany { cap: 1 }), "{refused:?}");

    let rows = Selection { sql: "SELECT 1".to_owned(), columns: Vec::new() };
    let folder = "customers/orchard/1/orders".parse().unwrap();
    assert!(athena.unload(&rows, &folder).await.unwrap().query.is_some());
}

#[tokio::test]
async fn what_an_emulated_athena_refuses_fails_for_good_with_its_own_words() {
    let athena = athena(&fresh("no-workgroup"));
    let refused = athena.run("SELECT 1", 10).await.unwrap_err();
    assert_eq!(refused.to_string(), "WorkGroup does not exist");
    assert_eq!(
        (refused.retry(), matches!(refused, QueryError::Statement { .. })),
        (Retry::Never, true)
    );
    let missing = Card::read(&aws(), "gone").await.unwrap_err();
    assert!(missing.to_string().ends_with("no database `gone` of a stack `gone` in this region"));
}
