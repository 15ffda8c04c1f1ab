//! Pushes items by a destination's file alone, one request after the other: no table, no queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use destination::{
    Action, Attempt, Child, Destination, Item, ItemVerdict, Job, Next, Rendering, Sent,
    Unrenderable,
};
use http::{Client, Policy};
use jiff::{SignedDuration, Timestamp};
use model::OperationName;
use model::document::Document;
use ports::{Clock, Http};
use request::authenticator::Caller;
use serde_json::Value;

/// Most requests of one push: what takes more goes round.
const MOST: usize = 5_000;

/// A clock on which waiting takes no time.
#[derive(Debug, Default)]
pub(crate) struct Skipping(AtomicI64);

#[async_trait]
impl Clock for Skipping {
    fn now(&self) -> Timestamp {
        let millis = self.0.load(Ordering::Relaxed);
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(1_767_322_800_000 + millis)
    }

    async fn sleep(&self, wait: Duration) {
        let millis = i64::try_from(wait.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

/// What goes to a server, and what came of it.
#[derive(Debug)]
pub(crate) struct Driver {
    destination: Arc<Destination>,
    config: Value,
    clock: Arc<Skipping>,
    http: Arc<dyn Http>,
    caller: Caller,
    /// Every request: operation and number of items.
    pub(crate) sent: Vec<(String, usize)>,
    /// Codes that no rule knew.
    pub(crate) unknown: Vec<String>,
}

/// A batch that is to be sent.
#[derive(Debug)]
struct Open {
    operation: OperationName,
    references: Vec<String>,
    attempt: Attempt,
    round: u32,
    job: Option<Job>,
}

impl Driver {
    /// A driver for the shipped file of that name.
    pub(crate) fn new(name: &str, config: &Value) -> Self {
        let path = format!("{}/../../config/destinations/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let document = Document::parse(&path, &text).unwrap();
        let destination = Destination::parse(&name.parse().unwrap(), &document);
        let destination = Arc::new(destination.unwrap());
        let clock = Arc::new(Skipping::default());
        let http: Arc<dyn Http> =
            Arc::new(Client::new(Policy::with_local(&["127.0.0.1".to_owned()])));
        let shared = Arc::<Skipping>::clone(&clock);
        let caller = Caller::new(Arc::clone(&http), shared, Duration::from_secs(30), 1 << 20);
        let (sent, unknown) = (Vec::new(), Vec::new());
        Self { destination, config: config.clone(), clock, http, caller, sent, unknown }
    }

    /// Pushes records to their end; gives the one verdict of each, by its place.
    pub(crate) async fn push(&mut self, operation: &str, records: &[Value]) -> Vec<ItemVerdict> {
        let items: BTreeMap<String, Item> = records
            .iter()
            .enumerate()
            .map(|(n, record)| {
                let reference = format!("file-{:032x}#{n:06}", self.sent.len());
                let record = record.to_string();
                let item = Item::read(&reference, "f.ndjson", n as u64, record.as_bytes());
                (reference, item.unwrap())
            })
            .collect();
        let name: OperationName = operation.parse().unwrap();
        let most = self.destination.operation(&name).unwrap().limits().max_items.get();
        let all: Vec<String> = items.keys().cloned().collect();
        let batch = |references: &[String]| Open {
            operation: name.clone(),
            references: references.to_vec(),
            attempt: Attempt::default(),
            round: 0,
            job: None,
        };
        let mut open: VecDeque<Open> = all.chunks(most).map(batch).collect();
        let mut verdicts: BTreeMap<String, ItemVerdict> = BTreeMap::new();
        let before = self.sent.len();
        while let Some(batch) = open.pop_front() {
            assert!(self.sent.len() - before < MOST, "items go round");
            for verdict in self.step(batch, &items, &mut open).await {
                assert!(verdict.action.is_final());
                let twice = verdicts.insert(verdict.reference.clone(), verdict);
                assert!(twice.is_none(), "two verdicts: {twice:?}");
            }
        }
        assert_eq!(verdicts.len(), items.len(), "each item has a verdict");
        verdicts.into_values().collect()
    }

    /// One request: gives what is final; the rest goes back to the open ones.
    async fn step(
        &mut self,
        mut batch: Open,
        items: &BTreeMap<String, Item>,
        open: &mut VecDeque<Open>,
    ) -> Vec<ItemVerdict> {
        let destination = Arc::clone(&self.destination);
        let operation = destination.operation(&batch.operation).unwrap();
        let session = destination.session(&self.config, self.clock.now());
        let mut verdicts = Vec::new();
        let call = if let Some(job) = &batch.job {
            destination.follow(operation, &session, job).unwrap()
        } else {
            let own: Vec<Item> = batch.references.iter().map(|name| items[name].clone()).collect();
            match destination.render(operation, &session, &own, batch.round).unwrap() {
                Rendering::Split => {
                    let halves = operation.halves(&batch.sent());
                    open.extend(halves.into_iter().map(|half| batch.child(half)));
                    return verdicts;
                }
                Rendering::Ready(rendered) => {
                    verdicts.extend(rendered.unrenderable.into_iter().map(refused));
                    let Some(call) = rendered.call else { return verdicts };
                    batch.references.clone_from(&call.references);
                    call
                }
            }
        };
        let stored = serde_json::to_string(&call).unwrap();
        assert!(destination.secrets(&session).iter().all(|secret| !stored.contains(secret)));
        let request = destination.authorise(&self.caller, &session, &call).await.unwrap();
        let answer = self.http.send(request).await;
        self.sent.push((batch.operation.to_string(), call.references.len()));
        let answer = answer.as_ref();
        let judgement = match &batch.job {
            Some(job) => destination.judge_job(operation, &session, &batch.sent(), (job, answer)),
            None => destination.judge(operation, &session, &batch.sent(), answer),
        };
        let children = destination.children(operation, &batch.sent(), &judgement);
        self.unknown.extend(judgement.unknown);
        open.extend(children.into_iter().map(|child| batch.child(child)));
        match judgement.next {
            Next::Settled(items) => {
                verdicts.extend(items.into_iter().filter(|item| item.action.is_final()));
            }
            Next::Split => {}
            Next::Repeat { wait, known, attempt, .. } => {
                self.clock.sleep(wait).await;
                let round = batch.round + u32::from(known);
                open.push_front(Open { attempt, round, ..batch });
            }
            Next::Refresh { attempt } => {
                destination.forget_token(&self.caller, &session).await.unwrap();
                open.push_front(Open { attempt, ..batch });
            }
            Next::Job { job, wait } => {
                self.clock.sleep(wait).await;
                open.push_front(Open { job: Some(job), ..batch });
            }
            Next::Stop { reason } => panic!("the destination is stopped: {reason}"),
        }
        verdicts
    }
}

impl Open {
    fn sent(&self) -> Sent<'_> {
        Sent { references: &self.references, attempt: &self.attempt, chance: 0.5 }
    }

    fn child(&self, child: Child) -> Self {
        let Child { operation, references, attempt, .. } = child;
        Self { operation, references, attempt, round: self.round + 1, job: None }
    }
}

fn refused(fault: Unrenderable) -> ItemVerdict {
    ItemVerdict {
        reference: fault.reference,
        action: Action::Fail,
        code: Some(fault.code),
        message: Some(fault.message),
        entity_id: None,
        warnings: Vec::new(),
    }
}
