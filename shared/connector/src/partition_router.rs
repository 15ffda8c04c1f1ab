//! Partition routers: the parts that a stream is read in — a list, the records of other streams,
//! or every combination of such.

use std::sync::Arc;

use model::StreamName;
use request::interpolation::Context;
use request::requester::Options;
use request::value::{Dict, Key, Value};
use serde_json::{Map, Value as Json};

use crate::dpath::{Path, PathError};
use crate::option::Injection;
use crate::part::{BuildError, Part};
use crate::slice::Partition;
use crate::stream::Core;

/// What gives a stream its partitions.
#[derive(Debug)]
pub(crate) enum Router {
    /// The entries of a list.
    List(List),
    /// The records of other streams.
    Substream(Vec<Arc<Parent>>),
    /// Every combination; the last router turns fastest.
    Product(Vec<Self>),
}

/// `ListPartitionRouter`.
#[derive(Debug)]
pub(crate) struct List {
    field: String,
    values: Vec<Value>,
    option: Option<Injection>,
}

/// `ParentStreamConfig`: one stream whose records are partitions.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) stream: Arc<Core>,
    key: Path,
    field: String,
    extra: Vec<Path>,
    option: Option<Injection>,
    /// The parent's own state is kept within the child's.
    pub(crate) incremental: bool,
}

impl Router {
    /// Of a retriever. `stream` builds a parent stream.
    pub(crate) fn build(
        retriever: &Part<'_>,
        context: &Context<'_>,
        stream: &dyn Fn(&Part<'_>) -> Result<Core, BuildError>,
    ) -> Result<Option<Self>, BuildError> {
        let listed = retriever.child("partition_router").is_some_and(|part| part.json.is_array());
        let mut routers = Vec::new();
        for part in retriever.children("partition_router") {
            routers.push(match part.kind() {
                "ListPartitionRouter" => Self::List(List::build(&part, context)?),
                _ => Self::Substream(
                    part.children("parent_stream_configs")
                        .iter()
                        .map(|parent| Parent::build(parent, context, stream).map(Arc::new))
                        .collect::<Result<_, _>>()?,
                ),
            });
        }
        if listed && !routers.is_empty() {
            return Ok(Some(Self::Product(routers)));
        }
        Ok(routers.pop())
    }

    /// The names of the streams that it reads, and of those that they read in turn.
    pub(crate) fn streams(&self) -> Vec<StreamName> {
        match self {
            Self::List(_) => Vec::new(),
            Self::Product(routers) => routers.iter().flat_map(Self::streams).collect(),
            Self::Substream(parents) => {
                let one = |parent: &Arc<Parent>| {
                    let stream = &parent.stream;
                    [stream.name.clone()].into_iter().chain(stream.ancestors()).collect::<Vec<_>>()
                };
                parents.iter().flat_map(one).collect()
            }
        }
    }

    /// What the request of a slice carries of its partition: only values that are not empty.
    pub(crate) fn inject(&self, slice: &Value, options: &mut Options) {
        match self {
            Self::List(list) => put(list.option.as_ref(), &list.field, slice, options),
            Self::Substream(parents) => {
                for parent in parents {
                    put(parent.option.as_ref(), &parent.field, slice, options);
                }
            }
            // Where two write the same place, the first one wins.
            Self::Product(routers) => {
                routers.iter().rev().for_each(|router| router.inject(slice, options));
            }
        }
    }
}

fn put(option: Option<&Injection>, field: &str, slice: &Value, options: &mut Options) {
    if let Some(option) = option
        && let Some(value) = slice.get(field).filter(|value| value.is_truthy())
    {
        option.put(options, value.clone());
    }
}

impl List {
    fn build(part: &Part<'_>, context: &Context<'_>) -> Result<Self, BuildError> {
        let values = part.needed("values")?;
        let values = match values.json {
            Json::String(_) => {
                let value = part.value_at("values", context)?.unwrap_or_default();
                let items = value.as_slice().map(<[Value]>::to_vec);
                items.ok_or_else(|| {
                    values.fault(format!("expected a list, found {}", value.type_name()))
                })?
            }
            Json::Array(items) => items.iter().map(Value::from).collect(),
            _ => return Err(values.fault("expected a list".into())),
        };
        Ok(Self {
            field: part.text_at("cursor_field", context)?.unwrap_or_default(),
            values,
            option: Injection::at(part, "request_option", context)?,
        })
    }

    pub(crate) fn partitions(&self) -> Vec<Partition> {
        let partition = |value: &Value| {
            let mut key = Map::new();
            key.insert(self.field.clone(), value.to_json());
            Partition::new(key, Map::new())
        };
        self.values.iter().map(partition).collect()
    }
}

impl Parent {
    fn build(
        part: &Part<'_>,
        context: &Context<'_>,
        stream: &dyn Fn(&Part<'_>) -> Result<Core, BuildError>,
    ) -> Result<Self, BuildError> {
        let key = part.text_at("parent_key", context)?.unwrap_or_default();
        let extra = part.children("extra_fields");
        let extra = extra.iter().map(|field| {
            let segments =
                field.json.as_array().ok_or_else(|| field.fault("expected a list".into()));
            let texts = segments?.iter().map(|s| s.as_str().unwrap_or_default().to_owned());
            Ok(Path::new(texts.collect()))
        });
        Ok(Self {
            stream: Arc::new(stream(&part.needed("stream")?)?),
            key: Path::from_text(&key),
            field: part.text_at("partition_field", context)?.unwrap_or_default(),
            extra: extra.collect::<Result<_, BuildError>>()?,
            option: Injection::at(part, "request_option", context)?,
            incremental: part.flag("incremental_dependency")?,
        })
    }

    /// The partition that a record of the parent is, if it has the key.
    pub(crate) fn partition(
        &self,
        record: &Value,
        of: &Partition,
    ) -> Result<Option<Partition>, PathError> {
        let Some(value) = self.key.get(record)?.filter(|value| !value.is_nothing()) else {
            return Ok(None);
        };
        let mut key = Map::new();
        key.insert(self.field.clone(), value.to_json());
        key.insert("parent_slice".into(), Json::Object(of.key.clone()));
        let mut extra = Map::new();
        for path in &self.extra {
            let value = path.get(record)?.map(Value::to_json).unwrap_or_default();
            extra.insert(path.segments().join("."), value);
        }
        Ok(Some(Partition::new(key, extra)))
    }
}

/// One partition of several: of equal names the first router's holds.
pub(crate) fn combine(parts: &[Partition]) -> Partition {
    let mut all = Partition::default();
    for part in parts.iter().rev() {
        all.key.extend(part.key.clone());
        all.extra.extend(part.extra.clone());
    }
    Partition::new(all.key, all.extra)
}

/// A slice as templates see it: its names and bounds as items, its parts as attributes.
pub(crate) fn slice_value(partition: &Partition, bounds: &[(&str, &str)]) -> Value {
    let key = Dict::from(&partition.key);
    let cursor: Dict =
        bounds.iter().map(|(name, text)| (Key::from(*name), Value::from(*text))).collect();
    let items = key.iter().chain(cursor.iter()).map(|(k, v)| (k.clone(), v.clone())).collect();
    Value::Object(Arc::new(request::value::Object {
        items,
        attributes: vec![
            ("partition", Value::from(key)),
            ("cursor_slice", Value::from(cursor)),
            ("extra_fields", Value::from(Dict::from(&partition.extra))),
        ],
    }))
}
