//! The functions' own programs, under a stand-in of the Lambda runtime, on emulated AWS: what a
//! deployment runs, from an event to rows in the lake.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use aws::Resources;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use host::{SystemClock, Vars};
use model::ObjectKey;
use ports::{Attributes, Clock, ObjectStoreExt as _};
use sandbox::{Account, Running, Seed, Size, World};
use serde_json::{Value, json};
use store::Timing;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::{cloud, fresh};

/// Longest that a function may run.
const LONGEST: Duration = Duration::from_mins(15);

/// How long a function may take, as its context says.
const TIME: Duration = Duration::from_mins(1);

/// What passes between a test and the stand-in of the runtime.
struct Wire {
    events: Mutex<mpsc::Receiver<Value>>,
    answers: mpsc::Sender<Result<Value, Value>>,
}

/// A function's process.
pub(super) struct Function {
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Result<Value, Value>>,
    _process: Child,
    _runtime: JoinSet<()>,
}

impl Function {
    pub(super) async fn start(name: &str, variables: &[(String, String)]) -> Self {
        let (events, taken) = mpsc::channel(1);
        let (given, answers) = mpsc::channel(1);
        let wire = Arc::new(Wire { events: Mutex::new(taken), answers: given });
        let router = axum::Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
            .with_state(wire);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut runtime = JoinSet::new();
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = Vars::process().required("HEADWATER_FUNCTIONS").unwrap();
        let process = Command::new(std::path::Path::new(&folder).join(name))
            .env_clear()
            .envs(variables.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { events, answers, _process: process, _runtime: runtime }
    }

    /// Hands an event to the function; gives its answer, or its diagnostic.
    pub(super) async fn invoke(&mut self, event: Value) -> Result<Value, Value> {
        self.events.send(event).await.unwrap();
        let answer = tokio::time::timeout(TIME, self.answers.recv()).await;
        answer.expect("the function answers in time").expect("the function lives")
    }
}

async fn next(State(wire): State<Arc<Wire>>) -> Response {
    let Some(event) = wire.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = SystemClock.now() + LONGEST;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millisecond().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:x:0:function:f".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn answer(
    State(wire): State<Arc<Wire>>,
    Path((_, outcome)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let answer = if outcome == "response" { Ok(body) } else { Err(body) };
    wire.answers.send(answer).await.unwrap();
    StatusCode::ACCEPTED
}

/// A stack of its own, with a provider to pull from.
pub(super) struct Ground {
    pub(super) variables: Vec<(String, String)>,
    pub(super) stack: Resources,
    pub(super) provider: Running,
    since: String,
    _folder: tempfile::TempDir,
}

impl Ground {
    pub(super) fn new() -> Self {
        let cloud = cloud();
        let folder = tempfile::tempdir().unwrap();
        let world = World::open(folder.path(), Seed(7), &Size::tiny(), Arc::new(SystemClock));
        let world = world.unwrap();
        let since = world.since().to_string();
        let provider = Running::start(world, "127.0.0.1:0").unwrap();
        let (bucket, table, secrets) = (fresh("lake"), fresh("state"), fresh("secrets"));
        cloud.bucket(&bucket).unwrap();
        cloud.table(&table).unwrap();
        let (queue, dead) = cloud.queue_pair(&fresh("jobs"), ports::DELIVERY_LIMIT).unwrap();
        let (commits, bad) = cloud.queue_pair(&fresh("commits"), ports::DELIVERY_LIMIT).unwrap();
        let (looks, lost) = cloud.queue_pair(&fresh("looks"), ports::DELIVERY_LIMIT).unwrap();
        let (pushes, unpushed) = cloud.queue_pair(&fresh("pushes"), ports::DELIVERY_LIMIT).unwrap();
        for (name, value) in Account::of("bluebird", "shop").unwrap().secrets {
            cloud.secret(&format!("{secrets}/bluebird/{name}"), value).unwrap();
        }
        let own = [
            ("LAKE_BUCKET", bucket),
            ("STATE_TABLE", table),
            ("JOBS_QUEUE_URL", queue),
            ("JOBS_DEAD_LETTERS_URL", dead),
            ("TRANSFORM_QUEUE_URL", commits),
            ("TRANSFORM_DEAD_LETTERS_URL", bad),
            ("FILES_QUEUE_URL", looks),
            ("FILES_DEAD_LETTERS_URL", lost),
            ("PUSH_QUEUE_URL", pushes),
            ("PUSH_DEAD_LETTERS_URL", unpushed),
            ("SECRETS_PREFIX", secrets),
            ("HEADWATER_ALLOW_HOSTS", provider.address().to_string()),
        ];
        let all = own.into_iter().chain(cloud.variables());
        let variables: Vec<_> = all.map(|(name, value)| (name.to_owned(), value)).collect();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let vars = variables.iter().cloned().collect();
        let stack = Resources::from_vars(&vars, &clock).unwrap();
        Self { variables, stack, provider, since, _folder: folder }
    }

    /// The same variables, but one.
    fn with(&self, name: &str, value: &str) -> Vec<(String, String)> {
        let mut variables: BTreeMap<_, _> = self.variables.iter().cloned().collect();
        variables.insert(name.to_owned(), value.to_owned());
        variables.into_iter().collect()
    }

    pub(super) async fn put(&self, key: &str, text: &str) {
        let key: ObjectKey = key.parse().unwrap();
        let body = Bytes::copy_from_slice(text.as_bytes());
        self.stack.lake.put(&key, body, &Attributes::default()).await.unwrap();
    }

    /// Pushes the source of the sample pipeline, and a tenant of these streams.
    pub(super) async fn configure(&self, streams: &str) {
        for file in ["rutter.yaml", "rutter.headwater.yaml"] {
            let path = xtask::machine::root().join("config/sources").join(file);
            let text = std::fs::read_to_string(path).unwrap();
            self.put(&format!("config/sources/{file}"), &text).await;
        }
        let tenant = format!(
            "connections:\n  shop:\n    source: rutter\n    streams: {streams}\n    config:\n      \
             base_url: {}/rutter/versioned\n      start_date: \"{}\"\n      \
             client_id: {{secret: rutter-client-id}}\n      \
             client_secret: {{secret: rutter-client-secret}}\n      \
             access_token: {{secret: shop-access-token}}\n",
            self.provider.url(),
            self.since,
        );
        self.put("config/tenants/bluebird.yaml", &tenant).await;
    }

    /// The messages that wait in the queue, as SQS hands them to a function.
    pub(super) async fn batch(&self) -> Value {
        let (wait, hidden) = (Duration::from_secs(2), Duration::from_mins(1));
        let mut records = Vec::new();
        loop {
            let messages = self.stack.jobs.receive(10, wait, hidden).await.unwrap();
            if messages.is_empty() {
                return json!({"Records": records});
            }
            for message in messages {
                records.push(record(&message.id, &message.receipt, &message.body));
            }
        }
    }

    pub(super) async fn keys(&self, prefix: &str) -> Vec<String> {
        let found = self.stack.lake.list_all(prefix).await.unwrap();
        found.into_iter().map(|meta| meta.key.to_string()).collect()
    }
}

fn record(id: &str, receipt: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": receipt,
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "bluebird"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    })
}

fn fired() -> Value {
    json!({"tenant": "bluebird", "connection": "shop"})
}

pub(super) fn failures(answer: &Value) -> usize {
    answer["batchItemFailures"].as_array().expect("a batch response").len()
}

#[tokio::test]
async fn a_schedule_that_fires_ends_in_rows_commits_and_state() {
    let ground = Ground::new();
    ground.configure("[customers, orders]").await;
    let mut schedule = Function::start("schedule", &ground.variables).await;
    let mut extract = Function::start("extract", &ground.variables).await;

    let scheduled = schedule.invoke(fired()).await.unwrap();
    assert_eq!(scheduled["enqueued"], 2, "{scheduled}");
    let batch = ground.batch().await;
    assert_eq!(batch["Records"].as_array().unwrap().len(), 2);
    let answer = extract.invoke(batch).await.unwrap();
    assert_eq!(failures(&answer), 0, "{answer}");

    let commits = ground.keys("commits/").await;
    assert!(commits.iter().any(|key| key.contains("/orders/tenant=bluebird/")), "{commits:?}");
    let landed = ground.keys("landing/rutter/orders/").await;
    assert!(!landed.is_empty());
    let by_hand = json!({"tenant": "bluebird", "connection": "shop", "stream": "orders"});
    let again = extract.invoke(by_hand).await.unwrap();
    assert_eq!(again["outcome"], "complete", "{again}");

    // The tenant's file changes; the very same processes act on it.
    ground.configure("[customers, orders, products]").await;
    let scheduled = schedule.invoke(fired()).await.unwrap();
    assert_eq!(scheduled["enqueued"], 1, "{scheduled}");
    let answer = extract.invoke(ground.batch().await).await.unwrap();
    assert_eq!(failures(&answer), 0, "{answer}");
    assert!(!ground.keys("landing/rutter/products/").await.is_empty());
}

#[tokio::test]
async fn a_batch_tells_which_of_its_messages_come_again() {
    let ground = Ground::new();
    ground.configure("[customers]").await;
    let nowhere = format!("{}/000000000000/no-such-queue", cloud().sqs);
    let variables = ground.with("JOBS_DEAD_LETTERS_URL", &nowhere);
    let mut extract = Function::start("extract", &variables).await;
    let job = r#"{"tenant":"bluebird","connection":"shop","stream":"customers"}"#;
    let batch =
        json!({"Records": [record("poison", "r1", "not a job"), record("good", "r2", job)]});
    let answer = extract.invoke(batch).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "poison"}]}));
    assert!(!ground.keys("commits/rutter/customers/").await.is_empty());
}

#[tokio::test]
async fn poison_ends_on_the_dead_letter_queue_with_its_reason() {
    let ground = Ground::new();
    let mut extract = Function::start("extract", &ground.variables).await;
    let batch = json!({"Records": [record("poison", "r1", "not a job")]});
    assert_eq!(failures(&extract.invoke(batch).await.unwrap()), 0);
    let dead = ground.variables.iter().find(|(name, _)| name == "JOBS_DEAD_LETTERS_URL").unwrap();
    let vars: Vars = ground.with("JOBS_QUEUE_URL", &dead.1).into_iter().collect();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dead = Resources::from_vars(&vars, &clock).unwrap().jobs;
    let letters = dead.receive(10, Duration::from_secs(5), TIME).await.unwrap();
    assert_eq!(letters[0].body, "not a job");
    assert!(letters[0].attributes[ports::REASON].starts_with("not a job"), "{letters:?}");
}

#[tokio::test]
async fn an_error_that_concerns_no_single_message_carries_its_class() {
    let ground = Ground::new();
    ground.configure("[customers]").await;
    let mut schedule = Function::start("schedule", &ground.with("STATE_TABLE", "gone")).await;
    let fault = schedule.invoke(fired()).await.unwrap_err();
    assert_eq!(fault["errorType"], "Permanent", "{fault}");
}

#[tokio::test]
async fn state_lies_in_the_table_under_the_stream() {
    let ground = Ground::new();
    ground.configure("[customers]").await;
    let mut schedule = Function::start("schedule", &ground.variables).await;
    schedule.invoke(fired()).await.unwrap();
    let key = store::StreamKey {
        tenant: "bluebird".parse().unwrap(),
        connection: "shop".parse().unwrap(),
        stream: "customers".parse().unwrap(),
    };
    let (table, clock) = (Arc::clone(&ground.stack.table), Arc::new(SystemClock));
    let store = store::Store::new(table, clock, Arc::new(host::SystemIds), Timing::default());
    let (head, _) = store.head(&key).await.unwrap().expect("a row for the stream");
    assert_eq!(head.source.as_str(), "rutter");
}

/// S3's notification of an object, as its queue hands it to a function.
fn created(key: &str) -> Value {
    let key = key.replace('=', "%3D");
    let told = json!({"Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "lake"}, "object": {"key": key}},
    }]});
    record(&key, "r1", &told.to_string())
}

#[tokio::test]
async fn a_commit_that_s3_tells_of_ends_in_rows_of_models_and_a_receipt() {
    let ground = Ground::new();
    ground.configure("[customers]").await;
    let model = xtask::machine::root().join("config/models/customer.yaml");
    ground.put("config/models/customer.yaml", &std::fs::read_to_string(model).unwrap()).await;
    let mut extract = Function::start("extract", &ground.variables).await;
    let job = json!({"tenant": "bluebird", "connection": "shop", "stream": "customers"});
    extract.invoke(job).await.unwrap();
    let commits = ground.keys("commits/").await;
    assert!(!commits.is_empty());

    let mut transform = Function::start("transform", &ground.variables).await;
    let test = record("test", "r0", r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#);
    let records: Vec<Value> = commits.iter().map(|key| created(key)).chain([test]).collect();
    let batch = json!({ "Records": records });
    for _ in 0..2 {
        let answer = transform.invoke(batch.clone()).await.unwrap();
        assert_eq!(failures(&answer), 0, "{answer}");
        assert_eq!(ground.keys("receipts/customer/").await.len(), commits.len());
    }
    let mut rows = 0;
    for key in ground.keys("receipts/customer/").await {
        let object = ground.stack.lake.get(&key.parse().unwrap()).await.unwrap();
        let receipt = lake::curated::Receipt::from_json(&object.body).unwrap();
        for part in &receipt.parts {
            assert!(part.counts.add_up(), "{receipt:?}");
            ground.stack.lake.head(part.file.as_ref().unwrap()).await.unwrap();
        }
        rows += receipt.rows;
    }
    assert!(rows > 0);

    let swept = transform.invoke(json!({"sweep": true})).await.unwrap();
    assert_eq!((&swept["outcome"], &swept["enqueued"]), (&json!("swept"), &json!(0)), "{swept}");
    let replayed = transform.invoke(json!({"replay": {"model": "customer"}})).await.unwrap();
    assert_eq!(replayed["enqueued"], commits.len(), "{replayed}");
}
