//! What a commit costs on its way to curated rows: `cargo run --profile demo -p handlers --example
//! transform CONFIG SOURCE/STREAM RECORDS.ndjson LINES [MODEL…]`. Lands the records, again and again, until
//! there are so many lines, in a folder; commits them, and takes the commit in by the models.
//! Prints rows, speed and the most memory that taking it in held.

#![expect(clippy::disallowed_methods, reason = "a measurement asks the real clock")]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use handlers::configuration::Configuration;
use handlers::transform::{Deps, Event, Take, Work, handle};
use lake::{
    Attempt, Codec, Commit, CommitKey, LineContext, LineHeader, Mode, PartRef, PartWriter,
    SliceStart,
};
use local::FileStore;
use model::Timestamp;
use ports::{Attributes, Clock, Deadline, Ids, ObjectStore};
use store::{Store, Timing};
use testkit::{ManualClock, MemoryMetrics, MemoryQueue, MemoryTable, SeededIds};

/// Stored bytes of a landing object, as extract has them.
const PART: usize = 4 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [config, stream, records, lines, models @ ..] = args.as_slice() else {
        return Err("usage: transform CONFIG SOURCE/STREAM RECORDS.ndjson LINES [MODEL…]".into());
    };
    let folder = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(7));
    let open = |path: &Path| FileStore::open(path.to_owned(), Arc::clone(&clock), Arc::clone(&ids));
    let lake: Arc<dyn ObjectStore> = Arc::new(open(&folder.path().join("lake"))?);
    let (source, stream) = stream.split_once('/').ok_or("a stream is SOURCE/STREAM")?;
    let attempt = attempt(source, stream)?;
    let parts = land(lake.as_ref(), &attempt, (&std::fs::read(records)?, lines.parse()?)).await?;
    let commit = commit(lake.as_ref(), attempt, parts).await?;
    let configuration: Arc<dyn ObjectStore> = Arc::new(open(Path::new(config))?);
    let table = Arc::new(MemoryTable::new(Arc::clone(&clock)));
    let deps = Deps {
        configuration: Arc::new(Configuration::new(configuration, "")),
        lake,
        store: Store::new(table, Arc::clone(&clock), ids, Timing::default()),
        queue: Arc::new(MemoryQueue::new(Arc::clone(&clock))),
        metrics: Arc::new(MemoryMetrics::default()),
    };
    let models = models.iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>()?;
    let models = (!models.is_empty()).then_some(models);
    // From here on the most memory counts anew.
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let start = Instant::now();
    let event = Event::Work(Work::Take(Take { models, ..Take::new(commit.0) }));
    let answer = handle(&deps, event, Deadline::at(Timestamp::MAX)).await?;
    let spent = start.elapsed();
    println!("{}", serde_json::to_string(&answer)?);
    let speed = u128::from(commit.1) * 1_000 / spent.as_nanos().max(1);
    println!("{:.2} s, {speed} MB/s of lines, {}", spent.as_secs_f64(), memory());
    Ok(())
}

/// The most memory that the process held.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    peak.unwrap_or("unknown memory").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn attempt(source: &str, stream: &str) -> Result<Attempt, Box<dyn Error>> {
    Ok(Attempt {
        source: source.parse()?,
        stream: stream.parse()?,
        tenant: "bench".parse()?,
        connection: "main".parse()?,
        month: "2026-11".parse()?,
        plan: "p1".parse()?,
        partition: "e3b0c442".parse()?,
        slice: SliceStart::ALL,
        fence: 1,
    })
}

/// Lands this many lines; gives the parts and how many bytes of lines they hold.
async fn land(
    lake: &dyn ObjectStore,
    attempt: &Attempt,
    (records, lines): (&[u8], u64),
) -> Result<(Vec<PartRef>, u64), Box<dyn Error>> {
    let header = LineHeader::new(&LineContext {
        tenant: &attempt.tenant,
        connection: &attempt.connection,
        stream: &attempt.stream,
        run: &"r1".parse()?,
        request_start: "2026-11-21T00:00:00Z".parse()?,
        slice: "e3b0c442.all",
        page: 1,
    });
    let records: Vec<&[u8]> = records.split(|b| *b == b'\n').filter(|r| !r.is_empty()).collect();
    let mut writer = PartWriter::new(Codec::Zstd, PART)?;
    let (mut parts, mut bytes, mut envelope) = (Vec::new(), 0, Vec::new());
    lake::write_line(&mut envelope, &header, 0, None, b"");
    for (number, record) in (0..lines).zip(records.iter().cycle()) {
        writer.write(&header, number, None, record)?;
        bytes += (envelope.len() + record.len()) as u64;
        if !writer.is_full() && number + 1 < lines {
            continue;
        }
        if let Some(part) = writer.finish()? {
            let number = u32::try_from(parts.len() + 1)?;
            let key = attempt.clone().part(number, Codec::Zstd).render()?;
            lake.put(&key, part.body.clone(), &Attributes::default()).await?;
            parts.push(PartRef::new(key, &part));
        }
    }
    Ok((parts, bytes))
}

async fn commit(
    lake: &dyn ObjectStore,
    attempt: Attempt,
    (parts, bytes): (Vec<PartRef>, u64),
) -> Result<(model::ObjectKey, u64), Box<dyn Error>> {
    let at: Timestamp = "2026-11-21T00:00:00Z".parse()?;
    let commit = Commit {
        attempt: attempt.clone(),
        window: None,
        mode: Mode::Incremental,
        generation: None,
        started: at,
        rows: parts.iter().map(|part| part.rows).sum(),
        parts,
        run: "r1".parse()?,
        at,
    };
    let key = CommitKey(attempt).render()?;
    lake.put(&key, commit.to_json()?, &Attributes::default()).await?;
    Ok((key, bytes))
}
