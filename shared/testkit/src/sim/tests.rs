use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::ObjectKey;
use ports::{
    Attributes, Expect, Key, Message, Method, ObjectStore as _, Request, Table, TableError, Write,
    WriteId,
};

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn key(sort: &str) -> Key {
    Key { partition: "p".to_owned(), sort: sort.to_owned() }
}

fn put(sort: &str, expect: Expect, body: String) -> Write {
    Write::Put { key: key(sort), expect, body, expires: None }
}

/// Raises a number by one, by read and conditional write, and says whether it is known to have.
async fn raise(worker: &Worker, table: &dyn Table) -> Result<(), TableError> {
    let write = WriteId(worker.ids().fresh());
    let before = table.get(&key("n")).await?;
    let number: u64 = before.as_ref().map_or(0, |item| item.body.parse().unwrap());
    let expect = before.map_or(Expect::Absent, |item| Expect::Version(item.version));
    for _ in 0..5 {
        let one = put("n", expect.clone(), (number + 1).to_string());
        match table.transact(&[one], &write).await {
            Err(TableError::Unavailable { .. } | TableError::Throttled) => {}
            other => return other.map(drop),
        }
        worker.clock().sleep(Duration::from_secs(1)).await;
    }
    Err(TableError::Throttled)
}

/// Workers that raise one number under all faults; gives the number, how often a worker knew
/// that it had raised it, and the crashes.
fn tally(seed: u64) -> (u64, u64, u64) {
    let known = Arc::new(AtomicU64::new(0));
    let world = World::new(seed, Chaos::drawn(seed));
    for n in 0..3 {
        let known = Arc::clone(&known);
        world.spawn(&format!("w{n}"), move |worker| {
            let known = Arc::clone(&known);
            async move {
                let table = worker.table();
                for _ in 0..20 {
                    if raise(&worker, &*table).await.is_ok() {
                        known.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        });
    }
    world.run_for(240 * HOUR);
    let table = world.table();
    let item = world.block_on(async move { table.get(&key("n")).await.unwrap() }).unwrap();
    let number = item.map_or(0, |item| item.body.parse().unwrap());
    (number, known.load(Ordering::SeqCst), world.crashes())
}

#[test]
fn a_seed_makes_the_same_world_again() {
    for seed in 0..10 {
        assert_eq!(tally(seed), tally(seed), "SEED={seed}");
    }
}

#[test]
fn conditional_writes_lose_nothing_that_a_worker_knows_of() {
    let mut crashes = 0;
    for seed in 0..200 {
        let (number, known, died) = tally(seed);
        assert!(number >= known, "SEED={seed}: {number} stands, {known} are known");
        crashes += died;
    }
    assert!(crashes > 50, "only {crashes} workers died");
}

#[test]
fn a_worker_that_crashes_starts_again_and_keeps_nothing() {
    let chaos = Chaos { crash: 0.2, ..Chaos::none() };
    let world = World::new(1, chaos);
    let lives = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&lives);
    world.spawn("w", move |worker| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            loop {
                drop(worker.table().get(&key("n")).await);
                worker.clock().sleep(Duration::from_secs(1)).await;
            }
        }
    });
    world.run_for(HOUR);
    let before = world.crashes();
    assert!(before > 10, "{before}");
    world.calm();
    world.run_for(HOUR);
    assert_eq!((world.crashes(), lives.load(Ordering::SeqCst)), (before, before + 1));
}

#[test]
fn a_late_write_lands_when_its_caller_has_gone_on() {
    let chaos = Chaos { late: 1.0, longest_late: HOUR, ..Chaos::none() };
    let world = World::new(3, chaos);
    world.spawn("w", |worker| async move {
        let key: ObjectKey = "a".parse().unwrap();
        let put = worker.objects().put(&key, bytes::Bytes::new(), &Attributes::default()).await;
        put.unwrap_err();
    });
    world.run_for(Duration::from_secs(10));
    let key: ObjectKey = "a".parse().unwrap();
    let (early, late) = (world.objects(), world.objects());
    let at = key.clone();
    assert!(world.block_on(async move { early.head(&at).await }).unwrap().is_err());
    assert_eq!(world.run_for(2 * HOUR), Quiet::NothingLeft);
    assert!(world.block_on(async move { late.head(&key).await }).unwrap().is_ok());
}

#[test]
fn clocks_differ_by_the_skew_at_most_and_time_goes_by_without_waiting() {
    let skew = Duration::from_secs(5);
    let world = World::new(4, Chaos { skew, ..Chaos::none() });
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    for n in 0..8 {
        let seen = Arc::clone(&seen);
        world.spawn(&format!("w{n}"), move |worker| {
            let seen = Arc::clone(&seen);
            async move {
                worker.clock().sleep(100 * HOUR).await;
                seen.lock().unwrap().push(worker.clock().now());
            }
        });
    }
    world.run_for(200 * HOUR);
    let due = beginning() + 100 * HOUR;
    let seen = seen.lock().unwrap().clone();
    assert!(seen.iter().all(|at| due - skew <= *at && *at <= due + skew), "{seen:?}");
    assert!(seen.iter().any(|at| *at != due));
}

#[test]
fn messages_come_doubled_and_out_of_order_and_none_is_lost() {
    let chaos =
        Chaos { twice: 0.3, redeliver: 0.3, delay: Duration::from_mins(5), ..Chaos::none() };
    let world = World::new(5, chaos);
    world.spawn("sender", |worker| async move {
        for n in 0..30 {
            let message = Message {
                body: n.to_string(),
                group: "g".to_owned(),
                attributes: std::collections::BTreeMap::new(),
                not_before: None,
            };
            worker.queue("jobs").send(&[message]).await.unwrap();
        }
    });
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let arrivals = Arc::clone(&seen);
    world.spawn("receiver", move |worker| {
        let arrivals = Arc::clone(&arrivals);
        async move {
            let (queue, long) = (worker.queue("jobs"), Duration::from_secs(20));
            loop {
                for received in queue.receive(3, long, 2 * long).await.unwrap() {
                    arrivals.lock().unwrap().push(received.body.parse::<u32>().unwrap());
                    queue.ack(&received).await.unwrap();
                }
            }
        }
    });
    world.run_for(HOUR);
    let seen = seen.lock().unwrap().clone();
    assert!((0..30).all(|n| seen.contains(&n)), "{seen:?}");
    assert!(seen.len() > 30 && !seen.is_sorted(), "{seen:?}");
    assert_eq!(world.queue("jobs").messages().len(), 0);
}

async fn fetch(worker: &Worker, path: &str) -> Result<(u16, String), ports::HttpError> {
    let request = Request {
        method: Method::Get,
        url: format!("{URL_BASE}{path}"),
        headers: vec![("Authorization".to_owned(), format!("Bearer {TOKEN}"))],
        body: None,
        timeout: Duration::from_secs(30),
        max_body: 1 << 20,
        redirect_hosts: Arc::new([]),
    };
    let response = worker.http().send(request).await?;
    Ok((response.status, String::from_utf8(response.body.to_vec()).unwrap()))
}

#[test]
fn the_provider_gives_what_its_truth_says_page_by_page() {
    let world = World::new(6, Chaos::none());
    world.provider().stock(25, 48 * HOUR);
    (0..40).for_each(|_| world.provider().change());
    let walked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let pages = Arc::clone(&walked);
    world.spawn("reader", move |worker| {
        let pages = Arc::clone(&pages);
        async move {
            let mut cursor = String::new();
            loop {
                let path = format!("/items?limit=4{cursor}");
                let (status, body) = fetch(&worker, &path).await.unwrap();
                assert_eq!(status, 200);
                let page: serde_json::Value = serde_json::from_str(&body).unwrap();
                let items = page["items"].as_array().unwrap().clone();
                pages.lock().unwrap().extend(items);
                let Some(next) = page["next_cursor"].as_str() else { return };
                cursor = format!("&cursor={next}");
            }
        }
    });
    world.run_for(HOUR);
    let walked = walked.lock().unwrap();
    let updated: Vec<&str> = walked.iter().map(|row| row["updated_at"].as_str().unwrap()).collect();
    assert!(updated.is_sorted_by(|a, b| a >= b), "{updated:?}");
    let truth = world.provider().truth();
    assert_eq!(walked.len(), truth.len());
    for row in &*walked {
        let text = &truth[&row["id"].as_u64().unwrap()];
        assert_eq!(&serde_json::from_str::<serde_json::Value>(text).unwrap(), row);
    }
}

#[test]
fn the_provider_includes_both_ends_of_a_window() {
    let world = World::new(7, Chaos::none());
    world.provider().stock(3, HOUR);
    let row = world.provider().versions().remove(0);
    world.spawn("reader", move |worker| {
        let row = row.clone();
        async move {
            let at = format!("{:.3}", row.updated_at);
            let path = format!("/items?updated_at_min={at}&updated_at_max={at}");
            let (_, body) = fetch(&worker, &path).await.unwrap();
            assert!(body.contains(&row.text), "{body}");
        }
    });
    world.run_for(HOUR);
    assert_eq!(world.provider().arrivals().len(), 1);
}

#[test]
fn the_provider_refuses_strangers_and_counts_calls_beyond_its_limit() {
    let world = World::new(8, Chaos::none());
    world.provider().limit(2, Duration::from_mins(1));
    world.spawn("reader", |worker| async move {
        for expected in [200, 200, 429] {
            let (status, _) = fetch(&worker, "/kinds").await.unwrap();
            assert_eq!(status, expected);
        }
        worker.clock().sleep(Duration::from_mins(2)).await;
        assert_eq!(fetch(&worker, "/elsewhere").await.unwrap().0, 404);
    });
    world.run_for(HOUR);
    assert_eq!((world.provider().over(), world.provider().arrivals().len()), (1, 4));
}
