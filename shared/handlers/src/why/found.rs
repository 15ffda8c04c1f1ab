//! What the lake holds of a model: receipts, snapshots, and rows of files.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::CommitError;
use lake::curated::{
    Column, CuratedReader, LINEAGE, Layer, Lineage, Pointer, Receipt, RowKind, SNAPSHOT, StreamId,
    Value, Visible, columns, pointers_prefix, visible,
};
use model::{ObjectKey, TenantId, Timestamp};
use ports::{ObjectError, ObjectStore, ObjectStoreExt};

use super::{Error, Question, key};

/// Objects read side by side.
const SIDE_BY_SIDE: usize = 8;

/// A record: its stream, and its key.
pub(super) type RecordId = (StreamId, String);

/// A row as a file has it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) stream: StreamId,
    pub(super) record_key: String,
    pub(super) place: Option<i64>,
    pub(super) kind: RowKind,
    pub(super) cursor: Option<String>,
    pub(super) request_start: String,
    pub(super) object: String,
    pub(super) line: i64,
    pub(super) page: i64,
    pub(super) ordinal: i64,
    pub(super) run: String,
    pub(super) version: i64,
    pub(super) file: ObjectKey,
    /// What the snapshot says of it; none for rows of curated objects.
    pub(super) kept: Option<Kept>,
}

/// What a snapshot says of the commit that named a row's object.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) generation: Option<u64>,
    pub(super) started: String,
}

/// Everything of a model but its rows.
#[derive(Debug)]
pub(super) struct Shelves {
    pub(super) receipts: Vec<Receipt>,
    pub(super) visible: BTreeMap<StreamId, Visible>,
    /// Files, whether they are snapshots', and whose they are.
    files: Vec<(ObjectKey, bool, TenantId)>,
}

impl Shelves {
    /// Reads receipts and pointers.
    pub(super) async fn read(lake: &dyn ObjectStore, asked: &Question) -> Result<Self, Error> {
        let prefix = match &asked.tenant {
            Some(tenant) => Layer::Receipts.tenant_prefix(&asked.model, tenant),
            None => Layer::Receipts.prefix(&asked.model),
        };
        let receipts: Vec<Receipt> = texts(lake, &prefix, Receipt::from_json).await?;
        let pointers: Vec<Pointer> =
            texts(lake, &pointers_prefix(&asked.model), Pointer::from_json).await?;
        let is_asked = |p: &&Pointer| asked.tenant.as_ref().is_none_or(|t| p.tenant == *t);
        let mut kept: BTreeMap<StreamId, (u64, Timestamp)> = BTreeMap::new();
        let mut files = BTreeMap::new();
        for receipt in &receipts {
            let named = receipt.parts.iter().filter_map(|part| part.file.clone());
            files.extend(named.map(|file| (file, (false, receipt.attempt.tenant.clone()))));
        }
        for pointer in pointers.iter().filter(is_asked) {
            for generation in &pointer.generations {
                kept.insert(pointer.stream(generation), (generation.number, generation.started));
            }
            let named = pointer.files.iter().cloned();
            files.extend(named.map(|file| (file, (true, pointer.tenant.clone()))));
        }
        let visible = visible(&receipts, &kept);
        let files =
            files.into_iter().map(|(file, (is_snapshot, tenant))| (file, is_snapshot, tenant));
        Ok(Self { visible, files: files.collect(), receipts })
    }

    /// The records that are asked for, by their own key or by the model's key fields.
    pub(super) async fn records(
        &self,
        lake: &dyn ObjectStore,
        asked: &Question,
        key_fields: &[Column],
    ) -> Result<BTreeSet<RecordId>, Error> {
        let columns: Vec<Column> = key_fields.iter().cloned().chain(lineage(&[])).collect();
        let mut found = BTreeSet::new();
        for (file, _, tenant) in &self.files {
            each(lake, file, &columns, |values| {
                let (fields, values) = values.split_at(key_fields.len().min(values.len()));
                let Some(row) = Lineage::read(values) else { return };
                let fields: Vec<String> = fields.iter().map(text).collect();
                if key::is_asked(row.record_key, &asked.key) || fields.join(",") == asked.key {
                    found.extend(id(tenant, &row));
                }
            })
            .await?;
        }
        Ok(found)
    }

    /// Every version of these records.
    pub(super) async fn versions(
        &self,
        lake: &dyn ObjectStore,
        records: &BTreeSet<RecordId>,
    ) -> Result<Vec<Held>, Error> {
        let mut held = Vec::new();
        if records.is_empty() {
            return Ok(held);
        }
        for (file, is_snapshot, tenant) in &self.files {
            let behind: &[(&str, lake::curated::Kind)] = if *is_snapshot { &SNAPSHOT } else { &[] };
            each(lake, file, &lineage(behind), |values| {
                let Some(row) = Lineage::read(values) else { return };
                let Some(record) = id(tenant, &row).filter(|id| records.contains(id)) else {
                    return;
                };
                let kept = is_snapshot.then(|| kept(values));
                held.push(Held::new(record, &row, file.clone(), kept));
            })
            .await?;
        }
        Ok(held)
    }
}

impl Held {
    fn new(
        (stream, record_key): RecordId,
        row: &Lineage<'_>,
        file: ObjectKey,
        kept: Option<Kept>,
    ) -> Self {
        Self {
            stream,
            record_key,
            place: row.place,
            kind: row.kind,
            cursor: row.cursor.map(str::to_owned),
            request_start: row.request_start.to_owned(),
            object: row.object.to_owned(),
            line: row.line,
            page: row.page,
            ordinal: row.ordinal,
            run: row.run.to_owned(),
            version: row.version,
            file,
            kept,
        }
    }
}

fn lineage(behind: &[(&'static str, lake::curated::Kind)]) -> Vec<Column> {
    columns([], &[&LINEAGE, behind])
}

fn id(tenant: &TenantId, row: &Lineage<'_>) -> Option<RecordId> {
    let stream = StreamId {
        tenant: tenant.clone(),
        connection: row.connection.parse().ok()?,
        source: row.source.parse().ok()?,
        stream: row.stream.parse().ok()?,
    };
    Some((stream, row.record_key.to_owned()))
}

/// What stands behind a snapshot row's lineage: mode, generation, start.
fn kept(values: &[Value<'_>]) -> Kept {
    let behind = values.get(LINEAGE.len()..).unwrap_or_default();
    let is_refresh = matches!(behind.first(), Some(Value::Text("full_refresh")));
    let generation = match behind.get(1) {
        Some(Value::Integer(number)) if is_refresh => u64::try_from(*number).ok(),
        _ => None,
    };
    let started = match behind.get(2) {
        Some(Value::Text(started)) => (*started).to_owned(),
        _ => String::new(),
    };
    Kept { generation, started }
}

fn text(value: &Value<'_>) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) => (*text).to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(digits) => digits.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Timestamp(at) => at.to_string(),
        Value::Date(day) => day.to_string(),
        Value::Texts(texts) => texts.join(","),
    }
}

/// All small texts under a prefix, read; those that vanish meanwhile are left out.
async fn texts<T>(
    lake: &dyn ObjectStore,
    prefix: &str,
    parse: fn(&[u8]) -> Result<T, CommitError>,
) -> Result<Vec<T>, Error> {
    let listed = lake.list_all(prefix).await?;
    let read = listed.into_iter().map(|meta| async move {
        match lake.get(&meta.key).await {
            Ok(object) => parse(&object.body)
                .map(Some)
                .map_err(|source| Error::Text { key: meta.key, source }),
            Err(ObjectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    });
    let read: Vec<Option<T>> = stream::iter(read).buffered(SIDE_BY_SIDE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

/// Gives each row of a file; a file that has vanished has none.
async fn each(
    lake: &dyn ObjectStore,
    file: &ObjectKey,
    columns: &[Column],
    mut row: impl FnMut(&[Value<'_>]),
) -> Result<(), Error> {
    let body = match lake.get(file).await {
        Ok(object) => object.body,
        Err(ObjectError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let unreadable = |source| Error::Rows { key: file.clone(), source };
    let reader = CuratedReader::new(body, columns).map_err(unreadable)?;
    reader
        .for_each(|values| {
            row(values);
            Ok::<(), lake::curated::CuratedError>(())
        })
        .map_err(unreadable)
}
