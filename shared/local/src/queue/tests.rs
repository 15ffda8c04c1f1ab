use super::*;
use crate::testing::{scratch_database, system};

mod contract {
    use std::sync::Arc;

    use testkit::QueuePair;

    use crate::SqliteQueue;
    use crate::testing::scratch_database;

    testkit::queue_contract!(clock => {
        let (database, folder) = scratch_database();
        let queue = SqliteQueue::new(&database, clock, "jobs");
        let dead = Arc::new(queue.dead_letters());
        QueuePair::new(Arc::new(queue), dead).on(folder)
    });
}

fn message(group: &str, n: usize) -> Message {
    Message {
        body: format!("{group}{n}"),
        group: group.to_owned(),
        attributes: BTreeMap::new(),
        not_before: None,
    }
}

const HIDDEN: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_noisy_group_does_not_starve_a_quiet_one() {
    let (database, _folder) = scratch_database();
    let queue = SqliteQueue::new(&database, system().0, "jobs");
    let noisy: Vec<Message> = (0..20).map(|n| message("noisy", n)).collect();
    queue.send(&noisy).await.unwrap();
    queue.send(&[message("quiet", 0), message("quiet", 1)]).await.unwrap();
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let received = queue.receive(2, Duration::ZERO, HIDDEN).await.unwrap();
        bodies.extend(received.into_iter().map(|received| received.body));
    }
    assert_eq!(bodies, ["noisy0", "quiet0", "noisy1", "quiet1"]);
}

#[tokio::test]
async fn depth_counts_what_is_ready_in_work_and_delayed() {
    let (database, _folder) = scratch_database();
    let (clock, _) = system();
    let queue = SqliteQueue::new(&database, Arc::clone(&clock), "jobs");
    let later = Message { not_before: Some(clock.now() + HIDDEN), ..message("a", 3) };
    queue.send(&[message("a", 1), message("a", 2), later]).await.unwrap();
    queue.receive(1, Duration::ZERO, HIDDEN).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth { ready: 1, in_work: 1, delayed: 1 });
}

#[tokio::test]
async fn queues_of_one_database_do_not_mix() {
    let (database, _folder) = scratch_database();
    let (clock, _) = system();
    let a = SqliteQueue::new(&database, Arc::clone(&clock), "a");
    let b = SqliteQueue::new(&database, clock, "b");
    a.send(&[message("g", 1)]).await.unwrap();
    assert_eq!(b.receive(1, Duration::ZERO, HIDDEN).await.unwrap(), []);
    assert_eq!(a.receive(1, Duration::ZERO, HIDDEN).await.unwrap().len(), 1);
}
