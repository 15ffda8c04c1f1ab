//! Exchanges with Athena, as its API has them, replayed: what is asked must be what is recorded.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_athena::config::http::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use host::Vars;
use model::{Classify, Metric, Retry};
use ports::{Clock, Definitions, QueryEngine, QueryError, RelationKind, Rows, Selection, Unload};
use serde_json::{Value, json};
use testkit::{ManualClock, MemoryMetrics, SeededIds};

use super::*;

const SQL: &str = "SELECT * FROM orders";

/// What was asked: the operation, and its body.
type Asked = (String, Value);

/// Answers calls with what is recorded, in order.
#[derive(Debug, Clone)]
struct Recording {
    recorded: Arc<Vec<Value>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl HttpConnector for Recording {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let mut asked = self.asked.lock().unwrap();
        let Some(recorded) = self.recorded.get(asked.len()) else {
            let cause = format!("{operation} is asked, nothing more is recorded");
            return HttpConnectorFuture::ready(Err(ConnectorError::other(cause.into(), None)));
        };
        asked.push((operation, body));
        let status = u16::try_from(recorded["status"].as_u64().unwrap()).unwrap();
        let body = SdkBody::from(recorded["response"].to_string());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body)))
    }
}

/// A replay of recorded exchanges.
struct Replay {
    recording: Recording,
    clock: ManualClock,
    metrics: Arc<MemoryMetrics>,
}

impl Replay {
    fn of(recorded: &str) -> Self {
        let recorded = Arc::new(serde_json::from_str(recorded).unwrap());
        let recording = Recording { recorded, asked: Arc::default() };
        Self { recording, clock: ManualClock::default(), metrics: Arc::default() }
    }

    fn asked(&self) -> Vec<Asked> {
        self.recording.asked.lock().unwrap().clone()
    }

    fn aws(&self) -> Aws {
        let vars = Vars::of(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "y"),
        ]);
        let connector = SharedHttpConnector::new(self.recording.clone());
        let client = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
        Aws::from_vars(&vars).unwrap().replayed(client)
    }

    fn athena(&self) -> Athena {
        let place = Place {
            workgroup: "headwater".to_owned(),
            database: "headwater".to_owned(),
            bucket: "lake".to_owned(),
        };
        let tools = Tools {
            clock: Arc::new(self.clock.clone()),
            ids: Arc::new(SeededIds::new(7)),
            metrics: Arc::<MemoryMetrics>::clone(&self.metrics),
        };
        Athena::new(Arc::new(self.aws()), place, tools, Patience(Duration::from_secs(30)))
    }

    /// Everything was asked as it is recorded, every start under one token.
    #[track_caller]
    fn holds(&self) {
        let asked = self.asked();
        let recorded = &self.recording.recorded;
        let mut tokens = Vec::new();
        for ((operation, body), recorded) in asked.iter().zip(recorded.iter()) {
            let mut body = body.clone();
            if let Some(token) = body.get_mut("ClientRequestToken") {
                tokens.push(token.as_str().unwrap().to_owned());
                *token = json!("<token>");
            }
            let expected = format!("AmazonAthena.{}", recorded["operation"].as_str().unwrap());
            assert_eq!((operation, &body), (&expected, &recorded["request"]));
        }
        assert!(tokens.iter().all(|token| token.len() == 32 && *token == tokens[0]), "{tokens:?}");
        assert_eq!(asked.len(), recorded.len(), "not all that is recorded was asked");
    }
}

macro_rules! replay {
    ($case:literal) => {
        Replay::of(include_str!(concat!("recorded/", $case, ".json")))
    };
}

async fn run(replay: &Replay, cap: usize) -> Result<Rows, QueryError> {
    replay.athena().run(SQL, cap).await
}

#[tokio::test]
async fn a_statement_is_started_asked_after_and_read() {
    let replay = replay!("happy");
    let rows = run(&replay, 10).await.unwrap();
    assert_eq!(rows.columns, ["id", "n", "price", "ok"]);
    assert_eq!(
        rows.rows,
        [
            vec![json!("a"), json!(1), json!("12.500000000000000000"), json!(true)],
            vec![json!("b"), Value::Null, Value::Null, json!(false)],
        ]
    );
    assert!((replay.metrics.sum(Metric::BytesScanned) - 10_485_760.0).abs() < 0.5);
    replay.holds();
}

#[tokio::test]
async fn results_are_read_page_by_page_and_only_the_first_row_is_headings() {
    let replay = replay!("pages");
    let rows = run(&replay, 2).await.unwrap();
    assert_eq!(rows.rows.iter().map(|row| &row[0]).collect::<Vec<_>>(), ["a", "id"]);
    replay.holds();
}

#[tokio::test]
async fn more_rows_than_the_cap_are_refused_and_not_read() {
    let replay = replay!("pages");
    let refused = run(&replay, 1).await.unwrap_err();
    assert!(matches!(refused, QueryError::TooMany { cap: 1 }), "{refused:?}");
    assert_eq!(replay.asked().len(), 4);
}

#[tokio::test]
async fn a_statement_about_the_catalogue_has_no_headings() {
    let replay = replay!("shown");
    let rows = replay.athena().run("SHOW TABLES", 10).await.unwrap();
    assert_eq!(rows.rows.len(), 1);
    replay.holds();
}

#[tokio::test]
async fn a_wrong_statement_fails_for_good_with_what_athena_says() {
    let replay = replay!("failed");
    let failed = run(&replay, 10).await.unwrap_err();
    assert_eq!(failed.to_string(), "COLUMN_NOT_FOUND: line 1:8: Column 'nmae' cannot be resolved");
    assert_eq!(failed.retry(), Retry::Never);
    assert!((replay.metrics.sum(Metric::BytesScanned) - 7.0).abs() < 0.5);
    replay.holds();
}

#[tokio::test]
async fn what_athena_cannot_help_may_be_tried_again() {
    let replay = replay!("failed_by_itself");
    let failed = run(&replay, 10).await.unwrap_err();
    assert!(matches!(failed, QueryError::Unavailable { .. }), "{failed:?}");
    assert_eq!(failed.retry(), Retry::Backoff);
    replay.holds();
}

#[tokio::test]
async fn a_statement_that_is_none_and_a_right_that_lacks_are_told_apart() {
    let replay = replay!("refused");
    let refused = replay.athena().run("SELECT", 10).await.unwrap_err();
    assert!(matches!(refused, QueryError::Statement { .. }), "{refused:?}");
    assert_eq!(refused.to_string(), "line 1:1: mismatched input 'SELEC'");
    replay.holds();
    let replay = replay!("denied");
    let denied = run(&replay, 10).await.unwrap_err();
    assert!(denied.to_string().contains("AccessDeniedException"), "{denied}");
    assert_eq!(denied.retry(), Retry::Never);
    replay.holds();
}

// The SDK waits by tokio's clock, which stands still here.
#[tokio::test(start_paused = true)]
async fn throttled_starts_and_questions_wait_and_start_nothing_twice() {
    let replay = replay!("throttled");
    assert_eq!(run(&replay, 10).await.unwrap().rows.len(), 0);
    replay.holds();
}

#[tokio::test(start_paused = true)]
async fn starts_that_are_throttled_all_the_time_are_given_up() {
    let replay = replay!("throttled_for_good");
    let began = replay.clock.now();
    let failed = run(&replay, 10).await.unwrap_err();
    assert!(matches!(failed, QueryError::Throttled { .. }), "{failed:?}");
    assert!(matches!(failed.retry(), Retry::After(_)));
    assert!(replay.clock.now().duration_since(began).as_secs() >= 30);
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_reply_is_lost_is_repeated_under_its_token() {
    let replay = replay!("lost_reply");
    assert_eq!(run(&replay, 10).await.unwrap().rows.len(), 0);
    replay.holds();
}

#[tokio::test]
async fn a_cancelled_statement_tells_who_ended_it() {
    let replay = replay!("cancelled");
    let ended = run(&replay, 10).await.unwrap_err();
    assert_eq!(ended.to_string(), "the query was cancelled: Bytes scanned limit was exceeded");
    assert_eq!(ended.retry(), Retry::Never);
    replay.holds();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped() {
    let replay = replay!("too_slow");
    let ended = run(&replay, 10).await.unwrap_err();
    assert_eq!(ended.to_string(), "the query was stopped: it took longer than 30 s");
    assert_eq!(replay.asked().last().unwrap().0, "AmazonAthena.StopQueryExecution");
}

#[tokio::test]
async fn what_does_not_read_never_reaches_athena() {
    let replay = Replay::of("[]");
    let refused = replay.athena().run("DROP TABLE orders", 10).await.unwrap_err();
    assert!(refused.to_string().starts_with("only statements that read"), "{refused}");
    replay.holds();
}

#[tokio::test]
async fn rows_are_copied_to_a_folder_whose_name_ends_no_literal() {
    let replay = replay!("copied");
    let rows = Selection {
        sql: "SELECT \"id\" FROM \"orders\" WHERE \"_tenant\" IN ('bluebird')".to_owned(),
        columns: vec![("id".to_owned(), "varchar".to_owned())],
    };
    let folder = "customers/o'brien/exports/1/orders".parse().unwrap();
    let copied = replay.athena().unload(&rows, &folder).await.unwrap();
    assert_eq!((copied.query.as_deref(), copied.scanned), (Some("a1b2"), 42));
    replay.holds();
}

#[tokio::test]
async fn a_stack_is_known_by_its_database() {
    let replay = replay!("card");
    let card = Card::read(&replay.aws(), "headwater-test").await.unwrap();
    assert_eq!(card.place.database, "headwater_test");
    assert_eq!((card.place.bucket.as_str(), card.table.as_str()), ("lake", "state"));
    let queues = [card.transforms, card.files, card.pushes].map(|urls| urls.unwrap().queue);
    assert_eq!(queues, ["https://sqs/transform", "https://sqs/files", "https://sqs/push"]);
    assert_eq!(card.secrets.as_deref(), Some("headwater-test"));
    replay.holds();
    let replay = replay!("no_card");
    let missing = Card::read(&replay.aws(), "gone").await.unwrap_err();
    assert!(missing.to_string().ends_with("no database `gone` of a stack `gone` in this region"));
    replay.holds();
}

#[tokio::test]
async fn relations_are_listed_page_by_page() {
    let replay = replay!("relations");
    let relations = replay.athena().relations().await.unwrap();
    let told: Vec<_> = relations.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    assert_eq!(told, [("orders", RelationKind::View), ("orders_landing", RelationKind::Table)]);
    replay.holds();
}
