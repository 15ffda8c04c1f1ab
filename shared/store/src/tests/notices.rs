use super::*;

#[tokio::test]
async fn of_many_that_ask_for_a_stream_one_gets_a_claim_until_its_job_begins() {
    let world = world();
    let key = world.enrolled("orders").await;
    let first = world.held(&key, "a").await;
    first.leave(Leave::Complete { due: at("2026-03-02T00:00:00Z") }).await.unwrap();
    let asked = join_all((0..20).map(|_| world.store.ask(&key, Sight::Changes))).await;
    let is_claim = |asked: &&Result<Asked, _>| matches!(asked, Ok(Asked::Claimed(_)));
    assert_eq!(asked.iter().filter(is_claim).count(), 1, "{asked:?}");
    let hold = world.store.acquire(&key, &run("b"), Some(1)).await.unwrap().unwrap();
    hold.leave(Leave::Complete { due: at("2026-03-02T00:00:00Z") }).await.unwrap();
    let again = world.store.ask(&key, Sight::Changes).await.unwrap();
    assert!(matches!(again, Asked::Claimed(Claim { expects: 2, .. })), "{again:?}");
}

#[tokio::test]
async fn while_a_run_holds_a_stream_one_job_waits_for_its_end() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let first = world.store.ask(&key, Sight::Changes).await.unwrap();
    assert!(matches!(first, Asked::Claimed(Claim { expects: 1, .. })), "{first:?}");
    assert_eq!(world.store.ask(&key, Sight::Changes).await.unwrap(), Asked::Waiting(1));
    let early = world.store.acquire(&key, &run("b"), Some(1)).await.unwrap();
    assert!(matches!(early, Err(Refusal::Held { .. })), "{early:?}");
    hold.leave(Leave::Complete { due: at("2026-03-02T00:00:00Z") }).await.unwrap();
    assert!(world.store.acquire(&key, &run("b"), Some(1)).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_claim_whose_job_was_lost_comes_back() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    hold.leave(Leave::Complete { due: at("2026-03-02T00:00:00Z") }).await.unwrap();
    world.store.ask(&key, Sight::Changes).await.unwrap();
    world.clock.advance(Timing::default().claim + Duration::from_secs(1));
    assert!(world.store.claim(&key, Duration::ZERO).await.unwrap().is_some());
}

#[tokio::test]
async fn what_rests_and_what_nobody_knows_is_not_asked_for() {
    let world = world();
    let key = world.enrolled("orders").await;
    world.store.set_due(&key, None).await.unwrap();
    assert_eq!(world.store.ask(&key, Sight::Changes).await.unwrap(), Asked::Resting);
    let unknown = world.store.ask(&stream("gone"), Sight::Changes).await.unwrap();
    assert_eq!(unknown, Asked::Unknown);
}

#[tokio::test]
async fn asking_for_everything_makes_the_next_run_reconcile() {
    let world = world();
    let key = world.enrolled("orders").await;
    world.store.ask(&key, Sight::Everything).await.unwrap();
    let (head, _) = world.store.head(&key).await.unwrap().unwrap();
    assert_eq!((head.since_reconcile, head.reconciled), (u32::MAX, None));
}

#[tokio::test]
async fn a_standing_is_news_once() {
    let world = world();
    let (tenant, connection) = ("acme".parse().unwrap(), "shop".parse().unwrap());
    let of = (&tenant, &connection);
    assert!(world.store.stands(of, Standing::Disabled, "X").await.unwrap());
    assert!(!world.store.stands(of, Standing::Disabled, "X").await.unwrap());
    assert!(world.store.stands(of, Standing::Ready, "Y").await.unwrap());
    let state = world.store.connection_state(of).await.unwrap().unwrap();
    assert_eq!((state.standing, state.event.as_str()), (Standing::Ready, "Y"));
}

#[tokio::test]
async fn a_doubt_that_is_noted_again_outlives_its_answer() {
    let world = world();
    let key = world.enrolled("orders").await;
    let doubt = |id: &str| Doubt { id: id.to_owned(), path: format!("orders/{id}") };
    for id in ["1", "2"] {
        world.store.doubt(&key, &doubt(id)).await.unwrap();
    }
    let (mut asked, more) = world.store.doubts(&key, None).await.unwrap();
    assert_eq!((asked.len(), more), (2, None));
    world.store.doubt(&key, &doubt("2")).await.unwrap();
    world.store.answered(&key, &asked).await.unwrap();
    asked = world.store.doubts(&key, None).await.unwrap().0;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].doubt, doubt("2"));
    assert!(world.store.doubts(&stream("invoices"), None).await.unwrap().0.is_empty());
}
