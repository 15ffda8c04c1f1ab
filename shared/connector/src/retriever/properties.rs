//! `QueryProperties`: the properties that requests name, in groups that the source accepts.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::lock::Mutex;
use request::interpolation::Context;
use request::value::{Dict, Value};
use serde_json::{Value as Json, json};

use super::PageReader;
use crate::dpath::Path;
use crate::error::{At, Error};
use crate::part::{BuildError, Part};
use crate::slice::Slice;
use crate::source::Shared;
use crate::stream::Core;
use crate::transformation::Transformation;

/// The properties of a stream's requests.
#[derive(Debug)]
pub(crate) struct QueryProperties {
    listed: Listed,
    always: Vec<String>,
    chunking: Option<Chunking>,
    /// Those that the reader of the stream wants; none: all.
    chosen: Option<HashSet<String>>,
    /// The request parameter that names them; without one, templates do.
    pub(super) parameter: Option<String>,
}

#[derive(Debug)]
enum Listed {
    Here(Vec<String>),
    /// `PropertiesFromEndpoint`.
    There(Box<Endpoint>),
}

#[derive(Debug)]
struct Endpoint {
    core: Arc<Core>,
    path: Path,
    known: Mutex<Option<Arc<[String]>>>,
}

/// `PropertyChunking`.
#[derive(Debug)]
struct Chunking {
    by_characters: bool,
    limit: Option<usize>,
    /// What tells which records of two chunks are one.
    keys: Vec<String>,
}

/// A requester without what stands in it of properties.
pub(super) fn without(requester: &Json) -> Json {
    let mut requester = requester.clone();
    if let Some(fields) = requester.as_object_mut() {
        fields.remove("fetch_properties_from_endpoint");
        fields.remove("query_properties");
        if let Some(parameters) = fields.get_mut("request_parameters").and_then(Json::as_object_mut)
        {
            parameters.retain(|_, value| !is_properties(value));
        }
    }
    requester
}

fn is_properties(value: &Json) -> bool {
    value.get("type").and_then(Json::as_str) == Some("QueryProperties")
}

impl QueryProperties {
    /// Of a stream's requester, if it has any.
    pub(crate) fn build(
        requester: &Part<'_>,
        stream: &str,
        shared: &Arc<Shared>,
    ) -> Result<Option<Self>, BuildError> {
        let parameters = requester.child("request_parameters");
        let within = parameters.as_ref().and_then(|parameters| parameters.json.as_object());
        let mut named = within.into_iter().flatten().filter(|(_, value)| is_properties(value));
        let endpoint = requester.child("fetch_properties_from_endpoint");
        let (first, second) = (named.next(), named.next());
        if second.is_some() || (first.is_some() && endpoint.is_some()) {
            return Err(requester.fault("properties can be named once a stream only".into()));
        }
        let context = shared.context();
        if let Some((name, _)) = first
            && let Some(part) = parameters.as_ref().and_then(|part| part.child(name))
        {
            let mut this = Self::of(&part, stream, shared, &context)?;
            this.parameter = Some(name.clone());
            return Ok(Some(this));
        }
        if let Some(endpoint) = endpoint {
            let listed = Listed::There(Box::new(Endpoint::build(&endpoint, shared, &context)?));
            let (always, chunking, chosen, parameter) = (Vec::new(), None, None, None);
            return Ok(Some(Self { listed, always, chunking, chosen, parameter }));
        }
        let part = requester.child("query_properties");
        part.map(|part| Self::of(&part, stream, shared, &context)).transpose()
    }

    fn of(
        part: &Part<'_>,
        stream: &str,
        shared: &Arc<Shared>,
        context: &Context<'_>,
    ) -> Result<Self, BuildError> {
        let listed = match part.child("property_list") {
            Some(list) if list.json.is_object() => {
                Listed::There(Box::new(Endpoint::build(&list, shared, context)?))
            }
            _ => Listed::Here(texts(part, "property_list")?),
        };
        let chunking = part.child("property_chunking");
        let selector = part.child("property_selector");
        let chosen = match &selector {
            Some(selector) => chosen(selector, stream, shared, context)?,
            None => None,
        };
        Ok(Self {
            listed,
            always: texts(part, "always_include_properties")?,
            chunking: chunking.as_ref().map(Chunking::build).transpose()?,
            chosen,
            parameter: None,
        })
    }

    /// The groups in which properties are asked for, one request each.
    pub(super) async fn chunks(&self) -> Result<Vec<Vec<String>>, Error> {
        let fields: Arc<[String]> = match &self.listed {
            Listed::Here(fields) => fields.clone().into(),
            Listed::There(endpoint) => endpoint.fields().await?,
        };
        let wanted = |field: &&String| self.chosen.as_ref().is_none_or(|set| set.contains(*field));
        let always = || self.always.clone();
        let Some(chunking) = &self.chunking else {
            let mut all = always();
            all.extend(fields.iter().filter(wanted).cloned());
            return Ok(vec![all]);
        };
        let Some(limit) = chunking.limit else {
            return Ok(vec![fields.iter().cloned().chain(always()).collect()]);
        };
        let (mut chunks, mut chunk, mut size) = (Vec::new(), always(), 0);
        for field in fields.iter().filter(wanted) {
            // A separator takes three characters in an address.
            let own = if chunking.by_characters { field.chars().count() + 3 } else { 1 };
            if size + own > limit {
                chunks.push(std::mem::replace(&mut chunk, always()));
                size = 0;
            }
            chunk.push(field.clone());
            size += own;
        }
        chunks.push(chunk);
        Ok(chunks)
    }

    /// What tells that records of two chunks are one; none where they are not put together.
    pub(super) fn merge_key(&self, record: &Value) -> Option<String> {
        let keys = &self.chunking.as_ref()?.keys;
        let text = |key: &String| {
            let value = record.get(key).filter(|value| value.is_truthy())?;
            Some(value.to_string())
        };
        Some(keys.iter().map(text).collect::<Option<Vec<_>>>()?.join(","))
    }
}

impl Endpoint {
    fn build(
        part: &Part<'_>,
        shared: &Arc<Shared>,
        context: &Context<'_>,
    ) -> Result<Self, BuildError> {
        let retriever = part.needed("retriever")?;
        let stream = json!({
            "type": "DeclarativeStream",
            "name": "dynamic_properties",
            "retriever": retriever.json,
        });
        let stream = Part::new(&stream, retriever.place().to_owned(), retriever.line());
        Ok(Self {
            core: Arc::new(Core::build(&stream, shared)?),
            path: Path::new(part.texts_at("property_field_path", context)?),
            known: Mutex::new(None),
        })
    }

    /// The properties, asked for once.
    fn fields(&self) -> BoxFuture<'_, Result<Arc<[String]>, Error>> {
        async move {
            let mut known = self.known.lock().await;
            if let Some(fields) = &*known {
                return Ok(Arc::clone(fields));
            }
            let mut fields = Vec::new();
            let slice = Slice::default();
            let mut pages = PageReader::new(Arc::clone(&self.core), slice, None, None);
            while let Some(page) = pages.next().await? {
                for record in &page.records {
                    let shape = |message: String| {
                        let at = At { stream: self.core.name.to_string(), ..At::default() };
                        Error::Shape { at: At { page: page.number, ..at }, message }
                    };
                    let value = Value::from_json(&record.raw).map_err(|e| shape(e.to_string()))?;
                    let field = self.path.get(&value).map_err(|e| shape(e.to_string()))?;
                    fields.push(field.map_or_else(|| "[]".to_owned(), ToString::to_string));
                }
            }
            let fields: Arc<[String]> = fields.into();
            *known = Some(Arc::clone(&fields));
            Ok(fields)
        }
        .boxed()
    }
}

impl Chunking {
    fn build(part: &Part<'_>) -> Result<Self, BuildError> {
        let by_characters = match part.text("property_limit_type")? {
            Some("characters") => true,
            Some("property_count") => false,
            _ => {
                let message = "`property_limit_type` is characters or property_count";
                return Err(part.fault(message.into()));
            }
        };
        let limit = part.child("property_limit").map(|limit| {
            let number = limit.json.as_u64().and_then(|limit| usize::try_from(limit).ok());
            number.ok_or_else(|| limit.fault("expected a number".into()))
        });
        let keys = match part.child("record_merge_strategy") {
            Some(strategy) => texts(&strategy, "key")?,
            None => vec!["id".to_owned()],
        };
        Ok(Self { by_characters, limit: limit.transpose()?.filter(|limit| *limit > 0), keys })
    }
}

/// The properties that the configured catalogue wants of a stream, transformed.
fn chosen(
    selector: &Part<'_>,
    stream: &str,
    shared: &Shared,
    context: &Context<'_>,
) -> Result<Option<HashSet<String>>, BuildError> {
    let Some(properties) = shared.catalog.properties(stream) else { return Ok(None) };
    let mut properties = Value::from(Dict::from(properties));
    for part in selector.children("transformations") {
        let step = Transformation::build(&part, context)?;
        step.apply(&mut properties, context).map_err(|error| part.fault(error.to_string()))?;
    }
    let names = properties.as_dict().into_iter().flat_map(Dict::keys);
    Ok(Some(names.map(|key| key.value().to_string()).collect()))
}

fn texts(part: &Part<'_>, field: &str) -> Result<Vec<String>, BuildError> {
    let text = |child: Part<'_>| match child.json.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(child.fault("expected a text".into())),
    };
    part.children(field).into_iter().map(text).collect()
}

/// Puts what a second answer says of a record into what the first one said.
pub(super) fn merge(target: &mut Value, source: &Value) {
    let (Some(target), Some(source)) = (target.as_dict_mut(), source.as_dict()) else { return };
    for (key, value) in source.iter() {
        match target.get_key_mut(key) {
            Some(held) if held.as_dict().is_some() && value.as_dict().is_some() => {
                merge(held, value);
            }
            _ => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}
