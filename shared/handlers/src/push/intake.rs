//! Changed rows of models, as files to push: of what a receipt made visible, only what differs
//! from what was pushed before.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lake::Sha256Hex;
use lake::curated::{CuratedKey, CuratedReader, Kind, Lineage, Receipt, RowKind, Value};
use lake::delivery::{Accepted, FileDigest, Folder, InboxPart, Moment, Origin, PartKey};
use model::{ModelName, ObjectKey, Timestamp};
use normalize::Model;
use ports::{Attributes, Deadline, ObjectError, ObjectStoreExt as _};
use store::push::{Entity, EntityRow, HeldLease, Intake, PushKey, Took};

use super::opened::pushes_of;
use super::{Deps, Error, Outcome, Work, wake};
use crate::tables::model_table;

/// How long a worker has for a receipt before another goes on with it.
const LEASE: Duration = Duration::from_mins(5);

/// Records of a part.
pub(super) const PART: u64 = 5_000;

/// Bytes of a part, unpacked.
pub(super) const PART_BYTES: usize = 4 << 20;

/// A row of a model, as an item.
struct Row {
    version: String,
    digest: String,
    text: String,
}

/// The kind of files of changed rows: such files are for one push alone.
pub(super) fn kind(model: &ModelName, key: &PushKey) -> String {
    format!("{model}.{}", key.push)
}

/// Takes a receipt for every push of its model.
pub(super) async fn take(
    deps: &Deps,
    receipt: &ObjectKey,
    deadline: Deadline,
) -> Result<Outcome, Error> {
    let CuratedKey { model, tenant, .. } = CuratedKey::parse(receipt)?;
    let mut outcome = Outcome::default();
    let origin = Origin::Model(model.clone());
    for push in pushes_of(&deps.configuration, &tenant, &origin).await? {
        outcome += for_push(deps, (&push, &model), receipt, deadline).await?;
    }
    Ok(outcome)
}

async fn for_push(
    deps: &Deps,
    of: (&PushKey, &ModelName),
    receipt: &ObjectKey,
    deadline: Deadline,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let mut next = receipt.clone();
    loop {
        let now = deps.store.now();
        let left = deadline.remaining(deps.store.clock().as_ref()).min(LEASE);
        let until = now.checked_add(left).unwrap_or(Timestamp::MAX);
        let lease = HeldLease { id: deps.store.ids().fresh(), until };
        match deps.store.take_receipt(of, &next, lease).await? {
            Intake::Took(took) => {
                outcome.changed += changes(deps, of, &next, &took).await?;
                if next == *receipt {
                    return Ok(outcome);
                }
                next = receipt.clone();
            }
            Intake::Unfinished { receipt } => next = receipt,
            Intake::Busy { until } => {
                let work = Work::Take { receipt: receipt.clone() };
                let until = until.checked_add(deps.store.timing().skew).unwrap_or(until);
                wake::send(deps, &work, Some(until)).await?;
                outcome.more = true;
                return Ok(outcome);
            }
        }
    }
}

/// Makes a file of what a receipt changed; gives how many rows.
async fn changes(
    deps: &Deps,
    (key, name): (&PushKey, &ModelName),
    receipt: &ObjectKey,
    took: &Took,
) -> Result<u64, Error> {
    let rows = rows(deps, (key, name), receipt).await?;
    let names: Vec<String> = rows.keys().cloned().collect();
    let known = deps.store.entities((key, name), &names).await?;
    let (remember, changed) = differing(rows, known, (receipt, took.resumed));
    let number = changed.len() as u64;
    if !deps.store.put_entities((key, name), took, &remember).await? {
        return Ok(0);
    }
    if !changed.is_empty() {
        deliver(deps, (key, name), (receipt, took.accepted), &changed).await?;
    }
    deps.store.end_receipt(took).await?;
    tracing::info!(push = %key, model = %name, changed = number, "changes of a model taken");
    Ok(number)
}

/// What to remember of these rows, and the texts of those that are pushed.
fn differing(
    rows: BTreeMap<String, Row>,
    known: Vec<Option<Entity>>,
    (receipt, resumed): (&ObjectKey, bool),
) -> (Vec<EntityRow>, Vec<String>) {
    let (mut remember, mut changed) = (Vec::new(), Vec::new());
    for ((name, row), known) in rows.into_iter().zip(known) {
        let (entity, is_changed) = against(known, &row, receipt, resumed);
        remember.extend(entity.map(|entity| EntityRow { name, entity }));
        if is_changed {
            changed.push(row.text);
        }
    }
    (remember, changed)
}

/// What a row is against what was taken of its entity last: what to remember, and whether it is
/// pushed.
fn against(
    known: Option<Entity>,
    row: &Row,
    receipt: &ObjectKey,
    resumed: bool,
) -> (Option<Entity>, bool) {
    let fresh = |by: ObjectKey| Entity {
        digest: row.digest.clone(),
        version: row.version.clone(),
        receipt: by,
    };
    match known {
        // Whoever took it before has died on the way, or it was taken to its end.
        Some(known) if known == fresh(receipt.clone()) => (None, resumed),
        Some(known) if row.version < known.version => (None, false),
        Some(known) if known.digest == row.digest => {
            let is_newer = row.version != known.version;
            (is_newer.then(|| fresh(known.receipt)), false)
        }
        _ => (Some(fresh(receipt.clone())), true),
    }
}

/// The last version of each entity that a receipt made visible.
async fn rows(
    deps: &Deps,
    (key, name): (&PushKey, &ModelName),
    receipt: &ObjectKey,
) -> Result<BTreeMap<String, Row>, Error> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let body = match deps.lake.get(receipt).await {
        Ok(object) => object.body,
        // It was compacted, or another revision has taken its place.
        Err(ObjectError::NotFound { .. }) => return Ok(rows),
        Err(error) => return Err(error.into()),
    };
    let stored = |source| Error::Stored { key: receipt.clone(), source };
    let told = Receipt::from_json(&body).map_err(stored)?;
    let model = deps.configuration.model(name).await?;
    let table = model_table(name, &model);
    for file in told.parts.iter().filter_map(|part| part.file.as_ref()) {
        let body = match deps.lake.get(file).await {
            Ok(object) => object.body,
            Err(ObjectError::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let unreadable = |source| Error::Rows { key: file.clone(), source };
        let reader = CuratedReader::new(body, &table.file_columns()).map_err(unreadable)?;
        reader
            .for_each(|values| {
                let fields = values.get(..table.fields.len()).unwrap_or_default();
                let lineage = values.get(table.fields.len()..).and_then(Lineage::read);
                let Some(lineage) = lineage.filter(|lineage| lineage.kind == RowKind::Row) else {
                    return Ok(());
                };
                let version = version(&lineage);
                let entity = entity(&model, fields, &table.fields);
                let is_newer = |known: &Row| known.version < version;
                if rows.get(&entity).is_none_or(is_newer) {
                    let text = record(fields, &table.fields);
                    let digest = Sha256Hex::of(text.as_bytes()).to_string();
                    rows.insert(entity, Row { version, digest, text });
                }
                Ok::<(), lake::curated::CuratedError>(())
            })
            .map_err(unreadable)?;
    }
    tracing::debug!(push = %key, rows = rows.len(), "rows of a receipt");
    Ok(rows)
}

/// A row's place among the versions of its entity, in text order.
fn version(lineage: &Lineage<'_>) -> String {
    let Lineage { cursor, request_start, object, line, .. } = lineage;
    format!("{}\u{1}{request_start}\u{1}{object}\u{1}{line:012}", cursor.unwrap_or_default())
}

/// What a row is about: its key, as JSON.
fn entity(model: &Model, fields: &[Value<'_>], columns: &[(String, Kind)]) -> String {
    let value = |number: &usize| {
        let kind = columns.get(*number).map(|(_, kind)| *kind);
        fields.get(*number).zip(kind).map_or("null".to_owned(), |(v, kind)| json(v, kind))
    };
    let values: Vec<String> = model.key.iter().map(value).collect();
    format!("[{}]", values.join(","))
}

/// A row as a record: fields that are null are left out.
fn record(fields: &[Value<'_>], columns: &[(String, Kind)]) -> String {
    let there = fields.iter().zip(columns).filter(|(value, _)| !matches!(value, Value::Null));
    let field = |(value, (name, kind)): (&Value<'_>, &(String, Kind))| {
        format!("{}:{}", serde_json::Value::from(name.as_str()), json(value, *kind))
    };
    let fields: Vec<String> = there.map(field).collect();
    format!("{{{}}}", fields.join(","))
}

/// A value as JSON; numbers keep their digits.
fn json(value: &Value<'_>, kind: Kind) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(json) if kind == Kind::Json => (*json).to_owned(),
        Value::Text(value) => text(value),
        Value::Boolean(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => decimal(*number, kind),
        Value::Timestamp(at) => text(&at.to_string()),
        Value::Date(date) => text(&date.to_string()),
        Value::Texts(items) => {
            let items: Vec<String> = items.iter().map(|item| text(item)).collect();
            format!("[{}]", items.join(","))
        }
    }
}

fn decimal(number: i128, kind: Kind) -> String {
    let Kind::Decimal { scale, .. } = kind else { return number.to_string() };
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if number < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Puts changed rows as an accepted file: the same, whoever goes on with the receipt.
async fn deliver(
    deps: &Deps,
    (key, name): (&PushKey, &ModelName),
    (receipt, at): (&ObjectKey, Timestamp),
    records: &[String],
) -> Result<(), Error> {
    let origin = Origin::Model(name.clone());
    let texts = [key.tenant.as_str(), &origin.to_string(), key.push.as_str(), receipt.as_str()];
    let file = FileDigest::of(&texts);
    let accepted = Moment::from(at);
    let folder = Folder {
        origin: origin.clone(),
        tenant: key.tenant.clone(),
        day: accepted.day(),
        file: file.clone(),
    };
    let mut parts = Vec::new();
    let mut lines = Lines::default();
    for (line, record) in (1_u64..).zip(records) {
        lines.add(line, record);
        if lines.records >= PART || lines.text.len() >= PART_BYTES {
            parts.push(lines.put(deps, &folder, parts.len()).await?);
            lines = Lines::default();
        }
    }
    if lines.records > 0 {
        parts.push(lines.put(deps, &folder, parts.len()).await?);
    }
    let bytes = parts.iter().map(|part| part.bytes).sum();
    let joined: String = parts.iter().map(|part| part.sha256.as_str()).collect();
    let accepted = Accepted {
        file,
        origin,
        tenant: key.tenant.clone(),
        kind: kind(name, key),
        rank: 0,
        accepted,
        name: receipt.to_string(),
        sha256: Sha256Hex::of(joined.as_bytes()),
        bytes,
        archive: None,
        records: records.len() as u64,
        parts,
        refused: None,
    };
    let place = accepted.place().render()?;
    let stored =
        accepted.to_json().map_err(|source| Error::Stored { key: place.clone(), source })?;
    deps.lake.put_once(&place, stored, &Attributes::default()).await?;
    Ok(())
}

/// Lines of a part.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: String,
    pub(super) records: u64,
    first: u64,
    last: u64,
}

impl Lines {
    /// Adds a record.
    pub(super) fn add(&mut self, line: u64, record: &str) {
        use std::fmt::Write as _;
        // Writing to a text does not fail.
        let _written = writeln!(self.text, "{{\"line\":{line},\"record\":{record}}}").is_ok();
        if self.records == 0 {
            self.first = line;
        }
        self.last = line;
        self.records += 1;
    }

    /// Puts them as a part.
    pub(super) async fn put(
        &self,
        deps: &Deps,
        folder: &Folder,
        number: usize,
    ) -> Result<InboxPart, Error> {
        let part = Some(u32::try_from(number).unwrap_or(u32::MAX));
        let key = PartKey { folder: folder.clone(), part }.render()?;
        let packed = zstd::encode_all(self.text.as_bytes(), 3);
        let packed =
            Bytes::from(packed.map_err(|source| Error::Pack { key: key.clone(), source })?);
        let sha256 = Sha256Hex::of(&packed);
        deps.lake.put_once(&key, packed, &Attributes::default()).await?;
        Ok(InboxPart {
            key,
            records: self.records,
            first: self.first,
            last: self.last,
            bytes: self.text.len() as u64,
            sha256,
        })
    }
}
