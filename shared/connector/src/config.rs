//! What a manifest does to a configuration before its components see it:
//! `config_normalization_rules`.

mod schema;

use model::Timestamp;
use request::interpolation::{
    Context, InterpolatedBoolean, InterpolatedMapping, InterpolatedNestedMapping,
    InterpolatedString, Types,
};
use request::value::{Dict, Key, Value};
use serde_json::Value as Json;

use crate::dpath::Path;
use crate::error::Error;
use crate::part::{BuildError, Part};
use crate::transformation::Added;
use schema::Schema;

/// A configuration as the components see it.
#[derive(Clone)]
pub struct Normalized {
    /// Moved to its present form, where that differs from what was given: whoever keeps the
    /// configuration keeps this from now on.
    pub migrated: Option<Json>,
    /// The form that the components see.
    pub config: Json,
}

impl std::fmt::Debug for Normalized {
    /// Without the configuration: it holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Normalized").finish_non_exhaustive()
    }
}

/// The rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    migrations: Vec<Step>,
    transformations: Vec<Step>,
    validations: Vec<Validation>,
}

/// One change.
#[derive(Debug)]
enum Step {
    Add { fields: Vec<Added>, condition: Option<InterpolatedBoolean> },
    Remove { paths: Vec<Path>, condition: Option<InterpolatedBoolean> },
    Remap { path: Vec<InterpolatedString>, map: InterpolatedMapping },
}

/// One thing that must hold.
#[derive(Debug)]
struct Validation {
    subject: Subject,
    schema: Schema,
    line: u32,
}

#[derive(Debug)]
enum Subject {
    /// What lies at a path; nothing is demanded where nothing lies.
    Path(Path),
    /// A value made of the configuration.
    Value(InterpolatedNestedMapping),
}

impl Rules {
    /// From a manifest's `spec`.
    pub(crate) fn build(spec: &Json) -> Result<Self, BuildError> {
        let Some(rules) = Part::new(spec, "spec".to_owned(), 0).child("config_normalization_rules")
        else {
            return Ok(Self::default());
        };
        let mut migrations = Vec::new();
        for migration in rules.children("config_migrations") {
            for transformation in migration.children("transformations") {
                migrations.push(Step::build(&transformation)?);
            }
        }
        let transformations = rules.children("transformations");
        let validations = rules.children("validations");
        Ok(Self {
            migrations,
            transformations: transformations.iter().map(Step::build).collect::<Result<_, _>>()?,
            validations: validations.iter().map(Validation::build).collect::<Result<_, _>>()?,
        })
    }

    /// The configuration, moved and transformed.
    pub(crate) fn apply(&self, config: &Json, now: Timestamp) -> Result<Normalized, BuildError> {
        let mut value = Value::from(config);
        run(&self.migrations, &mut value, now)?;
        let moved = value.to_json();
        run(&self.transformations, &mut value, now)?;
        Ok(Normalized {
            migrated: Some(moved).filter(|moved| moved != config),
            config: value.to_json(),
        })
    }
}

impl Rules {
    /// Refuses a configuration in its last form that a validation refuses.
    pub(crate) fn validate(&self, config: &Json, now: Timestamp) -> Result<(), BuildError> {
        let config = Value::from(config);
        self.validations.iter().try_for_each(|validation| validation.check(&config, now))
    }
}

/// The settings that are no part of what a manifest describes.
const INTERNAL: [&str; 2] = ["_limit", "_page_size"];

/// Refuses a configuration in its last form that `connection_specification` does not describe.
pub(crate) fn described(spec: &Json, config: &Json) -> Result<(), Error> {
    let Some(schema) = spec.get("connection_specification").filter(|s| !s.is_null()) else {
        return Ok(());
    };
    let refused = |message| Error::Described { message };
    let schema = Schema::of_configuration(schema, config);
    let schema = schema.map_err(|reason| refused(format!("connection_specification: {reason}")))?;
    let mut config = config.clone();
    if let Some(fields) = config.as_object_mut() {
        fields.retain(|name, _| !INTERNAL.contains(&name.as_str()));
    }
    schema.lacks(&config).map_err(refused)
}

fn run(steps: &[Step], config: &mut Value, now: Timestamp) -> Result<(), BuildError> {
    for step in steps {
        let failed = |message: String| BuildError {
            line: 0,
            path: "spec.config_normalization_rules".to_owned(),
            message,
        };
        step.apply(config, now).map_err(failed)?;
    }
    Ok(())
}

impl Step {
    fn build(part: &Part<'_>) -> Result<Self, BuildError> {
        Ok(match part.kind() {
            "ConfigAddFields" => {
                let fields = part.children("fields");
                let fields = fields.iter().map(Added::build).collect::<Result<_, _>>()?;
                Self::Add { fields, condition: part.condition_at("condition")? }
            }
            "ConfigRemoveFields" => {
                let pointers = part.children("field_pointers");
                let path = |pointer: &Part<'_>| {
                    let names = pointer
                        .json
                        .as_array()
                        .ok_or_else(|| pointer.fault("expected a list of names".to_owned()))?;
                    Ok(Path::new(names.iter().map(text).collect()))
                };
                let paths = pointers.iter().map(path).collect::<Result<_, BuildError>>()?;
                Self::Remove { paths, condition: part.condition_at("condition")? }
            }
            "ConfigRemapField" => {
                let none = Value::empty_dict();
                let names = part.children("field_path");
                if names.is_empty() {
                    return Err(part.fault("needs `field_path`, with at least one name".into()));
                }
                let map = part.needed("map")?;
                let fields = map.json.as_object().ok_or_else(|| {
                    map.fault("expected a mapping of old values to new ones".to_owned())
                })?;
                let compiled = InterpolatedMapping::new(fields, &none);
                Self::Remap {
                    path: names
                        .iter()
                        .map(|name| name.template(&none))
                        .collect::<Result<_, _>>()?,
                    map: compiled.map_err(|error| map.fault(error.to_string()))?,
                }
            }
            other => return Err(part.fault(format!("{other} does not change a configuration"))),
        })
    }

    fn apply(&self, config: &mut Value, now: Timestamp) -> Result<(), String> {
        let seen = config.clone();
        let context = Context::new(seen, now);
        match self {
            Self::Add { fields, condition } => {
                for field in fields {
                    // Each sees what the ones before have added.
                    let context = Context::new(config.clone(), now);
                    let added = field.apply(config, condition.as_ref(), &context);
                    added.map_err(|e| e.to_string())?;
                }
                Ok(())
            }
            Self::Remove { paths, condition } => {
                let wanted = condition.as_ref().map(|condition| condition.eval(&context));
                if wanted.transpose().map_err(|e| e.to_string())?.unwrap_or(true) {
                    for path in paths {
                        path.delete(config);
                    }
                }
                Ok(())
            }
            Self::Remap { path, map } => {
                let path: Result<Vec<_>, _> = path.iter().map(|part| part.text(&context)).collect();
                let path = path.map_err(|e| e.to_string())?;
                let map = map.eval(&context, Types::Any).map_err(|e| e.to_string())?;
                remap(config, &path, &map);
                Ok(())
            }
        }
    }
}

/// Replaces a value that the map names; any other stays.
fn remap(config: &mut Value, path: &[String], map: &Dict) {
    let mut place = config;
    for name in path {
        let Some(next) = place.as_dict_mut().and_then(|fields| fields.get_mut(name)) else {
            return;
        };
        place = next;
    }
    let key = Key::new(place.clone());
    if let Some(new) = key.and_then(|key| map.get_key(&key).cloned()) {
        *place = new;
    }
}

fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

impl Validation {
    fn build(part: &Part<'_>) -> Result<Self, BuildError> {
        let strategy = part.needed("validation_strategy")?;
        let base = strategy.needed("base_schema")?;
        let schema = Schema::compile(base.json).map_err(|reason| base.fault(reason))?;
        let subject = match part.kind() {
            "DpathValidator" => {
                let names = part.children("field_path");
                if names.is_empty() {
                    return Err(part.fault("needs `field_path`, with at least one name".into()));
                }
                Subject::Path(Path::new(names.iter().map(|name| text(name.json)).collect()))
            }
            "PredicateValidator" => {
                let value = part.needed("value")?;
                let none = Value::empty_dict();
                let template = InterpolatedNestedMapping::new(value.json, &none);
                Subject::Value(template.map_err(|error| value.fault(error.to_string()))?)
            }
            other => return Err(part.fault(format!("{other} is not a validator"))),
        };
        Ok(Self { subject, schema, line: part.fault(String::new()).line })
    }

    fn check(&self, config: &Value, now: Timestamp) -> Result<(), BuildError> {
        let fault = |path: String, message: String| BuildError { line: self.line, path, message };
        match &self.subject {
            Subject::Path(path) => {
                let place = format!("config.{}", path.segments().join("."));
                for value in path.values(config) {
                    self.schema.check(&value.to_json()).map_err(|m| fault(place.clone(), m))?;
                }
                Ok(())
            }
            Subject::Value(template) => {
                let place = "spec.config_normalization_rules.validations".to_owned();
                let value = template.eval(&Context::new(config.clone(), now));
                let value = value.map_err(|error| fault(place.clone(), error.to_string()))?;
                self.schema.check(&value.to_json()).map_err(|message| fault(place, message))
            }
        }
    }
}

#[cfg(test)]
mod tests;
