//! A destination, compiled from its file.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use jiff::Timestamp;
use ports::Response;
use request::authenticator::Authenticator;
use request::interpolation::{Context, InterpolatedMapping, InterpolatedString, Template};
use request::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::Error;
use crate::operation::Operation;
use crate::path::text_of;
use model::{DestinationName, OperationName};

/// So many calls in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls.
    pub calls: NonZeroU32,
    /// Length of the window.
    pub per: Duration,
}

/// A rate whose number may come from the configuration.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) limit: Template,
    pub(crate) per: Duration,
}

impl Pace {
    pub(crate) fn rate(&self, session: &Session) -> Result<Rate, Error> {
        let value = self.limit.value(&session.context())?;
        let calls = text_of(&value).and_then(|text| text.parse().ok());
        let calls = calls.ok_or_else(|| Error::Kind {
            what: format!("rate limit `{}`", self.limit.source()),
            wanted: "a whole number of at least 1",
        })?;
        Ok(Rate { calls, per: self.per })
    }
}

/// What the templates of one use of a destination see: its configuration and the present instant.
#[derive(Clone)]
pub struct Session {
    pub(crate) config: Value,
    pub(crate) now: Timestamp,
}

impl std::fmt::Debug for Session {
    /// Shows no configuration: it holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn context(&self) -> Context<'static> {
        Context::new(self.config.clone(), self.now)
    }
}

/// A destination, compiled from its file.
#[derive(Debug)]
pub struct Destination {
    pub(crate) name: DestinationName,
    pub(crate) spec: Json,
    pub(crate) base: InterpolatedString,
    pub(crate) headers: InterpolatedMapping,
    pub(crate) parameters: InterpolatedMapping,
    pub(crate) authenticator: Authenticator,
    pub(crate) secrets: Vec<String>,
    pub(crate) timeout: Duration,
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) rates: Vec<Pace>,
    pub(crate) headers_read: BudgetHeaders,
    pub(crate) bounds: Bounds,
    pub(crate) accepts: Vec<(String, OperationName)>,
    pub(crate) operations: Vec<Operation>,
}

/// The header fields by which answers say what is left of the budget.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BudgetHeaders {
    pub(crate) remaining: Option<String>,
    pub(crate) reset: Option<String>,
}

/// What bounds rules that do not say it themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) retry: Backoff,
    pub(crate) defer: Defer,
    pub(crate) pause: Duration,
}

/// How often and how far apart something is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Backoff {
    pub(crate) most: u32,
    pub(crate) base: Duration,
    pub(crate) cap: Duration,
}

/// How often and for how long an item is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Defer {
    pub(crate) most: u32,
    pub(crate) wait: Duration,
}

impl Destination {
    /// Its name: that of its file.
    pub fn name(&self) -> &DestinationName {
        &self.name
    }

    /// What a use of it must say: a JSON Schema in the manner of a manifest's `spec`.
    pub fn spec(&self) -> &Json {
        &self.spec
    }

    /// What its templates see: a configuration whose secrets are resolved, with the defaults of
    /// the spec, at this instant.
    pub fn session(&self, config: &Json, now: Timestamp) -> Session {
        let mut config = config.as_object().cloned().unwrap_or_default();
        let properties = self.spec.pointer("/connection_specification/properties");
        for (name, property) in properties.and_then(Json::as_object).into_iter().flatten() {
            if let (None, Some(default)) = (config.get(name), property.get("default")) {
                config.insert(name.clone(), default.clone());
            }
        }
        Session { config: Value::from(&Json::Object(config)), now }
    }

    /// The operation for files of a kind.
    pub fn accepts(&self, kind: &str) -> Option<&OperationName> {
        self.accepts.iter().find(|(accepted, _)| accepted == kind).map(|(_, operation)| operation)
    }

    /// The kinds of files that it takes.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.accepts.iter().map(|(kind, _)| kind.as_str())
    }

    /// The operation of that name.
    pub fn operation(&self, name: &OperationName) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == *name)
    }

    /// All operations, in the order of the file.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter()
    }

    /// The rates that all its operations share.
    pub fn rates(&self, session: &Session) -> Result<Vec<Rate>, Error> {
        self.rates.iter().map(|pace| pace.rate(session)).collect()
    }

    /// How many calls may be under way at once.
    pub fn concurrency(&self) -> NonZeroUsize {
        self.concurrency
    }

    /// How long a call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long no call is left for, by the header fields that its `api_budget` names.
    pub fn spent_for(&self, response: &Response, now: Timestamp) -> Option<Duration> {
        let number =
            |name: &Option<String>| response.header(name.as_ref()?)?.trim().parse::<i64>().ok();
        if number(&self.headers_read.remaining).is_some_and(|left| left > 0) {
            return None;
        }
        let reset = number(&self.headers_read.reset)?;
        // A number of seconds, or the second since 1970 at which calls are left again.
        match Timestamp::from_second(reset) {
            Ok(then) if reset > 1_000_000_000 => Duration::try_from(then.duration_since(now)).ok(),
            _ => u64::try_from(reset).ok().map(Duration::from_secs),
        }
    }

    /// The secrets that a configuration holds, for redaction.
    pub fn secrets(&self, session: &Session) -> Vec<String> {
        let of = |name: &String| session.config.get(name).and_then(text_of);
        let mut secrets: Vec<String> = self.secrets.iter().filter_map(of).collect();
        secrets.extend(self.authenticator.secrets(&session.context()));
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_unstable();
        secrets.dedup();
        secrets
    }
}
