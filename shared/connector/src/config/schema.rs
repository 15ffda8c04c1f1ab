//! JSON Schemas that a configuration must adhere to.

use std::error::Error;
use std::fmt;

use boon::{Compiler, Draft, ErrorKind, Format, SchemaIndex, Schemas, UrlLoader, ValidationError};
use regex::Regex;
use serde_json::{Map, Value as Json};

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

    /// Compiles the schema that a configuration is held against. Patterns that only Python knows
    /// are left out: what they would refuse is let through. So are all of them where the
    /// configuration leads to this machine: a stand-in's address is not like the real one.
    pub(super) fn of_configuration(schema: &Json, config: &Json) -> Result<Self, String> {
        let mut schema = schema.clone();
        soften(&mut schema, leads_here(config));
        Self::compile(&schema)
    }

    /// What a configuration lacks, in the reference's words; it names settings and what is
    /// accepted, never values: they may be secrets.
    pub(super) fn lacks(&self, config: &Json) -> Result<(), String> {
        self.schemas.validate(config, self.index).map_err(|error| lacking(&error))
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

/// The first cause that has no further one, alternatives apart: none of them need be meant.
fn lacking(error: &ValidationError<'_, '_>) -> String {
    let mut leaf = error;
    while let Some(cause) = leaf.causes.first()
        && !matches!(leaf.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_))
    {
        leaf = cause;
    }
    let place = leaf.instance_location.to_string();
    let place = place.trim_start_matches('/').replace('/', ".");
    let what = match &leaf.kind {
        ErrorKind::Required { want } => format!("'{}' is a required property", want.join("', '")),
        ErrorKind::AdditionalProperties { got } => {
            format!("additional properties are not allowed: '{}'", got.join("', '"))
        }
        ErrorKind::Type { want, .. } => {
            let types: Vec<String> = want.iter().map(|kind| kind.to_string()).collect();
            format!("is not of type {}", types.join(" or "))
        }
        ErrorKind::Enum { want } => format!("is not one of {}", Json::from((*want).clone())),
        ErrorKind::Const { want } => format!("is not {want}"),
        ErrorKind::Pattern { want, .. } => format!("does not match '{want}'"),
        ErrorKind::AnyOf | ErrorKind::OneOf(None) => "fits none of the alternatives".to_owned(),
        ErrorKind::OneOf(Some(_)) => "fits more than one of the alternatives".to_owned(),
        // The library's own words would quote the value.
        _ => "does not adhere to its schema".to_owned(),
    };
    if place.is_empty() { what } else { format!("`{place}` {what}") }
}

/// Whether a text of it names this machine.
fn leads_here(config: &Json) -> bool {
    match config {
        Json::String(text) => {
            ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| text.contains(host))
        }
        Json::Object(fields) => fields.values().any(leads_here),
        Json::Array(items) => items.iter().any(leads_here),
        _ => false,
    }
}

/// Takes out what the reference knows or passes over, and nothing here does: dialects of other
/// names, and patterns of Python alone, or all patterns.
fn soften(schema: &mut Json, all: bool) {
    match schema {
        Json::Object(fields) => {
            let unknown =
                |value: &Json| value.as_str().is_some_and(|url| Draft::from_url(url).is_none());
            if fields.get("$schema").is_some_and(unknown) {
                fields.remove("$schema");
            }
            let is_one = fields.get("pattern").is_some_and(Json::is_string);
            if is_one && (all || is_vain(fields)) {
                fields.remove("pattern");
            }
            fields.values_mut().for_each(|field| soften(field, all));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| soften(item, all)),
        _ => {}
    }
}

/// Whether the pattern of a schema is better not looked at: it cannot be read here, or not as the
/// reference reads it, or it refuses an example of its own.
fn is_vain(schema: &Map<String, Json>) -> bool {
    let Some(pattern) = schema.get("pattern").and_then(Json::as_str) else { return false };
    // Within brackets these are plain characters there, and operators here.
    let operators = ["[[", "[^[", "&&", "--", "~~"];
    let Ok(regex) = Regex::new(pattern) else { return true };
    let examples = schema.get("examples").and_then(Json::as_array).into_iter().flatten();
    let mut samples = examples.chain(schema.get("default")).filter_map(Json::as_str);
    operators.iter().any(|one| pattern.contains(one)) || samples.any(|one| !regex.is_match(one))
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
