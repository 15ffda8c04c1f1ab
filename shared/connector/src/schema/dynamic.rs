//! `DynamicSchemaLoader`: a schema that the first record of a retriever describes.

use std::sync::Arc;

use request::interpolation::{Context, InterpolatedBoolean};
use request::value::{Dict, Value};
use serde_json::{Map, Value as Json, json};

use crate::dpath::Path;
use crate::error::{At, Error};
use crate::part::{BuildError, Part};
use crate::retriever::PageReader;
use crate::slice::Slice;
use crate::source::Shared;
use crate::stream::Core;
use crate::transformation::Transformation;

/// What the retriever of a schema calls itself.
const NAME: &str = "dynamic_properties";

/// A schema that has to be asked for.
#[derive(Debug)]
pub(super) struct DynamicSchema {
    core: Arc<Core>,
    /// Where in the record the fields are described.
    fields: Path,
    /// Where in a description the name is.
    key: Path,
    /// Where in a description the type is; texts where there is no such place.
    kind: Option<Path>,
    types: Vec<TypesMap>,
    filter: Option<InterpolatedBoolean>,
    transformations: Vec<Transformation>,
}

/// `TypesMap`: what a type of the API is in the schema.
#[derive(Debug)]
struct TypesMap {
    current: Value,
    target: Target,
    condition: Option<InterpolatedBoolean>,
}

#[derive(Debug)]
enum Target {
    /// A name, or a list of names.
    Plain(Value),
    /// The schema of a `ComplexFieldType`.
    Complex(Json),
}

impl DynamicSchema {
    pub(super) fn build(part: &Part<'_>, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let context = shared.context();
        let identifier = part.needed("schema_type_identifier")?;
        let pointer = |field| -> Result<Path, BuildError> {
            Ok(Path::new(identifier.texts_at(field, &context)?))
        };
        let kind = pointer("type_pointer")?;
        let filter = part.child("schema_filter").map(|filter| -> Result<_, BuildError> {
            // A filter without a condition lets nothing pass in the reference.
            let condition = filter.condition_at("condition")?;
            Ok(condition.unwrap_or_else(|| InterpolatedBoolean::known(false)))
        });
        let transformations = part.children("schema_transformations");
        let retriever = part.needed("retriever")?;
        let routers = retriever.children("partition_router");
        if let Some(router) = routers.first().filter(|_| retriever.kind() == "AsyncRetriever") {
            // One record is read: the jobs of the other partitions would be left behind.
            let message = "an AsyncRetriever of a schema cannot have a `partition_router`";
            return Err(router.fault(message.to_owned()));
        }
        Ok(Self {
            core: Arc::new(Core::of_shared_retriever(NAME, &retriever, shared)?),
            fields: pointer("schema_pointer")?,
            key: pointer("key_pointer")?,
            kind: Some(kind).filter(|path| !path.segments().is_empty()),
            types: identifier
                .children("types_mapping")
                .iter()
                .map(TypesMap::build)
                .collect::<Result<_, _>>()?,
            filter: filter.transpose()?,
            transformations: transformations
                .iter()
                .map(|part| Transformation::build(part, &context))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Asks for the first record, and reads the schema in it.
    pub(super) async fn load(&self, stream: &str) -> Result<Json, Error> {
        let mut reader = PageReader::new(Arc::clone(&self.core), Slice::default(), None, None);
        let mut first = None;
        while first.is_none()
            && let Some(page) = reader.next().await?
        {
            first = page.records.into_iter().next();
        }
        let shape = |message: String| {
            let at = At { stream: stream.to_owned(), slice: "schema".into(), page: 0 };
            Error::Shape { at, message }
        };
        let properties = match first {
            None => Value::empty_dict(),
            Some(record) => Value::from_json(&record.raw)
                .map_err(|error| error.to_string())
                .and_then(|record| self.properties(&record))
                .map_err(shape)?,
        };
        Ok(json!({
            "$schema": "https://json-schema.org/draft-07/schema#",
            "type": "object",
            "additionalProperties": true,
            "properties": properties.to_json(),
        }))
    }

    fn properties(&self, record: &Value) -> Result<Value, String> {
        let base = self.core.shared.context();
        let context = Context::within(&base)
            .with("stream_slice", Value::None)
            .with("next_page_token", Value::None);
        let mut properties = Dict::default();
        if record.is_truthy() {
            for description in self.descriptions(record)? {
                let key = at(&self.key, &description)?;
                let Some(Value::Str(name)) = key else {
                    return Err(format!(
                        "expected the name of a field, a text, found {}",
                        key.map_or("nothing", Value::type_name)
                    ));
                };
                let schema = self.schema(&description, &context)?;
                properties.insert(&**name, Value::from(&schema));
            }
        }
        let mut kept = Value::from(self.kept(properties, &context)?);
        for transformation in &self.transformations {
            transformation.apply(&mut kept, &context).map_err(|error| error.to_string())?;
        }
        Ok(kept)
    }

    /// The descriptions of the fields: items of a list, or keys of a mapping.
    fn descriptions(&self, record: &Value) -> Result<Vec<Value>, String> {
        let found = at(&self.fields, record)?;
        match found {
            Some(Value::List(items)) => Ok(items.to_vec()),
            Some(Value::Dict(dict)) => Ok(dict.keys().map(|key| key.value().clone()).collect()),
            other => {
                let found = other.map_or("nothing", Value::type_name);
                let place = self.fields.segments().join("/");
                Err(format!("expected descriptions of fields at `{place}`, found {found}"))
            }
        }
    }

    /// The fields that pass the filter, each seen as a record of its own.
    fn kept(&self, properties: Dict, context: &Context<'_>) -> Result<Dict, String> {
        let Some(filter) = &self.filter else { return Ok(properties) };
        let mut kept = Dict::default();
        for (key, schema) in properties.iter() {
            let one: Dict = [(key.clone(), schema.clone())].into_iter().collect();
            let scope = Context::within(context).with("record", Value::from(one));
            if filter.eval(&scope).map_err(|error| error.to_string())? {
                kept.insert(key.clone(), schema.clone());
            }
        }
        Ok(kept)
    }

    /// The schema of one field.
    fn schema(&self, description: &Value, context: &Context<'_>) -> Result<Json, String> {
        let text = Value::from("string");
        let kind = match &self.kind {
            Some(path) => path.get(description).map_err(|error| error.to_string())?,
            None => None,
        };
        let kind = kind.unwrap_or(&text);
        let scope = Context::within(context).with("raw_schema", description.clone());
        for map in self.types.iter().filter(|map| map.current == *kind) {
            let holds = map.condition.as_ref().map_or(Ok(true), |condition| condition.eval(&scope));
            if holds.map_err(|error| error.to_string())? {
                return match &map.target {
                    Target::Plain(target) => plain(target),
                    Target::Complex(schema) => Ok(schema.clone()),
                };
            }
        }
        plain(kind)
    }
}

impl TypesMap {
    fn build(part: &Part<'_>) -> Result<Self, BuildError> {
        let target = part.needed("target_type")?;
        let condition = part.text("condition")?;
        let condition = condition.map(|text| InterpolatedBoolean::new(text, &Value::empty_dict()));
        Ok(Self {
            current: Value::from(part.needed("current_type")?.json),
            target: match target.json {
                Json::Object(_) => Target::Complex(complex(&target)?),
                other => Target::Plain(Value::from(other)),
            },
            condition: condition.transpose().map_err(|error| part.fault(error.to_string()))?,
        })
    }
}

/// The schema of a `ComplexFieldType`.
fn complex(part: &Part<'_>) -> Result<Json, BuildError> {
    let name = part.text("field_type")?.unwrap_or_default();
    let named = |name: &str| named(name).map_err(|message| part.fault(message));
    let mut schema = named(name)?;
    let Some(items) = part.child("items") else { return Ok(schema) };
    if name != "array" {
        return Err(items.fault("`items` is for a `field_type` of `array` only".into()));
    }
    let items = match items.json {
        Json::String(name) => named(name)?,
        _ => complex(&items)?,
    };
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("items".into(), items);
    }
    Ok(schema)
}

/// The schema of a type: a name, or two of them for either.
fn plain(kind: &Value) -> Result<Json, String> {
    match (kind, kind.as_slice()) {
        (Value::Str(name), _) => named(name),
        (_, Some([Value::Str(first), Value::Str(second)])) => {
            Ok(json!({"oneOf": [named(first)?, named(second)?]}))
        }
        (other, _) => {
            Err(format!("a field's type is a text or a list of two, found {}", other.type_name()))
        }
    }
}

/// The schema of a type by its name.
fn named(name: &str) -> Result<Json, String> {
    let (kind, format, airbyte) = match name {
        "string" | "boolean" | "integer" | "number" | "array" | "object" => (name, None, false),
        "date" => ("string", Some("date"), false),
        "timestamp_with_timezone" => ("string", Some("date-time"), false),
        "timestamp_without_timezone" => ("string", Some("date-time"), true),
        "time_with_timezone" | "time_without_timezone" => ("string", Some("time"), true),
        other => {
            return Err(format!(
                "`{other}` is no type of a field; map it with `types_mapping` onto one of {}",
                NAMES.join(", ")
            ));
        }
    };
    let mut schema = Map::new();
    schema.insert("type".into(), json!(["null", kind]));
    if let Some(format) = format {
        schema.insert("format".into(), json!(format));
    }
    if airbyte {
        schema.insert("airbyte_type".into(), json!(name));
    }
    Ok(Json::Object(schema))
}

const NAMES: [&str; 11] = [
    "string",
    "boolean",
    "integer",
    "number",
    "array",
    "object",
    "date",
    "timestamp_with_timezone",
    "timestamp_without_timezone",
    "time_with_timezone",
    "time_without_timezone",
];

/// What stands at a path; the whole where the path is empty.
fn at<'v>(path: &Path, value: &'v Value) -> Result<Option<&'v Value>, String> {
    if path.segments().is_empty() {
        return Ok(Some(value));
    }
    path.get(value).map_err(|error| error.to_string())
}
