//! `StateDelegatingStream`: one stream reads the first time, another one from a state on.

use std::sync::Arc;

use model::CursorValue;
use request::datetime::Period;
use serde_json::{Map, Value as Json};

use super::Core;
use crate::cursor::Moment;
use crate::part::{BuildError, Part};
use crate::run::NO_STATE;
use crate::slice::Slice;
use crate::source::Shared;

/// What reads a stream once it has a state.
#[derive(Debug)]
pub(crate) struct Delegated {
    pub(crate) incremental: Arc<Core>,
    /// How long its API remembers changes; a state that is older is of no use to it.
    retention: Option<Period>,
}

impl Core {
    /// The stream that reads the first time, with the other one beside it.
    pub(super) fn delegating(part: &Part<'_>, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let mut full = Self::build(&part.needed("full_refresh_stream")?, shared)?;
        let incremental = Self::build(&part.needed("incremental_stream")?, shared)?;
        let name = part.text("name")?.unwrap_or_default();
        if full.name.as_str() != name || incremental.name.as_str() != name {
            return Err(part.fault(format!(
                "one stream needs one name: it is `{name}`, its full_refresh_stream is `{}`, its incremental_stream is `{}`",
                full.name, incremental.name
            )));
        }
        let context = shared.context();
        let retention = part.text_at("api_retention_period", &context)?;
        let retention = retention.filter(|text| !text.is_empty());
        let retention = retention.map(|text| {
            Period::parse(&text).map_err(|e| part.fault(format!("api_retention_period: {e}")))
        });
        let retention = retention.transpose()?;
        let counts = |core: &Self| core.cursor.is_some() && core.datetime().is_none();
        if retention.is_some() && (counts(&full) || counts(&incremental)) {
            return Err(part.fault("`api_retention_period` does not go with a count".to_owned()));
        }
        full.delegated = Some(Delegated { incremental: Arc::new(incremental), retention });
        Ok(full)
    }

    /// Who reads the stream from a state, and whether from that state or from none.
    pub(crate) fn reading(self: &Arc<Self>, state: &Map<String, Json>) -> (Arc<Self>, bool) {
        match &self.delegated {
            Some(delegated) if !state.is_empty() => {
                if self.remembers(delegated, state) {
                    (Arc::clone(&delegated.incremental), true)
                } else {
                    (Arc::clone(self), false)
                }
            }
            _ => (Arc::clone(self), true),
        }
    }

    /// Who goes on with the stream from an instant that an earlier read has reached, and whether
    /// that is the incremental one: where both have a cursor over time and one partition.
    pub(crate) fn going_on(self: &Arc<Self>, from: Option<&CursorValue>) -> (&Arc<Self>, bool) {
        let (Some(delegated), Some(CursorValue::Instant(at))) = (&self.delegated, from) else {
            return (self, false);
        };
        let fits = |core: &Self| core.datetime().is_some() && core.router.is_none();
        let fit = fits(self) && fits(&delegated.incremental);
        let goes_on = fit && self.is_young(delegated, Some(Moment::utc(*at)));
        if goes_on { (&delegated.incremental, true) } else { (self, false) }
    }

    /// Who reads a slice.
    pub(crate) fn of_slice(self: &Arc<Self>, slice: &Slice) -> &Arc<Self> {
        let delegated = self.delegated.as_ref().filter(|_| slice.delegated);
        delegated.map_or(self, |delegated| &delegated.incremental)
    }

    /// Whether the API still knows all that changed since a state.
    fn remembers(&self, delegated: &Delegated, state: &Map<String, Json>) -> bool {
        let reached = || self.reached(state).or_else(|| delegated.incremental.reached(state));
        delegated.retention.is_none() || self.is_young(delegated, reached())
    }

    /// Whether the API still knows all that changed since an instant.
    fn is_young(&self, delegated: &Delegated, reached: Option<Moment>) -> bool {
        let Some(retention) = delegated.retention else { return true };
        let now = Moment::utc(self.shared.runtime.now);
        let known = reached.zip(now.minus(retention)).is_some_and(|(at, oldest)| at >= oldest);
        if !known {
            tracing::warn!(
                stream = self.name.as_str(),
                "the state is older than what the source remembers; everything is read again"
            );
        }
        known
    }

    /// How far a state says that the stream was read.
    fn reached(&self, state: &Map<String, Json>) -> Option<Moment> {
        if self.cursor.is_none() {
            let whole = state.get(NO_STATE).and_then(Json::as_bool).unwrap_or_default();
            return whole.then(|| Moment::utc(self.shared.runtime.now));
        }
        let cursor = self.datetime()?;
        let state = match &self.router {
            Some(_) => state.get("state")?.as_object()?,
            None => state,
        };
        let value = match state.get("slices").filter(|_| state.contains_key("state_type")) {
            Some(slices) => {
                let first = slices.get(0)?;
                let latest = first.get("most_recent_cursor_value").filter(|v| !v.is_null());
                latest.or_else(|| first.get("end"))?
            }
            None => state.get(&cursor.field)?,
        };
        cursor.parse_state(value).ok()
    }
}
