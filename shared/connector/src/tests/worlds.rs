//! The simulated provider's own manifest, read while that provider misbehaves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use model::Classify;
use model::config::Overlay;
use serde_json::json;
use testkit::sim::{Chaos, MANIFEST, TOKEN, Worker, World};

use crate::{Error, Limits, Manifest, Page, Runtime, Source, Stream};

const DAY: Duration = Duration::from_hours(24);

fn source(worker: &Worker) -> Source {
    let manifest = Manifest::parse("simulated.yaml", MANIFEST).unwrap();
    let start = testkit::sim::beginning() - 10 * DAY;
    let start_date = format!("{start:.0}");
    let runtime = Runtime {
        http: worker.http(),
        clock: worker.clock(),
        ids: worker.ids(),
        now: worker.clock().now(),
        max_backoff: Some(Duration::from_secs(1)),
        max_wait: None,
        limits: Limits::default(),
    };
    let config = json!({ "api_token": TOKEN, "start_date": start_date });
    Source::build(&manifest, &Overlay::default(), &config, runtime).unwrap()
}

/// All pages of a stream. A slice that fails is read again from its start.
async fn walk(worker: &Worker, stream: &Stream) -> Result<Vec<Page>, Error> {
    let now = worker.clock().now();
    let mut pages = Vec::new();
    let partitions: Vec<_> = stream.partitions().collect().await;
    for partition in partitions {
        for slice in stream.slices(&partition?, None, now)? {
            let mut reader = stream.read(&slice, None);
            let mut found = Vec::new();
            loop {
                match reader.next().await {
                    Ok(Some(page)) => found.push(page),
                    Ok(None) => break,
                    Err(error) => {
                        assert_ne!(error.retry(), model::Retry::Never, "{error}");
                        found.clear();
                        reader = stream.read(&slice, None);
                    }
                }
            }
            pages.append(&mut found);
        }
    }
    Ok(pages)
}

/// What a walk in this world finds of a stream, by the text of a field, to the byte.
fn found(world: &World, name: &str, field: &str) -> BTreeMap<String, String> {
    let records = Arc::new(Mutex::new(BTreeMap::new()));
    let (kept, name, field) = (Arc::clone(&records), name.to_owned(), field.to_owned());
    world.spawn("reader", move |worker| {
        let (kept, name, field) = (Arc::clone(&kept), name.clone(), field.clone());
        async move {
            let source = source(&worker);
            let stream = source.stream(&name.parse().unwrap()).unwrap();
            for page in walk(&worker, stream).await.unwrap() {
                for record in page.records {
                    let text = String::from_utf8(record.raw.to_vec()).unwrap();
                    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                    kept.lock().unwrap().insert(value[&field].to_string(), text);
                }
            }
        }
    });
    world.run_for(100 * DAY);
    std::mem::take(&mut *records.lock().unwrap())
}

#[test]
fn a_walk_finds_every_row_whatever_the_provider_answers_in_between() {
    for seed in 0..60 {
        let chaos = Chaos { provider: 0.3, before: 0.1, after: 0.1, ..Chaos::none() };
        let world = World::new(seed, chaos);
        world.provider().stock(20, 5 * DAY);
        let truth = world.provider().truth();
        let expected: BTreeMap<String, String> =
            truth.into_iter().map(|(id, text)| (id.to_string(), text)).collect();
        assert_eq!(found(&world, "items", "id"), expected, "SEED={seed}");
    }
}

#[test]
fn an_offset_walk_finds_every_row_that_stands_still() {
    for seed in 0..20 {
        let world = World::new(seed, Chaos { provider: 0.3, ..Chaos::none() });
        world.provider().stock(40, DAY);
        let kinds = world.provider().kinds();
        let expected: BTreeMap<String, String> =
            kinds.into_iter().map(|(code, text)| (format!("\"{code}\""), text)).collect();
        assert_eq!(found(&world, "kinds", "code"), expected, "SEED={seed}");
    }
}
