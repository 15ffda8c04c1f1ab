//! `RecordSelector`: the records of a page.

mod normalization;
pub(crate) mod raw;

use request::interpolation::{Context, InterpolatedBoolean};
use request::value::Value;
use serde_json::Value as Json;

use crate::dpath::{Path, PathError};
use crate::part::{BuildError, Part};
use crate::transformation::{TransformError, Transformation};

/// Finds, filters and changes the records of a page.
#[derive(Debug)]
pub(crate) struct Selector {
    path: Path,
    filter: Option<InterpolatedBoolean>,
    transformations: Vec<Transformation>,
    transform_first: bool,
    normalize: bool,
}

impl Selector {
    /// Of a stream: its selector and its transformations. `client_side` says that records are
    /// filtered by their cursor here, which is done on what the transformations made of them.
    pub(crate) fn build(
        stream: &Part<'_>,
        selector: &Part<'_>,
        client_side: bool,
        context: &Context<'_>,
    ) -> Result<Self, BuildError> {
        let extractor = selector.needed("extractor")?;
        let filter = selector.child("record_filter");
        let transformations = stream.children("transformations");
        let first = selector.child("transform_before_filtering");
        Ok(Self {
            path: Path::new(extractor.texts_at("field_path", context)?),
            filter: match filter {
                // A filter without a condition lets nothing pass in the reference.
                Some(filter) => Some(
                    filter
                        .condition_at("condition")?
                        .unwrap_or_else(|| InterpolatedBoolean::known(false)),
                ),
                None => None,
            },
            transformations: transformations
                .iter()
                .map(|part| Transformation::build(part, context))
                .collect::<Result<_, _>>()?,
            transform_first: first.and_then(|first| first.json.as_bool()).unwrap_or(client_side),
            normalize: selector.text("schema_normalization")? == Some("Default"),
        })
    }

    /// The path of the records, when nothing is done to them, so that their bytes can be taken as
    /// they are.
    pub(crate) fn raw_path(&self) -> Option<&[String]> {
        let untouched = self.filter.is_none() && self.transformations.is_empty() && !self.normalize;
        let position = |segment: &String| segment.parse::<i64>().is_ok();
        let names = self.path.is_plain() && !self.path.segments().iter().any(position);
        (untouched && names).then(|| self.path.segments())
    }

    /// The records of a page as the source gave them.
    pub(crate) fn extract(&self, bodies: &[Value]) -> Result<Vec<Value>, PathError> {
        let mut records = Vec::new();
        for body in bodies {
            let found = if self.path.segments().is_empty() {
                Some(body)
            } else if self.path.has_star() {
                records.extend(self.path.values(body).into_iter().cloned());
                continue;
            } else {
                self.path.get(body)?
            };
            match found {
                Some(Value::List(items)) => records.extend(items.iter().cloned()),
                Some(one) if one.is_truthy() => records.push(one.clone()),
                _ => {}
            }
        }
        Ok(records)
    }

    /// Whether records stand in a list, as far as the path says where; bodies of a whole list are
    /// its items.
    pub(crate) fn is_listed(&self, bodies: &[Value], whole: &[u8]) -> Result<bool, PathError> {
        if self.path.has_star() {
            return Ok(true);
        }
        if self.path.segments().is_empty() {
            return Ok(whole.trim_ascii_start().first() == Some(&b'['));
        }
        for body in bodies {
            if !matches!(self.path.get(body)?, Some(Value::List(_))) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Filters and changes the records. `context` has the slice and the page's token.
    pub(crate) fn select(
        &self,
        records: Vec<Value>,
        keep: impl Fn(&Value) -> bool,
        schema: &Json,
        context: &Context<'_>,
    ) -> Result<Vec<Value>, TransformError> {
        let mut selected = Vec::with_capacity(records.len());
        for mut record in records {
            if self.transform_first {
                self.transform(&mut record, context)?;
            }
            if !keep(&record) || !self.passes(&record, context)? {
                continue;
            }
            if !self.transform_first {
                self.transform(&mut record, context)?;
            }
            if self.normalize {
                normalization::normalize(&mut record, schema);
            }
            selected.push(record);
        }
        Ok(selected)
    }

    fn passes(&self, record: &Value, context: &Context<'_>) -> Result<bool, TransformError> {
        let Some(filter) = &self.filter else { return Ok(true) };
        Ok(filter.eval(&Context::within(context).with("record", record.clone()))?)
    }

    fn transform(&self, record: &mut Value, context: &Context<'_>) -> Result<(), TransformError> {
        self.transformations.iter().try_for_each(|step| step.apply(record, context))
    }
}
