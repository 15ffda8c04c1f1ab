use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use ports::Attributes;
use testkit::{ManualClock, MemoryStore};

use super::*;

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
      schema: {properties: {id: {type: string}}}
"#;

/// A database that understands what it is told as far as names go.
#[derive(Debug, Default)]
struct Database {
    relations: Mutex<BTreeMap<String, RelationKind>>,
    told: Mutex<Vec<String>>,
    fails_at: Mutex<Option<String>>,
}

#[async_trait]
impl Definitions for Database {
    async fn relations(&self) -> Result<BTreeMap<String, RelationKind>, QueryError> {
        Ok(self.relations.lock().unwrap().clone())
    }

    async fn define(&self, sql: &str) -> Result<(), QueryError> {
        if self.fails_at.lock().unwrap().as_ref().is_some_and(|part| sql.contains(part)) {
            return Err(QueryError::Refused { reason: "no".to_owned() });
        }
        self.told.lock().unwrap().push(sql.to_owned());
        let mut relations = self.relations.lock().unwrap();
        if let Some(dropped) = sql.strip_prefix("DROP TABLE IF EXISTS `lake`.") {
            relations.remove(dropped.trim_matches('`')).unwrap();
        } else if let Some(statement) = Statement::of(sql.to_owned()) {
            let before = relations.insert(statement.name, statement.kind);
            assert_ne!(before, Some(RelationKind::Table), "it is there: nothing would change");
        }
        Ok(())
    }
}

struct Ground {
    deps: Deps,
    store: Arc<MemoryStore>,
    database: Arc<Database>,
}

impl Ground {
    async fn new() -> Self {
        let (store, database) = (Arc::<MemoryStore>::default(), Arc::<Database>::default());
        let lake: Arc<dyn ObjectStore> = Arc::<MemoryStore>::clone(&store);
        let deps = Deps {
            configuration: Arc::new(Configuration::new(Arc::clone(&lake), "config/")),
            lake,
            database: Arc::<Database>::clone(&database),
            clock: Arc::new(ManualClock::at("2026-03-05T00:00:00Z".parse().unwrap())),
        };
        let ground = Self { deps, store, database };
        ground.put("config/sources/shop.yaml", SOURCE).await;
        ground.put("config/tenants/bluebird.yaml", "connections: {main: {source: shop}}\n").await;
        ground
    }

    async fn put(&self, key: &str, text: &str) {
        let body = text.to_owned().into();
        self.store.put(&key.parse().unwrap(), body, &Attributes::default()).await.unwrap();
    }

    async fn deploy(&self) -> Result<Deployed, Error> {
        let place = Place { database: "lake".to_owned(), root: "s3://bucket/".to_owned() };
        deploy(&self.deps, &place).await
    }

    /// What the next deployment does, by relation, and the statements that it runs.
    async fn done(&self) -> (Vec<Done>, Vec<String>) {
        self.database.told.lock().unwrap().clear();
        let deployed = self.deploy().await.unwrap();
        let done = deployed.relations.into_iter().map(|(_, done)| done).collect();
        (done, self.database.told.lock().unwrap().clone())
    }
}

#[tokio::test]
async fn a_second_deployment_does_nothing() {
    let ground = Ground::new().await;
    let deployed = ground.deploy().await.unwrap();
    let told: Vec<_> = deployed.relations.iter().map(|(n, done)| (n.as_str(), *done)).collect();
    assert_eq!(
        told,
        [
            ("shop_orders_landing", Done::Created),
            ("shop_orders_commits", Done::Created),
            ("shop_orders", Done::Created),
            ("shop_orders_without_key", Done::Created),
        ]
    );
    assert_eq!(deployed.first_month, "2026-03");
    let (done, told) = ground.done().await;
    assert_eq!(done, [Done::Unchanged; 4]);
    assert!(told.is_empty());
}

#[tokio::test]
async fn a_new_tenant_alters_tables_in_place() {
    let ground = Ground::new().await;
    ground.deploy().await.unwrap();
    ground.put("config/tenants/cedar.yaml", "connections: {main: {source: shop}}\n").await;
    let (done, told) = ground.done().await;
    assert_eq!(done, [Done::Altered, Done::Altered, Done::Unchanged, Done::Unchanged]);
    assert!(told[0].starts_with("ALTER TABLE `lake`.`shop_orders_landing` SET TBLPROPERTIES ("));
    assert!(told[0].contains("'projection.tenant.values' = 'bluebird,cedar'"), "{}", told[0]);
    assert_eq!(ground.done().await.0, [Done::Unchanged; 4]);
}

#[tokio::test]
async fn a_new_column_replaces_the_view_alone() {
    let ground = Ground::new().await;
    ground.deploy().await.unwrap();
    let more = SOURCE.replace("{id: {type: string}}", "{id: {type: string}, n: {type: integer}}");
    ground.put("config/sources/shop.yaml", &more).await;
    let (done, _) = ground.done().await;
    assert_eq!(done, [Done::Unchanged, Done::Unchanged, Done::Replaced, Done::Replaced]);
}

#[tokio::test]
async fn what_somebody_dropped_comes_back_and_what_nobody_noted_is_replaced() {
    let ground = Ground::new().await;
    ground.deploy().await.unwrap();
    ground.database.relations.lock().unwrap().remove("shop_orders");
    let (done, _) = ground.done().await;
    assert_eq!(done, [Done::Unchanged, Done::Unchanged, Done::Created, Done::Unchanged]);
    ground.store.delete(&"definitions/athena.json".parse().unwrap()).await.unwrap();
    assert_eq!(ground.done().await.0, [Done::Replaced; 4]);
}

#[tokio::test]
async fn a_deployment_that_fails_goes_on_where_it_was() {
    let ground = Ground::new().await;
    *ground.database.fails_at.lock().unwrap() = Some("VIEW".to_owned());
    let failed = ground.deploy().await.unwrap_err();
    assert_eq!(failed.to_string(), "`shop_orders` was not defined");
    *ground.database.fails_at.lock().unwrap() = None;
    let (done, _) = ground.done().await;
    assert_eq!(done, [Done::Unchanged, Done::Unchanged, Done::Created, Done::Created]);
}

#[tokio::test]
async fn tables_are_over_all_that_has_data() {
    let ground = Ground::new().await;
    for (tenant, month) in [("former", "2025-11"), ("former", "2025-12"), ("bluebird", "2026-01")] {
        let attempt = lake::Attempt {
            source: "shop".parse().unwrap(),
            stream: "orders".parse().unwrap(),
            tenant: tenant.parse().unwrap(),
            connection: "old".parse().unwrap(),
            month: month.parse().unwrap(),
            plan: "p1".parse().unwrap(),
            partition: "e3".parse().unwrap(),
            slice: lake::SliceStart::ALL,
            fence: 1,
        };
        let key = lake::CommitKey(attempt).render().unwrap().to_string();
        ground.put(&key, "{}").await;
    }
    let place = Place { database: "lake".to_owned(), root: "s3://bucket/".to_owned() };
    let catalog = found::catalog(&ground.deps, &place).await.unwrap();
    assert_eq!(catalog.first_month, "2025-11");
    assert_eq!(
        (catalog.tenants.as_str(), catalog.connections.as_str()),
        ("bluebird,former", "main,old")
    );
}

#[tokio::test]
async fn what_nothing_asks_for_any_more_is_told_and_stays() {
    let ground = Ground::new().await;
    ground.deploy().await.unwrap();
    ground
        .put(
            "config/sources/shop.yaml",
            &SOURCE.replace("name: orders", "name: ordres").replace("[orders]", "[ordres]"),
        )
        .await;
    let deployed = ground.deploy().await.unwrap();
    assert_eq!(deployed.left.len(), 4);
    assert!(ground.database.relations.lock().unwrap().contains_key("shop_orders"));
}

#[test]
fn every_statement_of_a_stream_is_taken_apart() {
    let id = "{\"properties\": {\"id\": {}}}";
    let schema = serde_json::from_str(id).unwrap();
    let key = [vec!["id".to_owned()]];
    let (source, stream) = ("shop".parse().unwrap(), "a.b".parse().unwrap());
    let table = lake::StreamTable::new(&source, &stream, &key, &schema);
    let catalog = Catalog {
        database: "lake".to_owned(),
        root: "s3://b/".to_owned(),
        tenants: "t".to_owned(),
        connections: "c".to_owned(),
        first_month: "2026-01".to_owned(),
    };
    let all = ddl::athena(&table, &catalog);
    let apart: Vec<Statement> = all.iter().cloned().filter_map(Statement::of).collect();
    assert_eq!(apart.len(), all.len());
    assert_eq!(apart[0].name, "shop_a_b_landing");
    assert!(apart[0].properties.starts_with('(') && apart[0].properties.ends_with(')'));
}
