//! `ComponentMappingDefinition`: one field of a template, filled in.

use model::document::{Document, Node};
use request::interpolation::{Context, InterpolatedBoolean, InterpolatedString, Types};
use request::value::Value;
use serde_json::Value as Json;

use crate::manifest::edit;
use crate::part::{BuildError, Part};

/// One field that is filled in.
pub(super) struct Mapping<'c> {
    part: Part<'c>,
    path: Vec<InterpolatedString>,
    value: InterpolatedString,
    types: Types,
    condition: Option<InterpolatedBoolean>,
    create: bool,
    /// Texts are read as YAML, so that a text of the configuration can be a whole component.
    yaml: bool,
}

impl<'c> Mapping<'c> {
    /// The mappings of a resolver.
    pub(super) fn all(resolver: &Part<'c>) -> Result<Vec<Self>, BuildError> {
        let kind = resolver.kind();
        let asks = kind == "HttpComponentsResolver";
        let mapping = |part: Part<'c>| {
            let condition = part.text("condition")?.filter(|text| !text.is_empty());
            if condition.is_some() && kind != "ConfigComponentsResolver" {
                let message = "`condition` is for a ConfigComponentsResolver only";
                return Err(part.fault(message.into()));
            }
            let parameters = part.parameters();
            let path = part.children("field_path").into_iter().map(|s| s.template(&parameters));
            let condition =
                condition.map(|text| InterpolatedBoolean::new(text, &resolver.parameters()));
            Ok(Self {
                path: path.collect::<Result<_, _>>()?,
                value: part.needed("value")?.template(&parameters)?,
                types: part.value_types()?,
                condition: condition.transpose().map_err(|e| part.fault(e.to_string()))?,
                create: part.flag("create_or_update")? && !asks,
                yaml: match kind {
                    "ConfigComponentsResolver" => part.value_types()? != Types::Text,
                    _ => !asks,
                },
                part,
            })
        };
        resolver.children("components_mapping").into_iter().map(mapping).collect()
    }

    /// Fills the field in, where it stands; where it does not and may be made, makes it.
    pub(super) fn apply(&self, stream: &mut Node, context: &Context<'_>) -> Result<(), BuildError> {
        let fault = |message: String| self.part.fault(message);
        if let Some(condition) = &self.condition
            && !condition.eval(context).map_err(|e| fault(e.to_string()))?
        {
            return Ok(());
        }
        let value = self.value.eval_as(context, self.types).map_err(|e| fault(e.to_string()))?;
        let text = |segment: &InterpolatedString| segment.text(context);
        let path: Result<Vec<_>, _> = self.path.iter().map(text).collect();
        let path = path.map_err(|e| fault(e.to_string()))?;
        let value = self.read(&value);
        let updated = edit::set(stream, &path, &value);
        if updated == 0 && self.create && Value::from(&value).is_truthy() {
            let message = format!("path `{}` leads through what has no parts", path.join("/"));
            edit::create(stream, &path, &value).ok_or_else(|| fault(message))?;
        }
        Ok(())
    }

    fn read(&self, value: &Value) -> Json {
        match value {
            Value::Str(text) if self.yaml => {
                // What is no YAML, such as a date format, is the text that it is.
                Document::parse("value", text)
                    .map_or_else(|_| value.to_json(), |d| d.root.to_json())
            }
            other => other.to_json(),
        }
    }
}
