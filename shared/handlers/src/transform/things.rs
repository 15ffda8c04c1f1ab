//! Things of models with identity rules: what their records say is taken in, and who asks is told
//! of those that changed.

mod observe;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use lake::Month;
use lake::curated::{Column, CuratedError, CuratedWriter, Kind, THING, ThingsKey, Value, columns};
use model::{TenantId, Timestamp, fixed_text};
use normalize::identity::{Confidence, Entity, Origin};
use normalize::{Date, Model};
use serde::Serialize;
use store::cluster::{Clusters, Kept, Scope};

use super::models::Known;

use super::{Deps, Error};
use crate::identity::ByRules;
use crate::tables::fields;

pub(super) use observe::{Observing, without_rejected};

/// Clusters that are told of in one object.
const TOLD: usize = 200;

/// Where a model's things of a tenant are, and what makes them; none when it has no rules.
pub(super) fn ruled(known: &Known, tenant: &TenantId) -> Option<(Scope, ByRules)> {
    let rules = known.model().rules.clone()?;
    let scope = Scope { tenant: tenant.clone(), model: known.name.clone() };
    let shape = ByRules::new(Arc::new(rules), &scope);
    Some((scope, shape))
}

/// Puts down the things that changed since somebody last did; gives how many.
pub(super) async fn tell(deps: &Deps, known: &Known, tenant: &TenantId) -> Result<u64, Error> {
    let Some((scope, shape)) = ruled(known, tenant) else { return Ok(0) };
    let clusters = deps.store.clusters(&scope, &shape);
    let mut told = 0;
    loop {
        let changed = clusters.changed(TOLD).await?;
        let mut paper = Paper::new(deps, known, tenant)?;
        for cluster in &changed {
            let things = clusters.things(cluster).await?;
            for kept in &things.entities {
                paper.write(kept)?;
            }
            for id in things.gone.keys() {
                if let Some(kept) = clusters.kept(id).await? {
                    paper.write(&kept)?;
                }
            }
        }
        told += paper.put().await?;
        for cluster in &changed {
            clusters.told(cluster).await?;
        }
        if changed.len() < TOLD {
            return Ok(told);
        }
    }
}

/// Puts down all things, changed or not; gives how many.
pub(super) async fn tell_all(deps: &Deps, known: &Known, tenant: &TenantId) -> Result<u64, Error> {
    let Some((scope, shape)) = ruled(known, tenant) else { return Ok(0) };
    let clusters = deps.store.clusters(&scope, &shape);
    let mut told = 0;
    for shard in 0..store::Store::shards() {
        told += shard_of(deps, (known, tenant), &clusters, shard).await?;
    }
    Ok(told)
}

async fn shard_of(
    deps: &Deps,
    (known, tenant): (&Known, &TenantId),
    clusters: &Clusters<'_, ByRules>,
    shard: u8,
) -> Result<u64, Error> {
    let mut paper = Paper::new(deps, known, tenant)?;
    let mut after: Option<String> = None;
    loop {
        let (kept, next) = clusters.entities(shard, after.as_deref()).await?;
        for one in &kept {
            paper.write(one)?;
        }
        after = next;
        if after.is_none() {
            return paper.put().await;
        }
    }
}

/// Things that are written down.
struct Paper<'a> {
    deps: &'a Deps,
    known: &'a Known,
    tenant: &'a TenantId,
    writer: CuratedWriter,
    at: String,
}

impl<'a> Paper<'a> {
    fn new(deps: &'a Deps, known: &'a Known, tenant: &'a TenantId) -> Result<Self, Error> {
        let columns: Vec<Column> = columns(fields(known.model()), &[&THING]);
        let writer = CuratedWriter::new(&columns).map_err(|error| encode(known, error))?;
        Ok(Self { deps, known, tenant, writer, at: fixed_text(deps.store.now()) })
    }

    fn write(&mut self, kept: &Kept<Entity>) -> Result<(), Error> {
        let model = self.known.model();
        let cells = cells(model, kept.entity.as_ref());
        let of = kept.entity.as_ref();
        let sources = of.map(|entity| written(&entity.sources));
        let provenance = of.map(|entity| written(&Provenance::of(entity)));
        let conflicts = of.map(|entity| written(&entity.conflicts));
        let behind = [
            Value::Text(&kept.id),
            Value::Integer(i64::try_from(kept.number).unwrap_or(i64::MAX)),
            Value::Text(if of.is_some() { "thing" } else { "gone" }),
            maybe(kept.into.as_deref()),
            maybe(sources.as_deref()),
            maybe(provenance.as_deref()),
            maybe(conflicts.as_deref()),
            Value::Text(&self.at),
        ];
        let written = self.writer.write(cells.iter().map(Cell::value).chain(behind));
        written.map_err(|error| encode(self.known, error))
    }

    /// Puts the object, when there is anything to tell; gives how many things it tells of.
    async fn put(self) -> Result<u64, Error> {
        let rows = self.writer.rows();
        if rows == 0 {
            return Ok(0);
        }
        let object = self.writer.finish().map_err(|error| encode(self.known, error))?;
        let key = ThingsKey {
            model: self.known.name.clone(),
            tenant: self.tenant.clone(),
            month: Month::from(self.deps.store.now()),
            id: self.deps.store.ids().fresh(),
        };
        let content = super::take::content("application/vnd.apache.parquet");
        self.deps.lake.put(&key.render()?, object.body, &content).await?;
        Ok(rows)
    }
}

fn encode(known: &Known, source: CuratedError) -> Error {
    Error::Encode { model: known.name.clone(), source }
}

fn maybe(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Text)
}

/// Who said what of a thing.
#[derive(Serialize)]
struct Provenance<'a> {
    fields: &'a BTreeMap<String, Origin>,
    items: &'a BTreeMap<String, Vec<Vec<usize>>>,
    confidence: Confidence,
}

impl<'a> Provenance<'a> {
    fn of(entity: &'a Entity) -> Self {
        Self { fields: &entity.origins, items: &entity.items, confidence: entity.confidence }
    }
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A field of a thing in the type of its column.
#[derive(Debug)]
enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
    Decimal(i128),
    Boolean(bool),
    Timestamp(Timestamp),
    Date(Date),
    Texts(Vec<Cow<'a, str>>),
}

impl Cell<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(text),
            Self::Integer(number) => Value::Integer(*number),
            Self::Decimal(digits) => Value::Decimal(*digits),
            Self::Boolean(truth) => Value::Boolean(*truth),
            Self::Timestamp(at) => Value::Timestamp(*at),
            Self::Date(day) => Value::Date(*day),
            Self::Texts(texts) => Value::Texts(texts),
        }
    }
}

fn cells<'a>(model: &Model, entity: Option<&'a Entity>) -> Vec<Cell<'a>> {
    let cell = |(name, kind): (&str, Kind)| {
        let value = entity.and_then(|entity| entity.fields.get(name));
        value.map_or(Cell::Null, |value| cell(kind, value))
    };
    fields(model).map(cell).collect()
}

/// Fields of things are JSON, as rows are told: instants, days and decimals as texts.
fn cell(kind: Kind, value: &serde_json::Value) -> Cell<'_> {
    let text = value.as_str();
    let found = match kind {
        Kind::Text => {
            Some(Cell::Text(text.map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed)))
        }
        Kind::Json => Some(Cell::Text(Cow::Owned(value.to_string()))),
        Kind::Integer => value.as_i64().map(Cell::Integer),
        Kind::Decimal { scale, .. } => text.and_then(|text| digits(text, scale)).map(Cell::Decimal),
        Kind::Boolean => value.as_bool().map(Cell::Boolean),
        Kind::Timestamp => text.and_then(|text| text.parse().ok()).map(Cell::Timestamp),
        Kind::Date => text.and_then(|text| text.parse().ok()).map(Cell::Date),
        Kind::Texts => value.as_array().map(|items| {
            let item = |item: &'_ serde_json::Value| match item.as_str() {
                Some(text) => Cow::Owned(text.to_owned()),
                None => Cow::Owned(item.to_string()),
            };
            Cell::Texts(items.iter().map(item).collect())
        }),
    };
    found.unwrap_or(Cell::Null)
}

/// The digits of a decimal that has this many behind its point.
fn digits(text: &str, scale: u8) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let missing = usize::from(scale).checked_sub(fraction.len())?;
    format!("{whole}{fraction}{}", "0".repeat(missing)).parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_things_are_typed_as_their_columns() {
        let decimal = Kind::Decimal { precision: 18, scale: 4 };
        let instant = "2024-05-01T00:00:00Z".parse().unwrap();
        let day = "2024-05-01".parse().unwrap();
        let cases = [
            (Kind::Text, json!("a"), Value::Text("a")),
            (Kind::Text, json!(["a"]), Value::Text("[\"a\"]")),
            (Kind::Json, json!({"a": 1}), Value::Text("{\"a\":1}")),
            (Kind::Integer, json!(7), Value::Integer(7)),
            (Kind::Integer, json!("7"), Value::Null),
            (decimal, json!("-0.05"), Value::Decimal(-500)),
            (decimal, json!("12.34567"), Value::Null),
            (Kind::Boolean, json!(true), Value::Boolean(true)),
            (Kind::Timestamp, json!("2024-05-01T00:00:00Z"), Value::Timestamp(instant)),
            (Kind::Date, json!("2024-05-01"), Value::Date(day)),
            (Kind::Texts, json!(["a", 1]), Value::Texts(&["a".into(), "1".into()])),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(cell(kind, &value).value(), expected, "{kind:?} {value}");
        }
    }
}
