//! What can be done at a destination.

use std::num::NonZeroUsize;
use std::time::Duration;

use model::OperationName;
use ports::Method;
use request::interpolation::{InterpolatedMapping, Template};

use crate::answer::Results;
use crate::call::Item;
use crate::destination::{Pace, Rate, Session};
use crate::error::Error;
use crate::job::Asynchronous;
use crate::path::Path;
use crate::render::Segment;
use crate::rule::Rule;
use crate::shape::{Nulls, Shape};

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
