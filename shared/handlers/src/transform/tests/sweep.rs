use super::*;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn the_sweep_finds_what_no_event_told_of() {
    let ground = Ground::new(&[("order", ORDER), ("order_line", LINE)]).await;
    for plan in ["p1", "p2", "p3"] {
        ground.landed(plan, &[Landed::Record(&order(plan, "1"))]).await;
    }
    // An event of a young commit may be on its way.
    assert_eq!(ground.sweep().await, 0);
    ground.clock.advance(HOUR);
    let second = CommitKey(attempt("p2")).render().unwrap();
    ground.take(&second).await.unwrap();
    assert_eq!(ground.sweep().await, 4);
    assert_eq!(ground.drain().await, 4);
    assert_eq!(ground.rows("order", &["id"]).await.len(), 3);
    assert_eq!(ground.sweep().await, 0);
}

#[tokio::test]
async fn a_changed_model_is_made_anew_by_the_sweep_alone() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    for plan in ["p1", "p2"] {
        let record = format!(r#"{{"id":"{plan}","total":1,"weight":7}}"#);
        let commit = ground.landed(plan, &[Landed::Record(&record)]).await;
        ground.take(&commit).await.unwrap();
    }
    let promoted = ORDER
        .replace("version: 1", "version: 2")
        .replace("  note: string\n", "  note: string\n  weight: integer\n")
        .replace("note: note?}\n", "note: note?, weight: weight?}\n");
    ground.put("config/models/order.yaml", promoted).await;
    assert_eq!(ground.sweep().await, 2);
    ground.drain().await;
    let versions: Vec<u32> = ground.receipts("order").await.iter().map(|r| r.version).collect();
    assert_eq!(versions, [2, 2]);
    for receipt in ground.receipts("order").await {
        let file = receipt.parts[0].file.clone().unwrap();
        assert!(file.as_str().contains(".v2-"), "{file}");
    }
    assert_eq!(ground.sweep().await, 0);
}

#[tokio::test]
async fn months_that_are_settled_are_not_looked_at_again() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    for (plan, month) in [("p1", "2024-01"), ("p2", "2024-02"), ("p3", "2024-05")] {
        let attempt = Attempt { month: month.parse().unwrap(), ..attempt(plan) };
        let part = ground.land(&attempt, 1, &[Landed::Record(&order(plan, "1"))]).await;
        let commit = ground.commit(&attempt, vec![part]).await;
        if plan != "p2" {
            ground.take(&commit).await.unwrap();
        }
    }
    ground.clock.advance(HOUR);
    let feed = store::Feed {
        model: "order".parse().unwrap(),
        source: "shop".parse().unwrap(),
        stream: store::StreamKey {
            tenant: "bluebird".parse().unwrap(),
            connection: "main".parse().unwrap(),
            stream: "orders".parse().unwrap(),
        },
    };
    let settled = async || {
        let row = ground.deps.store.settled(&feed).await.unwrap();
        row.map(|row| row.through)
    };
    assert_eq!(ground.sweep().await, 1);
    assert_eq!(settled().await.as_deref(), Some("2024-01"));
    ground.drain().await;
    assert_eq!(ground.sweep().await, 0);
    assert_eq!(settled().await.as_deref(), Some("2024-02"));
    // What lies in a settled month is not asked for any more; a changed model asks for all.
    let late = Attempt { month: "2024-01".parse().unwrap(), ..attempt("p9") };
    let part = ground.land(&late, 1, &[Landed::Record(&order("late", "1"))]).await;
    ground.commit(&late, vec![part]).await;
    ground.clock.advance(HOUR);
    assert_eq!(ground.sweep().await, 0);
    ground.put("config/models/order.yaml", format!("{ORDER}# changed\n")).await;
    assert_eq!(ground.sweep().await, 4);
}

#[tokio::test]
async fn a_replay_takes_everything_in_again() {
    let ground = Ground::new(&[("order", ORDER), ("order_line", LINE)]).await;
    for (plan, tenant) in [("p1", "bluebird"), ("p2", "bluebird"), ("p3", "harbor")] {
        let attempt = Attempt { tenant: tenant.parse().unwrap(), ..attempt(plan) };
        let part = ground.land(&attempt, 1, &[Landed::Record(&order(plan, "1"))]).await;
        let commit = ground.commit(&attempt, vec![part]).await;
        ground.take(&commit).await.unwrap();
    }
    for key in ground.keys("curated/").await {
        ground.lake.delete(&key.parse().unwrap()).await.unwrap();
    }
    let replay = async |tenant: Option<&str>| {
        let tenant = tenant.map(|tenant| tenant.parse().unwrap());
        let replay = Replay { model: "order".parse().unwrap(), tenant, after: None };
        let event = Event::Work(Work::Replay { replay });
        handle(&ground.deps, event, ground.deadline()).await.unwrap()
    };
    let answer = replay(Some("harbor")).await;
    assert_eq!(answer, Answer::Work(Outcome::Replayed { enqueued: 1, told: 0 }));
    ground.drain().await;
    assert_eq!(ground.keys("curated/order/tenant=harbor/").await.len(), 1);
    assert_eq!(replay(None).await, Answer::Work(Outcome::Replayed { enqueued: 3, told: 0 }));
    ground.drain().await;
    assert_eq!(ground.keys("curated/order/").await.len(), 3);
    assert_eq!(ground.keys("curated/order_line/").await, [""; 0]);
    let unknown = Replay { model: "orders".parse().unwrap(), tenant: None, after: None };
    let event = Event::Work(Work::Replay { replay: unknown });
    let error = handle(&ground.deps, event, ground.deadline()).await.unwrap_err();
    assert!(error.to_string().contains("did you mean `order`"), "{error}");
}

#[tokio::test]
async fn drift_is_told_once() {
    let ground = Ground::new(&[("order", ORDER)]).await;
    let strange = r#"{"id":"a","total":"1","colour":"red"}"#;
    let commit = ground.landed("p1", &[Landed::Record(strange)]).await;
    ground.take(&commit).await.unwrap();
    assert_eq!(ground.count(Metric::DriftFound), 2);
    let commit = ground.landed("p2", &[Landed::Record(strange)]).await;
    ground.take(&commit).await.unwrap();
    assert_eq!(ground.count(Metric::DriftFound), 2);
    let scope = store::DriftScope {
        source: "shop".parse().unwrap(),
        stream: "orders".parse().unwrap(),
        model: "order".parse().unwrap(),
    };
    let (drift, _) = ground.deps.store.drift(&scope, None).await.unwrap();
    let told: Vec<_> = drift
        .iter()
        .map(|d| (d.kind.as_str(), d.path.as_str(), d.found.concat(), d.told))
        .collect();
    assert_eq!(
        told,
        [
            ("retyped", "total", "string".to_owned(), true),
            ("unknown", "colour", "string".to_owned(), true),
        ]
    );
    assert!(drift[0].object.as_str().contains("p1."), "{}", drift[0].object);
}

#[tokio::test]
async fn a_field_that_vanishes_is_told_where_enough_records_lack_it() {
    let needing = ORDER.replace("note: note?}\n    known", "note: note}\n    known");
    for (records, expected) in [(99, 0), (100, 1)] {
        let ground = Ground::new(&[("order", &needing)]).await;
        let record = order("a", "1");
        let lines = vec![Landed::Record(&record); records];
        let commit = ground.landed("p1", &lines).await;
        ground.take(&commit).await.unwrap();
        // `lines` is known of, and lacking too.
        let scope = store::DriftScope {
            source: "shop".parse().unwrap(),
            stream: "orders".parse().unwrap(),
            model: "order".parse().unwrap(),
        };
        let (drift, _) = ground.deps.store.drift(&scope, None).await.unwrap();
        let vanished = drift.iter().filter(|d| d.kind == "vanished" && d.path == "note");
        assert_eq!(vanished.count(), expected, "{records}");
    }
}
