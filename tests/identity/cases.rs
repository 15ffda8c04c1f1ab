//! What identity promises, on any table: eight hosts in whatever order they are seen, one host
//! however many write it, and two where an instance says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use futures_util::future::join_all;
use handlers::identity::{ByRules, Taken, take};
use host::SystemIds;
use model::document::Document;
use normalize::Model;
use normalize::identity::{Entity, Member, Observation, Outcome, Raw, Rules};
use ports::{Ids, Table};
use serde_json::{Map, Value, json};
use store::cluster::Scope;
use store::{Store, Timing};
use testkit::{Faults, ManualClock, SeededIds};
use tokio::task::JoinSet;

const FIXTURES: &str = include_str!("../../shared/sandbox/src/generate/hosts/machines.json");

/// Hosts of the fixtures: seven of one vendor, seven of the next, four of the third.
const HOSTS: usize = 8;

/// Orders of arrival side by side.
const WORKERS: u32 = 8;

static RULES: LazyLock<Arc<Rules>> = LazyLock::new(rules);

fn rules() -> Arc<Rules> {
    let file = include_str!("../../config/models/host.yaml");
    let model = Model::parse(&Document::parse("host.yaml", file).unwrap()).unwrap();
    Arc::new(model.rules.unwrap())
}

/// The eighteen records, as they came with three pulls.
pub fn fixtures() -> Vec<Observation> {
    let all: Vec<Value> = serde_json::from_str(FIXTURES).unwrap();
    let observation = |(line, one): (usize, &Value)| {
        let source = one["source"].as_str().unwrap();
        let fields = one["fields"].as_object().unwrap().clone();
        observed(source, one["id"].as_str().unwrap(), line as u64, fields)
    };
    all.iter().enumerate().map(observation).collect()
}

pub fn observed(source: &str, id: &str, line: u64, fields: Map<String, Value>) -> Observation {
    Observation {
        source: source.parse().unwrap(),
        id: id.to_owned(),
        fetched: "2026-03-03T00:00:00Z".parse().unwrap(),
        fields,
        raw: Raw {
            key: format!("landing/{source}/hosts/pull.ndjson").parse().unwrap(),
            line,
            sha256: format!("{line:064x}"),
        },
    }
}

/// A tenant of its own on a shared table. The ids of its things are those of any other here, so
/// that what tenants have can be compared.
#[derive(Debug)]
pub struct Tenant {
    pub store: Store,
    pub scope: Scope,
    pub shape: ByRules,
}

impl Tenant {
    pub fn new(table: &Arc<dyn Table>, name: &str) -> Self {
        Self::with(table, name, Arc::new(SystemIds))
    }

    pub fn with(table: &Arc<dyn Table>, name: &str, ids: Arc<dyn Ids>) -> Self {
        let scope =
            |name: &str| Scope { tenant: name.parse().unwrap(), model: "host".parse().unwrap() };
        let clock = Arc::new(ManualClock::default());
        let store = Store::new(Arc::clone(table), clock, ids, Timing::default());
        Self { store, scope: scope(name), shape: ByRules::new(Arc::clone(&RULES), &scope("acme")) }
    }

    pub async fn take(&self, observation: &Observation) -> Taken {
        let taken = take(&self.store, &self.scope, &self.shape, observation.clone()).await;
        taken.unwrap()
    }

    /// All things of the tenant, by id.
    pub async fn hosts(&self) -> BTreeMap<String, Entity> {
        let clusters = self.store.clusters(&self.scope, &self.shape);
        let mut found = BTreeMap::new();
        for shard in 0..Store::shards() {
            let mut after: Option<String> = None;
            loop {
                let (page, next) = clusters.entities(shard, after.as_deref()).await.unwrap();
                found.extend(page.into_iter().filter_map(|kept| Some((kept.id, kept.entity?))));
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        found
    }
}

/// The records of each host, as `source/id`.
fn members(hosts: &BTreeMap<String, Entity>) -> BTreeSet<Vec<String>> {
    hosts.values().map(|host| host.sources.iter().map(Member::name).collect()).collect()
}

/// Counts outcomes.
fn counted(taken: &[Taken]) -> BTreeMap<Outcome, usize> {
    let mut counts = BTreeMap::new();
    for one in taken {
        *counts.entry(one.outcome).or_default() += 1;
    }
    counts
}

/// The fixtures become eight hosts that keep every source's words; once more changes nothing and
/// writes nothing.
pub async fn eighteen_records_are_eight_hosts(table: Arc<dyn Table>) {
    let faults = Arc::new(Faults::none());
    let counting: Arc<dyn Table> = Arc::new(faults.around(table));
    let tenant = Tenant::new(&counting, "acme");
    let mut first = Vec::new();
    for observation in fixtures() {
        first.push(tenant.take(&observation).await);
    }
    let hosts = tenant.hosts().await;
    assert_eq!(hosts.len(), HOSTS, "{:#?}", members(&hosts));
    let expected = [(Outcome::Inserted, HOSTS), (Outcome::Updated, 10)];
    assert_eq!(counted(&first), expected.into());
    let kept: BTreeSet<(String, u64)> = hosts
        .values()
        .flat_map(|host| &host.sources)
        .map(|one| (one.seen.raw.key.to_string(), one.seen.raw.line))
        .collect();
    assert_eq!(kept.len(), 18, "the words of every source are kept");
    let before = faults.log().len();
    let mut second = Vec::new();
    for observation in fixtures() {
        second.push(tenant.take(&observation).await);
    }
    assert_eq!(counted(&second), [(Outcome::Unchanged, 18)].into());
    let written = faults.log()[before..].iter().filter(|call| call.writes).count();
    assert_eq!(written, 0, "writes for what is known already");
    assert_eq!(tenant.hosts().await, hosts);
    the_worked_example_holds(&hosts);
}

fn the_worked_example_holds(hosts: &BTreeMap<String, Entity>) {
    let of = |name: &str| {
        let has = |host: &&Entity| host.sources.iter().any(|one| one.name() == name);
        hosts.values().find(has).unwrap()
    };
    let windows = of("qualys/101");
    assert_eq!(windows.sources.len(), 3);
    assert_eq!(windows.fields["hostname"], "win-a", "the newest says so");
    assert_eq!(windows.fields["os_name"], "Windows Server 2019");
    assert_eq!(windows.fields["first_seen"], "2026-01-01T00:00:00Z");
    let aliases = json!(["ip-10-1-2-3.ec2.internal", "win-a", "win-a.workgroup"]);
    assert_eq!(windows.fields["hostname_aliases"], aliases);
    assert_eq!(windows.fields["is_deleted"], false);
    assert!(!windows.fields.contains_key("vendor"), "that is said of records");
    let recycled = of("qualys/107");
    assert_eq!(recycled.sources.len(), 2);
    assert_eq!(recycled.conflicts[0].with, windows.id);
    assert_eq!(windows.conflicts[0].with, recycled.id);
    // As new as each other: the source that the model prefers for this field.
    assert_eq!(of("qualys/103").fields["os_name"], "Amazon Linux 2023");
}

/// The same hosts with the same ids in any order, with repetitions, on a tenant each.
pub async fn any_order_gives_the_same_hosts(table: Arc<dyn Table>, orders: u32) {
    let tenant = Tenant::new(&table, "expected");
    for observation in fixtures() {
        tenant.take(&observation).await;
    }
    let expected = tenant.hosts().await;
    assert_eq!(expected.len(), HOSTS);
    let expected = Arc::new(expected);
    let mut workers = JoinSet::new();
    for first in 0..WORKERS.min(orders) {
        let (table, expected) = (Arc::clone(&table), Arc::clone(&expected));
        workers.spawn(async move {
            for order in (first..orders).step_by(WORKERS as usize) {
                let tenant = Tenant::new(&table, &format!("order-{order}"));
                for observation in shuffled(&SeededIds::new(u64::from(order))) {
                    tenant.take(&observation).await;
                }
                assert_eq!(tenant.hosts().await, *expected, "order {order}");
            }
        });
    }
    workers.join_all().await;
}

/// The fixtures in some order, some of them twice.
fn shuffled(chance: &SeededIds) -> Vec<Observation> {
    let mut placed = Vec::new();
    for observation in fixtures() {
        let times = if chance.chance() < 0.3 { 2 } else { 1 };
        for _ in 0..times {
            placed.push((chance.chance(), observation.clone()));
        }
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, observation)| observation).collect()
}

/// A hundred workers see the same host at once, some of them through other sources, under other
/// names or at other times: one host.
pub async fn a_hundred_writers_make_one_host(table: Arc<dyn Table>, tenant: &str) {
    let workers: Vec<Tenant> =
        (0..100u64).map(|n| Tenant::with(&table, tenant, Arc::new(SeededIds::new(n)))).collect();
    let one = |(n, worker): (usize, &Tenant)| {
        let source = ["qualys", "crowdstrike", "tenable"][n % 3];
        let facts = [
            json!({"cloud_provider": "AWS", "cloud_account_id": "1", "cloud_instance_id": "i-1",
                "hostname": "web", "internal_ips": ["10.0.0.1"]}),
            json!({"hostname": "web", "mac_addresses": ["0a:00:00:00:00:01"],
                "internal_ips": ["10.0.0.1"]}),
            json!({"cloud_provider": "AWS", "cloud_account_id": "1", "cloud_instance_id": "i-1",
                "mac_addresses": ["0a:00:00:00:00:01"], "internal_ips": ["10.0.0.1"]}),
        ];
        let mut fields = facts[n % 3].as_object().unwrap().clone();
        fields.insert("last_seen".to_owned(), json!(format!("2026-03-01T00:00:{:02}Z", n % 4)));
        let observation = observed(source, "1", 0, fields);
        let (store, scope, shape) =
            (worker.store.clone(), worker.scope.clone(), worker.shape.clone());
        async move { take(&store, &scope, &shape, observation).await.unwrap() }
    };
    let taken = join_all(workers.iter().enumerate().map(one)).await;
    let hosts = workers[0].hosts().await;
    assert_eq!(hosts.len(), 1, "{:#?}", members(&hosts));
    assert_eq!(hosts.values().next().unwrap().sources.len(), 3);
    assert_eq!(counted(&taken).get(&Outcome::Rejected), None);
    let alone = taken.iter().filter(|one| one.outcome == Outcome::Inserted).count();
    assert!((1..=3).contains(&alone), "{:?}", counted(&taken));
}

/// A name and an address that passed from one instance to the next do not make them one, in
/// either order; and a thing that turns out to be two comes apart.
pub async fn recycled_addresses_stay_apart(table: Arc<dyn Table>) {
    let of = |source: &str, instance: Option<&str>, second: u32| {
        let fields = json!({
            "cloud_provider": "AWS", "cloud_account_id": "1", "cloud_instance_id": instance,
            "hostname": "ip-10-1-2-3.ec2.internal", "internal_ips": ["10.1.2.3"],
            "mac_addresses": ["0a:1b:2c:3d:4e:5f"],
            "last_seen": format!("2026-03-01T00:00:{second:02}Z"),
        });
        observed(source, "1", 0, fields.as_object().unwrap().clone())
    };
    let [old, new] = [of("qualys", Some("i-aa"), 0), of("crowdstrike", Some("i-bb"), 1)];
    for (tenant, order) in [("forth", [&old, &new]), ("back", [&new, &old])] {
        let tenant = Tenant::new(&table, tenant);
        for observation in order {
            tenant.take(observation).await;
        }
        assert_eq!(tenant.hosts().await.len(), 2);
    }
    let tenant = Tenant::new(&table, "split");
    tenant.take(&old).await;
    let joined = tenant.take(&of("crowdstrike", None, 1)).await;
    assert_eq!((joined.outcome, tenant.hosts().await.len()), (Outcome::Updated, 1));
    let split = tenant.take(&of("crowdstrike", Some("i-bb"), 2)).await;
    assert_eq!(split.change.unwrap().changed.len(), 2);
    let apart = tenant.hosts().await;
    assert_eq!(apart.len(), 2);
    assert!(apart.values().all(|host| host.conflicts.len() == 2), "{apart:#?}");
}
