use lake::curated::{
    CuratedKey, CuratedWriter, KeyDigest, Layer, Lineage, PartCounts, Receipt, ReceiptPart,
    RowKind, Value as Cell,
};
use lake::{Attempt, Commit, Mode, ModelTable, SliceStart};

use super::*;
use crate::tables::model_table;

const MODEL: &str = "
version: 1
fields:
  external_id: {type: string, required: true}
  email: string
  source: string
  spent: \"decimal(18,2)\"
identity: [external_id]
sources:
  shop/customers:
    fields: {external_id: id, email: email, source: source, spent: spent}
";

const PUSHES: &str = "
pushes:
  crm:
    destination: crm
    config:
      base_url: https://crm.simulated.test
      client_id: client
      client_secret: {secret: crm}
      api_key: api-key
    from: [{model: customer, operation: ADD_CUST}]
";

impl Ground {
    async fn with_model() -> Self {
        let ground = Self::new().await;
        ground.put("config/models/customer.yaml", MODEL).await;
        ground.put("config/tenants/heron.yaml", PUSHES).await;
        ground
    }

    /// Puts rows of the model and their receipt; gives the receipt's key.
    async fn receive(&self, plan: &str, rows: &[(String, i128)]) -> ObjectKey {
        let name = "customer".parse().unwrap();
        let revised = self.deps.configuration.revised(&name).await.unwrap();
        let table = model_table(&name, &revised.model);
        let attempt = Attempt {
            source: "shop".parse().unwrap(),
            stream: "customers".parse().unwrap(),
            tenant: "heron".parse().unwrap(),
            connection: "main".parse().unwrap(),
            month: "2024-05".parse().unwrap(),
            plan: plan.parse().unwrap(),
            partition: "e3b0c442".parse().unwrap(),
            slice: SliceStart::ALL,
            fence: 1,
        };
        let landed: ObjectKey = format!("landing/{plan}.ndjson").parse().unwrap();
        let body = curated(&table, (plan, &landed), rows);
        let file = CuratedKey {
            layer: Layer::Curated,
            model: name.clone(),
            tenant: "heron".parse().unwrap(),
            month: attempt.month,
            made_from: KeyDigest::of(&landed),
            revision: revised.revision.clone(),
        };
        let file = file.render().unwrap();
        self.put(file.as_str(), body).await;
        let commit = Commit {
            attempt,
            window: None,
            mode: Mode::Incremental,
            generation: None,
            started: self.clock.now(),
            parts: Vec::new(),
            rows: rows.len() as u64,
            run: "r".parse().unwrap(),
            at: self.clock.now(),
        };
        let counts = PartCounts::default();
        let part = ReceiptPart { object: landed, file: Some(file), quarantine: None, counts };
        let by = (name, revised.revision.clone());
        let receipt = Receipt::new(by, &commit, vec![part], self.clock.now()).unwrap();
        let key = receipt.key().unwrap();
        self.put(key.as_str(), receipt.to_json().unwrap()).await;
        key
    }
}

/// Rows as curated objects have them.
fn curated(
    table: &ModelTable,
    (plan, landed): (&str, &ObjectKey),
    rows: &[(String, i128)],
) -> Bytes {
    let mut writer = CuratedWriter::new(&table.file_columns()).unwrap();
    for (line, (id, spent)) in (1..).zip(rows) {
        let lineage = Lineage {
            connection: "main",
            source: "shop",
            stream: "customers",
            record_key: id,
            place: None,
            kind: RowKind::Row,
            cursor: Some(plan),
            request_start: "2024-05-02T00:00:00.000000000Z",
            object: landed.as_str(),
            line,
            page: 1,
            ordinal: line,
            run: "r",
            extra: None,
            version: 1,
        };
        let fields = [Cell::Text(id), Cell::Null, Cell::Text("INSTORE"), Cell::Decimal(*spent)];
        writer.write(fields.into_iter().chain(lineage.values())).unwrap();
    }
    writer.finish().unwrap().body
}

fn rows(number: usize) -> Vec<(String, i128)> {
    (0..number).map(|n| (format!("c{n}"), 100)).collect()
}

#[tokio::test]
async fn of_a_thousand_customers_the_three_that_changed_are_pushed() {
    let ground = Ground::with_model().await;
    let mut rows = rows(1_000);
    let first = ground.receive("p1", &rows).await;
    ground.told(&first).await;
    ground.rest().await;
    assert_eq!(ground.crm.books().customers.len(), 1_000);
    let record = &ground.crm.books().customers["c7"][0].record;
    assert_eq!(record.to_string(), r#"{"external_id":"c7","source":"INSTORE","spent":1.0}"#);

    for n in [3, 500, 999] {
        rows[n].1 = 250;
    }
    let second = ground.receive("p2", &rows).await;
    for _ in 0..2 {
        ground.told(&second).await;
        ground.told(&first).await;
    }
    ground.rest().await;
    let sent: usize = ground.lake.list_all("inbox/files/").await.unwrap().len();
    assert_eq!(sent, 2);
    let done = ground.done(second.as_str()).await;
    assert_eq!((done.counts.rows, done.counts.ok), (3, 3));
    ground.told(&second).await;
    assert_eq!(ground.lake.list_all("inbox/files/").await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_older_receipt_that_comes_late_changes_nothing() {
    let ground = Ground::with_model().await;
    let old = ground.receive("p1", &rows(5)).await;
    let newer: Vec<_> = rows(5).into_iter().map(|(id, _)| (id, 700)).collect();
    let new = ground.receive("p2", &newer).await;
    ground.told(&new).await;
    ground.told(&old).await;
    ground.rest().await;
    assert_eq!(ground.crm.arrivals().iter().map(|call| call.items).sum::<usize>(), 5);
}

#[tokio::test]
async fn whoever_finds_a_receipt_half_taken_ends_it_first() {
    let ground = Ground::with_model().await;
    let first = ground.receive("p1", &rows(5)).await;
    let changed: Vec<_> = rows(5).into_iter().map(|(id, _)| (id, 700)).collect();
    let second = ground.receive("p2", &changed).await;
    let name = "customer".parse().unwrap();
    let key = Ground::key();
    let until = ground.clock.now() + Duration::from_mins(1);
    let lease = store::push::HeldLease { id: "dead".to_owned(), until };
    let taken = ground.deps.store.take_receipt((&key, &name), &first, lease).await.unwrap();
    assert!(matches!(taken, store::push::Intake::Took(_)));

    let event = Event::Work(Work::Take { receipt: second.clone() });
    let Answer::Work(outcome) = handle(&ground.deps, event, ground.deadline()).await.unwrap()
    else {
        panic!("a batch")
    };
    assert!(outcome.more && outcome.changed == 0, "somebody has it");
    ground.clock.advance(Duration::from_mins(2));
    let event = Event::Work(Work::Take { receipt: second });
    let Answer::Work(outcome) = handle(&ground.deps, event, ground.deadline()).await.unwrap()
    else {
        panic!("a batch")
    };
    assert_eq!(outcome.changed, 10);
    ground.rest().await;
    let books = ground.crm.books();
    assert!(books.customers.values().all(|applied| applied.len() == 2), "{books:?}");
}
