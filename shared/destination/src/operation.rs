//! What can be done at a destination.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ports::Method;
use request::interpolation::{InterpolatedMapping, Template};
use serde::{Deserialize, Serialize};

use crate::answer::Results;
use crate::call::Item;
use crate::destination::{Pace, Rate, Session};
use crate::error::Error;
use crate::job::Asynchronous;
use crate::path::Path;
use crate::render::Segment;
use crate::rule::Rule;
use crate::shape::{Nulls, Shape};

/// The name of an operation: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationName(Arc<str>);

/// A text that does not name an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name of an operation: use 1 to 64 of A-Z, a-z, 0-9, `_` and `-`")]
pub struct NameError(String);

impl OperationName {
    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OperationName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            return Ok(Self(text.into()));
        }
        Err(NameError(text))
    }
}

impl FromStr for OperationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

impl From<OperationName> for String {
    fn from(name: OperationName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How large a request may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most items.
    pub max_items: NonZeroUsize,
    /// Most bytes of the body.
    pub max_bytes: u64,
    /// How long a batch that is not full waits for more.
    pub linger: Duration,
}

/// What makes it safe to send the same request again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Idempotency {
    /// The API knows a request by the key in this header.
    Header(String),
    /// The items' own keys: a second time changes nothing, or is answered as a duplicate.
    NaturalKey,
    /// Nothing.
    None,
}

/// What can be done at a destination: how requests look and what answers mean.
#[derive(Debug)]
pub struct Operation {
    pub(crate) name: OperationName,
    pub(crate) method: Method,
    pub(crate) path: Vec<Segment>,
    pub(crate) parameters: InterpolatedMapping,
    pub(crate) headers: InterpolatedMapping,
    pub(crate) item: Shape,
    pub(crate) body: Option<Shape>,
    pub(crate) nulls: Nulls,
    pub(crate) entity: Option<Template>,
    pub(crate) limits: BatchLimits,
    pub(crate) max_item_bytes: Option<u64>,
    pub(crate) rates: Vec<Pace>,
    pub(crate) idempotency: Idempotency,
    pub(crate) code: Vec<Path>,
    pub(crate) message: Vec<Path>,
    pub(crate) results: Option<Results>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) waits_for: Vec<OperationName>,
    pub(crate) wait_most: Duration,
    pub(crate) job: Option<Asynchronous>,
}

impl Operation {
    /// Its name.
    pub fn name(&self) -> &OperationName {
        &self.name
    }

    /// How large its requests may be.
    pub fn limits(&self) -> BatchLimits {
        self.limits
    }

    /// Rates of its own, beside the destination's.
    pub fn rates(&self, session: &Session) -> Result<Vec<Rate>, Error> {
        self.rates.iter().map(|pace| pace.rate(session)).collect()
    }

    /// Operations whose items of the same drop, or an earlier one, come first.
    pub fn waits_for(&self) -> &[OperationName] {
        &self.waits_for
    }

    /// How long it waits for them at most.
    pub fn wait_most(&self) -> Duration {
        self.wait_most
    }

    /// What the item is about: items of one entity go one after the other. None when the
    /// operation does not say, or the item does not.
    pub fn entity(&self, session: &Session, item: &Item) -> Option<String> {
        let context = item.context(session);
        let value = self.entity.as_ref()?.value(&context).ok()?;
        crate::path::text_of(&value).filter(|text| !text.is_empty())
    }

    /// Whether the destination works on its requests after it has answered.
    pub fn is_asynchronous(&self) -> bool {
        self.job.is_some()
    }
}
