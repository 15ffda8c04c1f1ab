use lake::delivery::{FileEnd, Verdict};
use testkit::crm::Mishaps;

use super::*;

fn codes(done: &FileOutcome) -> Vec<(&str, u64)> {
    done.codes.iter().map(|(code, count)| (code.as_str(), *count)).collect()
}

#[tokio::test]
async fn a_customer_that_exists_is_updated_instead_once() {
    let ground = Ground::new().await;
    ground.accept("user", "a.csv", &customers(5)).await;
    ground.rest().await;
    ground.accept("user", "b.csv", &customers(6)).await;
    ground.rest().await;
    let done = ground.done("b.csv").await;
    assert_eq!((done.outcome, done.counts.ok), (FileEnd::Success, 6));
    let paths: Vec<String> = ground.crm.arrivals().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["customers:batchAdd", "customers:batchAdd", "customers:batchUpdate"]);
    ground.each_item_ends_once().await;
}

#[tokio::test]
async fn what_the_destination_refuses_fails_after_one_call_with_its_reason() {
    let ground = Ground::new().await;
    let mut bad = customer("c9");
    bad["source"] = json!("UNKNOWN");
    let mut conflict = customer("c8");
    conflict["email"] = json!("conflict@example.com");
    let records = [customer("c1"), bad, conflict, customer("deleted-1")];
    ground.accept("user", "a.csv", &records).await;
    ground.rest().await;
    let done = ground.done("a.csv").await;
    assert_eq!((done.outcome, done.counts.ok, done.counts.failed), (FileEnd::Partial, 1, 3));
    assert_eq!(codes(&done), [("200", 1), ("3217", 1), ("8008", 1), ("8026", 1)]);
    assert_eq!(ground.crm.arrivals().len(), 1);
    let errors = ground.lake.get(&done.errors.unwrap()).await.unwrap().body;
    let errors = String::from_utf8(errors.to_vec()).unwrap();
    assert_eq!(errors, "line,code,message\n3,3217,3217\n4,8008,8008\n5,8026,8026\n");
}

#[tokio::test]
async fn a_code_that_no_rule_knows_fails_and_raises_an_alarm() {
    let ground = Ground::new().await;
    ground.accept("user", "a.csv", &[customer("odd-1")]).await;
    ground.rest().await;
    assert_eq!(ground.done("a.csv").await.outcome, FileEnd::Failed);
    assert!(ground.metrics.sum(Metric::CodesUnknown) > 0.0);
}

#[tokio::test]
async fn a_busy_customer_is_tried_again_and_a_duplicate_transaction_is_one() {
    let ground = Ground::new().await;
    ground.accept("user", "u.csv", &[customer("lock-1"), customer("c1")]).await;
    let twice = [transaction("t1", "c1"), transaction("t2", "c1")];
    ground.accept("transaction", "t.csv", &twice).await;
    ground.rest().await;
    ground.accept("transaction", "again.csv", &[transaction("t1", "c1")]).await;
    ground.rest().await;
    assert_eq!(ground.done("u.csv").await.counts.ok, 2);
    let again = ground.done("again.csv").await;
    assert_eq!((again.counts.duplicate, again.outcome), (1, FileEnd::Success));
    ground.each_item_ends_once().await;
}

#[tokio::test]
async fn an_incomplete_transaction_fails_and_one_without_customer_is_put_off_and_fails() {
    let ground = Ground::new().await;
    let records = [json!({"trx_id": "t1"}), transaction("t2", "nobody")];
    ground.accept("transaction", "t.csv", &records).await;
    ground.rest().await;
    let done = ground.done("t.csv").await;
    assert_eq!(codes(&done), [("624", 1), ("8015", 1)]);
    let calls = ground.crm.arrivals();
    assert_eq!((calls[0].items, calls.len()), (2, 11));
    ground.each_item_ends_once().await;
}

#[tokio::test]
async fn an_item_that_nobody_can_read_is_found_by_halves() {
    let ground = Ground::new().await;
    let mut records = customers(100);
    records[37]["note"] = json!("poison");
    ground.accept("user", "a.csv", &records).await;
    ground.rest().await;
    let done = ground.done("a.csv").await;
    assert_eq!((done.counts.ok, done.counts.failed), (99, 1));
    assert!(ground.crm.arrivals().len() <= 15, "{}", ground.crm.arrivals().len());
    let outcomes = ground.outcomes().await;
    let mut failed = outcomes.iter().flat_map(|outcome| &outcome.items);
    let failed = failed.find(|item| item.verdict == Verdict::Failed).unwrap();
    assert_eq!(failed.item.line, 39);
    ground.each_item_ends_once().await;
}

#[tokio::test]
async fn a_batch_that_was_taken_over_and_answered_500_is_there_once() {
    let mishaps = Mishaps { committed_then_500: 1.0, ..Mishaps::default() };
    let ground = Ground::with(Rules { mishaps, ..Rules::default() }).await;
    ground.accept("user", "a.csv", &customers(20)).await;
    ground.clock.advance(Duration::from_secs(3));
    ground.run().await;
    ground.rest().await;
    let books = ground.crm.books();
    assert_eq!(books.customers.len(), 20);
    assert!(books.customers.values().all(|applied| applied.len() == 1));
    assert_eq!(ground.done("a.csv").await.counts.ok, 20);
    assert_eq!(ground.outcomes().await.len(), 1, "the same key, the same round");
}

#[tokio::test]
async fn too_many_calls_wait_as_long_as_they_are_told_and_cost_no_retry() {
    let mishaps = Mishaps { storm_429: 1.0, ..Mishaps::default() };
    let ground = Ground::with(Rules { mishaps, ..Rules::default() }).await;
    ground.accept("user", "a.csv", &customers(100)).await;
    ground.clock.advance(Duration::from_secs(3));
    let soon = Deadline::at(ground.clock.now() + Duration::from_mins(3));
    let event = Event::Work(Work::Push { push: Ground::key() });
    handle(&ground.deps, event, soon).await.unwrap();
    ground.crm.set(|rules| rules.mishaps = Mishaps::default());
    ground.rest().await;
    assert_eq!(ground.done("a.csv").await.counts.ok, 100);
    let refused = ground.crm.arrivals().iter().filter(|call| call.status == 429).count();
    assert!(refused > 7, "{refused}: more than a batch may be tried");
    assert!(ground.metrics.sum(Metric::CallsThrottled) > 7.0);
}

#[tokio::test]
async fn a_token_that_expires_is_fetched_anew() {
    let mishaps = Mishaps { latency: Duration::from_secs(4), ..Mishaps::default() };
    let token = Duration::from_secs(5);
    let ground = Ground::with(Rules { token, mishaps, ..Rules::default() }).await;
    ground.accept("user", "a.csv", &customers(4_000)).await;
    ground.rest().await;
    let done = ground.done("a.csv").await;
    assert_eq!((done.counts.ok, done.outcome), (4_000, FileEnd::Success));
    let passed = ground.crm.arrivals().last().unwrap().at - ground.crm.arrivals()[0].at;
    assert!(passed.get_seconds() > 20, "{passed}");
}

#[tokio::test]
async fn a_destination_that_refuses_everything_is_left_alone_until_it_answers_again() {
    let ground = Ground::with(Rules { closed: true, ..Rules::default() }).await;
    ground.accept("user", "a.csv", &customers(300)).await;
    ground.clock.advance(Duration::from_secs(3));
    assert!(ground.run().await.more);
    let calls = ground.crm.arrivals().len();
    assert!(ground.run().await.more);
    assert_eq!(ground.crm.arrivals().len(), calls, "nothing is sent while it is stopped");
    assert!(ground.metrics.sum(Metric::PushesStopped) > 0.0);
    let circuit = ground.deps.store.circuit(&Ground::key()).await.unwrap().unwrap();
    assert!(circuit.reason.contains("403") || circuit.reason.contains("FORBIDDEN"), "{circuit:?}");
    ground.crm.set(|rules| rules.closed = false);
    ground.rest().await;
    assert_eq!(ground.done("a.csv").await.counts.ok, 300);
    assert!(ground.deps.store.circuit(&Ground::key()).await.unwrap().is_none());
}

#[tokio::test]
async fn slow_answers_halve_the_calls_that_are_made_at_once() {
    let mishaps = Mishaps { latency: Duration::from_mins(50), ..Mishaps::default() };
    let ground = Ground::with(Rules { mishaps, ..Rules::default() }).await;
    ground.accept("user", "a.csv", &customers(1_600)).await;
    ground.clock.advance(Duration::from_secs(3));
    let soon = Deadline::at(ground.clock.now() + Duration::from_secs(80));
    let event = Event::Work(Work::Push { push: Ground::key() });
    handle(&ground.deps, event, soon).await.unwrap();
    let calls = ground.deps.outside.memory.calls(&Ground::key());
    assert!(calls < 16, "{calls}");
    ground.crm.set(|rules| rules.mishaps = Mishaps::default());
    ground.rest().await;
    assert_eq!(ground.done("a.csv").await.counts.ok, 1_600);
    assert!(ground.crm.books().customers.values().all(|applied| applied.len() == 1));
}

#[tokio::test]
async fn a_result_that_is_missing_is_asked_for_again() {
    let mishaps = Mishaps { missing: 0.5, ..Mishaps::default() };
    let ground = Ground::with(Rules { mishaps, ..Rules::default() }).await;
    ground.accept("user", "a.csv", &customers(50)).await;
    ground.rest().await;
    assert_eq!(ground.done("a.csv").await.counts.ok, 50);
    ground.each_item_ends_once().await;
}
