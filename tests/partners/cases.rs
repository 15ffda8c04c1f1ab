//! What holds of partners' files wherever the functions run: taken in once, pushed once, told of.

#[path = "erasure.rs"]
pub mod erasure;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Client, Policy};
use lake::delivery::{FileEnd, FileFact, FileOutcome, FileVerdict};
use model::ObjectKey;
use ports::{
    Attributes, Http as _, Method, ObjectStore, ObjectStoreExt as _, Queue, Request, Secrets,
};
use sandbox::crm_accounts;
use serde_json::{Value, json};
use store::Store;

/// The tenant whose partner delivers.
pub const TENANT: &str = "heron";

/// The CRM's secret, as the tenant's file refers to it.
pub const SECRET: &str = "crm-secret";

/// Where the functions run.
#[async_trait(?Send)]
pub trait Host: Send + Sync {
    /// Hands an event to the function that takes files in; gives its answer.
    async fn take_in(&mut self, event: Value) -> Value;

    /// Hands an event to the function that pushes; gives its answer.
    async fn push(&mut self, event: Value) -> Value;

    /// Hands an event to the function that reports; gives its answer.
    async fn report(&mut self, event: Value) -> Value;

    fn lake(&self) -> Arc<dyn ObjectStore>;

    /// What the first function reads.
    fn looks(&self) -> Arc<dyn Queue>;

    /// What the second one reads.
    fn pushes(&self) -> Arc<dyn Queue>;

    /// Where the CRM is.
    fn crm(&self) -> String;

    /// Where leases, groups and batches stand.
    fn store(&self) -> Store;

    /// What tenants' files refer to.
    fn secrets(&self) -> Arc<dyn Secrets>;
}

/// The client's secret at the CRM.
pub fn secret() -> &'static str {
    crm_accounts().iter().find(|account| account.tenant == TENANT).unwrap().client_secret
}

const FEED: &str = r"
pattern: '^heron_(?P<entity>USER|TRX)_(?P<seq>\d{3})\.'
kinds:
  user: {entities: [USER], columns: [external_id, email]}
  transaction: {entities: [TRX], columns: [trx_id, amount]}
complete: {stable_for: 0s}
verify: {trailer: T}
after: {move: processed}
";

async fn put(host: &dyn Host, key: &str, text: &str) {
    let key: ObjectKey = key.parse().unwrap();
    let body = Bytes::copy_from_slice(text.as_bytes());
    host.lake().put(&key, body, &Attributes::default()).await.unwrap();
}

async fn configure(host: &dyn Host) {
    let crm = xtask::machine::root().join("config/destinations/crm.yaml");
    put(host, "config/destinations/crm.yaml", &std::fs::read_to_string(crm).unwrap()).await;
    put(host, "config/feeds/partner.yaml", FEED).await;
    let account = crm_accounts().iter().find(|account| account.tenant == TENANT).unwrap();
    let tenant = format!(
        "feeds:\n  loyalty:\n    feed: partner\n    from: {{s3: {{prefix: drop/heron/}}}}\n\
         pushes:\n  crm:\n    destination: crm\n    from: [{{feed: loyalty}}]\n    config:\n      \
         base_url: {}\n      client_id: {}\n      client_secret: {{secret: {SECRET}}}\n      \
         api_key: {}\n",
        host.crm(),
        account.client_id,
        account.api_key,
    );
    put(host, &format!("config/tenants/{TENANT}.yaml"), &tenant).await;
}

/// A message, as SQS hands it to a function.
fn record(id: &str, receipt: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": receipt,
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": TENANT},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    })
}

/// The messages that wait in a queue, taken off it.
async fn batch(queue: &Arc<dyn Queue>) -> Value {
    let (wait, hidden) = (Duration::from_secs(1), Duration::from_mins(5));
    let mut records = Vec::new();
    loop {
        let messages = queue.receive(10, wait, hidden).await.unwrap();
        if messages.is_empty() {
            return json!({"Records": records});
        }
        for message in messages {
            records.push(record(&message.id, &message.receipt, &message.body));
            queue.ack(&message).await.unwrap();
        }
    }
}

/// S3's notifications of objects.
fn created(keys: &[String]) -> Value {
    let one = |key: &String| {
        let told = json!({"Records": [{
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "lake"}, "object": {"key": key.replace('=', "%3D")}},
        }]});
        record(key, "r1", &told.to_string())
    };
    json!({"Records": keys.iter().map(one).collect::<Vec<_>>()})
}

fn failures(answer: &Value) -> usize {
    answer["batchItemFailures"].as_array().expect("a batch response").len()
}

async fn keys(host: &dyn Host, prefix: &str) -> Vec<String> {
    let found = host.lake().list_all(prefix).await.unwrap();
    found.into_iter().map(|meta| meta.key.to_string()).collect()
}

/// Everything that a repeat must not change.
async fn everything(host: &dyn Host) -> BTreeMap<String, Bytes> {
    let mut all = objects(host.lake().as_ref()).await;
    for entity in ["customers", "transactions"] {
        all.insert(format!("crm/{entity}"), held(host, entity).await.join("\n").into());
    }
    all
}

/// All objects of a lake.
async fn objects(lake: &dyn ObjectStore) -> BTreeMap<String, Bytes> {
    let mut all = BTreeMap::new();
    for meta in lake.list_all("").await.unwrap() {
        all.insert(meta.key.to_string(), lake.get(&meta.key).await.unwrap().body);
    }
    all
}

/// What the CRM holds, a line each.
async fn held(host: &dyn Host, entity: &str) -> Vec<String> {
    let http = Client::new(Policy::with_local(&["127.0.0.1".to_owned()]));
    let request = Request {
        method: Method::Get,
        url: format!("{}/__admin/crm/{TENANT}/{entity}", host.crm()),
        headers: Vec::new(),
        body: None,
        timeout: Duration::from_secs(10),
        max_body: 1 << 24,
        redirect_hosts: Arc::from([]),
    };
    let answer = http.send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{entity}");
    String::from_utf8(answer.body.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

/// The ids of what the CRM holds.
async fn ids(host: &dyn Host, entity: &str, field: &str) -> Vec<String> {
    let rows = held(host, entity).await;
    let id = |row: &String| {
        let row: Value = serde_json::from_str(row).unwrap();
        row[field].as_str().unwrap_or_else(|| panic!("{row}")).to_owned()
    };
    let mut ids: Vec<String> = rows.iter().map(id).collect();
    ids.sort();
    ids
}

/// Files that were decided, by their paths.
async fn decided(host: &dyn Host) -> BTreeMap<String, (FileVerdict, Option<String>)> {
    let mut facts = BTreeMap::new();
    for key in keys(host, "outcomes/files/").await {
        let body = host.lake().get(&key.parse().unwrap()).await.unwrap().body;
        let fact = FileFact::from_json(&body).unwrap();
        facts.insert(fact.seen.path.clone(), (fact.verdict, fact.code));
    }
    facts
}

/// Files that were pushed, by their names.
async fn done(host: &dyn Host) -> BTreeMap<String, FileOutcome> {
    let mut done = BTreeMap::new();
    for key in keys(host, "outcomes/done/").await {
        let body = host.lake().get(&key.parse().unwrap()).await.unwrap().body;
        let outcome = FileOutcome::from_json(&body).unwrap();
        assert!(outcome.counts.add_up(), "{outcome:?}");
        done.insert(outcome.name.clone(), outcome);
    }
    done
}

/// Has the feed looked at, by way of the sweep and the queue.
async fn look(host: &mut dyn Host) {
    let feed = json!({"tenant": TENANT, "feed": "loyalty"});
    let looked = host.take_in(feed).await;
    assert_eq!(looked["outcome"], "looked", "{looked}");
}

/// Tells of all files that were accepted, and pushes until nothing is left to do.
async fn arrive(host: &mut dyn Host) {
    let accepted = keys(host, "inbox/files/").await;
    assert_eq!(failures(&host.push(created(&accepted)).await), 0);
    rest(host).await;
}

/// Pushes until nothing is left to do.
async fn rest(host: &mut dyn Host) {
    for _ in 0..20 {
        let ran = host.push(json!({"push": {"tenant": TENANT, "push": "crm"}})).await;
        if ran["more"] == false {
            return;
        }
    }
    panic!("the push does not come to rest");
}

const USERS: &str = "external_id,email,source\nu1,a@x.example,INSTORE\nu2,b@x.example,NOWHERE\n\
                     u3,c@x.example,INSTORE\n";

const BOUGHT: &str = "trx_id,external_id,amount,bill_number,billing_date,currency\n\
                      t1,u1,12.50,b1,2026-01-02T03:04:05Z,EUR\n\
                      t2,u3,3.00,b2,2026-01-02T03:04:05Z,EUR\nT,2\n";

/// Files in a drop are told of, taken in, pushed and told of again, from events alone; their
/// repeats change nothing.
pub async fn what_is_delivered_ends_at_the_crm_once(host: &mut dyn Host) {
    configure(host).await;
    let files = [
        ("heron_TRX_001.csv", BOUGHT),
        ("heron_USER_001.csv", USERS),
        ("heron_USER_002.csv", USERS),
        ("heron_TRX_002.csv", "trx_id,external_id,amount\nt9,u1,1.00\nT,2\n"),
    ];
    for (name, body) in files {
        put(host, &format!("drop/heron/{name}"), body).await;
    }
    let swept = host.take_in(json!({"sweep": true})).await;
    assert_eq!((&swept["outcome"], &swept["enqueued"]), (&json!("swept"), &json!(1)), "{swept}");
    let looks = batch(&host.looks()).await;
    assert_eq!(failures(&host.take_in(looks.clone()).await), 0);

    let facts = decided(host).await;
    let count = |verdict| facts.values().filter(|(told, _)| *told == verdict).count();
    assert_eq!((count(FileVerdict::Accepted), count(FileVerdict::Duplicate)), (2, 1), "{facts:?}");
    let refused = (FileVerdict::Rejected, Some("COUNT_MISMATCH".to_owned()));
    assert_eq!(facts["heron_TRX_002.csv"], refused);
    let left = keys(host, "drop/heron/").await;
    let folders: BTreeSet<&str> = left.iter().filter_map(|key| key.split('/').nth(2)).collect();
    assert_eq!(folders, BTreeSet::from(["duplicate", "failed", "processed"]), "{left:?}");

    let mut accepted = keys(host, "inbox/files/").await;
    accepted.reverse();
    assert_eq!(failures(&host.push(created(&accepted)).await), 0);
    rest(host).await;
    let ended = done(host).await;
    let (users, bought) = (FileEnd::Partial, FileEnd::Success);
    let ends: Vec<FileEnd> = ended.values().map(|outcome| outcome.outcome).collect();
    assert_eq!(ends, [bought, users], "{ended:?}");
    assert_eq!(ids(host, "customers", "external_id").await, ["u1", "u3"]);
    assert_eq!(ids(host, "transactions", "trx_id").await, ["t1", "t2"]);
    let errors = ended.values().find_map(|outcome| outcome.errors.clone()).unwrap();
    let errors = host.lake().get(&errors).await.unwrap().body;
    assert!(String::from_utf8_lossy(&errors).contains("3,3217,"), "{errors:?}");

    let before = everything(host).await;
    host.take_in(looks).await;
    host.push(created(&accepted)).await;
    rest(host).await;
    assert!(before == everything(host).await, "a repeat changes something");
}

/// What no event told of is found by the sweep; a customer that is there is updated.
pub async fn a_sweep_finds_what_no_event_told_of(host: &mut dyn Host) {
    configure(host).await;
    put(host, "drop/heron/heron_USER_001.csv", USERS).await;
    look(host).await;
    put(host, "drop/heron/heron_USER_002.csv", &USERS.replace("a@x", "new@x")).await;
    look(host).await;
    let swept = host.push(json!({"sweep": true})).await;
    assert_eq!(swept["woken"], 1, "{swept}");
    let woken = batch(&host.pushes()).await;
    assert_eq!(failures(&host.push(woken).await), 0);
    rest(host).await;
    assert_eq!(done(host).await.len(), 2);
    let customers = held(host, "customers").await;
    assert_eq!(customers.len(), 2, "{customers:?}");
    assert!(customers.iter().any(|row| row.contains("new@x.example")), "{customers:?}");
}

/// What is neither S3's nor ours is put aside, and holds up nothing.
pub async fn what_nobody_understands_holds_up_nothing(host: &mut dyn Host) {
    configure(host).await;
    put(host, "drop/heron/heron_USER_001.csv", USERS).await;
    host.take_in(json!({"sweep": true})).await;
    let mut looks = batch(&host.looks()).await;
    looks["Records"].as_array_mut().unwrap().insert(0, record("poison", "r0", "not a look"));
    host.take_in(looks).await;
    let mut told = created(&keys(host, "inbox/files/").await);
    assert_eq!(told["Records"].as_array().unwrap().len(), 1);
    told["Records"].as_array_mut().unwrap().insert(0, record("poison", "r0", "not a push"));
    host.push(told).await;
    rest(host).await;
    assert_eq!(done(host).await.len(), 1);
}

/// What became of files is told on a page and as JSON, each time that there is news.
pub async fn what_became_of_files_is_reported_when_there_is_news(host: &mut dyn Host) {
    configure(host).await;
    put(host, "drop/heron/heron_USER_001.csv", USERS).await;
    look(host).await;
    arrive(host).await;
    let made = host.report(json!({"due": true})).await;
    let pages: Vec<&str> =
        made["made"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!((pages.len(), &made["left"]), (2, &json!([])), "{made}");
    let ending =
        |end: &str| pages.iter().find(|page| page.ends_with(end)).unwrap().parse().unwrap();
    let page = host.lake().get(&ending("report.html")).await.unwrap();
    assert_eq!(page.meta.attributes.content_type.as_deref(), Some("text/html; charset=utf-8"));
    let told = host.lake().get(&ending("report.json")).await.unwrap().body;
    let told: Value = serde_json::from_slice(&told).unwrap();
    let file = &told["files"][0];
    assert_eq!((&file["in"], &file["ok"], &file["failed"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(file["adds_up"], true, "{file}");
    let again = host.report(json!({"due": true})).await;
    assert_eq!((&again["made"], &again["unchanged"]), (&json!([]), &json!(1)), "{again}");
}
