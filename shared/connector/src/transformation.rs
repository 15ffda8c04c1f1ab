//! What is done to a record before it is handed on: `AddFields`, `RemoveFields` and the like.

mod keys;

use request::interpolation::{Context, EvalError, InterpolatedBoolean, InterpolatedString, Types};
use request::value::{Dict, Value};

use crate::dpath::{self, Path, PathError};
use crate::part::{BuildError, Part};

/// One step.
#[derive(Debug)]
pub(crate) enum Transformation {
    /// Sets fields, each seeing the ones before.
    Add { fields: Vec<Added>, condition: Option<InterpolatedBoolean> },
    /// Takes fields away.
    Remove { paths: Vec<Path>, condition: Option<InterpolatedBoolean> },
    /// Renames top-level keys to lower case.
    Lower,
    /// Renames keys to snake case, at any depth of mappings.
    Snake,
    /// Replaces a text in keys, at any depth of mappings.
    Replace { old: InterpolatedString, new: InterpolatedString },
    /// Brings all leaves to the top.
    Flatten { lists: bool },
    /// Brings the fields of one mapping to the top.
    FlattenPath(FlattenPath),
}

/// A field that `AddFields` sets.
#[derive(Debug)]
pub(crate) struct Added {
    path: Path,
    names: Value,
    value: InterpolatedString,
    types: Types,
}

/// What `DpathFlattenFields` does.
#[derive(Debug)]
pub(crate) struct FlattenPath {
    path: Path,
    delete_origin: bool,
    replace_record: bool,
    prefix: String,
    suffix: String,
}

/// A record that a transformation cannot work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransformError {
    /// A template failed.
    #[error(transparent)]
    Template(#[from] EvalError),
    /// A path leads nowhere.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Transformation {
    pub(crate) fn build(part: &Part<'_>, context: &Context<'_>) -> Result<Self, BuildError> {
        Ok(match part.kind() {
            "AddFields" => Self::Add {
                fields: part
                    .children("fields")
                    .iter()
                    .map(Added::build)
                    .collect::<Result<_, _>>()?,
                condition: part.condition_at("condition")?,
            },
            "RemoveFields" => {
                let pointers = part.children("field_pointers");
                let paths = pointers.iter().map(path).collect::<Result<_, _>>()?;
                Self::Remove { paths, condition: part.condition_at("condition")? }
            }
            "KeysToLower" => Self::Lower,
            "KeysToSnakeCase" => Self::Snake,
            "KeysReplace" => {
                let parameters = part.parameters();
                Self::Replace {
                    old: part.needed("old")?.template(&parameters)?,
                    new: part.needed("new")?.template(&parameters)?,
                }
            }
            "FlattenFields" => Self::Flatten {
                lists: part.child("flatten_lists").is_none_or(|c| c.json.as_bool() != Some(false)),
            },
            "DpathFlattenFields" => Self::FlattenPath(FlattenPath::build(part, context)?),
            other => return Err(part.fault(format!("{other} is not a transformation"))),
        })
    }

    /// Changes one record. `context` has the slice; the record is added to it here.
    pub(crate) fn apply(
        &self,
        record: &mut Value,
        context: &Context<'_>,
    ) -> Result<(), TransformError> {
        match self {
            Self::Add { fields, condition } => {
                for field in fields {
                    field.apply(record, condition.as_ref(), context)?;
                }
            }
            Self::Remove { paths, condition: None } => {
                for path in paths {
                    path.delete(record);
                }
            }
            Self::Remove { paths, condition: Some(condition) } => {
                // The reference's filter picks leaves wherever they are, not only at the path.
                for _ in paths {
                    dpath::delete_leaves(record, &mut |leaf| {
                        condition.eval(&Context::within(context).with("property", leaf.clone()))
                    })?;
                }
            }
            Self::Lower => keys::lower(record),
            Self::Snake => keys::rename(record, &keys::snake),
            Self::Replace { old, new } => {
                let scope = Context::within(context).with("record", record.clone());
                let (old, new) = (old.text(&scope)?, new.text(&scope)?);
                keys::rename(record, &|key| key.replace(&old, &new));
            }
            Self::Flatten { lists } => keys::flatten(record, *lists),
            Self::FlattenPath(flatten) => flatten.apply(record)?,
        }
        Ok(())
    }
}

impl Added {
    pub(crate) fn build(part: &Part<'_>) -> Result<Self, BuildError> {
        let types = part.value_types()?;
        let pointer = part.needed("path")?;
        let path = path(&pointer)?;
        if path.segments().is_empty() {
            return Err(pointer.fault("a path needs at least one name".into()));
        }
        let value = part.needed("value")?.template(&part.parameters())?;
        Ok(Self { names: Value::from(pointer.json), path, value, types })
    }

    pub(crate) fn apply(
        &self,
        record: &mut Value,
        condition: Option<&InterpolatedBoolean>,
        context: &Context<'_>,
    ) -> Result<(), TransformError> {
        let scope = Context::within(context).with("record", record.clone());
        let value = self.value.eval_as(&scope, self.types)?;
        if let Some(condition) = condition {
            let scope = Context::within(&scope)
                .with("value", value.clone())
                .with("path", self.names.clone());
            if !condition.eval(&scope)? {
                return Ok(());
            }
        }
        drop(scope);
        Ok(self.path.set(record, value)?)
    }
}

impl FlattenPath {
    fn build(part: &Part<'_>, context: &Context<'_>) -> Result<Self, BuildError> {
        let keys = part.child("key_transformation");
        let text = |field: &str| -> Result<String, BuildError> {
            match &keys {
                Some(keys) => Ok(keys.text_at(field, context)?.unwrap_or_default()),
                None => Ok(String::new()),
            }
        };
        Ok(Self {
            path: Path::new(part.texts_at("field_path", context)?),
            delete_origin: part.flag("delete_origin_value")?,
            replace_record: part.flag("replace_record")?,
            prefix: text("prefix")?,
            suffix: text("suffix")?,
        })
    }

    fn apply(&self, record: &mut Value) -> Result<(), PathError> {
        let found = if self.path.has_star() {
            self.path.values(record).first().copied()
        } else {
            self.path.get(record)?
        };
        let Some(fields) = found.and_then(Value::as_dict) else { return Ok(()) };
        let renamed = |key: &str| format!("{}{key}{}", self.prefix, self.suffix);
        let fields: Vec<(String, Value)> = fields
            .iter()
            .filter_map(|(key, value)| Some((renamed(key.as_str()?), value.clone())))
            .collect();
        if self.replace_record && !fields.is_empty() {
            *record = Value::from(Dict::default());
        } else if fields.iter().any(|(key, _)| record.get(key).is_some()) {
            return Ok(());
        } else if self.delete_origin {
            self.path.delete(record);
        }
        if let Some(dict) = record.as_dict_mut() {
            for (key, value) in fields {
                dict.insert(key.as_str(), value);
            }
        }
        Ok(())
    }
}

/// A list of names and positions; names are not templates here.
fn path(part: &Part<'_>) -> Result<Path, BuildError> {
    let segments = part.json.as_array().ok_or_else(|| part.fault("expected a list".into()))?;
    let text = |segment: &serde_json::Value| match segment {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(Path::new(segments.iter().map(text).collect()))
}
