use lake::delivery::{AgainKey, FileEnd};

use super::*;

impl Ground {
    /// Tries once more what failed of a file; gives how many records that is.
    async fn again(&self, done: &FileOutcome) -> u64 {
        let again = done.place().render().unwrap();
        let work = Work::Again { again, unknown: false };
        match handle(&self.deps, Event::Work(work), self.deadline()).await.unwrap() {
            Answer::Work(outcome) => outcome.again,
            Answer::Batch(_) => panic!("a batch"),
        }
    }

    /// What became of the second try of a file.
    async fn second(&self, done: &FileOutcome) -> FileOutcome {
        let FileOutcome { tenant, push, file, accepted, .. } = done.clone();
        let key = AgainKey { tenant, day: accepted.day(), push, failed: file };
        let place = lake::delivery::DoneKey {
            tenant: key.tenant.clone(),
            day: key.day,
            push: key.push.clone(),
            file: key.file(),
        };
        let body = self.lake.get(&place.render().unwrap()).await.unwrap().body;
        FileOutcome::from_json(&body).unwrap()
    }
}

fn invalid(id: &str) -> Value {
    let mut record = customer(id);
    record["source"] = json!("UNKNOWN");
    record
}

#[tokio::test]
async fn what_failed_is_tried_once_more_and_what_succeeded_is_not_sent_again() {
    let ground = Ground::new().await;
    ground.accept("user", "u.csv", &[customer("c1")]).await;
    let bought = [transaction("t1", "c1"), transaction("t2", "c2"), transaction("t3", "c1")];
    ground.accept("transaction", "t.csv", &bought).await;
    ground.rest().await;
    let done = ground.done("t.csv").await;
    assert_eq!((done.outcome, done.counts.ok, done.counts.failed), (FileEnd::Partial, 2, 1));
    ground.accept("user", "late.csv", &[customer("c2")]).await;
    ground.rest().await;
    let calls = ground.crm.arrivals().len();
    assert_eq!(ground.again(&done).await, 1);
    assert_eq!(ground.again(&done).await, 0, "it is under way");
    ground.rest().await;
    let second = ground.second(&done).await;
    assert_eq!((second.outcome, second.counts.ok, second.counts.rows), (FileEnd::Success, 1, 1));
    assert_eq!(ground.again(&done).await, 0, "it is done");
    assert_eq!(ground.again(&second).await, 0, "nothing of it failed");
    let sent: usize = ground.crm.arrivals()[calls..].iter().map(|call| call.items).sum();
    assert_eq!((sent, ground.crm.books().transactions.len()), (1, 3));
    ground.each_item_ends_once().await;
}

#[tokio::test]
async fn a_second_try_that_fails_may_be_followed_by_a_third() {
    let ground = Ground::new().await;
    ground.accept("transaction", "t.csv", &[transaction("t1", "c1")]).await;
    ground.rest().await;
    let done = ground.done("t.csv").await;
    assert_eq!(ground.again(&done).await, 1);
    ground.rest().await;
    let second = ground.second(&done).await;
    assert_eq!((second.outcome, second.name.as_str()), (FileEnd::Failed, "t.csv"));
    ground.accept("user", "u.csv", &[customer("c1")]).await;
    ground.rest().await;
    assert_eq!(ground.again(&second).await, 1);
    ground.rest().await;
    assert_eq!(ground.second(&second).await.outcome, FileEnd::Success);
}

#[tokio::test]
async fn a_second_try_does_not_undo_what_is_newer() {
    let ground = Ground::new().await;
    let first = [invalid("a"), invalid("b"), customer("a"), invalid("c")];
    ground.accept("user", "1.csv", &first).await;
    ground.rest().await;
    let done = ground.done("1.csv").await;
    assert_eq!((done.counts.ok, done.counts.failed), (1, 3));
    ground.clock.advance(Duration::from_secs(10));
    ground.accept("user", "2.csv", &[customer("b")]).await;
    ground.rest().await;
    assert_eq!(ground.again(&done).await, 2, "a later line has told of `a`");
    ground.rest().await;
    let second = ground.second(&done).await;
    assert_eq!((second.counts.superseded, second.counts.failed), (1, 1), "of `b`, a later file");
    let applied = |id: &str| ground.crm.books().customers[id].len();
    assert_eq!((applied("a"), applied("b")), (1, 1));
}

#[tokio::test]
async fn records_that_no_operation_took_are_tried_once_one_does() {
    let ground = Ground::new().await;
    ground.accept("member", "m.csv", &customers(3)).await;
    ground.rest().await;
    let done = ground.done("m.csv").await;
    assert_eq!((done.outcome, ground.again(&done).await), (FileEnd::Failed, 0));
    ground.clock.advance(Duration::from_hours(1));
    let takes = "    from: [{feed: loyalty, operation: ADD_CUST}]\n";
    let config = TENANT.replace("    from: [{feed: loyalty}]\n", takes);
    ground.put("config/tenants/heron.yaml", config).await;
    assert_eq!(ground.again(&done).await, 3);
    ground.rest().await;
    assert_eq!(ground.second(&done).await.counts.ok, 3);
}
