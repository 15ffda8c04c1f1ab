//! The contracts of the ports on emulated AWS.
//!
//! `cargo xtask test` starts the emulators and runs this; it is not part of a plain `cargo test`,
//! and without the emulators' variables every test here fails and says so.

#[path = "athena.rs"]
mod athena;
#[path = "functions/edges.rs"]
mod edges;
#[path = "functions.rs"]
mod functions;
#[path = "identity/cases.rs"]
mod identity;
#[path = "partners/aws.rs"]
mod partners;
#[path = "producers.rs"]
mod producers;

use std::sync::Arc;

use aws::{Aws, DynamoTable, EventBridge, QueueUrls, S3Store, SecretsManager, SqsQueue, Target};
use host::{SystemClock, SystemIds, Vars};
use ports::{Clock, DELIVERY_LIMIT, Ids, Scheduler, SecretPath, Secrets, Table, Uploads};
use testkit::{ManualClock, QueuePair};
use xtask::cloud::Cloud;

/// Where the emulators are. Refuses any other place: these tests make and break things.
fn cloud() -> Cloud {
    let at = |service: &str| {
        let name = format!("AWS_ENDPOINT_URL_{service}");
        let url = Vars::process().required(&name);
        let url = url.unwrap_or_else(|fault| panic!("{fault}: run this by `cargo xtask test`"));
        assert!(url.starts_with("http://127.0.0.1:"), "{name}={url} is no emulator");
        url
    };
    Cloud { moto: at("S3"), dynamodb: at("DYNAMODB"), sqs: at("SQS") }
}

fn aws() -> Arc<Aws> {
    let cloud = cloud();
    let pairs = cloud.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
    Arc::new(Aws::from_vars(&pairs.collect()).unwrap())
}

/// A name that no other test uses.
fn fresh(kind: &str) -> String {
    format!("{kind}-{}", SystemIds.fresh())
}

fn store() -> Box<dyn Uploads> {
    let bucket = fresh("bucket");
    cloud().bucket(&bucket).unwrap();
    Box::new(S3Store::new(aws(), bucket))
}

fn table(clock: &Arc<dyn Clock>) -> Box<dyn Table> {
    let table = fresh("table");
    cloud().table(&table).unwrap();
    Box::new(DynamoTable::new(aws(), table, Arc::clone(clock)))
}

/// A table of its own under a clock that stands still.
fn state() -> Arc<dyn Table> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    Arc::from(table(&clock))
}

fn queues() -> QueuePair {
    let (queue, dead_letters) = cloud().queue_pair(&fresh("queue"), DELIVERY_LIMIT).unwrap();
    let at = |queue: &String| {
        let urls = QueueUrls { queue: queue.clone(), dead_letters: dead_letters.clone() };
        Arc::new(SqsQueue::new(aws(), urls, Arc::new(SystemClock)))
    };
    QueuePair::new(at(&queue), at(&dead_letters))
}

fn secrets(entries: &[(SecretPath, String)]) -> Box<dyn Secrets> {
    let prefix = fresh("secrets");
    for (path, value) in entries {
        cloud().secret(&format!("{prefix}/{path}"), value).unwrap();
    }
    Box::new(SecretsManager::new(aws(), prefix))
}

fn scheduler() -> Box<dyn Scheduler> {
    let group = fresh("group");
    cloud().schedule_group(&group).unwrap();
    let target = Target {
        group,
        function: "arn:aws:lambda:eu-west-1:000000000000:function:schedule".to_owned(),
        role: "arn:aws:iam::000000000000:role/scheduler".to_owned(),
        dead_letters: None,
    };
    Box::new(EventBridge::new(aws(), target, Arc::new(SystemClock)))
}

mod objects_in_s3 {
    testkit::object_store_contract!(super::store());
    // The emulator answers 500 where S3 says that there is no such upload.
    testkit::uploads_contract!(emulated super::store());
}

mod items_in_dynamodb {
    testkit::table_contract!(clock => super::table(&clock));
}

mod messages_in_sqs {
    testkit::queue_contract!(real super::queues());
}

mod secrets_in_secrets_manager {
    testkit::secrets_contract!(entries => super::secrets(&entries));
}

mod schedules_in_eventbridge {
    testkit::scheduler_contract!(super::scheduler());
}

#[tokio::test]
async fn twenty_producers_claim_a_thousand_links_once_each_on_dynamodb() {
    let clock = ManualClock::default();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let name = fresh("table");
    cloud().table(&name).unwrap();
    let table = Arc::new(DynamoTable::new(aws(), name, shared));
    producers::each_link_is_claimed_once_and_none_is_lost(table, clock).await;
}

#[tokio::test]
async fn eighteen_records_of_three_vendors_are_eight_hosts_on_dynamodb() {
    identity::eighteen_records_are_eight_hosts(state()).await;
}

/// `cargo xtask identity` gives a larger number of orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_arrival_gives_the_same_hosts_on_dynamodb() {
    let orders = Vars::process().parsed("ORDERS", 100).unwrap();
    identity::any_order_gives_the_same_hosts(state(), orders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_writers_make_one_host_on_dynamodb() {
    identity::a_hundred_writers_make_one_host(state(), "acme").await;
}

#[tokio::test]
async fn recycled_addresses_stay_apart_on_dynamodb() {
    identity::recycled_addresses_stay_apart(state()).await;
}
