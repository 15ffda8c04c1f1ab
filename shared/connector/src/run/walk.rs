//! The partitions of a stream, in turn; parent streams are read for them.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use request::value::Value;
use serde_json::{Map, Value as Json};

use super::{Event, StreamRun};
use crate::error::{At, Error};
use crate::partition_router::{Parent, Router, combine, group, unite};
use crate::retriever::Record;
use crate::slice::{Partition, digest_of};
use crate::stream::Core;

/// The partitions of a stream, in turn.
#[derive(Debug)]
pub(crate) struct PartitionWalk {
    queue: VecDeque<Partition>,
    source: Source,
}

/// Where partitions come from once the queue is empty.
#[derive(Debug)]
enum Source {
    /// Nowhere.
    Dry,
    /// The records of other streams, one stream after the other.
    Parents { runs: Vec<ParentRun>, present: usize },
    /// Every combination of those of other walks, made once all of them are known.
    Product(Vec<PartitionWalk>),
    /// Several of another walk as one.
    Group { walk: Box<PartitionWalk>, size: usize, seen: Option<Seen> },
    /// Those of several walks, one after the other.
    Union { walks: Vec<PartitionWalk>, present: usize, field: String, seen: Seen },
}

/// Values that were met, by their digests.
type Seen = HashSet<[u8; 16]>;

/// A parent stream being read.
#[derive(Debug)]
struct ParentRun {
    parent: Arc<Parent>,
    run: StreamRun,
}

impl PartitionWalk {
    /// Of a stream; the state of incremental parents lies within its own.
    pub(crate) fn new(core: &Core, state: &Map<String, Json>) -> Result<Self, Error> {
        match &core.router {
            None => Ok(Self::of(VecDeque::from([Partition::default()]))),
            Some(router) => Self::over(router, state),
        }
    }

    fn of(queue: VecDeque<Partition>) -> Self {
        Self { queue, source: Source::Dry }
    }

    fn over(router: &Router, state: &Map<String, Json>) -> Result<Self, Error> {
        let source = match router {
            Router::List(list) => return Ok(Self::of(list.partitions().into())),
            Router::Product(routers) => {
                let walks = routers.iter().map(|router| Self::over(router, state));
                Source::Product(walks.collect::<Result<_, _>>()?)
            }
            Router::Substream(parents) => {
                let run = |parent: &Arc<Parent>| {
                    let run = StreamRun::new(&parent.stream, &parent_state(parent, state))?;
                    Ok(ParentRun { parent: Arc::clone(parent), run })
                };
                let runs = parents.iter().map(run).collect::<Result<_, Error>>()?;
                Source::Parents { runs, present: 0 }
            }
            Router::Group(group) => Source::Group {
                walk: Box::new(Self::over(&group.inner, state)?),
                size: group.size,
                seen: group.deduplicate.then(Seen::new),
            },
            Router::Union(union) => {
                let walks = union.routers.iter().map(|router| Self::over(router, state));
                let walks = walks.collect::<Result<_, _>>()?;
                Source::Union { walks, present: 0, field: union.field.clone(), seen: Seen::new() }
            }
        };
        Ok(Self { queue: VecDeque::new(), source })
    }

    /// The next partition; none when there are no more.
    pub(crate) fn next(&mut self) -> BoxFuture<'_, Result<Option<Partition>, Error>> {
        async move {
            loop {
                if let Some(partition) = self.queue.pop_front() {
                    return Ok(Some(partition));
                }
                if !self.source.advance(&mut self.queue).await? {
                    return Ok(None);
                }
            }
        }
        .boxed()
    }

    /// The states of incremental parents; none where there are no parents.
    pub(crate) fn state(&self) -> Option<Json> {
        match &self.source {
            Source::Parents { runs, .. } => {
                let kept = runs.iter().filter(|run| run.parent.incremental);
                let state = kept
                    .map(|run| (run.parent.stream.name.to_string(), Json::Object(run.run.state())));
                Some(Json::Object(state.collect()))
            }
            Source::Group { walk, .. } => walk.state(),
            Source::Union { walks, .. } => {
                let states = walks.iter().filter_map(Self::state);
                let states = states.filter_map(|state| state.as_object().cloned());
                Some(Json::Object(states.flatten().collect()))
            }
            Source::Dry | Source::Product(_) => None,
        }
    }
}

impl Source {
    /// Adds partitions to the queue, or comes nearer to it; gives whether there can be more.
    async fn advance(&mut self, queue: &mut VecDeque<Partition>) -> Result<bool, Error> {
        match self {
            Self::Dry => return Ok(false),
            Self::Product(walks) => {
                *queue = combinations(walks).await?;
                *self = Self::Dry;
            }
            Self::Parents { runs, present } => {
                let Some(parent) = runs.get_mut(*present) else { return Ok(false) };
                match parent.run.next().await? {
                    None => *present += 1,
                    Some(Event::Closed) => {}
                    Some(Event::Records(records, of)) => {
                        for partition in records.iter().map(|r| parent.partition(r, &of)) {
                            queue.extend(partition?);
                        }
                    }
                }
            }
            Self::Group { walk, size, seen } => {
                let mut parts = Vec::new();
                while parts.len() < *size
                    && let Some(part) = walk.next().await?
                {
                    if seen.as_mut().is_none_or(|seen| seen.insert(value_digest(&part))) {
                        parts.push(part);
                    }
                }
                queue.extend((!parts.is_empty()).then(|| group(&parts)));
                return Ok(!parts.is_empty());
            }
            Self::Union { walks, present, field, seen } => {
                let Some(walk) = walks.get_mut(*present) else { return Ok(false) };
                match walk.next().await? {
                    None => *present += 1,
                    Some(part) => {
                        let fresh = seen.insert(value_digest(&part));
                        queue.extend(unite(part, field).filter(|_| fresh));
                    }
                }
            }
        }
        Ok(true)
    }
}

/// What tells the values of partitions of one field apart, wherever they come from.
fn value_digest(part: &Partition) -> [u8; 16] {
    let own = part.key.iter().find(|(name, _)| *name != "parent_slice");
    digest_of(&own.map(|(_, value)| value.to_string()).unwrap_or_default())
}

impl ParentRun {
    fn partition(&self, record: &Record, of: &Partition) -> Result<Option<Partition>, Error> {
        let shape = |message: String| {
            let at =
                At { stream: self.parent.stream.name.to_string(), slice: of.to_string(), page: 0 };
            Error::Shape { at, message }
        };
        let value = Value::from_json(&record.raw).map_err(|error| shape(error.to_string()))?;
        self.parent.partition(&value, of).map_err(|error| shape(error.to_string()))
    }
}

async fn combinations(walks: &mut [PartitionWalk]) -> Result<VecDeque<Partition>, Error> {
    let mut lines: Vec<Vec<Partition>> = vec![Vec::new()];
    for walk in walks {
        let mut parts = Vec::new();
        while let Some(part) = walk.next().await? {
            parts.push(part);
        }
        let longer = |line: &Vec<Partition>| {
            let line = line.clone();
            parts
                .iter()
                .map(|part| line.iter().chain([part]).cloned().collect())
                .collect::<Vec<Vec<Partition>>>()
        };
        lines = lines.iter().flat_map(longer).collect();
    }
    Ok(lines.iter().map(|line| combine(line)).collect())
}

/// The state that a parent starts from: what the child's state keeps for it, else the child's
/// own.
fn parent_state(parent: &Parent, state: &Map<String, Json>) -> Map<String, Json> {
    if !parent.incremental {
        return Map::new();
    }
    let object = |value: Option<&Json>| value.and_then(Json::as_object).cloned();
    let kept = state.get("parent_state").and_then(|all| all.get(parent.stream.name.as_str()));
    if let Some(kept) = object(kept).or_else(|| object(state.get("state"))) {
        return kept;
    }
    // An old state is one cursor value; it seeds the parent's cursor.
    let mut values = state.values();
    let delegated = parent.stream.delegated.as_ref();
    let stream = delegated.map_or(&parent.stream, |delegated| &delegated.incremental);
    match (values.next(), values.next(), &stream.cursor) {
        (Some(value @ (Json::String(_) | Json::Number(_))), None, Some(cursor)) => {
            [(cursor.field().to_owned(), value.clone())].into_iter().collect()
        }
        _ => Map::new(),
    }
}
