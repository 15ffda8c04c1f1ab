//! What a world looks like when it has come to rest, held against what it must look like.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handlers::extract::{self, Outcome};
use handlers::job::Job;
use lake::{Codec, Commit, CommitKey, LandingKey, Limits, Line, LineReader, latest_rows};
use model::{ObjectKey, Timestamp, fixed_text};
use ports::{ObjectStore, ObjectStoreExt, Queue, REASON};
use store::budget::most_in_any_window;
use store::invariant::Violation;
use store::{Head, Run, RunStatus, StreamKey};
use testkit::MemoryStore;
use testkit::sim::{Chaos, World};

use crate::cast::{Ground, JOBS, POISON, TENANTS};
use crate::source::Shape;
use crate::watch::Watched;

/// The streams of a world.
pub fn streams() -> Vec<StreamKey> {
    let key = |tenant: &str, stream: &str| StreamKey {
        tenant: tenant.parse().unwrap(),
        connection: "main".parse().unwrap(),
        stream: stream.parse().unwrap(),
    };
    TENANTS.iter().flat_map(|tenant| [key(tenant, "items"), key(tenant, "kinds")]).collect()
}

/// The heads of all streams, by stream.
fn heads(world: &World) -> BTreeMap<String, Head> {
    let rows = world.table().items().into_iter().filter(|item| item.key.sort == "head");
    rows.map(|item| (item.key.partition, serde_json::from_str(&item.body).unwrap())).collect()
}

/// Whether every stream has been read to the end by a run that began after an instant, and looked
/// at for what is gone where it is.
pub fn is_done(world: &World, shape: &Shape, since: Timestamp) -> bool {
    let heads = heads(world);
    let read = |head: &Head| {
        head.plan.is_none() && head.lease.is_none() && head.last_checked > Some(since)
    };
    let looked = |(stream, head): (&String, &Head)| {
        let looks = shape.reconcile.is_some() && stream.ends_with("#items");
        read(head) && (!looks || head.reconciled > Some(since))
    };
    heads.len() == streams().len() && heads.iter().all(looked)
}

/// Everything in the lake.
struct Lake {
    commits: Vec<Commit>,
    lines: BTreeMap<ObjectKey, Vec<String>>,
}

async fn lake(objects: Arc<MemoryStore>) -> Lake {
    let mut lake = Lake { commits: Vec::new(), lines: BTreeMap::new() };
    for meta in objects.list_all("").await.unwrap() {
        let body = objects.get(&meta.key).await.unwrap().body;
        if CommitKey::parse(&meta.key).is_ok() {
            lake.commits.push(Commit::from_json(&body).unwrap());
            continue;
        }
        if meta.key.as_str().starts_with("met/") {
            continue;
        }
        let mut reader = LineReader::new(body, Codec::Plain, Limits::default()).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
        }
        lake.lines.insert(meta.key, lines);
    }
    lake
}

/// All that is wrong with a world at rest.
pub fn verdict(world: &World, watched: &Watched, chaos: &Chaos, shape: &Shape) -> Vec<Violation> {
    let mut found = watched.violations();
    let objects = world.objects();
    let lake = world.block_on(async move { lake(objects).await }).unwrap();
    found.extend(views(world, &lake, shape));
    found.extend(tenancy(&lake));
    found.extend(refusals(world));
    found.extend(due(world));
    // A worker that stands still between its last look at the clock and its call is beyond what
    // any budget can promise.
    if chaos.pause == 0.0
        && let Some(limit) = shape.limit
    {
        let most = most_in_any_window(&world.provider().arrivals(), limit.per);
        if most > limit.calls.get() as usize {
            found.push(Violation::new("I-5", format!("{most} calls in {:?}", limit.per)));
        }
    }
    found.extend(replays(world, watched, shape));
    found
}

/// I-3 and I-4: the views hold what the source holds, no more and no less.
fn views(world: &World, lake: &Lake, shape: &Shape) -> Vec<Violation> {
    let mut found = Vec::new();
    let items = world.provider().truth();
    let items = items.into_iter().map(|(id, text)| (id.to_string(), text)).collect();
    let kinds = world.provider().kinds();
    for (stream, field, truth) in [("items", "id", items), ("kinds", "code", kinds)] {
        let of_stream = |commit: &&Commit| commit.attempt.stream.as_str() == stream;
        let commits: Vec<_> = lake.commits.iter().filter(of_stream).cloned().collect();
        let views = latest_rows(&[vec![field.to_owned()]], &commits, &lake.lines).unwrap();
        for tenant in TENANTS {
            let account = (tenant.parse().unwrap(), "main".parse().unwrap());
            let rows = views.get(&account).map(Vec::as_slice).unwrap_or_default();
            let view: BTreeMap<String, String> = rows
                .iter()
                .map(|row| {
                    let value: serde_json::Value = serde_json::from_str(&row.record).unwrap();
                    (value[field].to_string().trim_matches('"').to_owned(), row.record.clone())
                })
                .collect();
            let exact = stream == "kinds" || shape.reconcile.is_some();
            found.extend(compare(&format!("{tenant}/{stream}"), &view, &truth, exact));
        }
    }
    found
}

fn compare(
    what: &str,
    view: &BTreeMap<String, String>,
    truth: &BTreeMap<String, String>,
    exact: bool,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, text) in truth {
        match view.get(id) {
            None => found.push(Violation::new("I-3", format!("{what}: {id} is missing"))),
            Some(row) if row != text => {
                found.push(Violation::new("I-4", format!("{what}: {id} is {row}, not {text}")));
            }
            Some(_) => {}
        }
    }
    for id in view.keys().filter(|id| exact && !truth.contains_key(*id)) {
        found.push(Violation::new("I-4", format!("{what}: {id} is gone at the source")));
    }
    found
}

/// I-7: every line stands under the tenant and connection that it names.
fn tenancy(lake: &Lake) -> Vec<Violation> {
    let mut found = Vec::new();
    for (key, lines) in &lake.lines {
        let attempt = LandingKey::parse(key).unwrap().attempt;
        for line in lines {
            let line = Line::parse(line.as_bytes()).unwrap();
            if line.tenant != attempt.tenant.as_str() {
                let what = format!("a line of {} stands in {key}", line.tenant);
                found.push(Violation::new("I-7", what));
            }
        }
    }
    found
}

/// Every stream stands in the due index, once, at the instant that its head says.
fn due(world: &World) -> Vec<Violation> {
    let rows = world.table().items().into_iter();
    let mut indexed: Vec<String> =
        rows.filter(|i| i.key.partition.starts_with("due#")).map(|item| item.key.sort).collect();
    let heads = heads(world).into_iter();
    let mut wanted: Vec<String> = heads
        .filter_map(|(stream, head)| Some(format!("{}#{stream}", fixed_text(head.due?))))
        .collect();
    indexed.sort();
    wanted.sort();
    let differs = || Violation::new("due", format!("{indexed:?} is not {wanted:?}"));
    (indexed != wanted).then(differs).into_iter().collect()
}

/// I-6: the message that can never pass is put aside with its reason, and failed runs say why.
fn refusals(world: &World) -> Vec<Violation> {
    let dead = world.queue(JOBS).dead_letters().unwrap();
    let clock = world.clock();
    let poison = world.block_on(async move {
        loop {
            let letters = dead.receive(10, Duration::ZERO, Duration::from_hours(9)).await.unwrap();
            if letters.is_empty() {
                return false;
            }
            if letters.iter().any(|l| l.body == POISON && l.attributes.contains_key(REASON)) {
                return true;
            }
            clock.sleep(Duration::from_millis(1)).await;
        }
    });
    let mut found = Vec::new();
    if poison != Some(true) {
        found.push(Violation::new("I-6", "the refused message is nowhere to be found".to_owned()));
    }
    for item in world.table().items() {
        if !item.key.partition.starts_with("runs#") {
            continue;
        }
        let run: Run = serde_json::from_str(&item.body).unwrap();
        if run.status == RunStatus::Failed && run.reason.is_none() {
            found.push(Violation::new("I-6", format!("run {} failed without a reason", run.id)));
        }
    }
    found
}

/// I-8: every job that was ever sent, sent again, changes nothing.
fn replays(world: &World, watched: &Watched, shape: &Shape) -> Vec<Violation> {
    let found = Arc::new(Mutex::new(None));
    let (told, jobs) = (Arc::clone(&found), watched.sent());
    let (watching, shape) = (watched.clone(), shape.clone());
    world.spawn("replayer", move |worker| {
        let ground = Ground::of(&worker, &watching, &shape);
        let deps = ground.extract(&shape);
        let (told, jobs) = (Arc::clone(&told), jobs.clone());
        async move {
            let mut wrong = Vec::new();
            for body in jobs.iter().filter(|body| *body != POISON) {
                let job: Job = serde_json::from_str(body).unwrap();
                let head = deps.store.head(&job.stream).await.unwrap().unwrap().0;
                if job.expects == Some(head.fence) {
                    continue;
                }
                let outcome = extract::pull(&deps, job, ground.deadline()).await;
                if !matches!(outcome, Ok(Outcome::Dropped)) {
                    wrong.push(Violation::new("I-8", format!("{body} again: {outcome:?}")));
                }
            }
            *told.lock().unwrap() = Some(wrong);
        }
    });
    world.run_until(Duration::from_hours(24), || found.lock().unwrap().is_some());
    let wrong = found.lock().unwrap().take();
    wrong.unwrap_or_else(|| vec![Violation::new("I-8", "replays do not end".to_owned())])
}
