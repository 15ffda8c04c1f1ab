//! Random histories of a stream: what a view over them must equal (I-4).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lake::{
    Attempt, Codec, Commit, CommitKey, Generation, Limits, Line, LineContext, LineHeader,
    LineReader, Mode, PartRef, PartWriter, RowKey, SliceStart, StreamTable, latest_rows,
    visible_parts,
};
use model::{CursorValue, ObjectKey, RunId, Timestamp, fixed_text};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts that a record may hold, as JSON: what trips readers of lines.
const NOTES: [&str; 6] = [
    r#""""#,
    r#""plain""#,
    r#""\u00fc € \ud83d\ude00""#,
    r#"",\"record\":{\"k\":1}}""#,
    r#""a\nb\tc\u0001d""#,
    r#""\\N \\001 ' ; --""#,
];

/// Names that become percent-encoded folders.
const SOURCE: &str = "hub spot";
const STREAM: &str = "Contact/Search";

/// One line: a record of one of few keys, or a tombstone.
#[derive(Debug, Clone)]
struct Told {
    id: Option<u8>,
    cursor: Option<u8>,
    page: u64,
    ordinal: u64,
    value: u8,
    note: usize,
    late: u8,
    is_tombstone: bool,
}

/// One attempt at one of few slices.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
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
        note in 0..NOTES.len(),
        late in 0u8..3,
        is_tombstone in prop::bool::weighted(0.2),
    ) -> Told {
        Told { id, cursor, page, ordinal, value, note, late, is_tombstone }
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
pub(crate) struct Lake {
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
        source: SOURCE.parse().unwrap(),
        stream: STREAM.parse().unwrap(),
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
    let (value, note) = (told.value, NOTES[told.note]);
    let record = format!("{{\"k\":{{\"id\":{id}}},\"value\":{value},\"note\":{note}}}");
    if told.is_tombstone {
        let Some(key) = RowKey::of(&record, &primary_key()) else { return };
        writer.write_tombstone(&header, told.ordinal, &key).unwrap();
    } else {
        let cursor = told.cursor.map(|n| CursorValue::Integer(n.into()));
        writer.write(&header, told.ordinal, cursor.as_ref(), record.as_bytes()).unwrap();
    }
}

/// The key of streams that have one.
pub(crate) fn primary_key() -> Vec<Vec<String>> {
    vec![vec!["k".to_owned(), "id".to_owned()]]
}

impl Lake {
    pub(crate) fn of(history: &[Tried]) -> Self {
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

    /// Every object, under its key: landing objects, then commits from the last to the first.
    pub(crate) fn objects(&self) -> Vec<(ObjectKey, Bytes)> {
        let parts = self.bodies.iter().map(|(key, body)| (key.clone(), body.clone()));
        let commits = self.commits.iter().rev().map(|commit| {
            let key = CommitKey(commit.attempt.clone()).render().unwrap();
            (key, commit.to_json().unwrap())
        });
        parts.chain(commits).collect()
    }

    /// What the latest-row view must show.
    pub(crate) fn latest(&self, primary_key: &[Vec<String>]) -> Vec<Vec<String>> {
        let rows = latest_rows(primary_key, &self.commits, &self.lines).unwrap();
        let mut all = Vec::new();
        for ((tenant, _), rows) in rows {
            for row in rows {
                let cursor = row.cursor.unwrap_or_default();
                let own = [tenant.to_string(), cursor, row.seen, row.object.to_string()];
                all.push(shown(own, row.record));
            }
        }
        all.sort();
        all
    }

    /// What the view of rows without a whole key must show.
    pub(crate) fn without_key(&self, primary_key: &[Vec<String>]) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        let tenants: BTreeSet<_> = self.commits.iter().map(|c| &c.attempt.tenant).collect();
        for tenant in tenants {
            let commits: Vec<_> =
                self.commits.iter().filter(|c| c.attempt.tenant == *tenant).collect();
            for (object, started) in visible_parts(&commits) {
                for text in &self.lines[&object] {
                    let line = Line::parse(text.as_bytes()).unwrap();
                    let record = line.record.get().to_owned();
                    if line.deleted || RowKey::of(&record, primary_key).is_some() {
                        continue;
                    }
                    let cursor = line.cursor.unwrap_or_default().into_owned();
                    let seen = fixed_text(started).max(line.request_start.into_owned());
                    let own = [tenant.to_string(), cursor, seen, object.to_string()];
                    all.push(shown(own, record));
                }
            }
        }
        all.sort();
        all
    }
}

/// A row as [`reading`] gives it.
fn shown(own: [String; 4], record: String) -> Vec<String> {
    let fields: Value = serde_json::from_str(&record).unwrap();
    let note = fields["note"].as_str().unwrap().to_owned();
    let columns = [record, fields["value"].to_string(), note, fields["k"].to_string()];
    own.into_iter().chain(columns).collect()
}

/// The statement that reads a view; every engine takes it.
pub(crate) fn reading(view: &str) -> String {
    format!(
        "SELECT _tenant, coalesce(_cursor, ''), _request_start, _object, _record, \
         CAST(value AS varchar), note, k FROM {view}"
    )
}

/// Rows of texts, sorted.
pub(crate) fn texts(rows: Vec<Vec<Value>>) -> Vec<Vec<String>> {
    let text = |cell: Value| cell.as_str().unwrap().to_owned();
    let mut rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect();
    rows.sort();
    rows
}

/// The stream as SQL sees it.
pub(crate) fn table(primary_key: &[Vec<String>]) -> StreamTable {
    let schema = json!({"properties": {
        "k": {"type": "object"},
        "value": {"type": "integer"},
        "note": {"type": "string"},
    }});
    StreamTable::new(&SOURCE.parse().unwrap(), &STREAM.parse().unwrap(), primary_key, &schema)
}

/// Histories of a stream that only ever adds.
pub(crate) fn incremental() -> impl Strategy<Value = Vec<Tried>> {
    prop::collection::vec(tried(false), 0..8)
}

/// Histories of a stream that is refreshed whole now and then.
pub(crate) fn refreshed() -> impl Strategy<Value = Vec<Tried>> {
    prop::collection::vec(tried(true), 0..10)
}
