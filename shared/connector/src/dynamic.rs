//! `DynamicDeclarativeStream`: streams that the configuration or the API names, each made of one
//! template.

mod mapping;

use std::sync::Arc;

use model::document::Node;
use request::interpolation::Context;
use request::value::{Dict, Object, Value};
use serde_json::{Map, Value as Json, json};

use crate::dpath::Path;
use crate::error::{At, Error};
use crate::manifest::{Manifest, Wins, located_component};
use crate::part::{BuildError, Part};
use crate::retriever::PageReader;
use crate::run::PartitionWalk;
use crate::source::Shared;
use crate::stream::Core;
use mapping::Mapping;

/// So many streams may be made of one template.
const MOST_STREAMS: usize = 10_000;

/// What resolvers without a name call themselves.
const UNNAMED: &str = "__http_components_resolver";

/// One definition of streams.
pub(crate) struct Dynamic {
    manifest: Manifest,
    shared: Arc<Shared>,
    /// How checks name it.
    pub(crate) name: String,
    path: String,
    template: Node,
    resolver: Json,
    wins: Wins,
}

/// What one stream is made with: what its resolver found, and the slice where it was found.
pub(crate) struct Components {
    values: Value,
    slice: Option<Value>,
}

/// A stream's component, and where it stands.
pub(crate) struct Made {
    pub(crate) json: Json,
    pub(crate) path: String,
}

impl Dynamic {
    /// The definition at a place in the list.
    pub(crate) fn new(
        manifest: &Manifest,
        node: &Node,
        at: usize,
        shared: &Arc<Shared>,
    ) -> Option<Self> {
        let name = node.get("name").and_then(Node::text).filter(|name| !name.is_empty());
        let nearest = node.get("use_parent_parameters").map(Node::to_json) == Some(json!(false));
        Some(Self {
            manifest: manifest.clone(),
            shared: Arc::clone(shared),
            name: name.map_or_else(|| format!("dynamic_stream_{at}"), str::to_owned),
            path: format!("dynamic_streams[{at}]"),
            template: node.get("stream_template")?.clone(),
            resolver: located_component(node.get("components_resolver")?),
            wins: if nearest { Wins::Nearest } else { Wins::Outermost },
        })
    }

    fn fault(&self, source: BuildError) -> Error {
        Error::Stream { stream: self.name.clone(), source }
    }

    fn part(&self) -> Part<'_> {
        Part::new(&self.resolver, format!("{}.components_resolver", self.path), 0)
    }

    /// What manifest and configuration alone say; none where the API has to be asked.
    pub(crate) fn known(&self) -> Result<Option<Vec<Components>>, Error> {
        let part = self.part();
        let values = match part.kind() {
            "ConfigComponentsResolver" => configured(&part, &self.shared.context()),
            "ParametrizedComponentsResolver" => parametrized(&part),
            _ => return self.asked_of().map(|_| None),
        };
        let values = values.map_err(|fault| self.fault(fault))?;
        Ok(Some(values.into_iter().map(|values| Components { values, slice: None }).collect()))
    }

    /// The stream whose records are the components.
    fn asked_of(&self) -> Result<Arc<Core>, Error> {
        let part = self.part();
        let unnamed = self.name.starts_with("dynamic_stream_");
        let name = if unnamed { UNNAMED } else { self.name.as_str() };
        let build = || Core::of_shared_retriever(name, &part.needed("retriever")?, &self.shared);
        Ok(Arc::new(build().map_err(|fault| self.fault(fault))?))
    }

    /// What the API says: a component for each record of the resolver's retriever.
    pub(crate) async fn asked(&self) -> Result<Vec<Components>, Error> {
        let core = self.asked_of()?;
        let mut found = Vec::new();
        let mut walk = PartitionWalk::new(&core, &Map::new())?;
        while let Some(partition) = walk.next().await? {
            let slice = core.slice(&partition, None);
            let shown = core.slice_value(&slice);
            let at = At { stream: core.name.to_string(), slice: slice.to_string(), page: 0 };
            let mut reader = PageReader::new(Arc::clone(&core), slice, None, None);
            while let Some(page) = reader.next().await? {
                if found.len() + page.records.len() > MOST_STREAMS {
                    let message = format!("more than {MOST_STREAMS} streams are named");
                    return Err(Error::Endless { at, message });
                }
                for record in &page.records {
                    let record = Value::from_json(&record.raw).map_err(|error| {
                        let message = format!("the answer cannot be read: {error}");
                        Error::Shape { at: At { page: page.number, ..at.clone() }, message }
                    })?;
                    let values = shown_record(record, core.name.as_str());
                    found.push(Components { values, slice: Some(shown.clone()) });
                }
            }
        }
        Ok(found)
    }

    /// The streams that the template makes of components.
    pub(crate) fn streams(&self, components: &[Components]) -> Result<Vec<Made>, Error> {
        let part = self.part();
        let mappings = Mapping::all(&part).map_err(|fault| self.fault(fault))?;
        let template = Value::from(&self.template.to_json());
        let config = self.shared.context();
        let one = |components: &Components| {
            let mut context = Context::within(&config)
                .with("stream_template_config", template.clone())
                .with("components_values", components.values.clone());
            if let Some(slice) = &components.slice {
                context = context.with("stream_slice", slice.clone());
            }
            let mut stream = self.template.clone();
            for mapping in &mappings {
                mapping.apply(&mut stream, &context).map_err(|fault| self.fault(fault))?;
            }
            let path = format!("{}.stream_template", self.path);
            let json = self.manifest.made(stream, self.wins, &path).map_err(Error::Manifest)?;
            Ok(Made { json, path })
        };
        components.iter().map(one).collect()
    }
}

/// A record as mappings see it: its fields as items, and what the reference's record has beside.
fn shown_record(record: Value, stream: &str) -> Value {
    let Value::Dict(items) = &record else { return record };
    Value::Object(Arc::new(Object {
        items: Dict::clone(items),
        attributes: vec![("data", record.clone()), ("stream_name", Value::from(stream))],
    }))
}

/// `ParametrizedComponentsResolver`: a list in the manifest.
fn parametrized(part: &Part<'_>) -> Result<Vec<Value>, BuildError> {
    let listed = part.needed("stream_parameters")?.children("list_of_parameters_for_stream");
    let values = listed.iter().map(|values| match values.json {
        Json::Object(_) => Ok(Value::from(values.json)),
        _ => Err(values.fault("expected a mapping".into())),
    });
    values.collect()
}

/// `ConfigComponentsResolver`: every combination of what stands at places of the configuration.
fn configured(part: &Part<'_>, context: &Context<'_>) -> Result<Vec<Value>, BuildError> {
    let config = context.get("config").cloned().unwrap_or_default();
    let mut combinations: Vec<Vec<(usize, Value)>> = vec![Vec::new()];
    for stream_config in part.children("stream_config") {
        let items = configs(&stream_config, &config, context)?;
        if combinations.len().saturating_mul(items.len()) > MOST_STREAMS {
            let message = format!("more than {MOST_STREAMS} streams are named");
            return Err(stream_config.fault(message));
        }
        let longer = |line: &Vec<(usize, Value)>| {
            let with = |item: (usize, &Value)| {
                line.iter().cloned().chain([(item.0, item.1.clone())]).collect()
            };
            items.iter().enumerate().map(with).collect::<Vec<Vec<_>>>()
        };
        combinations = combinations.iter().flat_map(longer).collect();
    }
    Ok(combinations.iter().map(|combination| merged(combination)).collect())
}

/// What stands at one place of the configuration, and the defaults beside it.
fn configs(
    part: &Part<'_>,
    config: &Value,
    context: &Context<'_>,
) -> Result<Vec<Value>, BuildError> {
    let path = Path::new(part.texts_at("configs_pointer", context)?);
    let found = if path.segments().is_empty() {
        Some(config)
    } else {
        path.get(config).map_err(|error| part.fault(error.to_string()))?
    };
    let mut items = match found {
        None => Vec::new(),
        Some(Value::List(items)) => items.to_vec(),
        Some(one) => vec![one.clone()],
    };
    items.extend(part.children("default_values").iter().map(|value| Value::from(value.json)));
    Ok(items)
}

/// One mapping of several; what is none goes under a name that says its place.
fn merged(combination: &[(usize, Value)]) -> Value {
    let mut all = Dict::default();
    for (i, (at, item)) in combination.iter().enumerate() {
        if let Some(fields) = item.as_dict() {
            for (key, value) in fields.iter() {
                all.insert(key.clone(), value.clone());
            }
            continue;
        }
        let name = format!("source_config_{i}");
        if !all.contains(&name) {
            let at = Value::from(i64::try_from(*at).unwrap_or(i64::MAX));
            all.insert(name.as_str(), Value::Tuple(Arc::new(vec![at, item.clone()])));
        }
    }
    Value::from(all)
}
