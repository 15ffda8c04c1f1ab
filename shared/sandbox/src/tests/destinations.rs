//! The shipped destination files against the APIs that they are for, over HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use destination::{
    Action, Attempt, Call, Child, Destination, Item, Judgement, Next, Operation, Sent, Session,
};
use model::document::Document;
use ports::{Clock, Http, HttpError, Request, Response};
use request::authenticator::Caller;
use serde_json::{Value, json};

use super::crm::{customer, transaction};
use super::{Glance, Place, send};

/// Calls go to the sandbox, whatever host they name.
#[derive(Debug)]
struct ToSandbox(std::net::SocketAddr);

#[async_trait]
impl Http for ToSandbox {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let path = request.url.splitn(4, '/').last().unwrap();
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = request.body.as_deref().map_or("", |body| std::str::from_utf8(body).unwrap());
        let call = (request.method.as_str(), format!("/{path}"));
        let answer = send(self.0, (call.0, &call.1), &headers, body);
        let headers = answer.headers.lines().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Response { status: answer.status, headers, body: answer.body.into() })
    }
}

/// A destination that is pushed to by hand, one batch after the other.
struct Push {
    destination: Arc<Destination>,
    session: Session,
    caller: Caller,
    clock: Arc<Glance>,
    items: BTreeMap<String, Item>,
    /// By item: what became of it, and the code that was given for it.
    ends: BTreeMap<String, (Action, Option<String>)>,
}

/// Operation, items, and how often they were tried.
type Batch = (String, Vec<String>, Attempt);

impl Push {
    fn new(place: &Place, name: &str, mut config: Value) -> Self {
        let file = format!("{name}.yaml");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/destinations");
        let text = std::fs::read_to_string(folder.join(&file)).unwrap();
        let document = Document::parse(&file, &text).unwrap();
        let destination = Destination::parse(&name.parse().unwrap(), &document).unwrap();
        let destination = Arc::new(destination);
        let root = if name == "crm" { String::new() } else { format!("/{name}") };
        config["base_url"] = format!("{}{root}", place.running.url()).into();
        let clock = Arc::<Glance>::clone(&place.clock);
        let session = destination.session(&config, clock.now());
        let http = Arc::new(ToSandbox(place.running.address()));
        let clock_of_caller = Arc::<Glance>::clone(&clock);
        let caller = Caller::new(http, clock_of_caller, Duration::from_secs(30), 1 << 20);
        let (items, ends) = (BTreeMap::new(), BTreeMap::new());
        Self { destination, session, caller, clock, items, ends }
    }

    /// Pushes until something final was said of every record.
    async fn run(&mut self, operation: &str, records: &[Value]) {
        let mut references = Vec::new();
        for (record, line) in records.iter().zip(1..) {
            let reference = format!("{operation}-{line:03}");
            let item = Item::read(&reference, "f.csv", line, record.to_string().as_bytes());
            self.items.insert(reference.clone(), item.unwrap());
            references.push(reference);
        }
        let mut open = vec![(operation.to_owned(), references, Attempt::default())];
        for round in 0..200 {
            let Some(batch) = open.pop() else { return };
            open.extend(self.batch(batch, round).await);
        }
        panic!("no end: {open:?}");
    }

    async fn batch(&mut self, (operation, references, attempt): Batch, round: u32) -> Vec<Batch> {
        let destination = Arc::clone(&self.destination);
        let operation = destination.operation(&operation.parse().unwrap()).unwrap();
        let items: Vec<Item> =
            references.iter().map(|reference| self.items[reference].clone()).collect();
        let rendering = destination.render(operation, &self.session, &items, round);
        let rendered = rendering.unwrap().ready().unwrap();
        assert_eq!(rendered.unrenderable, []);
        let call = rendered.call.unwrap();
        let mut attempt = attempt;
        let judgement = loop {
            let judgement = self.judged(operation, &call, &attempt).await;
            match judgement.next {
                Next::Repeat { attempt: again, .. } => attempt = again,
                Next::Refresh { attempt: again } => {
                    self.destination.forget_token(&self.caller, &self.session).await.unwrap();
                    attempt = again;
                }
                _ => break judgement,
            }
        };
        if let Next::Settled(verdicts) = &judgement.next {
            for verdict in verdicts.iter().filter(|verdict| verdict.action.is_final()) {
                let end = (verdict.action.clone(), verdict.code.clone());
                assert_eq!(self.ends.insert(verdict.reference.clone(), end), None);
            }
        }
        let sent = Sent { references: &call.references, attempt: &attempt, chance: 0.0 };
        let children = destination.children(operation, &sent, &judgement);
        let batch = |child: Child| (child.operation.to_string(), child.references, child.attempt);
        children.into_iter().map(batch).collect()
    }

    /// One call, and if it begins a job, the job to its end.
    async fn judged(&self, operation: &Operation, call: &Call, attempt: &Attempt) -> Judgement {
        let sent = Sent { references: &call.references, attempt, chance: 0.0 };
        let answer = self.answer(call).await;
        let session = &self.session;
        let mut judgement = self.destination.judge(operation, session, &sent, Ok(&answer));
        while let Next::Job { job, wait } = judgement.next {
            self.clock.sleep(wait).await;
            let ask = self.destination.follow(operation, session, &job).unwrap();
            let answer = self.answer(&ask).await;
            let told = (&job, Ok(&answer));
            judgement = self.destination.judge_job(operation, session, &sent, told);
        }
        judgement
    }

    async fn answer(&self, call: &Call) -> Response {
        let session = &self.session;
        let request = self.destination.authorise(&self.caller, session, call).await.unwrap();
        ToSandbox(address(&request.url)).send(request).await.unwrap()
    }

    /// The codes of what was refused, and how much was taken.
    fn outcome(&self) -> (usize, Vec<(&str, &str)>) {
        let taken = self.ends.values().filter(|(action, _)| action.is_success()).count();
        let refused = self.ends.iter().filter(|(_, (action, _))| *action == Action::Fail);
        let refused = refused.map(|(reference, (_, code))| {
            (reference.as_str(), code.as_deref().unwrap_or_default())
        });
        (taken, refused.collect())
    }
}

fn address(url: &str) -> std::net::SocketAddr {
    url.split('/').nth(2).unwrap().parse().unwrap()
}

fn member(number: usize) -> Value {
    json!({
        "external_id": format!("u{number}"), "email": format!("u{number}@x.test"),
        "first_name": "Ada", "last_name": null, "mobile": null,
    })
}

#[tokio::test]
async fn contacts_are_upserted_and_a_multi_status_answer_is_told_apart() {
    let place = Place::tiny();
    let config = json!({ "access_token": "heron-hubspot-token-8d20" });
    let mut push = Push::new(&place, "hubspot", config);
    let mut records: Vec<Value> = (0..20).map(member).collect();
    records[3]["email"] = "nobody".into();
    records[7]["email"] = "busy-7@x.test".into();
    push.run("UPSERT", &records).await;
    assert_eq!(push.outcome(), (19, vec![("UPSERT-004", "VALIDATION_ERROR")]));
    assert_eq!(place.stored("hubspot").len(), 19);
}

#[tokio::test]
async fn one_contact_that_comes_twice_does_not_keep_the_others_out() {
    let place = Place::tiny();
    let config = json!({ "access_token": "heron-hubspot-token-8d20" });
    let mut push = Push::new(&place, "hubspot", config);
    let mut records: Vec<Value> = (0..8).map(member).collect();
    records.push(member(2));
    push.run("UPSERT", &records).await;
    assert_eq!(push.outcome(), (9, vec![]));
    assert_eq!(place.stored("hubspot").len(), 8);
}

#[tokio::test]
async fn users_are_tracked_and_errors_are_found_by_their_index() {
    let place = Place::tiny();
    let mut push = Push::new(&place, "braze", json!({ "api_key": "heron-braze-key-6a17" }));
    let mut records: Vec<Value> = (0..30).map(member).collect();
    records[12]["email"] = "nobody".into();
    push.run("ATTRIBUTES", &records).await;
    let refused = vec![("ATTRIBUTES-013", "'email' is not a valid email address")];
    assert_eq!(push.outcome(), (29, refused));
    assert_eq!(place.stored("braze").len(), 29);
}

#[tokio::test]
async fn purchases_from_rows_have_prices_that_are_numbers() {
    let place = Place::tiny();
    let mut push = Push::new(&place, "braze", json!({ "api_key": "heron-braze-key-6a17" }));
    let mut row = transaction("t1", "u1");
    row["amount"] = "12.50".into();
    push.run("PURCHASES", &[row, transaction("t2", "u1")]).await;
    assert_eq!(push.outcome(), (2, vec![]));
    assert_eq!(place.stored("braze")[0]["price"], 12.5);
}

#[tokio::test]
async fn profiles_are_imported_by_a_job_and_its_pages_of_errors_are_read() {
    let place = Place::tiny();
    let mut push = Push::new(&place, "klaviyo", json!({ "api_key": "heron-klaviyo-key-c5b9" }));
    let mut records: Vec<Value> = (0..60).map(member).collect();
    for record in records.iter_mut().take(25) {
        record["email"] = "nobody".into();
    }
    push.run("IMPORT", &records).await;
    let (taken, refused) = push.outcome();
    assert_eq!((taken, refused.len()), (35, 25));
    assert!(refused.iter().all(|(_, code)| *code == "invalid"));
    assert_eq!(place.stored("klaviyo").len(), 35);
}

fn crm(place: &Place) -> Push {
    let config = json!({
        "client_id": "heron-crm-71d0", "client_secret": "heron-crm-secret-5e02c8",
        "api_key": "heron-crm-key-a41f",
    });
    Push::new(place, "crm", config)
}

fn tell(place: &Place, path: &str, body: &Value) {
    let path = format!("/__admin/crm{path}");
    let answer = send(place.running.address(), ("POST", &path), &[], &body.to_string());
    assert!(answer.status < 300, "{}", answer.body);
}

#[tokio::test]
async fn every_answer_of_the_crm_leads_where_the_destination_says() {
    let place = Place::tiny();
    let mut push = crm(&place);
    let mut records: Vec<Value> = (0..40).map(|n| customer(&format!("c{n}"))).collect();
    records[2]["source"] = "FAX".into();
    records[5] = customer("lock-1");
    records[9] = customer("odd-1");
    records[11] = customer("poison-1");
    records[13] = customer("erased-1");
    push.run("ADD_CUST", &records).await;
    let refused = vec![
        ("ADD_CUST-003", "3217"),
        ("ADD_CUST-010", "7742"),
        ("ADD_CUST-012", "MALFORMED_BATCH"),
        ("ADD_CUST-014", "8026"),
    ];
    assert_eq!(push.outcome(), (36, refused));

    let mut again = crm(&place);
    again.run("ADD_CUST", &[customer("c0"), customer("new")]).await;
    assert_eq!(again.outcome(), (2, vec![]));

    let mut sales = crm(&place);
    let mut incomplete = transaction("t2", "c1");
    incomplete["amount"] = Value::Null;
    let records = [transaction("t1", "c1"), incomplete, transaction("t1", "c1")];
    sales.run("ADD_TRX", &records).await;
    assert_eq!(sales.outcome(), (2, vec![("ADD_TRX-002", "624")]));
    assert_eq!(sales.ends["ADD_TRX-003"].0, Action::Duplicate);
}

#[tokio::test]
async fn faults_of_the_crm_double_nothing_and_lose_nothing() {
    let place = Place::tiny();
    for fault in [
        json!({ "kind": "committed_then", "status": 500, "times": 1 }),
        json!({ "kind": "expired_token", "times": 1 }),
        json!({ "kind": "status", "status": 429, "retry_after": 2, "times": 3 }),
        json!({ "kind": "status", "status": 503, "times": 1 }),
        json!({ "kind": "missing_ref", "times": 1 }),
    ] {
        tell(&place, "/faults", &fault);
    }
    let mut push = crm(&place);
    let records: Vec<Value> = (0..30).map(|n| customer(&format!("c{n}"))).collect();
    push.run("ADD_CUST", &records).await;
    assert_eq!(push.outcome(), (30, vec![]));
    let held = place.admin("GET", "/crm/heron/customers").body;
    assert_eq!(held.lines().count(), 30);
    assert_eq!(place.admin("GET", "/crm/faults").body, "[]");
}
