use super::*;

async fn resume(world: &World, key: &StreamKey) -> Option<Timestamp> {
    world.store.head(key).await.unwrap().unwrap().0.resume
}

#[tokio::test]
async fn slices_finish_in_any_order_and_the_resume_point_waits_for_the_first_open_one() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let mut plan = world.plan(&hold, Purpose::Incremental).await;
    let days = ["2026-02-26", "2026-02-27", "2026-02-28"].map(|d| day(&format!("{d}T00:00:00Z")));
    hold.expand(&plan, &Map::new(), &days).await.unwrap();
    hold.expanded(&mut plan).await.unwrap();
    hold.commit(&plan, &days[2], landed(1, "2026-02-28T09:00:00Z")).await.unwrap();
    assert_eq!(resume(&world, &key).await, Some(at("2026-02-26T00:00:00Z")));
    hold.commit(&plan, &days[0], landed(1, "2026-02-26T09:00:00Z")).await.unwrap();
    assert_eq!(resume(&world, &key).await, Some(at("2026-02-27T00:00:00Z")));
    assert!(!hold.is_finished(&plan).await.unwrap());
    hold.commit(&plan, &days[1], landed(1, "2026-02-27T09:00:00Z")).await.unwrap();
    assert_eq!(resume(&world, &key).await, Some(at("2026-02-28T09:00:00Z")));
    assert!(hold.is_finished(&plan).await.unwrap());
    hold.finish(&plan, 0.5).await.unwrap();
    assert_eq!(hold.head().await.plan, None);
}

#[tokio::test]
async fn a_record_dated_ahead_of_the_run_does_not_move_the_resume_point() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let plan = world.plan(&hold, Purpose::Incremental).await;
    let days = [day("2026-02-27T00:00:00Z"), day("2026-02-28T00:00:00Z")];
    hold.expand(&plan, &Map::new(), &days).await.unwrap();
    hold.commit(&plan, &days[0], landed(1, "2026-02-27T09:00:00Z")).await.unwrap();
    hold.commit(&plan, &days[1], landed(1, "2999-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(resume(&world, &key).await, Some(at("2026-02-27T09:00:00Z")));
}

#[tokio::test]
async fn a_partition_gets_its_slices_once_a_plan() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let plan = world.plan(&hold, Purpose::Incremental).await;
    let slice = day("2026-02-27T00:00:00Z");
    hold.expand(&plan, &Map::new(), std::slice::from_ref(&slice)).await.unwrap();
    hold.commit(&plan, &slice, landed(1, "2026-02-27T09:00:00Z")).await.unwrap();
    hold.expand(&plan, &Map::new(), &[slice]).await.unwrap();
    let (open, _) = world.store.open_slices(&key, &plan.id, None, 10).await.unwrap();
    assert_eq!(open, []);
}

#[tokio::test]
async fn a_thousand_slices_are_planned_in_transactions_that_fit() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let plan = world.plan(&hold, Purpose::Incremental).await;
    let first = at("2020-01-01T00:00:00Z");
    let slice = |n: u64| day(&(first + Duration::from_hours(24 * n)).to_string());
    let slices: Vec<_> = (0..1000).map(slice).collect();
    hold.expand(&plan, &Map::new(), &slices).await.unwrap();
    let mut open = Vec::new();
    let mut after = None;
    loop {
        let (page, next) =
            world.store.open_slices(&key, &plan.id, after.as_deref(), 300).await.unwrap();
        open.extend(page);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(open, slices);
}

#[tokio::test]
async fn a_commit_is_unpublished_until_its_object_is_noted() {
    let world = world();
    let key = world.enrolled("orders").await;
    let hold = world.held(&key, "a").await;
    let plan = world.plan(&hold, Purpose::Incremental).await;
    let slice = day("2026-02-27T00:00:00Z");
    hold.expand(&plan, &Map::new(), std::slice::from_ref(&slice)).await.unwrap();
    hold.commit(&plan, &slice, landed(1, "2026-02-27T09:00:00Z")).await.unwrap();
    let (waiting, _) = world.store.unpublished_of(&key, None).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].slice.as_ref(), Some(&slice.id));
    world.store.published(&waiting[0]).await.unwrap();
    assert!(world.store.unpublished_of(&key, None).await.unwrap().0.is_empty());
}

async fn refresh(world: &World, key: &StreamKey, name: &str, rows: u64) -> Refreshed {
    let hold = world.held(key, name).await;
    let plan = Plan {
        id: plan_id(name),
        purpose: Purpose::Refresh,
        now: world.clock.now(),
        run: run(name),
        mode: "incremental".to_owned(),
        generation: None,
        expanded: false,
    };
    let mut plan = hold.begin(plan).await.unwrap();
    let slice = OpenSlice {
        id: SliceId::new(&partition_digest(&Map::new()), None),
        window: None,
        ..day("2026-02-27T00:00:00Z")
    };
    hold.expand(&plan, &Map::new(), std::slice::from_ref(&slice)).await.unwrap();
    hold.expanded(&mut plan).await.unwrap();
    hold.commit(&plan, &slice, landed(rows, "2026-02-27T09:00:00Z")).await.unwrap();
    let refreshed = hold.finish(&plan, 0.5).await.unwrap().unwrap();
    hold.leave(Leave::Complete { due: world.clock.now() }).await.unwrap();
    refreshed
}

#[tokio::test]
async fn a_refresh_is_one_commit_when_all_of_it_is_read() {
    let world = world();
    let key = world.enrolled("orders").await;
    let refreshed = refresh(&world, &key, "g1", 100).await;
    assert!(matches!(refreshed, Refreshed::Committed(g) if g.number == 1 && g.rows == 100));
    let (waiting, _) = world.store.unpublished_of(&key, None).await.unwrap();
    assert_eq!(waiting.len(), 1, "no slice of a refresh is published by itself");
    assert_eq!(waiting[0].slice, None);
}

#[tokio::test]
async fn a_refresh_that_shrank_is_held_aside_until_it_is_accepted() {
    let world = world();
    let key = world.enrolled("orders").await;
    refresh(&world, &key, "g1", 100).await;
    let refreshed = refresh(&world, &key, "g2", 49).await;
    assert!(matches!(refreshed, Refreshed::Held(_)), "{refreshed:?}");
    let hold = world.held(&key, "c").await;
    assert_eq!(hold.head().await.generations.committed.unwrap().number, 1);
    assert_eq!(hold.accept().await.unwrap().unwrap().number, 2);
    assert_eq!(hold.head().await.generations.committed.unwrap().number, 2);
    assert_eq!(hold.accept().await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_refresh_after_a_small_one_is_committed() {
    let world = world();
    let key = world.enrolled("orders").await;
    refresh(&world, &key, "g1", 5).await;
    let refreshed = refresh(&world, &key, "g2", 0).await;
    assert!(matches!(refreshed, Refreshed::Committed(g) if g.rows == 0));
}
