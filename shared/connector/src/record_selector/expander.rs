//! `RecordExpander`: records that stand in lists within other records.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use request::interpolation::Context;
use request::value::{Dict, Value};

use crate::dpath::{Path, PathError};
use crate::part::{BuildError, Part};
use crate::source::Shared;
use crate::stream::Core;

/// Makes records of the items of lists in a record.
#[derive(Debug)]
pub(crate) struct Expander {
    path: Path,
    /// What is copied from the record into each of its items, and where to.
    parent_fields: Vec<(Path, Path)>,
    merge_parent: bool,
    keep_original: bool,
    emit_parent: bool,
    /// Where a record says that its list is not whole.
    truncated: Option<Path>,
    /// What asks for the whole list then.
    complete: Option<Arc<Core>>,
    /// Whether it was said that a list was not whole.
    told: AtomicBool,
}

/// Whole lists that were asked for, in the order of the records that hold a part of them.
pub(crate) type Lists = Mutex<VecDeque<Vec<Value>>>;

/// Records that cannot be found or expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpandError {
    /// Their path does not lead to them.
    #[error(transparent)]
    Path(#[from] PathError),
    /// More than a page may hold.
    #[error("a record expands to more than {most} records")]
    TooMany {
        /// The limit.
        most: usize,
    },
}

/// Most records that one record expands to.
const MAX_ITEMS: usize = 1_000_000;

impl Expander {
    pub(crate) fn build(part: &Part<'_>, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let context = &shared.context();
        let truncated = plain(part, "truncation_indicator_path", context)?;
        let complete = part.child("truncated_list_retriever");
        let complete =
            complete.map(|retriever| complete_by(part, &retriever, shared)).transpose()?;
        if complete.is_some() && truncated.is_none() {
            let message = "`truncated_list_retriever` needs `truncation_indicator_path`";
            return Err(part.fault(message.to_owned()));
        }
        let parent_fields = part.children("parent_fields").into_iter().map(|field| {
            let path = |name| {
                plain(&field, name, context)?
                    .ok_or_else(|| field.fault(format!("`{name}` cannot be empty")))
            };
            Ok((path("parent_path")?, path("record_path")?))
        });
        Ok(Self {
            path: Path::new(part.texts_at("expand_records_from_field", context)?),
            parent_fields: parent_fields.collect::<Result<_, BuildError>>()?,
            merge_parent: part.flag("merge_parent")?,
            keep_original: part.flag("remain_original_record")?,
            emit_parent: match part.text("on_no_records")? {
                None | Some("skip") => false,
                Some("emit_parent") => true,
                Some(other) => {
                    let message = format!("`on_no_records` is `{other}`; use skip or emit_parent");
                    return Err(part.fault(message));
                }
            },
            truncated,
            complete,
            told: AtomicBool::new(false),
        })
    }

    /// The records in a record.
    pub(crate) fn expand(&self, parent: Value, lists: &Lists) -> Result<Vec<Value>, ExpandError> {
        if parent.as_dict().is_none() || self.path.segments().is_empty() {
            return Ok(vec![parent]);
        }
        let found = self.path.values(&parent);
        let mut items: Vec<&Value> =
            found.into_iter().filter_map(list).flat_map(|items| items.iter()).collect();
        let asked = self.complete.is_some() && self.is_truncated(&parent);
        let whole = asked.then(|| lists.lock().unwrap_or_else(PoisonError::into_inner).pop_front());
        let whole = whole.flatten().unwrap_or_default();
        if asked {
            self.tell_short(&parent, whole.len());
        }
        if !whole.is_empty() {
            items = whole.iter().collect();
        }
        if items.len() > MAX_ITEMS {
            return Err(ExpandError::TooMany { most: MAX_ITEMS });
        }
        if !asked && self.is_truncated(&parent) {
            self.tell(items.len());
        }
        let base = self.merge_parent.then(|| self.path.without_lists(&parent));
        let expanded = items.into_iter().map(|item| self.item(&parent, base.as_ref(), item));
        let expanded = expanded.collect::<Result<Vec<_>, PathError>>()?;
        if expanded.is_empty() && self.emit_parent {
            return Ok(vec![parent]);
        }
        Ok(expanded)
    }

    /// An item with what it takes from its parent: merged below it, copied into it, the whole.
    fn item(&self, parent: &Value, base: Option<&Value>, item: &Value) -> Result<Value, PathError> {
        let alone = base.is_none() && !self.keep_original && self.parent_fields.is_empty();
        if alone {
            return Ok(item.clone());
        }
        let own = match item {
            Value::Dict(_) => item.clone(),
            other => Dict::from_iter([("value", other.clone())]).into(),
        };
        let mut record = match base {
            None => own,
            Some(base) => {
                let both = base.as_dict().into_iter().chain(own.as_dict()).flat_map(Dict::iter);
                let both = both.map(|(key, value)| (key.clone(), value.clone()));
                Value::from(both.collect::<Dict>())
            }
        };
        for (from, to) in &self.parent_fields {
            let value = from.get(parent)?.cloned().unwrap_or_default();
            to.set(&mut record, value)?;
        }
        if self.keep_original
            && let Some(dict) = record.as_dict_mut()
        {
            dict.insert("original_record", parent.clone());
        }
        Ok(record)
    }

    /// What asks for lists that are not whole.
    pub(crate) fn complete(&self) -> Option<&Arc<Core>> {
        self.complete.as_ref()
    }

    /// Whether a record says that its list is not whole.
    pub(crate) fn is_truncated(&self, parent: &Value) -> bool {
        let flag = self.truncated.as_ref().and_then(|path| path.get(parent).ok().flatten());
        flag.is_some_and(Value::is_truthy)
    }

    /// Says once that a list is not whole.
    fn tell(&self, items: usize) {
        if !self.told.swap(true, Ordering::Relaxed) {
            let list = self.path.segments().join(".");
            tracing::warn!(items, "the list at {list} is not whole");
        }
    }

    /// Says once that a list that was asked for is shorter than its record says.
    fn tell_short(&self, parent: &Value, items: usize) {
        let beside = self.truncated.as_ref().map(|path| path.beside("total_count"));
        let total = beside.and_then(|path| path.get(parent).ok().flatten().cloned());
        let total = total.and_then(|total| total.as_i64()).unwrap_or_default();
        if i64::try_from(items).is_ok_and(|items| items < total) {
            self.tell(items);
        }
    }
}

/// A retriever of whole lists.
fn complete_by(
    part: &Part<'_>,
    retriever: &Part<'_>,
    shared: &Arc<Shared>,
) -> Result<Arc<Core>, BuildError> {
    plain(part, "expand_records_from_field", &shared.context())?;
    if retriever.child("partition_router").is_some() {
        return Err(retriever.fault("`partition_router` cannot stand here".into()));
    }
    Core::of_retriever("record_expander_truncated_list", retriever, shared).map(Arc::new)
}

fn list(value: &Value) -> Option<&Arc<Vec<Value>>> {
    match value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

/// A path that names one thing.
fn plain(part: &Part<'_>, field: &str, context: &Context<'_>) -> Result<Option<Path>, BuildError> {
    let path = Path::new(part.texts_at(field, context)?);
    if path.segments().is_empty() {
        return Ok(None);
    }
    if path.is_plain() {
        Ok(Some(path))
    } else {
        Err(part.fault(format!("`{field}` must name one field, without `*`, `?` and `[`")))
    }
}
