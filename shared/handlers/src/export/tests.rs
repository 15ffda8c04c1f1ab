use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use lake::{
    Attempt, Codec, Commit, CommitKey, LineContext, LineHeader, Mode, PartRef, PartWriter,
    SliceStart,
};
use model::{RunId, TenantId};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use ports::{Attributes, ObjectStoreExt, QueryEngine, Selection, Unloaded};
use query::Engine;
use testkit::{ManualClock, MemoryMetrics, MemoryStore, SeededIds};

use super::manifest::{Current, from_json};
use super::*;
use crate::configuration::Relation;

const SOURCE: &str = r#"
version: "6.44.0"
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://x", path: /orders}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
    schema_loader:
      type: InlineSchemaLoader
      schema: {properties: {id: {type: string}, total: {type: number}}}
"#;

/// A lake with orders of several tenants, and two customers.
struct Ground {
    store: Arc<MemoryStore>,
    clock: ManualClock,
    metrics: Arc<MemoryMetrics>,
    fails: Arc<Mutex<BTreeSet<String>>>,
}

impl Ground {
    async fn new(customers: &[(&str, &str)]) -> Self {
        let ground = Self {
            store: Arc::default(),
            clock: ManualClock::default(),
            metrics: Arc::default(),
            fails: Arc::default(),
        };
        ground.put("config/sources/shop.yaml", SOURCE).await;
        for (name, text) in customers {
            ground.put(&format!("config/customers/{name}.yaml"), text).await;
        }
        ground
    }

    async fn put(&self, key: &str, text: &str) {
        let body = Bytes::from(text.to_owned());
        self.store.put(&key.parse().unwrap(), body, &Attributes::default()).await.unwrap();
    }

    /// Lands and commits a tenant's orders.
    async fn land(&self, tenant: &str, records: &[&str]) {
        let attempt = Attempt {
            source: "shop".parse().unwrap(),
            stream: "orders".parse().unwrap(),
            tenant: tenant.parse().unwrap(),
            connection: "main".parse().unwrap(),
            month: "2026-01".parse().unwrap(),
            plan: "p1".parse().unwrap(),
            partition: "e3".parse().unwrap(),
            slice: SliceStart::ALL,
            fence: 1,
        };
        let (run, at): (RunId, Timestamp) = ("run".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let header = LineHeader::new(&LineContext {
            tenant: &attempt.tenant,
            connection: &attempt.connection,
            stream: &attempt.stream,
            run: &run,
            request_start: at,
            slice: "e3.all",
            page: 1,
        });
        let mut writer = PartWriter::new(Codec::Plain, 1 << 20).unwrap();
        for (ordinal, record) in (0..).zip(records) {
            writer.write(&header, ordinal, None, record.as_bytes()).unwrap();
        }
        let part = writer.finish().unwrap().unwrap();
        let key = attempt.clone().part(1, Codec::Plain).render().unwrap();
        self.store.put(&key, part.body.clone(), &Attributes::default()).await.unwrap();
        let parts = vec![PartRef::new(key, &part)];
        let commit = Commit {
            attempt,
            window: None,
            mode: Mode::Incremental,
            generation: None,
            started: at,
            rows: part.rows,
            parts,
            run,
            at,
        };
        let key = CommitKey(commit.attempt.clone()).render().unwrap();
        let body = commit.to_json().unwrap();
        self.store.put(&key, body, &Attributes::default()).await.unwrap();
    }

    async fn deps(&self) -> Deps {
        let store: Arc<dyn ObjectStore> = Arc::<MemoryStore>::clone(&self.store);
        let configuration = Arc::new(Configuration::new(Arc::clone(&store), "config/"));
        let tables = configuration.stream_tables().await.unwrap();
        let engine = Engine::in_memory(Arc::clone(&store), tables).unwrap();
        Deps {
            configuration,
            lake: store,
            engine: Arc::new(Failing { engine, fails: Arc::clone(&self.fails) }),
            time: Time { clock: Arc::new(self.clock.clone()), ids: Arc::new(SeededIds::new(1)) },
            metrics: Arc::<MemoryMetrics>::clone(&self.metrics),
        }
    }

    async fn run(&self, event: Event) -> Result<Outcome, Error> {
        self.clock.advance(Duration::from_secs(1));
        handle(&self.deps().await, event, Deadline::at(Timestamp::MAX)).await
    }

    async fn all(&self) -> Result<Outcome, Error> {
        self.run(Event::All { all: true }).await
    }

    async fn current(&self, target: &str) -> Option<Manifest> {
        let key = format!("{target}/current.json").parse().unwrap();
        let pointer = self.store.get(&key).await.ok()?;
        let current: Current = from_json(&pointer.body).unwrap();
        let manifest = self.store.get(&current.manifest).await.unwrap();
        Some(from_json(&manifest.body).unwrap())
    }

    /// Tenant and id of each row of a customer's copy of the orders.
    async fn rows(&self, target: &str) -> Vec<(String, String)> {
        let manifest = self.current(target).await.unwrap();
        let copy = &manifest.relations[0];
        let mut rows = Vec::new();
        for file in &copy.files {
            let body = self.store.get(&file.key).await.unwrap().body;
            assert_eq!(body.len() as u64, file.bytes);
            let reader = SerializedFileReader::new(body).unwrap();
            let place = |name: &str| copy.columns.iter().position(|c| c.name == name).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                let row = row.unwrap();
                let text = |name| row.get_string(place(name)).unwrap().clone();
                rows.push((text("_tenant"), text("id")));
            }
        }
        assert_eq!(rows.len() as u64, copy.rows);
        rows.sort();
        rows
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let all = self.store.list_all(prefix).await.unwrap();
        all.into_iter().map(|meta| meta.key.to_string()).collect()
    }
}

/// The embedded engine, which fails at a customer's copy when told to, having written a file.
#[derive(Debug)]
struct Failing {
    engine: Engine,
    fails: Arc<Mutex<BTreeSet<String>>>,
}

#[async_trait]
impl Unload for Failing {
    async fn unload(&self, rows: &Selection, folder: &ObjectKey) -> Result<Unloaded, QueryError> {
        let done = self.engine.unload(rows, folder).await?;
        let fails = self.fails.lock().unwrap().iter().any(|f| folder.as_str().contains(f.as_str()));
        if fails {
            return Err(QueryError::Throttled { source: "slowly".into() });
        }
        Ok(done)
    }
}

fn pair(tenant: &str, id: &str) -> (String, String) {
    (tenant.to_owned(), id.to_owned())
}

/// Tenants whose names are parts of each other, or look like patterns.
async fn neighbours() -> Ground {
    let ground = Ground::new(&[
        ("one", "tenants: [a]\ntarget: customers/one\n"),
        ("two", "tenants: [ab, a_b]\ntarget: customers/two\n"),
        ("none", "tenants: [nobody]\ntarget: customers/none\n"),
    ])
    .await;
    for tenant in ["a", "ab", "a_b", "a-b", "b"] {
        // The record says that it is somebody else's; its place decides.
        let record = format!(r#"{{"id":"{tenant}1","total":1.5,"_tenant":"a","tenant":"a"}}"#);
        ground.land(tenant, &[&record]).await;
    }
    ground
}

#[tokio::test]
async fn a_customers_copy_holds_the_rows_of_its_tenants_and_of_nobody_else() {
    let ground = neighbours().await;
    let outcome = ground.all().await.unwrap();
    assert_eq!(outcome.exported.iter().map(|e| e.rows).sum::<u64>(), 3);
    assert_eq!(ground.rows("customers/one").await, [pair("a", "a1")]);
    assert_eq!(ground.rows("customers/two").await, [pair("a_b", "a_b1"), pair("ab", "ab1")]);
    assert!((ground.metrics.sum(Metric::CopiesExported) - 3.0).abs() < 0.5);
    assert!((ground.metrics.sum(Metric::RowsExported) - 3.0).abs() < 0.5);
}

#[tokio::test]
async fn a_customer_without_rows_gets_a_copy_without_files() {
    let ground = neighbours().await;
    ground.all().await.unwrap();
    let manifest = ground.current("customers/none").await.unwrap();
    let copy = &manifest.relations[0];
    assert_eq!((copy.name.as_str(), copy.rows, copy.files.len()), ("shop_orders", 0, 0));
    assert_eq!(copy.columns[1].name, "total");
    assert_eq!(copy.columns[1].kind, "decimal(38, 18)");
}

#[tokio::test]
async fn a_reader_within_the_platform_sees_all_tenants() {
    let ground = neighbours().await;
    let deps = ground.deps().await;
    let tables = deps.configuration.stream_tables().await.unwrap();
    let engine = Engine::in_memory(Arc::clone(&deps.lake), tables).unwrap();
    let sql = "SELECT DISTINCT _tenant FROM shop_orders";
    assert_eq!(engine.run(sql, 100).await.unwrap().rows.len(), 5);
}

#[tokio::test]
async fn a_tenant_whose_name_has_a_quote_is_no_tenant() {
    let ground =
        Ground::new(&[("one", "tenants: [\"a') OR ('1'='1\"]\ntarget: customers/one\n")]).await;
    let refused = ground.all().await.unwrap_err();
    assert!(matches!(&refused, Error::Customers { .. }), "{refused}");
    assert_eq!(refused.retry(), Retry::Never);
    assert!(ground.keys("customers/").await.is_empty());
}

#[test]
fn the_statement_names_columns_and_tenants() {
    let column = |name: &str| (name.to_owned(), "varchar".to_owned());
    let columns = vec![column("id"), column("od\"d"), column("_tenant")];
    let view = Relation { name: "shop_orders".to_owned(), columns };
    let tenants: Vec<TenantId> = vec!["a".parse().unwrap(), "a_b".parse().unwrap()];
    let selection = copy::selection(&view, &tenants);
    assert_eq!(
        selection.sql,
        "SELECT \"id\", \"od\"\"d\", \"_tenant\"\nFROM \"shop_orders\"\nWHERE \"_tenant\" IN ('a', 'a_b')"
    );
}

#[tokio::test]
async fn a_copy_that_fails_is_never_named_and_the_others_are_made() {
    let ground = neighbours().await;
    ground.all().await.unwrap();
    ground.land("a", &[r#"{"id":"a2"}"#]).await;
    ground.fails.lock().unwrap().insert("customers/one/".to_owned());
    let failed = ground.all().await.unwrap_err();
    assert_eq!(failed.to_string(), "no copy for one");
    assert!(matches!(failed.retry(), Retry::After(_)));
    assert_eq!(ground.rows("customers/one").await, [pair("a", "a1")]);
    assert_eq!(ground.keys("customers/two/exports/").await.len(), 4);
    let left = ground.keys("customers/one/exports/").await.len();
    ground.fails.lock().unwrap().clear();
    ground.all().await.unwrap();
    assert_eq!(left, 3, "the copy that failed left a file and no manifest");
    assert_eq!(ground.keys("customers/one/exports/").await.len(), 4, "and was removed");
}

#[tokio::test]
async fn as_many_copies_are_kept_as_the_file_says_and_readers_have_the_newest() {
    let ground = Ground::new(&[("one", "tenants: [a]\ntarget: customers/one\nkeep: 2\n")]).await;
    ground.land("a", &[r#"{"id":"a1"}"#]).await;
    let mut names = Vec::new();
    for _ in 0..4 {
        ground.all().await.unwrap();
        names.push(ground.current("customers/one").await.unwrap().export);
    }
    assert!(names.is_sorted(), "{names:?}");
    let stands: BTreeSet<String> = ground
        .keys("customers/one/exports/")
        .await
        .iter()
        .map(|key| key.split('/').nth(3).unwrap().to_owned())
        .collect();
    assert_eq!(stands, names[2..].iter().cloned().collect());
}

#[tokio::test]
async fn a_copy_is_due_when_it_is_as_old_as_the_file_says() {
    let ground = Ground::new(&[("one", "tenants: [a]\ntarget: customers/one\nevery: 6h\n")]).await;
    let due = || ground.run(Event::Due { due: true });
    assert_eq!(due().await.unwrap().exported.len(), 1);
    ground.clock.advance(Duration::from_hours(5));
    assert_eq!(due().await.unwrap().fresh, 1);
    ground.clock.advance(Duration::from_hours(1));
    assert_eq!(due().await.unwrap().exported.len(), 1);
}

#[tokio::test]
async fn a_customer_gets_the_views_that_its_file_lists() {
    let text = "tenants: [a]\ntarget: customers/one\nrelations: [other]\n";
    let ground = Ground::new(&[("one", text)]).await;
    ground.all().await.unwrap();
    assert!(ground.current("customers/one").await.unwrap().relations.is_empty());
    let faults = ground.deps().await.configuration.check().await.unwrap();
    let told = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains("relations[0]: there is no view `other`"), "{told}");
}

#[tokio::test]
async fn a_customer_whose_folder_is_within_anothers_is_a_fault() {
    let ground = Ground::new(&[
        ("inner", "tenants: [a]\ntarget: customers/outer/inner\n"),
        ("outer", "tenants: [a]\ntarget: customers/outer\n"),
        ("outermost", "tenants: [a]\ntarget: customers/outermost\n"),
    ])
    .await;
    let faults = ground.deps().await.configuration.check().await.unwrap();
    let told: Vec<String> =
        faults.iter().filter(|f| f.field == "target").map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "config/customers/inner.yaml:2:9: target: customer `outer` would find these copies among its own"
        ]
    );
}

#[tokio::test]
async fn a_customer_that_is_none_is_told_the_nearest_name() {
    let ground = neighbours().await;
    let event = Event::Customer { customer: "onne".to_owned() };
    let Error::Customers { source, .. } = ground.run(event).await.unwrap_err() else { panic!() };
    assert_eq!(
        source.to_string(),
        "there is no customer `onne`, did you mean `one`?; there are: none, one, two"
    );
}

#[tokio::test]
async fn customers_for_whom_no_time_is_left_are_named() {
    let ground = neighbours().await;
    let deadline = Deadline::at(ground.clock.now() + Duration::from_mins(1));
    let all = Event::All { all: true };
    let outcome = handle(&ground.deps().await, all, deadline).await.unwrap();
    assert_eq!(outcome.left, ["none", "one", "two"]);
    assert!(outcome.exported.is_empty());
}
