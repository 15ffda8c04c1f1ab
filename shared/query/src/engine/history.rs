//! Random histories of a stream: the view over them equals the fold (I-4).

use std::collections::BTreeMap;

use bytes::Bytes;
use lake::{
    Attempt, Codec, Generation, LineContext, LineHeader, Mode, PartRef, PartWriter, RowKey,
    SliceStart, latest_rows,
};
use model::{CursorValue, RunId, Timestamp};
use ports::Attributes;
use proptest::prelude::*;
use testkit::MemoryStore;

use super::*;

/// One line: a record of one of few keys, or a tombstone.
#[derive(Debug, Clone)]
struct Told {
    id: Option<u8>,
    cursor: Option<u8>,
    page: u64,
    ordinal: u64,
    value: u8,
    late: u8,
    is_tombstone: bool,
}

/// One attempt at one of few slices.
#[derive(Debug, Clone)]
struct Tried {
    tenant: u8,
    slice: u8,
    generation: Option<(u64, Option<u64>)>,
    started: i64,
    parts: Vec<Vec<Told>>,
    is_committed: bool,
    takes_over: bool,
    codec: Codec,
}

prop_compose! {
    fn told()(
        id in prop::option::weighted(0.95, 0u8..4),
        cursor in prop::option::weighted(0.8, 0u8..4),
        page in 0u64..2,
        ordinal in 0u64..3,
        value in 0u8..3,
        late in 0u8..3,
        is_tombstone in prop::bool::weighted(0.2),
    ) -> Told {
        Told { id, cursor, page, ordinal, value, late, is_tombstone }
    }
}

fn tried(refreshes: bool) -> impl Strategy<Value = Tried> {
    let generation = (0u64..4, prop::option::weighted(0.6, 0u64..3));
    let generation = prop::option::weighted(0.6, generation)
        .prop_map(move |generation| generation.filter(|_| refreshes));
    (
        (0u8..2, 0u8..2, generation, 0i64..12),
        prop::collection::vec(prop::collection::vec(told(), 1..6), 0..3),
        (prop::bool::weighted(0.8), prop::bool::weighted(0.15)),
        prop::sample::select(&Codec::ALL[..]),
    )
        .prop_map(|((tenant, slice, generation, started), parts, flags, codec)| {
            let (is_committed, takes_over) = flags;
            Tried { tenant, slice, generation, started, parts, is_committed, takes_over, codec }
        })
}

/// The lake that a history leaves.
#[derive(Debug, Default)]
struct Lake {
    commits: Vec<Commit>,
    bodies: BTreeMap<ObjectKey, Bytes>,
    lines: BTreeMap<ObjectKey, Vec<String>>,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn attempt(number: usize, tried: &Tried) -> Attempt {
    let plan = tried.generation.map_or(format!("p{number}"), |(n, _)| format!("g{n}"));
    Attempt {
        source: "source".parse().unwrap(),
        stream: "stream".parse().unwrap(),
        tenant: format!("tenant{}", tried.tenant).parse().unwrap(),
        connection: "main".parse().unwrap(),
        month: at(tried.started).into(),
        plan: plan.parse().unwrap(),
        partition: "e3".parse().unwrap(),
        slice: SliceStart::from(at(i64::from(tried.slice))),
        fence: number as u64 + 1,
    }
}

fn write(writer: &mut PartWriter, attempt: &Attempt, tried: &Tried, told: &Told) {
    let run: RunId = "run".parse().unwrap();
    let header = LineHeader::new(&LineContext {
        tenant: &attempt.tenant,
        connection: &attempt.connection,
        stream: &attempt.stream,
        run: &run,
        request_start: at(tried.started + i64::from(told.late)),
        slice: "e3.all",
        page: told.page,
    });
    let id = told.id.map_or("null".to_owned(), |id| id.to_string());
    let record = format!("{{\"k\":{{\"id\":{id}}},\"value\":{}}}", told.value);
    if told.is_tombstone {
        let Some(key) = RowKey::of(&record, &primary_key()) else { return };
        writer.write_tombstone(&header, told.ordinal, &key).unwrap();
    } else {
        let cursor = told.cursor.map(|n| CursorValue::Integer(n.into()));
        writer.write(&header, told.ordinal, cursor.as_ref(), record.as_bytes()).unwrap();
    }
}

fn primary_key() -> Vec<Vec<String>> {
    vec![vec!["k".to_owned(), "id".to_owned()]]
}

impl Lake {
    fn of(history: &[Tried]) -> Self {
        let mut lake = Self::default();
        for (number, tried) in history.iter().enumerate() {
            lake.add(attempt(number, tried), tried);
        }
        lake
    }

    fn add(&mut self, attempt: Attempt, tried: &Tried) {
        let mut parts = self.land(&attempt, tried);
        let earlier = self.commits.iter().rfind(|c| c.attempt.tenant == attempt.tenant);
        if let Some(earlier) = earlier.filter(|_| tried.takes_over) {
            parts.clone_from(&earlier.parts);
        }
        let mode = tried.generation.map_or(Mode::Incremental, |_| Mode::FullRefresh);
        let commit = Commit {
            window: None,
            mode,
            generation: tried.generation.map(|(number, slices)| Generation { number, slices }),
            started: at(tried.started),
            rows: parts.iter().map(|part| part.rows).sum(),
            parts,
            run: "run".parse().unwrap(),
            at: at(tried.started),
            attempt,
        };
        if tried.is_committed {
            self.commits.push(commit);
        }
    }

    fn land(&mut self, attempt: &Attempt, tried: &Tried) -> Vec<PartRef> {
        let mut writer = PartWriter::new(tried.codec, 1 << 20).unwrap();
        let mut refs = Vec::new();
        for (number, lines) in (1..).zip(&tried.parts) {
            for told in lines {
                write(&mut writer, attempt, tried, told);
            }
            let Some(part) = writer.finish().unwrap() else { continue };
            let key = attempt.clone().part(number, tried.codec).render().unwrap();
            refs.push(PartRef::new(key.clone(), &part));
            let mut reader =
                LineReader::new(part.body.clone(), tried.codec, Limits::default()).unwrap();
            let mut texts = Vec::new();
            while let Some(line) = reader.next_line().unwrap() {
                texts.push(String::from_utf8(line.to_vec()).unwrap());
            }
            self.lines.insert(key.clone(), texts);
            self.bodies.insert(key, part.body);
        }
        refs
    }

    /// What the fold gives, as the view's columns.
    fn folded(&self, primary_key: &[Vec<String>]) -> Vec<Vec<String>> {
        let rows = latest_rows(primary_key, &self.commits, &self.lines).unwrap();
        let mut all = Vec::new();
        for ((tenant, _), rows) in rows {
            for row in rows {
                let cursor = row.cursor.unwrap_or_default();
                let object = row.object.to_string();
                all.push(vec![tenant.to_string(), cursor, row.seen, object, row.record]);
            }
        }
        all.sort();
        all
    }
}

async fn put(store: &MemoryStore, key: &ObjectKey, body: &Bytes) {
    store.put_new(key, body.clone(), &Attributes::default()).await.unwrap();
}

async fn viewed(engine: &Engine) -> Vec<Vec<String>> {
    let sql = "SELECT _tenant, coalesce(_cursor, ''), _request_start, _object, _record \
               FROM source_stream";
    let rows = engine.run(sql, 1_000_000).await.unwrap().rows;
    let text = |cell: serde_json::Value| cell.as_str().unwrap().to_owned();
    let mut rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect();
    rows.sort();
    rows
}

fn table(primary_key: &[Vec<String>]) -> StreamTable {
    let (source, stream) = ("source".parse().unwrap(), "stream".parse().unwrap());
    StreamTable::new(&source, &stream, primary_key, &serde_json::json!({}))
}

/// Puts the lake's objects, asks in between, and asks at the end.
async fn at_the_end(lake: &Lake, primary_key: &[Vec<String>], pause: usize) -> Vec<Vec<String>> {
    let store = Arc::new(MemoryStore::default());
    let engine = Engine::in_memory(Arc::clone(&store) as _, vec![table(primary_key)]).unwrap();
    for (key, body) in &lake.bodies {
        put(&store, key, body).await;
    }
    for (number, commit) in lake.commits.iter().rev().enumerate() {
        if number == pause {
            viewed(&engine).await;
        }
        let key = CommitKey(commit.attempt.clone()).render().unwrap();
        put(&store, &key, &commit.to_json().unwrap()).await;
    }
    viewed(&engine).await
}

fn equals(
    history: &[Tried],
    primary_key: &[Vec<String>],
    pause: usize,
) -> Result<(), TestCaseError> {
    let lake = Lake::of(history);
    let viewed = futures_executor(at_the_end(&lake, primary_key, pause));
    prop_assert_eq!(viewed, lake.folded(primary_key));
    Ok(())
}

fn futures_executor<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_view_of_an_incremental_stream_equals_the_fold(
        history in prop::collection::vec(tried(false), 0..8),
        pause in 0usize..8,
    ) {
        equals(&history, &primary_key(), pause)?;
    }

    #[test]
    fn the_view_of_refreshes_and_increments_equals_the_fold(
        history in prop::collection::vec(tried(true), 0..10),
        pause in 0usize..10,
    ) {
        equals(&history, &primary_key(), pause)?;
    }

    #[test]
    fn the_view_of_a_stream_without_a_key_equals_the_fold(
        history in prop::collection::vec(tried(true), 0..8),
        pause in 0usize..8,
    ) {
        equals(&history, &[], pause)?;
    }
}
