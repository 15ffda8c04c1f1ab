//! JSON Schemas that a configuration must adhere to.

use std::error::Error;
use std::fmt;

use boon::{Compiler, Format, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value as Json;

/// A compiled schema.
pub(super) struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// Where the schema is taken to lie.
const HOME: &str = "urn:schema";

/// The reference checks no `format`, whatever the draft.
const FORMATS: [&str; 20] = [
    "date-time",
    "date",
    "time",
    "duration",
    "period",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "uri-template",
    "iri",
    "iri-reference",
    "uuid",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

/// Schemas refer to nothing outside of themselves.
struct Nothing;

impl UrlLoader for Nothing {
    fn load(&self, url: &str) -> Result<Json, Box<dyn Error>> {
        Err(format!("`{url}` is not part of the manifest").into())
    }
}

impl Schema {
    /// Compiles a schema; what is wrong with it is said.
    pub(super) fn compile(schema: &Json) -> Result<Self, String> {
        let refused = |error: boon::CompileError| format!("not a JSON Schema: {error}");
        let mut schema = schema.clone();
        strip(&mut schema);
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.use_loader(Box::new(Nothing));
        for name in FORMATS {
            compiler.register_format(Format { name, func: |_| Ok(()) });
        }
        compiler.add_resource(HOME, schema).map_err(refused)?;
        let index = compiler.compile(HOME, &mut schemas).map_err(refused)?;
        Ok(Self { schemas, index })
    }

    /// Whether a value adheres to it; a text counts as the JSON in it. The message names places,
    /// never values: they may be secrets.
    pub(super) fn check(&self, value: &Json) -> Result<(), String> {
        let parsed;
        let value = match value {
            Json::String(text) => {
                let json = serde_json::from_str(text);
                parsed = json.map_err(|_| "must be JSON in a text".to_owned())?;
                &parsed
            }
            other => other,
        };
        self.schemas.validate(value, self.index).map_err(|error| said(&error))
    }
}

/// The first cause that has no further one.
fn said(error: &ValidationError<'_, '_>) -> String {
    let mut leaf = error;
    while let Some(cause) = leaf.causes.first() {
        leaf = cause;
    }
    let place = leaf.instance_location.to_string();
    let rule = leaf.schema_url.rsplit_once('#').map_or("", |(_, rule)| rule);
    let place = if place.is_empty() { String::new() } else { format!(" at `{place}`") };
    format!("does not adhere to its schema{place}: see `{rule}` of `base_schema`")
}

/// Takes out what the manifest's reader noted.
fn strip(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            fields.remove("$line");
            fields.remove("$parameters");
            fields.values_mut().for_each(strip);
        }
        Json::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
