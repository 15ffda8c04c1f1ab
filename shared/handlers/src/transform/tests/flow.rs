use super::*;
use crate::event::{BatchResponse, SqsEvent, SqsRecord};

const LINEAGE: [&str; 8] =
    ["id", "total", "_record_key", "_kind", "_place", "_line", "_extra", "_version"];

#[tokio::test]
async fn a_commit_becomes_rows_quarantine_and_receipts_of_every_model_that_reads_its_stream() {
    let ground = Ground::new(&[("order", ORDER), ("order_line", LINE)]).await;
    let commit = ground
        .landed(
            "p1",
            &[
                Landed::Record(r#"{"id":"a","total":250,"lines":[{"sku":"x"},{"sku":"y","n":1}]}"#),
                Landed::Record(r#"{"id":"b","total":"many","lines":[]}"#),
                Landed::Record(r#"{"id":"c","total":1.5,"lines":[{"sku":"z"},{"sku":null}]}"#),
                Landed::Gone(r#"{"id":"d"}"#),
            ],
        )
        .await;
    let taken = ground.take(&commit).await.unwrap();
    let named: Vec<_> = taken.iter().map(|t| (t.model.as_str(), t.rows, t.refused)).collect();
    assert_eq!(named, [("order", 2, 1), ("order_line", 3, 1)]);
    assert_eq!(
        ground.rows("order", &LINEAGE).await,
        [
            r#"a 250.00 {"id":"a"} row - 1 {"lines":[{"sku":"x"},{"sku":"y","n":1}]} 1"#,
            r#"c 1.50 {"id":"c"} row - 3 {"lines":[{"sku":"z"},{"sku":null}]} 1"#,
            r#"- - {"id":"d"} gone - 4 {} 1"#,
        ]
    );
    assert_eq!(
        ground.rows("order_line", &["order_id", "sku", "_record_key", "_kind", "_place"]).await,
        [
            r#"a x {"id":"a"} row 1"#,
            r#"a y {"id":"a"} row 2"#,
            r#"- - {"id":"b"} none -"#,
            r#"c z {"id":"c"} row 1"#,
            r#"- - {"id":"d"} gone -"#,
        ]
    );
    let order = ground.counts("order").await;
    assert_eq!((order.lines, order.records, order.bad, order.gone), (4, 2, 1, 1));
    let line = ground.counts("order_line").await;
    assert_eq!((line.records, line.none, line.gone, line.bad, line.refused), (2, 1, 1, 0, 1));
    let refused = ground.quarantined("order_line").await;
    assert_eq!(rules(&refused), [(Some(3), Reason::Contract, vec!["required"])]);
    assert_eq!((refused[0].place, refused[0].key.as_deref()), (Some(2), Some(r#"{"id":"c"}"#)));
    let receipt = &ground.receipts("order").await[0];
    assert_eq!(receipt.commit, commit);
    let part = &receipt.parts[0];
    assert_eq!(ground.keys("curated/order/").await, [part.file.as_ref().unwrap().to_string()]);
    assert_eq!(
        ground.keys("quarantine/order/").await,
        [part.quarantine.as_ref().unwrap().to_string()]
    );
}

#[tokio::test]
async fn a_record_without_a_key_of_its_stream_goes_by_the_models_fields() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let attempt = Attempt { stream: "notes".parse().unwrap(), ..attempt("p1") };
    let part = ground.land(&attempt, 1, &[Landed::Record(&order("a", "1"))]).await;
    let commit = ground.commit(&attempt, vec![part]).await;
    ground.take(&commit).await.unwrap();
    assert_eq!(ground.rows("order", &["_record_key", "_stream"]).await, [r#"={"id":"a"} notes"#]);
}

#[tokio::test]
async fn a_tenants_own_key_of_a_stream_counts() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let tenant = "
connections:
  main: {source: shop, config: {}, streams: [{name: orders, primary_key: [id, note]}]}
";
    ground.put("config/tenants/bluebird.yaml", tenant).await;
    let record = r#"{"id":"a","total":1,"note":"x"}"#;
    let commit = ground.landed("p1", &[Landed::Record(record)]).await;
    ground.take(&commit).await.unwrap();
    assert_eq!(ground.rows("order", &["_record_key"]).await, [r#"{"id":"a","note":"x"}"#]);
}

#[tokio::test]
async fn repeats_are_free() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let commit = ground.landed("p1", &[Landed::Record(&order("a", "1"))]).await;
    assert_eq!(ground.take(&commit).await.unwrap().len(), 1);
    ground.lake.delete(&ground.keys("curated/").await[0].parse().unwrap()).await.unwrap();
    assert_eq!(ground.take(&commit).await.unwrap(), []);
    assert_eq!(ground.keys("curated/").await, [""; 0]);
    let again = Take { again: true, ..Take::new(commit) };
    handle(&ground.deps, Event::Work(Work::Take(again)), ground.deadline()).await.unwrap();
    assert_eq!(ground.keys("curated/").await.len(), 1);
}

#[tokio::test]
async fn a_commit_that_no_model_reads_needs_nothing() {
    let ground = Ground::new(&[]).await;
    let commit = ground.landed("p1", &[Landed::Record(&order("a", "1"))]).await;
    assert_eq!(ground.take(&commit).await.unwrap(), []);
}

#[tokio::test]
async fn a_model_that_cannot_be_used_holds_up_no_other() {
    let ground = Ground::new(&[("order", ORDER), ("order_line", "version: x")]).await;
    let commit = ground.landed("p1", &[Landed::Record(&order("a", "1"))]).await;
    assert_eq!(ground.take(&commit).await.unwrap().len(), 1);
    ground.put("config/models/order_line.yaml", LINE).await;
    let taken = ground.take(&commit).await.unwrap();
    assert_eq!(taken.iter().map(|t| t.model.as_str()).collect::<Vec<_>>(), ["order_line"]);
}

#[tokio::test]
async fn a_batch_settles_each_message_by_itself() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let commit = ground.landed("p1", &[Landed::Record(&order("a", "1"))]).await;
    let key = commit.as_str().replace('=', "%3D");
    let told = serde_json::json!({"Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "lake"}, "object": {"key": key}},
    }]});
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"lake"}"#;
    let bodies = ["poison".to_owned(), test.to_owned(), told.to_string()];
    for body in bodies {
        let message =
            Message { body, group: "g".to_owned(), attributes: BTreeMap::new(), not_before: None };
        ground.queue.send(&[message]).await.unwrap();
    }
    let minute = Duration::from_mins(1);
    let received = ground.queue.receive(10, Duration::ZERO, minute).await.unwrap();
    assert_eq!(received.len(), 3);
    let records = received.into_iter().map(SqsRecord::from).collect();
    let batch = Event::Batch(SqsEvent { records });
    let answer = handle(&ground.deps, batch, ground.deadline()).await.unwrap();
    assert_eq!(answer, Answer::Batch(BatchResponse::default()));
    assert_eq!(ground.rows("order", &["id"]).await, ["a"]);
    let dead = ground.queue.dead_letters().unwrap().messages();
    assert_eq!(dead.len(), 1);
    assert!(dead[0].attributes[ports::REASON].starts_with("not a commit to take in"), "{dead:?}");
}

#[tokio::test]
async fn a_commit_that_takes_longer_than_the_time_is_resumed() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let attempt = attempt("p1");
    let mut parts = Vec::new();
    for (number, id) in (1..).zip(["a", "b", "c"]) {
        parts.push(ground.land(&attempt, number, &[Landed::Record(&order(id, "1"))]).await);
    }
    let commit = ground.commit(&attempt, parts).await;
    let short = Deadline::at(ground.clock.now() + Duration::from_secs(1));
    let mut event = Event::Work(Work::Take(Take::new(commit)));
    for expected in 1..3 {
        let answer = handle(&ground.deps, event, short).await.unwrap();
        assert_eq!(answer, Answer::Work(Outcome::Continued));
        assert_eq!(ground.keys("curated/").await.len(), expected);
        assert!(ground.receipts("order").await.is_empty());
        let sent = ground.queue.receive(10, Duration::ZERO, Duration::from_mins(1)).await.unwrap();
        assert_eq!(sent[0].group, "bluebird");
        event = Event::Work(serde_json::from_str(&sent[0].body).unwrap());
    }
    handle(&ground.deps, event, short).await.unwrap();
    let receipts = ground.receipts("order").await;
    assert_eq!((receipts[0].parts.len(), receipts[0].rows), (3, 3));
    assert_eq!(ground.keys("underway/").await, [""; 0]);
}

#[tokio::test]
async fn a_changed_model_takes_in_anew_and_retires_what_it_was() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let commit = ground
        .landed("p1", &[Landed::Record(r#"{"id":"a","total":1,"weight":2}"#), Landed::Record("{}")])
        .await;
    ground.take(&commit).await.unwrap();
    // The same version: rows of the former revision must go, views could not tell them apart.
    ground.put("config/models/order.yaml", format!("{ORDER}# other\n")).await;
    ground.take(&commit).await.unwrap();
    for layer in ["curated", "receipts", "quarantine"] {
        assert_eq!(ground.keys(&format!("{layer}/")).await.len(), 1, "{layer}");
    }
    let promoted = ORDER
        .replace("version: 1", "version: 2")
        .replace("  note: string\n", "  note: string\n  weight: integer\n")
        .replace("note: note?}\n    known", "note: note?, weight: weight}\n    known")
        .replace("note: note?}\n", "note: note?, weight: weight?}\n");
    ground.put("config/models/order.yaml", promoted).await;
    ground.take(&commit).await.unwrap();
    let receipts = ground.receipts("order").await;
    assert_eq!(receipts.iter().map(|r| r.version).collect::<Vec<_>>(), [2]);
    let file = receipts[0].parts[0].file.clone().unwrap();
    ground.lake.delete(&file).await.unwrap();
    assert_eq!(ground.rows("order", &["_version", "_extra"]).await, [r#"1 {"weight":2}"#]);
    let again = Take { again: true, ..Take::new(commit) };
    handle(&ground.deps, Event::Work(Work::Take(again)), ground.deadline()).await.unwrap();
    let key = file.as_str().parse().unwrap();
    for other in ground.keys("curated/").await.iter().filter(|other| **other != file.to_string()) {
        ground.lake.delete(&other.parse().unwrap()).await.unwrap();
    }
    assert!(ground.lake.head(&key).await.is_ok());
    assert_eq!(ground.rows("order", &["id", "weight", "_version", "_extra"]).await, ["a 2 2 {}"]);
}
