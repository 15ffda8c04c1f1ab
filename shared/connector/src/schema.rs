//! What a manifest says of a stream's records: their schema and what identifies them.

mod dynamic;

use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::lock::Mutex;
use serde_json::{Map, Value as Json, json};

use crate::error::Error;
use crate::part::{BuildError, Part};
use crate::source::Shared;
use dynamic::DynamicSchema;

/// The schema of a stream; what the API has to be asked for is asked once, when it is needed.
#[derive(Debug)]
pub(crate) struct Schema {
    loaders: Vec<Loader>,
    /// Whether the loaders are a list: then their properties are put together.
    listed: bool,
    loading: Mutex<()>,
    loaded: OnceLock<Json>,
}

/// What one loader gives.
#[derive(Debug)]
enum Loader {
    /// What stands in the manifest.
    Known(Json),
    /// What records of the API say.
    Dynamic(Box<DynamicSchema>),
}

impl Schema {
    /// Of a stream.
    pub(crate) fn build(stream: &Part<'_>, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let loader = |part: &Part<'_>| {
            Ok(match part.kind() {
                "DynamicSchemaLoader" => {
                    Loader::Dynamic(Box::new(DynamicSchema::build(part, shared)?))
                }
                _ => Loader::Known(inline(part)),
            })
        };
        let loaders = stream.children("schema_loader");
        let loaders: Vec<Loader> = loaders.iter().map(loader).collect::<Result<_, BuildError>>()?;
        let schema = Self {
            loaders,
            listed: stream.child("schema_loader").is_some_and(|part| part.json.is_array()),
            loading: Mutex::new(()),
            loaded: OnceLock::new(),
        };
        if let Some(known) = schema.known() {
            schema.loaded.get_or_init(|| known);
        }
        Ok(schema)
    }

    /// The schema, when nobody has to be asked for it.
    fn known(&self) -> Option<Json> {
        let known = self.loaders.iter().map(|loader| match loader {
            Loader::Known(schema) => Some(schema.clone()),
            Loader::Dynamic(_) => None,
        });
        Some(together(known.collect::<Option<_>>()?, self.listed))
    }

    /// The schema as far as it is known by now.
    pub(crate) fn loaded(&self) -> &Json {
        self.loaded.get().unwrap_or(&Json::Null)
    }

    /// The schema of a stream; the API is asked for it the first time.
    pub(crate) fn load<'s>(&'s self, stream: &'s str) -> BoxFuture<'s, Result<&'s Json, Error>> {
        async move {
            if let Some(loaded) = self.loaded.get() {
                return Ok(loaded);
            }
            let _turn = self.loading.lock().await;
            if let Some(loaded) = self.loaded.get() {
                return Ok(loaded);
            }
            let mut schemas = Vec::with_capacity(self.loaders.len());
            for loader in &self.loaders {
                schemas.push(match loader {
                    Loader::Known(schema) => schema.clone(),
                    Loader::Dynamic(dynamic) => dynamic.load(stream).await?,
                });
            }
            Ok(self.loaded.get_or_init(|| together(schemas, self.listed)))
        }
        .boxed()
    }
}

/// What can be said of a stream's schema without a configuration: an open object where that is
/// nothing.
pub(crate) fn outline(stream: &Part<'_>) -> Json {
    let listed = stream.child("schema_loader").is_some_and(|part| part.json.is_array());
    let schema = together(stream.children("schema_loader").iter().map(inline).collect(), listed);
    match schema.get("properties") {
        Some(_) => schema,
        None => open(),
    }
}

/// An object of any fields.
pub(crate) fn open() -> Json {
    json!({"type": "object", "properties": {}})
}

/// The schema of a loader, as it stands; empty where it does not.
fn inline(loader: &Part<'_>) -> Json {
    let schema = loader.child("schema").filter(|schema| schema.json.is_object());
    schema.map_or_else(|| json!({}), |schema| schema.json.clone())
}

/// One schema alone, or the properties of several; of equal names the first one's holds.
fn together(mut schemas: Vec<Json>, listed: bool) -> Json {
    if !listed {
        return schemas.pop().unwrap_or_else(|| json!({}));
    }
    let mut all = Map::new();
    for schema in schemas {
        let mut properties = match schema {
            Json::Object(mut fields) => match fields.remove("properties") {
                Some(Json::Object(properties)) => properties,
                _ => Map::new(),
            },
            _ => Map::new(),
        };
        properties.extend(all);
        all = properties;
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": ["null", "object"],
        "properties": all,
    })
}

/// The primary key as paths: a name, a list of names, or a list of paths.
pub(crate) fn primary_key(stream: &Part<'_>) -> Result<Vec<Vec<String>>, BuildError> {
    let fault = |part: &Part<'_>| part.fault("a primary key is names, or lists of names".into());
    let text = |part: &Part<'_>| part.json.as_str().map(str::to_owned).ok_or_else(|| fault(part));
    let mut key = Vec::new();
    for part in stream.children("primary_key") {
        let Json::Array(names) = part.json else {
            key.push(vec![text(&part)?]);
            continue;
        };
        let names: Option<Vec<_>> = names.iter().map(|n| n.as_str().map(str::to_owned)).collect();
        key.push(names.ok_or_else(|| fault(&part))?);
    }
    key.retain(|path| path.iter().any(|name| !name.is_empty()));
    Ok(key)
}
