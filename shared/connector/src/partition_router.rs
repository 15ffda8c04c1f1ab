//! Partition routers: the parts that a stream is read in — a list, the records of other streams,
//! or combinations, groups and unions of such.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::StreamName;
use request::interpolation::Context;
use request::requester::Options;
use request::value::{Dict, Key, Style, Value};
use serde_json::{Map, Value as Json, json};

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
    /// `GroupingPartitionRouter`.
    Group(Box<Group>),
    /// `UnionPartitionRouter`.
    Union(Union),
}

/// Several partitions of another router as one.
#[derive(Debug)]
pub(crate) struct Group {
    /// So many of them.
    pub(crate) size: usize,
    /// Whether values that come again are left out.
    pub(crate) deduplicate: bool,
    pub(crate) inner: Router,
}

/// The partitions of several routers, each value once.
#[derive(Debug)]
pub(crate) struct Union {
    /// The one field that names a partition.
    pub(crate) field: String,
    pub(crate) routers: Vec<Router>,
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
    /// Where a record holds the child's first page.
    pointer: Option<Path>,
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
            routers.push(Self::one(&part, context, stream)?);
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
            Self::Group(group) => group.inner.streams(),
            Self::Union(union) => union.routers.iter().flat_map(Self::streams).collect(),
        }
    }

    fn one(
        part: &Part<'_>,
        context: &Context<'_>,
        stream: &dyn Fn(&Part<'_>) -> Result<Core, BuildError>,
    ) -> Result<Self, BuildError> {
        Ok(match part.kind() {
            "ListPartitionRouter" => Self::List(List::build(part, context)?),
            "GroupingPartitionRouter" => {
                let below = part.needed("underlying_partition_router")?;
                let size = part.needed("group_size")?;
                let size = size.json.as_u64().and_then(|size| usize::try_from(size).ok());
                let size = size.filter(|size| *size > 0);
                let deduplicate = part.child("deduplicate").is_none_or(|flag| flag.json != false);
                let inner = Self::one(&below, context, stream)?;
                inner.without_options(&below)?;
                Self::Group(Box::new(Group {
                    size: size.ok_or_else(|| part.fault("`group_size` must be above 0".into()))?,
                    deduplicate,
                    inner,
                }))
            }
            "UnionPartitionRouter" => Self::Union(Union::build(part, context, stream)?),
            _ => Self::Substream(
                part.children("parent_stream_configs")
                    .iter()
                    .map(|parent| Parent::build(parent, context, stream).map(Arc::new))
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    /// Whether some parent records hold the first pages of their children.
    pub(crate) fn reads_lazily(&self) -> bool {
        matches!(self, Self::Substream(parents) if parents.iter().any(|p| p.pointer.is_some()))
    }

    /// Refuses options that a partition made of others cannot set.
    fn without_options(&self, part: &Part<'_>) -> Result<(), BuildError> {
        let has_options = match self {
            Self::List(list) => list.option.is_some(),
            Self::Substream(parents) => parents.iter().any(|parent| parent.option.is_some()),
            Self::Product(_) | Self::Group(_) | Self::Union(_) => false,
        };
        if has_options {
            let message = "`request_option` cannot stand in a router within another; use templates";
            return Err(part.fault(message.into()));
        }
        Ok(())
    }

    /// The fields that name its partitions.
    fn fields(&self) -> Vec<&str> {
        match self {
            Self::List(list) => vec![&list.field],
            Self::Substream(parents) => parents.iter().map(|p| p.field.as_str()).collect(),
            Self::Union(union) => vec![&union.field],
            Self::Group(group) => group.inner.fields(),
            Self::Product(routers) => routers.iter().flat_map(Self::fields).collect(),
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
            Self::Group(_) | Self::Union(_) => {}
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

impl Union {
    fn build(
        part: &Part<'_>,
        context: &Context<'_>,
        stream: &dyn Fn(&Part<'_>) -> Result<Core, BuildError>,
    ) -> Result<Self, BuildError> {
        let field = part.text_at("partition_field", context)?.unwrap_or_default();
        let mut routers = Vec::new();
        for child in part.children("partition_routers") {
            let router = Router::one(&child, context, stream)?;
            router.without_options(&child)?;
            if let Some(other) = router.fields().into_iter().find(|name| *name != field) {
                let message = format!("partitions are named by `{other}`, not by `{field}`");
                return Err(child.fault(message));
            }
            routers.push(router);
        }
        if routers.len() < 2 {
            return Err(part.fault("`partition_routers` needs at least two".into()));
        }
        Ok(Self { field, routers })
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
        let extra = extra.iter().map(|field| path(field, &part.parameters(), context));
        let pointer = part.child("lazy_read_pointer").filter(|pointer| pointer.json != &json!([]));
        let pointer = pointer.map(|pointer| path(&pointer, &part.parameters(), context));
        let pointer = pointer.transpose()?;
        if pointer.as_ref().is_some_and(|path| path.segments().iter().any(|s| s.contains('*'))) {
            return Err(part.fault("`lazy_read_pointer` takes no `*`".into()));
        }
        Ok(Self {
            stream: Arc::new(stream(&part.needed("stream")?)?),
            key: Path::from_text(&key),
            field: part.text_at("partition_field", context)?.unwrap_or_default(),
            extra: extra.collect::<Result<_, BuildError>>()?,
            option: Injection::at(part, "request_option", context)?,
            incremental: part.flag("incremental_dependency")?,
            pointer,
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
        let mut partition = Partition::new(key, extra);
        if let Some(pointer) = &self.pointer {
            let mut page = Vec::new();
            let empty = Value::from(Vec::new());
            pointer.get(record)?.unwrap_or(&empty).write_json(&mut page, Style::Compact);
            partition.first_page = Some(page.into());
        }
        Ok(Some(partition))
    }
}

/// A list of templates, as a path.
fn path(part: &Part<'_>, parameters: &Value, context: &Context<'_>) -> Result<Path, BuildError> {
    let segments = part.json.as_array().ok_or_else(|| part.fault("expected a list".into()))?;
    let text = |segment: &Json| {
        let template = Part::new(segment, String::new(), 0).template(parameters);
        let template = template.map_err(|error| part.fault(error.message))?;
        template.text(context).map_err(|error| part.fault(error.to_string()))
    };
    Ok(Path::new(segments.iter().map(text).collect::<Result<_, _>>()?))
}

/// Several partitions as one: each field a list of theirs.
pub(crate) fn group(parts: &[Partition]) -> Partition {
    let lists = |maps: Vec<&Map<String, Json>>, names: Vec<&String>| {
        let list = |name: &String| {
            maps.iter().map(|map| map.get(name).cloned().unwrap_or_default()).collect::<Json>()
        };
        names.into_iter().map(|name| (name.clone(), list(name))).collect::<Map<_, _>>()
    };
    let keys: Vec<_> = parts.iter().map(|part| &part.key).collect();
    let extras: Vec<_> = parts.iter().map(|part| &part.extra).collect();
    let names = keys.first().map(|first| first.keys().collect()).unwrap_or_default();
    let more: BTreeSet<&String> = extras.iter().flat_map(|extra| extra.keys()).collect();
    Partition::new(lists(keys, names), lists(extras, more.into_iter().collect()))
}

/// A partition of a union: its one field, and the rest beside it.
pub(crate) fn unite(part: Partition, field: &str) -> Option<Partition> {
    let (mut key, mut extra) = (part.key, part.extra);
    let value = key.remove(field)?;
    extra.extend(key);
    Some(Partition::new([(field.to_owned(), value)].into_iter().collect(), extra))
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
pub(crate) fn slice_value(partition: &Partition, bounds: Vec<(&str, Value)>) -> Value {
    let key = Dict::from(&partition.key);
    let cursor: Dict = bounds.into_iter().map(|(name, value)| (Key::from(name), value)).collect();
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
