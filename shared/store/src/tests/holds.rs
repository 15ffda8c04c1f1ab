use super::*;

#[tokio::test]
async fn a_lease_is_held_by_one_worker_at_a_time() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let other = world.store.acquire(&key, &run("b"), None).await.unwrap();
    assert!(matches!(other, Err(Refusal::Held { .. })), "{other:?}");
    hold.leave(Leave::Complete { due: world.clock.now() }).await.unwrap();
    assert_eq!(world.held(&key, "b").await.fence(), 2);
}

#[tokio::test]
async fn a_stream_that_nobody_enrolled_cannot_be_held() {
    let world = world();
    let refused = world.store.acquire(&stream("orders"), &run("a"), None).await.unwrap();
    assert!(matches!(refused, Err(Refusal::Unknown)), "{refused:?}");
}

#[tokio::test]
async fn a_worker_whose_lease_was_taken_over_changes_nothing() {
    let world = world();
    let key = world.enrolled("orders").await;
    let slow = world.held(&key, "a").await;
    let plan = world.plan(&slow, Purpose::Incremental).await;
    let slice = day("2026-02-27T00:00:00Z");
    slow.expand(&plan, &Map::new(), std::slice::from_ref(&slice)).await.unwrap();
    world.clock.advance(Duration::from_mins(2));
    let next = world.held(&key, "b").await;
    let before = world.table.items();
    let refused = slow.commit(&plan, &slice, landed(1, "2026-02-27T10:00:00Z")).await;
    assert!(matches!(refused, Err(StoreError::Lost { .. })), "{refused:?}");
    let refused = slow.leave(Leave::Complete { due: world.clock.now() }).await;
    assert!(matches!(refused, Err(StoreError::Lost { .. })), "{refused:?}");
    assert_eq!(world.table.items(), before);
    next.keep().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_ran_out_and_was_not_taken_is_still_the_holders() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    world.clock.advance(Duration::from_mins(2));
    world.store.claim(&key, Duration::ZERO).await.unwrap().unwrap();
    hold.keep().await.unwrap();
    assert!(hold.head().await.live(world.clock.now()).is_some());
}

#[tokio::test]
async fn keeping_a_fresh_lease_writes_nothing() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let before = world.table.items();
    hold.keep().await.unwrap();
    assert_eq!(world.table.items(), before);
    world.clock.advance(Duration::from_secs(40));
    hold.keep().await.unwrap();
    assert_ne!(world.table.items(), before);
}

#[tokio::test]
async fn open_work_of_a_dead_worker_is_due_when_its_lease_ends() {
    let world = world();
    let key = world.enrolled("orders").await;
    world.held(&key, "a").await;
    assert_eq!(world.store.claim(&key, Duration::ZERO).await.unwrap(), None);
    world.clock.advance(Duration::from_secs(62));
    assert!(world.store.claim(&key, Duration::ZERO).await.unwrap().is_some());
}

#[tokio::test]
async fn failures_are_counted_until_a_run_completes() {
    let world = world();
    let key = world.enrolled("orders").await;
    let due = world.clock.now();
    for n in 1..=2 {
        let head = world.held(&key, "a").await.leave(Leave::Failed { due }).await.unwrap();
        assert_eq!(head.failures, n);
    }
    let head = world.held(&key, "a").await.leave(Leave::Complete { due }).await.unwrap();
    assert_eq!(head.failures, 0);
}
