//! Hosts of three vendors from their inventories to merged things: claimed hourly, read to their
//! ends, and joined by a fourth vendor that is three files.

#[path = "acceptance/ground.rs"]
mod ground;

#[path = "hosts/fourth.rs"]
mod fourth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use ground::Ground;
use handlers::extract::Outcome;
use handlers::identity::{ByRules, observation, take};
use handlers::job::Job;
use handlers::schedule;
use host::SystemClock;
use model::Timestamp;
use model::document::Document;
use normalize::identity::{Member, Observation, Raw};
use normalize::{Model, Refusal, Row, Sink};
use ports::{Clock, Method};
use serde_json::Value;
use store::Store;
use store::cluster::Scope;

/// Time as it goes by, and some hours more.
#[derive(Debug, Clone, Default)]
pub struct Later(Arc<AtomicU64>);

impl Later {
    fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_secs(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, wait: Duration) {
        SystemClock.sleep(wait).await;
    }
}

const VENDORS: [&str; 3] = ["qualys", "crowdstrike", "tenable"];
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A ground on a clock of its own, with one tenant's three inventories.
pub struct Hosts {
    pub ground: Ground,
    pub clock: Later,
}

impl Hosts {
    pub async fn new() -> Self {
        Self::beside(&[]).await
    }

    pub async fn beside(hosts: &[String]) -> Self {
        let clock = Later::default();
        let ground = Ground::at(Arc::new(clock.clone()), hosts).await;
        let this = Self { ground, clock };
        this.configure("gorse", "");
        this
    }

    /// A tenant's file: the three inventories, and `more` beside them.
    pub fn configure(&self, tenant: &str, more: &str) {
        let url = self.ground.provider.url();
        let connection = |vendor: &str| {
            format!(
                "  {vendor}:\n    source: {vendor}\n    schedule: {{every: 1h}}\n    config: \
                 {{base_url: \"{url}/hosts\", token: {{secret: hosts-token}}}}\n"
            )
        };
        let connections: String = VENDORS.iter().map(|vendor| connection(vendor)).collect();
        let text = format!("connections:\n{connections}{more}");
        self.ground.put(&format!("config/tenants/{tenant}.yaml"), &text);
        self.ground.put(&format!("secrets/{tenant}/hosts-token"), "gorse-hosts-token-2b90");
    }

    pub async fn fire(&self) -> u64 {
        let mut jobs = 0;
        for vendor in VENDORS {
            jobs += self.ground.fire_one("gorse", vendor).await;
        }
        jobs
    }

    /// Looks for whatever is overdue; gives the jobs that it made.
    async fn sweep(&self) -> u64 {
        self.ground.produce(schedule::Event::Sweep { sweep: true }).await
    }

    async fn fault(&self, switch: &'static str) {
        self.ground.call(Method::Post, "faults", Some(switch.into())).await;
    }

    /// Works off what waits.
    pub async fn work(&self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for job in self.ground.waiting().await {
            outcomes.push(self.ground.run(job).await);
        }
        outcomes
    }

    pub async fn pull(&self) {
        self.fire().await;
        for outcome in self.work().await {
            assert!(matches!(outcome, Outcome::Complete { .. }), "{outcome:?}");
        }
    }

    pub async fn in_view(&self, vendor: &str) -> BTreeSet<String> {
        let sql = format!("SELECT _record FROM {vendor}_hosts");
        self.ground.query(&sql).await.into_iter().collect()
    }

    pub async fn truth(&self, vendor: &str) -> BTreeSet<String> {
        let path = format!("truth/gorse-{vendor}/hosts");
        self.ground.admin(Method::Get, &path).await.lines().map(str::to_owned).collect()
    }

    async fn calls(&self) -> Value {
        let told = self.ground.admin(Method::Get, "requests").await;
        serde_json::from_str::<Value>(&told).unwrap()["summary"].clone()
    }
}

/// Rows of records as observations.
struct Seen<'m> {
    model: &'m Model,
    source: &'m str,
    raw: Raw,
    all: Vec<Observation>,
}

impl Sink for Seen<'_> {
    fn row(&mut self, row: &Row<'_>) {
        let fetched = "2026-03-10T15:30:00Z".parse().unwrap();
        let source = self.source.parse().unwrap();
        self.all.push(observation(self.model, row, source, fetched, self.raw.clone()));
    }

    fn refused(&mut self, refusal: &Refusal) {
        panic!("{refusal:?}");
    }
}

/// The hosts that landed records are of, each as the vendors that see it, by name.
pub async fn merged(ground: &Ground, model: &str) -> BTreeMap<String, Vec<String>> {
    let model = Model::parse(&Document::parse("host.yaml", model).unwrap()).unwrap();
    let scope = Scope { tenant: "gorse".parse().unwrap(), model: "host".parse().unwrap() };
    let shape = ByRules::new(Arc::new(model.rules.clone().unwrap()), &scope);
    for (key, line) in ground.lines().await {
        let source = key.split('/').nth(1).unwrap();
        let raw = Raw { key: key.parse().unwrap(), line: 1, sha256: key.clone() };
        let mut seen = Seen { model: &model, source, raw, all: Vec::new() };
        let record = line["record"].to_string();
        model.reader(source, "hosts").unwrap().rows(record.as_bytes(), &mut seen).unwrap();
        for observation in seen.all {
            take(&ground.store, &scope, &shape, observation).await.unwrap();
        }
    }
    let clusters = ground.store.clusters(&scope, &shape);
    let mut hosts = BTreeMap::new();
    for shard in 0..Store::shards() {
        let (page, next) = clusters.entities(shard, None).await.unwrap();
        assert!(next.is_none());
        for entity in page.into_iter().filter_map(|kept| kept.entity) {
            let member = |one: &Member| one.name().replace(&format!("/{}%2F", one.source), "/");
            let members = entity.sources.iter().map(member).collect();
            hosts.insert(entity.id, members);
        }
    }
    hosts
}

pub const MODEL: &str = include_str!("../config/models/host.yaml");

#[tokio::test]
async fn all_hosts_of_three_vendors_land_although_their_ends_are_errors() {
    let hosts = Hosts::new().await;
    hosts.pull().await;
    for (vendor, count) in VENDORS.into_iter().zip([7, 7, 4]) {
        let view = hosts.in_view(vendor).await;
        assert_eq!(view.len(), count, "{vendor}");
        assert_eq!(view, hosts.truth(vendor).await, "{vendor}");
    }
}

#[tokio::test]
async fn an_end_in_empty_pages_and_a_larger_cap_give_the_same_hosts() {
    let hosts = Hosts::new().await;
    for manners in ["cap=3&ends_in_error=false", "cap=1&ends_in_error=true"] {
        hosts.ground.admin(Method::Post, &format!("hosts?{manners}")).await;
        hosts.pull().await;
        for vendor in VENDORS {
            assert_eq!(hosts.in_view(vendor).await, hosts.truth(vendor).await, "{manners}");
        }
        hosts.clock.advance(2 * HOUR);
    }
}

#[tokio::test]
async fn eighteen_landed_records_are_eight_hosts_as_the_kept_sightings_are() {
    let hosts = Hosts::new().await;
    hosts.pull().await;
    let merged = merged(&hosts.ground, MODEL).await;
    let found: BTreeSet<Vec<String>> = merged.into_values().collect();
    let q = |n: u32| format!("qualys/{n}");
    let c = |n: u32| format!("crowdstrike/c{n:031}");
    let t = |n: u32| format!("tenable/7e000000-0000-4000-8000-{n:012}");
    let expected: BTreeSet<Vec<String>> = [
        vec![c(1), q(101), t(1)],
        vec![c(2), q(102), t(2)],
        vec![c(3), q(103), t(3)],
        vec![c(4), q(104)],
        vec![c(5), q(105)],
        vec![q(106)],
        vec![c(7), q(107)],
        vec![c(8), t(8)],
    ]
    .into();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_was_pulled_is_taken_in_and_the_view_shows_eight_hosts() {
    let hosts = Hosts::new().await;
    hosts.ground.put("config/models/host.yaml", MODEL);
    hosts.pull().await;
    hosts.ground.shape().await;
    let count = async |table: &str| {
        hosts.ground.query(&format!("SELECT count(*) FROM {table}")).await.remove(0)
    };
    assert_eq!(count("model_host_records").await, "18");
    assert_eq!(count("model_host").await, "8");
    hosts.ground.shape().await;
    assert_eq!(count("model_host").await, "8", "once more changes nothing");
}

#[tokio::test]
async fn hosts_that_are_new_gone_or_seen_again_show_with_the_next_pull() {
    let hosts = Hosts::new().await;
    hosts.pull().await;
    for _ in 0..3 {
        hosts.clock.advance(2 * HOUR);
        hosts.ground.admin(Method::Post, "mutate").await;
        hosts.pull().await;
        for vendor in VENDORS {
            assert_eq!(hosts.in_view(vendor).await, hosts.truth(vendor).await, "{vendor}");
        }
    }
}

#[tokio::test]
async fn hosts_that_shift_while_pages_are_counted_are_read_until_two_walks_agree() {
    let hosts = Hosts::new().await;
    let fault = r#"{"kind":"mutate_mid_walk","account":"gorse-qualys","skip":2,"times":1}"#;
    hosts.fault(fault).await;
    hosts.pull().await;
    assert_eq!(hosts.in_view("qualys").await, hosts.truth("qualys").await);
}

#[tokio::test]
async fn a_link_is_due_at_first_sight_and_then_every_hour() {
    let hosts = Hosts::new().await;
    assert_eq!(hosts.fire().await, 3, "a link that was never checked is due at once");
    assert_eq!(hosts.fire().await, 0, "and it is known once, however often it is told");
    hosts.work().await;
    let began = hosts.clock.now();
    hosts.clock.advance(59 * MINUTE);
    assert_eq!(hosts.sweep().await, 0, "59 minutes after {began}");
    hosts.clock.advance(2 * MINUTE);
    assert_eq!(hosts.sweep().await, 3, "61 minutes after {began}");
}

#[tokio::test]
async fn twenty_producers_at_once_claim_each_link_once() {
    let hosts = Hosts::new().await;
    let fired = join_all((0..20).map(|_| hosts.fire())).await;
    assert_eq!(fired.into_iter().sum::<u64>(), 3);
    let jobs = hosts.ground.waiting().await;
    let links: BTreeSet<String> = jobs.iter().map(|job| job.stream.to_string()).collect();
    assert_eq!((jobs.len(), links.len()), (3, 3));
    for job in jobs {
        hosts.ground.run(job).await;
    }
    hosts.clock.advance(61 * MINUTE);
    let swept = join_all((0..20).map(|_| hosts.sweep())).await;
    assert_eq!(swept.into_iter().sum::<u64>(), 3);
}

#[tokio::test]
async fn a_job_names_its_link_and_the_claim_that_it_is_of() {
    let hosts = Hosts::new().await;
    hosts.ground.fire_one("gorse", "qualys").await;
    let job: Job = hosts.ground.waiting().await.remove(0);
    let expected = serde_json::json!({"tenant": "gorse", "connection": "qualys",
        "stream": "hosts", "expects": job.expects, "hop": 0});
    assert_eq!(serde_json::to_value(&job).unwrap(), expected);
}

#[tokio::test]
async fn a_pull_that_fails_leaves_its_link_due_and_the_next_one_reads_all() {
    let hosts = Hosts::new().await;
    let fault = r#"{"kind":"malformed","account":"gorse-qualys","skip":2}"#;
    hosts.fault(fault).await;
    hosts.ground.fire_one("gorse", "qualys").await;
    let outcomes = hosts.work().await;
    assert!(!matches!(outcomes[..], [Outcome::Complete { .. }]), "{outcomes:?}");
    assert_eq!(hosts.in_view("qualys").await.len(), 0, "what is no page is no end");
    hosts.ground.admin(Method::Delete, "faults").await;
    for _ in 0..5 {
        hosts.clock.advance(HOUR);
        hosts.sweep().await;
        hosts.work().await;
    }
    assert_eq!(hosts.in_view("qualys").await, hosts.truth("qualys").await);
}

#[tokio::test]
async fn inventories_are_read_side_by_side() {
    let hosts = Hosts::new().await;
    hosts.ground.admin(Method::Post, "latency?millis=30").await;
    for number in 0..5 {
        hosts.configure(&format!("twin-{number}"), "");
        for vendor in VENDORS {
            hosts.ground.fire_one(&format!("twin-{number}"), vendor).await;
        }
    }
    let jobs = hosts.ground.waiting().await;
    assert_eq!(jobs.len(), 15);
    join_all(jobs.into_iter().map(|job| hosts.ground.run(job))).await;
    let peak = hosts.calls().await["peak_concurrency"].as_u64().unwrap();
    assert!((8..=15).contains(&peak), "{peak}");
}
