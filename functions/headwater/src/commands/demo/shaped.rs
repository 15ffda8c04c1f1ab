//! The models' views beside the views of what landed: each record is a row, or in quarantine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lake::curated::{Layer, Quarantined, Receipt, ThingCounts};
use lake::{ModelTable, RowKey, StreamTable};
use ports::{ObjectStore, ObjectStoreExt, QueryEngine};
use query::Engine;
use serde_json::{Value, json};
use store::DriftScope;

use crate::failure::Failure;
use crate::folder;
use crate::world::World;

/// Most rows of one view.
const ROWS: usize = 1_000_000;

/// A record's version: tenant, connection, source and stream, key, landing object.
type Version = (String, String, String, String, String);

/// A model, and what became of the records that it reads.
#[derive(Debug, Default)]
pub(super) struct Shaped {
    pub(super) model: String,
    /// Records that the views of what landed show, of all streams that the model reads.
    pub(super) records: usize,
    /// Rows that the model's view shows.
    pub(super) rows: usize,
    /// Records whose latest version is in quarantine, by the rules that they break.
    pub(super) quarantined: BTreeMap<String, usize>,
    /// Differences between records and model that somebody was told of: what, and where.
    pub(super) drift: Vec<(String, String)>,
    /// Things that rows of several sources became, where the model says how.
    pub(super) things: Option<(usize, ThingCounts)>,
    /// Records that are neither a row nor in quarantine, and rows that no record stands behind.
    pub(super) astray: Vec<String>,
}

impl Shaped {
    /// As the last line of `--json` has it.
    pub(super) fn to_json(&self) -> Value {
        let things =
            self.things.map(|(number, counts)| json!({"things": number, "counts": counts}));
        json!({"model": self.model, "records": self.records, "rows": self.rows,
            "quarantined": self.quarantined.values().sum::<usize>(), "drift": self.drift.len(),
            "merged": things, "equal": self.astray.is_empty()})
    }

    /// How many are in quarantine, and why.
    pub(super) fn refusals(&self) -> String {
        let told = self.quarantined.iter().map(|(why, number)| format!("{number} {why}"));
        told.collect::<Vec<_>>().join(", ")
    }
}

/// Compares every model.
pub(super) async fn all(world: &Arc<World>) -> Result<Vec<Shaped>, Failure> {
    let engine = world.engine().await?;
    let mut all = Vec::new();
    for table in engine.models() {
        all.push(one(world, &engine, table).await?);
    }
    Ok(all)
}

async fn one(world: &World, engine: &Engine, table: &ModelTable) -> Result<Shaped, Failure> {
    let model = world.configuration.model(&table.model).await;
    let model = folder::named(&world.places, model)?;
    let mut shaped = Shaped { model: table.model.to_string(), ..Shaped::default() };
    let mut landed = BTreeSet::new();
    for source in &model.sources {
        let read = |t: &&StreamTable| t.source == source.source && t.stream == source.stream;
        let Some(stream) = engine.tables().iter().find(read) else { continue };
        landed.extend(records(engine, stream).await?);
        let scope = DriftScope {
            source: stream.source.clone(),
            stream: stream.stream.clone(),
            model: table.model.clone(),
        };
        let (known, _) = world.store.drift(&scope, None).await.map_err(unread)?;
        let told = |one: store::Drifted| {
            let place = format!("{}/{}: `{}`", stream.source, stream.stream, one.path);
            (one.kind, place)
        };
        shaped.drift.extend(known.into_iter().map(told));
    }
    let sql = format!(
        "SELECT DISTINCT _tenant, _connection, _source || '/' || _stream, _record_key, _object \
         FROM {}",
        table.records_view()
    );
    let shown: BTreeSet<Version> = versions(engine, &sql).await?.into_iter().collect();
    let sql = format!("SELECT count(*) FROM {}", table.records_view());
    (shaped.records, shaped.rows) = (landed.len(), count(engine, &sql).await?);
    let refused = quarantine(&world.lake, table).await?;
    for version in landed.difference(&shown) {
        match refused.get(version) {
            Some(why) => *shaped.quarantined.entry(why.clone()).or_default() += 1,
            None => shaped.astray.push(format!("- {} {}", version.2, version.3)),
        }
    }
    // Of a record that is refused now, the last good version stays.
    let keys: BTreeSet<_> = refused.keys().map(|v| (&v.0, &v.1, &v.2, &v.3)).collect();
    let is_known = |v: &&Version| !keys.contains(&(&v.0, &v.1, &v.2, &v.3));
    let extra = shown.difference(&landed).filter(is_known);
    shaped.astray.extend(extra.map(|version| format!("+ {} {}", version.2, version.3)));
    if table.merges {
        let things = count(engine, &format!("SELECT count(*) FROM {}", table.name)).await?;
        shaped.things = Some((things, outcomes(&world.lake, table).await?));
    }
    Ok(shaped)
}

/// The latest version of every record of a stream that has a key.
async fn records(engine: &Engine, table: &StreamTable) -> Result<Vec<Version>, Failure> {
    let sql = format!(
        "SELECT _tenant, _connection, '{}/{}', _record, _object FROM {}",
        table.source, table.stream, table.name
    );
    let keyed = |(tenant, connection, stream, record, object): Version| {
        let key = RowKey::of(&record, &table.primary_key)?;
        Some((tenant, connection, stream, key.as_str().to_owned(), object))
    };
    Ok(versions(engine, &sql).await?.into_iter().filter_map(keyed).collect())
}

async fn versions(engine: &Engine, sql: &str) -> Result<Vec<Version>, Failure> {
    let rows = engine.run(sql, ROWS).await.map_err(|error| Failure::of("a view", error))?;
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let version = |row: Vec<Value>| {
        let mut row = row.into_iter();
        let mut next = || text(row.next());
        (next(), next(), next(), next(), next())
    };
    Ok(rows.rows.into_iter().map(version).collect())
}

async fn count(engine: &Engine, sql: &str) -> Result<usize, Failure> {
    let rows = engine.run(sql, 1).await.map_err(|error| Failure::of("a view", error))?;
    let number = rows.rows.first().and_then(|row| row.first()).and_then(Value::as_u64);
    Ok(number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default())
}

/// What is in quarantine for a model, and by which rule of which field.
async fn quarantine(
    lake: &Arc<dyn ObjectStore>,
    table: &ModelTable,
) -> Result<BTreeMap<Version, String>, Failure> {
    let mut refused = BTreeMap::new();
    for body in bodies(lake, &Layer::Quarantine.prefix(&table.model)).await? {
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Quarantined = serde_json::from_slice(line)
                .map_err(|error| Failure::of("a quarantine file cannot be read", error))?;
            let broken = line.violations.first();
            let why = broken.map(|broken| {
                let field = broken.field.as_deref().unwrap_or(&broken.path);
                format!("{} {field}", broken.rule)
            });
            let version = (
                line.tenant.to_string(),
                line.connection.to_string(),
                format!("{}/{}", line.source, line.stream),
                line.key.unwrap_or_default(),
                line.object.to_string(),
            );
            refused.insert(version, why.unwrap_or_default());
        }
    }
    Ok(refused)
}

/// What observations of a model did, over all of its receipts.
async fn outcomes(lake: &Arc<dyn ObjectStore>, table: &ModelTable) -> Result<ThingCounts, Failure> {
    let mut all = ThingCounts::default();
    for body in bodies(lake, &Layer::Receipts.prefix(&table.model)).await? {
        let receipt = Receipt::from_json(&body)
            .map_err(|error| Failure::of("a receipt cannot be read", error))?;
        let Some(counts) = receipt.things else { continue };
        all.inserted += counts.inserted;
        all.updated += counts.updated;
        all.unchanged += counts.unchanged;
        all.stale += counts.stale;
        all.rejected += counts.rejected;
    }
    Ok(all)
}

async fn bodies(lake: &Arc<dyn ObjectStore>, prefix: &str) -> Result<Vec<bytes::Bytes>, Failure> {
    let unread = |error| Failure::of("the lake cannot be read", error);
    let mut bodies = Vec::new();
    for meta in lake.list_all(prefix).await.map_err(unread)? {
        bodies.push(lake.get(&meta.key).await.map_err(unread)?.body);
    }
    Ok(bodies)
}

fn unread(error: store::StoreError) -> Failure {
    Failure::of("the state cannot be read", error)
}
