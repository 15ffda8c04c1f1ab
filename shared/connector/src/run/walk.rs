//! The partitions of a stream, in turn; parent streams are read for them.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use request::value::Value;
use serde_json::{Map, Value as Json};

use super::{Event, StreamRun};
use crate::error::{At, Error};
use crate::partition_router::{Parent, Router, combine};
use crate::retriever::Record;
use crate::slice::Partition;
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
}

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
                match &mut self.source {
                    Source::Dry => return Ok(None),
                    Source::Product(walks) => {
                        self.queue = combinations(walks).await?;
                        self.source = Source::Dry;
                    }
                    Source::Parents { runs, present } => {
                        let Some(parent) = runs.get_mut(*present) else { return Ok(None) };
                        match parent.run.next().await? {
                            None => *present += 1,
                            Some(Event::Closed) => {}
                            Some(Event::Records(records, of)) => {
                                let found = records.iter().map(|r| parent.partition(r, &of));
                                for partition in found {
                                    self.queue.extend(partition?);
                                }
                            }
                        }
                    }
                }
            }
        }
        .boxed()
    }

    /// The states of incremental parents; none where there are no parents.
    pub(crate) fn state(&self) -> Option<Json> {
        let Source::Parents { runs, .. } = &self.source else { return None };
        let kept = runs.iter().filter(|run| run.parent.incremental);
        let state =
            kept.map(|run| (run.parent.stream.name.to_string(), Json::Object(run.run.state())));
        Some(Json::Object(state.collect()))
    }
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
            [(cursor.field.clone(), value.clone())].into_iter().collect()
        }
        _ => Map::new(),
    }
}
