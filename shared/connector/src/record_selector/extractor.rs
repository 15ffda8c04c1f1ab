//! Where in a body the records are: `DpathExtractor` and `CombinedExtractor`.

use request::value::Value;

use std::sync::Arc;

use super::expander::{ExpandError, Expander, Lists};
use crate::dpath::{Path, PathError};
use crate::part::{BuildError, Part};
use crate::source::Shared;

/// Finds the records of a body.
#[derive(Debug)]
pub(crate) enum Extractor {
    /// Those at a path, each expanded where it holds others.
    Dpath { path: Path, expander: Option<Expander> },
    /// Those that several others find.
    Combined { extractors: Vec<Self>, first_match: bool, skip_empty: bool },
}

/// What an extractor found.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    /// The records.
    pub(crate) records: Vec<Value>,
    /// How many empty ones were left out; they count towards the size of the page.
    pub(crate) dropped: u64,
}

impl Default for Extractor {
    /// The body is the record, or the list of them.
    fn default() -> Self {
        Self::Dpath { path: Path::new(Vec::new()), expander: None }
    }
}

impl Extractor {
    pub(crate) fn build(part: &Part<'_>, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let context = &shared.context();
        if part.kind() != "CombinedExtractor" {
            let expander = part.child("record_expander");
            return Ok(Self::Dpath {
                path: Path::new(part.texts_at("field_path", context)?),
                expander: expander.map(|part| Expander::build(&part, shared)).transpose()?,
            });
        }
        let extractors = part.children("extractors");
        let extractors = extractors.iter().map(|part| Self::build(part, shared));
        let extractors = extractors.collect::<Result<Vec<_>, _>>()?;
        if extractors.iter().any(|extractor| extractor.completes().is_some()) {
            let message = "`truncated_list_retriever` cannot stand in a CombinedExtractor";
            return Err(part.fault(message.to_owned()));
        }
        if extractors.is_empty() {
            return Err(part.fault("`extractors` needs at least one".into()));
        }
        let first_match = match part.text("mode")? {
            None | Some("union") => false,
            Some("first_match") => true,
            Some(other) => {
                return Err(part.fault(format!("`mode` is `{other}`; use union or first_match")));
            }
        };
        Ok(Self::Combined { extractors, first_match, skip_empty: part.flag("skip_empty_records")? })
    }

    /// The path of the records, when nothing else is done to find them.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Dpath { path, expander: None } => Some(path),
            _ => None,
        }
    }

    /// What asks for lists that are not whole, where something does.
    pub(crate) fn completes(&self) -> Option<&Expander> {
        match self {
            Self::Dpath { expander, .. } => expander.as_ref().filter(|e| e.complete().is_some()),
            Self::Combined { .. } => None,
        }
    }

    /// The records of a body before they are expanded.
    pub(crate) fn parents(&self, body: &Value) -> Result<Vec<Value>, ExpandError> {
        match self {
            Self::Dpath { path, .. } => Ok(at_path(path, std::slice::from_ref(body))?),
            Self::Combined { .. } => Ok(Vec::new()),
        }
    }

    /// Whether it wants all bodies of an answer at once.
    pub(crate) fn combines(&self) -> bool {
        matches!(self, Self::Combined { .. })
    }

    /// Whether what it finds on a page is more than the source counts there.
    pub(crate) fn unites(&self) -> bool {
        match self {
            Self::Dpath { .. } => false,
            Self::Combined { extractors, first_match, .. } => {
                !first_match || extractors.iter().any(Self::unites)
            }
        }
    }

    /// The records of bodies.
    pub(crate) fn extract(
        &self,
        bodies: &[Value],
        lists: &Lists,
    ) -> Result<Extracted, ExpandError> {
        let (extractors, first_match, skip_empty) = match self {
            Self::Dpath { path, expander } => {
                let mut records = at_path(path, bodies)?;
                if let Some(expander) = expander {
                    let items = records.into_iter().map(|record| expander.expand(record, lists));
                    records = items.collect::<Result<Vec<_>, _>>()?.concat();
                }
                return Ok(Extracted { records, dropped: 0 });
            }
            Self::Combined { extractors, first_match, skip_empty } => {
                (extractors, *first_match, *skip_empty)
            }
        };
        let mut all = Extracted::default();
        for (i, extractor) in extractors.iter().enumerate() {
            let mut found = extractor.extract(bodies, lists)?;
            if skip_empty {
                let before = found.records.len();
                found.records.retain(Value::is_truthy);
                let dropped = before - found.records.len();
                if dropped > 0 {
                    tracing::warn!(dropped, extractor = i, "empty records are left out");
                }
                found.dropped += dropped as u64;
            }
            if !first_match {
                all.records.append(&mut found.records);
                all.dropped += found.dropped;
            } else if !found.records.is_empty() {
                return Ok(found);
            }
        }
        Ok(all)
    }
}

fn at_path(path: &Path, bodies: &[Value]) -> Result<Vec<Value>, PathError> {
    let mut records = Vec::new();
    for body in bodies {
        let found = if path.segments().is_empty() {
            Some(body)
        } else if path.has_star() {
            records.extend(path.values(body).into_iter().cloned());
            continue;
        } else {
            path.get(body)?
        };
        match found {
            Some(Value::List(items)) => records.extend(items.iter().cloned()),
            Some(one) if one.is_truthy() => records.push(one.clone()),
            _ => {}
        }
    }
    Ok(records)
}
