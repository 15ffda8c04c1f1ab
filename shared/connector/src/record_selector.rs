//! `RecordSelector`: the records of a page.

mod expander;
mod extractor;
mod normalization;
pub(crate) mod raw;

use request::interpolation::{Context, InterpolatedBoolean};
use request::value::Value;
use serde_json::Value as Json;

use crate::dpath::PathError;
use crate::part::{BuildError, Part};
use crate::transformation::{TransformError, Transformation};
pub(crate) use expander::Lists;
pub(crate) use extractor::{Extracted, Extractor};

/// Finds, filters and changes the records of a page.
#[derive(Debug)]
pub(crate) struct Selector {
    extractor: Extractor,
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
        extractor: Extractor,
        client_side: bool,
        context: &Context<'_>,
    ) -> Result<Self, BuildError> {
        let filter = selector.child("record_filter");
        let transformations = stream.children("transformations");
        let first = selector.child("transform_before_filtering");
        Ok(Self {
            extractor,
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
        let path = self.extractor.path().filter(|path| path.is_plain() && untouched)?;
        (!path.segments().iter().any(position)).then(|| path.segments())
    }

    /// Where it finds the records.
    pub(crate) fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// Whether records stand in a list, as far as the path says where; bodies of a whole list are
    /// its items.
    pub(crate) fn is_listed(&self, body: &Value, whole: &[u8]) -> Result<bool, PathError> {
        let Some(path) = self.extractor.path().filter(|path| !path.has_star()) else {
            return Ok(true);
        };
        if path.segments().is_empty() {
            return Ok(whole.trim_ascii_start().first() == Some(&b'['));
        }
        Ok(matches!(path.get(body)?, Some(Value::List(_))))
    }

    /// Filters and changes a record; none when it does not pass. `context` has the slice and the
    /// page's token.
    pub(crate) fn select(
        &self,
        mut record: Value,
        keep: impl Fn(&Value) -> bool,
        schema: &Json,
        context: &Context<'_>,
    ) -> Result<Option<Value>, TransformError> {
        if self.transform_first {
            self.transform(&mut record, context)?;
        }
        if !keep(&record) || !self.passes(&record, context)? {
            return Ok(None);
        }
        if !self.transform_first {
            self.transform(&mut record, context)?;
        }
        if self.normalize {
            normalization::normalize(&mut record, schema);
        }
        Ok(Some(record))
    }

    fn passes(&self, record: &Value, context: &Context<'_>) -> Result<bool, TransformError> {
        let Some(filter) = &self.filter else { return Ok(true) };
        Ok(filter.eval(&Context::within(context).with("record", record.clone()))?)
    }

    fn transform(&self, record: &mut Value, context: &Context<'_>) -> Result<(), TransformError> {
        self.transformations.iter().try_for_each(|step| step.apply(record, context))
    }
}
