use lake::delivery::FileEnd;

use super::*;

#[tokio::test]
async fn an_accepted_file_ends_at_the_destination_and_says_so() {
    let ground = Ground::new().await;
    let key = ground.accept("user", "a.csv", &customers(250)).await;
    ground.clock.advance(Duration::from_secs(3));
    ground.told(&key).await;
    let done = ground.done("a.csv").await;
    assert_eq!((done.outcome, done.counts.ok, done.counts.rows), (FileEnd::Success, 250, 250));
    assert_eq!(ground.crm.books().customers.len(), 250);
    let sizes: Vec<usize> = ground.crm.arrivals().iter().map(|call| call.items).collect();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 250);
    ground.each_item_ends_once().await;
    assert!((ground.metrics.sum(Metric::RecordsPushed) - 250.0).abs() < 0.1);
}

#[tokio::test]
async fn a_hundred_files_of_one_record_go_in_one_call() {
    let ground = Ground::new().await;
    for n in 0..100 {
        let record = [customer(&format!("c{n}"))];
        ground.accept("user", &format!("{n}.json"), &record).await;
    }
    ground.rest().await;
    let sizes: Vec<usize> = ground.crm.arrivals().iter().map(|call| call.items).collect();
    assert_eq!(sizes, [100]);
    assert_eq!(ground.done("42.json").await.counts.ok, 1);
}

#[tokio::test]
async fn a_call_that_is_not_full_lingers_for_more_files() {
    let ground = Ground::new().await;
    let first = ground.accept("user", "a.json", &[customer("a")]).await;
    let event = Event::Work(Work::Push { push: Ground::key() });
    let soon = Deadline::at(ground.clock.now() + Duration::from_secs(46));
    handle(&ground.deps, event, soon).await.unwrap();
    assert!(ground.clock.now() >= "2024-05-02T00:00:02Z".parse().unwrap());
    assert!(!first.as_str().is_empty());
}

#[tokio::test]
async fn replaying_any_event_changes_nothing() {
    let ground = Ground::new().await;
    let users = ground.accept("user", "a.csv", &customers(120)).await;
    let record = [transaction("t1", "c7"), transaction("t2", "nobody")];
    let transactions = ground.accept("transaction", "t.csv", &record).await;
    ground.rest().await;
    let (before, calls) = (ground.everything().await, ground.crm.arrivals().len());
    for key in [&transactions, &users, &transactions] {
        ground.told(key).await;
    }
    let found = invariant::unchanged(&before, &ground.everything().await);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(ground.crm.arrivals().len(), calls);
}

#[tokio::test]
async fn transactions_wait_for_the_customers_of_their_drop() {
    let ground = Ground::new().await;
    let bought: Vec<Value> =
        (0..300).map(|n| transaction(&format!("t{n}"), &format!("c{n}"))).collect();
    ground.accept("transaction", "t.csv", &bought).await;
    ground.accept("user", "u.csv", &customers(300)).await;
    ground.rest().await;
    assert_eq!(ground.done("t.csv").await.counts.ok, 300);
    let paths: Vec<String> = ground.crm.arrivals().into_iter().map(|call| call.path).collect();
    let first = paths.iter().position(|path| path.starts_with("transactions")).unwrap();
    assert!(paths[first..].iter().all(|path| path.starts_with("transactions")), "{paths:?}");
}

#[tokio::test]
async fn updates_of_one_customer_arrive_in_their_order() {
    let ground = Ground::new().await;
    let version = |n: usize| {
        let mut record = customer(&format!("c{}", n % 3));
        record["version"] = json!(n);
        record
    };
    let first: Vec<Value> = (0..60).map(version).collect();
    let second: Vec<Value> = (60..90).map(version).collect();
    ground.accept("user", "1.csv", &first).await;
    ground.clock.advance(Duration::from_secs(1));
    ground.accept("user", "2.csv", &second).await;
    ground.rest().await;
    for (id, applied) in ground.crm.books().customers {
        let versions: Vec<u64> =
            applied.iter().map(|applied| applied.record["version"].as_u64().unwrap()).collect();
        assert_eq!((versions.len(), versions.is_sorted()), (30, true), "{id}: {versions:?}");
    }
    ground.each_item_ends_once().await;
}

#[tokio::test]
async fn an_older_file_that_comes_late_does_not_undo_a_newer_one() {
    let ground = Ground::new().await;
    let now = ground.clock.now();
    let record = |version: u64| {
        let mut record = customer("c1");
        record["version"] = json!(version);
        [record, customer(&format!("only-{version}"))]
    };
    ground.accept("user", "new.csv", &record(2)).await;
    ground.rest().await;
    let earlier = now - Duration::from_mins(10);
    ground.accept_at(earlier, "user", ("old.csv", &record(1))).await;
    ground.rest().await;
    let old = ground.done("old.csv").await;
    assert_eq!((old.counts.superseded, old.counts.ok, old.outcome), (1, 1, FileEnd::Success));
    assert_eq!(ground.crm.books().customers["c1"].len(), 1);
    ground.each_item_ends_once().await;
}

#[tokio::test]
async fn what_no_operation_takes_fails_and_says_so() {
    let ground = Ground::new().await;
    ground.accept("menu", "m.csv", &customers(3)).await;
    ground.rest().await;
    let done = ground.done("m.csv").await;
    assert_eq!((done.outcome, done.counts.failed), (FileEnd::Failed, 3));
    let errors = ground.lake.get(&done.errors.unwrap()).await.unwrap().body;
    assert!(String::from_utf8_lossy(&errors).contains("NO_OPERATION"));
}

#[tokio::test]
async fn a_sweep_wakes_every_push_and_finds_what_no_event_told_of() {
    let ground = Ground::new().await;
    ground.accept("user", "a.csv", &customers(3)).await;
    ground.clock.advance(Duration::from_secs(3));
    let event = Event::Work(Work::Sweep { sweep: true });
    let Answer::Work(swept) = handle(&ground.deps, event, ground.deadline()).await.unwrap() else {
        panic!("a batch")
    };
    assert_eq!(swept.woken, 1);
    let minute = Duration::from_mins(1);
    let message = ground.queue.receive(1, Duration::ZERO, minute).await.unwrap().remove(0);
    let work: Work = serde_json::from_str(&message.body).unwrap();
    handle(&ground.deps, Event::Work(work), ground.deadline()).await.unwrap();
    assert_eq!(ground.done("a.csv").await.counts.ok, 3);
}

#[tokio::test]
async fn a_file_of_more_than_two_thousand_calls_is_planned_in_steps_and_ends_whole() {
    let ground = Ground::with(Rules { calls: 4_500, ..Rules::default() }).await;
    ground.put("config/destinations/crm.yaml", CRM.replace("max_items: 100", "max_items: 1")).await;
    // More calls a minute than one row of a budget holds.
    let faster = "api_key: api-key\n      calls_per_minute: 4500";
    ground.put("config/tenants/heron.yaml", TENANT.replace("api_key: api-key", faster)).await;
    ground.accept("user", "a.csv", &customers(2_100)).await;
    ground.rest().await;
    let done = ground.done("a.csv").await;
    assert_eq!((done.outcome, done.counts.ok, done.counts.rows), (FileEnd::Success, 2_100, 2_100));
    assert_eq!(ground.crm.arrivals().len(), 2_100);
    assert!(ground.crm.books().customers.values().all(|applied| applied.len() == 1));
    let rows = ground.table.items().into_iter().map(|item| item.key.partition);
    assert_eq!(rows.filter(|partition| partition.starts_with("budget#crm#")).count(), 3);
    ground.each_item_ends_once().await;
}
