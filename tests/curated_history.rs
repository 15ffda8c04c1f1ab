//! Random histories of a model's curated layer: what its view must equal (I-4).

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use lake::curated::{
    CuratedKey, CuratedWriter, KeyDigest, Kind, Layer, Lineage, PartCounts, Receipt, ReceiptPart,
    Revision, RowKind, ShownRow, Value, shown_rows,
};
use lake::{Attempt, Codec, Commit, Generation, Mode, ModelTable, PartRef, Sha256Hex, SliceStart};
use model::{ModelName, ObjectKey, Timestamp, fixed_text};
use proptest::prelude::*;

/// A record of one of few keys, or its tombstone, as one landing line.
#[derive(Debug, Clone)]
struct Told {
    id: u8,
    cursor: Option<u8>,
    page: i64,
    ordinal: i64,
    late: u8,
    value: u8,
    /// Rows that the model makes of it; a tombstone when there is no number.
    rows: Option<u8>,
}

/// One attempt at one of few slices, and by which revisions of the model it was taken in.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    tenant: u8,
    stream: u8,
    slice: u8,
    generation: Option<(u64, Option<u64>)>,
    started: i64,
    parts: Vec<Vec<Told>>,
    revisions: Vec<u8>,
    takes_over: bool,
}

prop_compose! {
    fn told()(
        id in 0u8..3,
        cursor in prop::option::weighted(0.7, 0u8..3),
        page in 0i64..2,
        ordinal in 0i64..3,
        late in 0u8..3,
        value in 0u8..3,
        rows in prop::option::weighted(0.85, 0u8..4),
    ) -> Told {
        Told { id, cursor, page, ordinal, late, value, rows }
    }
}

fn tried() -> impl Strategy<Value = Tried> {
    let generation = (0u64..4, prop::option::weighted(0.6, 0u64..3));
    (
        (0u8..2, 0u8..2, 0u8..2, prop::option::weighted(0.5, generation), 0i64..12),
        prop::collection::vec(prop::collection::vec(told(), 0..5), 0..3),
        prop::collection::vec(0u8..4, 1..3),
        prop::bool::weighted(0.15),
    )
        .prop_map(|(attempt, parts, revisions, takes_over)| {
            let (tenant, stream, slice, generation, started) = attempt;
            Tried { tenant, stream, slice, generation, started, parts, revisions, takes_over }
        })
}

/// Histories of a model that two streams of two tenants feed.
pub(crate) fn histories() -> impl Strategy<Value = Vec<Tried>> {
    prop::collection::vec(tried(), 0..9)
}

/// The lake that a history leaves.
#[derive(Debug, Default)]
pub(crate) struct Lake {
    receipts: Vec<Receipt>,
    bodies: BTreeMap<ObjectKey, Bytes>,
    rows: BTreeMap<ObjectKey, Vec<ShownRow>>,
    commits: Vec<Commit>,
    lines: BTreeMap<ObjectKey, Vec<Told>>,
    starts: BTreeMap<ObjectKey, i64>,
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(crate) fn model() -> ModelName {
    "line_item".parse().unwrap()
}

/// A model with a field of each kind, and with identity rules: both of its views are made.
pub(crate) fn table() -> ModelTable {
    let fields = [
        ("id", Kind::Text),
        ("value", Kind::Integer),
        ("price", Kind::Decimal { precision: 18, scale: 4 }),
        ("mass", Kind::Decimal { precision: 38, scale: 9 }),
        ("paid", Kind::Boolean),
        ("updated_at", Kind::Timestamp),
        ("day", Kind::Date),
        ("tags", Kind::Texts),
        ("rest", Kind::Json),
    ];
    let fields = fields.map(|(name, kind)| (name.to_owned(), kind));
    ModelTable::new(&model(), fields, true)
}

/// Two revisions of each of two versions.
fn revision(number: u8) -> Revision {
    Revision::of(u32::from(number / 2) + 1, &[number])
}

impl Lake {
    pub(crate) fn of(history: &[Tried]) -> Self {
        let mut lake = Self::default();
        for (number, tried) in history.iter().enumerate() {
            lake.commit(number, tried);
            let commit = lake.commits.last().unwrap().clone();
            for (order, which) in (0..).zip(&tried.revisions) {
                lake.take_in(&commit, *which, tried.started + order);
            }
        }
        lake
    }

    fn commit(&mut self, number: usize, tried: &Tried) {
        let plan = tried.generation.map_or(format!("p{number}"), |(n, _)| format!("g{n}"));
        let attempt = Attempt {
            source: "rutter".parse().unwrap(),
            stream: ["orders", "drafts"][usize::from(tried.stream)].parse().unwrap(),
            tenant: format!("tenant{}", tried.tenant).parse().unwrap(),
            connection: "main".parse().unwrap(),
            month: at(tried.started).into(),
            plan: plan.parse().unwrap(),
            partition: "e3".parse().unwrap(),
            slice: SliceStart::from(at(i64::from(tried.slice))),
            fence: number as u64 + 1,
        };
        let is_same =
            |c: &&Commit| c.attempt.tenant == attempt.tenant && c.attempt.stream == attempt.stream;
        let earlier = self.commits.iter().rfind(is_same).filter(|_| tried.takes_over);
        let parts = match earlier {
            Some(earlier) => earlier.parts.clone(),
            None => self.land(&attempt, tried),
        };
        self.commits.push(Commit {
            window: None,
            mode: tried.generation.map_or(Mode::Incremental, |_| Mode::FullRefresh),
            generation: tried.generation.map(|(number, slices)| Generation { number, slices }),
            started: at(tried.started),
            rows: 0,
            parts,
            run: "run".parse().unwrap(),
            at: at(tried.started),
            attempt,
        });
    }

    fn land(&mut self, attempt: &Attempt, tried: &Tried) -> Vec<PartRef> {
        let mut refs = Vec::new();
        for (number, lines) in (1..).zip(&tried.parts) {
            let key = attempt.clone().part(number, Codec::Plain).render().unwrap();
            self.lines.insert(key.clone(), lines.clone());
            self.starts.insert(key.clone(), tried.started);
            refs.push(PartRef { key, rows: 0, bytes: 0, sha256: Sha256Hex::of(b"") });
        }
        refs
    }

    /// What a revision of the model makes of a commit.
    fn take_in(&mut self, commit: &Commit, which: u8, taken: i64) {
        let parts: Vec<ReceiptPart> = commit
            .parts
            .iter()
            .map(|part| ReceiptPart {
                object: part.key.clone(),
                file: self.file(commit, &part.key, which),
                quarantine: None,
                counts: PartCounts::default(),
            })
            .collect();
        let made_by = (model(), revision(which));
        let receipt = Receipt::new(made_by, commit, parts, at(taken)).unwrap();
        self.receipts.retain(|known| known.key() != receipt.key());
        self.receipts.push(receipt);
    }

    /// Writes what a revision makes of a landing object.
    fn file(&mut self, commit: &Commit, object: &ObjectKey, which: u8) -> Option<ObjectKey> {
        let key = CuratedKey {
            layer: Layer::Curated,
            model: model(),
            tenant: commit.attempt.tenant.clone(),
            month: commit.attempt.month,
            made_from: KeyDigest::of(object),
            revision: revision(which),
        };
        let key = key.render().unwrap();
        let mut writer = CuratedWriter::new(&table().file_columns()).unwrap();
        let mut rows = Vec::new();
        for (line, told) in (1..).zip(&self.lines[object]) {
            let start = fixed_text(at(self.starts[object] + i64::from(told.late)));
            write(&mut writer, commit, (object, line, &start), (told, which), &mut rows);
        }
        (!rows.is_empty()).then(|| {
            self.bodies.insert(key.clone(), writer.finish().unwrap().body);
            self.rows.insert(key.clone(), rows);
            key
        })
    }

    /// Every object, under its key.
    pub(crate) fn objects(&self) -> Vec<(ObjectKey, Bytes)> {
        let files = self.bodies.iter().map(|(key, body)| (key.clone(), body.clone()));
        let receipts = self
            .receipts
            .iter()
            .map(|receipt| (receipt.key().unwrap(), receipt.to_json().unwrap()));
        files.chain(receipts).collect()
    }

    /// What the view must show, as [`reading`] gives it.
    pub(crate) fn shown(&self) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for (stream, rows) in shown_rows(&self.receipts, &self.rows) {
            for row in rows {
                let own = [
                    stream.tenant.to_string(),
                    stream.stream.to_string(),
                    row.record_key,
                    row.place.map(|place| place.to_string()).unwrap_or_default(),
                    row.cursor.unwrap_or_default(),
                    row.seen,
                    row.object.to_string(),
                ];
                all.push(own.into_iter().chain([row.fields]).collect());
            }
        }
        all.sort();
        all
    }
}

/// Writes the rows of one line, into a file and as the fold reads them.
fn write(
    writer: &mut CuratedWriter,
    commit: &Commit,
    (object, line, start): (&ObjectKey, i64, &str),
    (told, which): (&Told, u8),
    rows: &mut Vec<ShownRow>,
) {
    let kind = match told.rows {
        None => RowKind::Gone,
        Some(0) => RowKind::Empty,
        Some(_) => RowKind::Row,
    };
    let record_key = format!("{{\"id\":\"{}\"}}", told.id);
    let cursor = told.cursor.filter(|_| kind != RowKind::Gone).map(|n| format!("i{n}"));
    for number in 0..told.rows.unwrap_or_default().max(1) {
        let place = (kind == RowKind::Row).then(|| i64::from(number) + 1);
        let lineage = Lineage {
            connection: commit.attempt.connection.as_str(),
            source: commit.attempt.source.as_str(),
            stream: commit.attempt.stream.as_str(),
            record_key: &record_key,
            place,
            kind,
            cursor: cursor.as_deref(),
            request_start: start,
            object: object.as_str(),
            line,
            page: told.page,
            ordinal: told.ordinal,
            run: "run",
            extra: Some("{}"),
            version: i64::from(revision(which).version),
        };
        let value = i64::from(told.value) * 10 + i64::from(which);
        let (id, tags) = (told.id.to_string(), [Cow::Borrowed("new"), Cow::Borrowed("a \"b\"")]);
        let fields = fields(value, &id, &tags).map(|field| match kind {
            RowKind::Row => field,
            RowKind::Empty | RowKind::Gone => Value::Null,
        });
        writer.write(fields.into_iter().chain(lineage.values())).unwrap();
        rows.push(ShownRow {
            cursor: cursor.clone(),
            seen: start.to_owned(),
            object: object.clone(),
            page: told.page,
            ordinal: told.ordinal,
            line,
            place,
            record_key: record_key.clone(),
            kind,
            fields: texts_of(value, &id),
        });
    }
}

/// The fields of a row, some of them null in some rows.
fn fields<'a>(value: i64, id: &'a str, tags: &'a [Cow<'a, str>]) -> [Value<'a>; 9] {
    let is_even = value % 2 == 0;
    let or_null = |value| if is_even { value } else { Value::Null };
    [
        Value::Text(id),
        Value::Integer(value),
        Value::Decimal(i128::from(value) * 10_001),
        or_null(Value::Decimal(-i128::from(value) - (1_i128 << 80))),
        or_null(Value::Boolean(value % 4 == 0)),
        Value::Timestamp(at(value)),
        or_null(Value::Date("1969-12-31".parse().unwrap())),
        if value % 3 == 0 { Value::Texts(&[]) } else { or_null(Value::Texts(tags)) },
        or_null(Value::Text("{\"x\":1.50}")),
    ]
}

/// The same as one text, as the engines give it.
fn texts_of(value: i64, id: &str) -> String {
    let is_even = value % 2 == 0;
    let or_null = |text: String| if is_even { text } else { "-".to_owned() };
    let decimal = |digits: i128, scale: u32| {
        let unit = 10_i128.pow(scale).unsigned_abs();
        let width = scale as usize;
        let sign = if digits < 0 { "-" } else { "" };
        let digits = digits.unsigned_abs();
        format!("{sign}{}.{:0width$}", digits / unit, digits % unit)
    };
    let second = at(value).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let items = if value % 3 == 0 { "0".to_owned() } else { or_null("2".to_owned()) };
    [
        id.to_owned(),
        value.to_string(),
        decimal(i128::from(value) * 10_001, 4),
        or_null(decimal(-i128::from(value) - (1_i128 << 80), 9)),
        or_null(if value % 4 == 0 { "true" } else { "false" }.to_owned()),
        second,
        or_null("1969-12-31".to_owned()),
        items,
        or_null("{\"x\":1.50}".to_owned()),
    ]
    .join("|")
}

/// How an engine spells what the engines spell differently.
pub(crate) struct Spelling {
    pub(crate) paid: &'static str,
    pub(crate) second: &'static str,
    pub(crate) day: &'static str,
    pub(crate) items: &'static str,
}

/// The statement that reads the view.
pub(crate) fn reading(spelling: &Spelling) -> String {
    let fields = [
        "id",
        "CAST(value AS varchar)",
        "CAST(price AS varchar)",
        "CAST(mass AS varchar)",
        spelling.paid,
        spelling.second,
        spelling.day,
        spelling.items,
        "rest",
    ]
    .map(|field| format!("coalesce({field}, '-')"));
    format!(
        "SELECT _tenant, _stream, _record_key, coalesce(CAST(_place AS varchar), ''), \
         coalesce(_cursor, ''), _request_start, _object, {} FROM {}",
        fields.join(" || '|' || "),
        table().records_view()
    )
}
