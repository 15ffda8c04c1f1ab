//! Reports on a schedule: the page of each tenant and day, in the lake.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lake::delivery::{Day, Page, ReportKey};
use model::{Classify, Metric, ObjectKey, Retry, TenantId};
use ports::{Attributes, Clock, Deadline, Metrics, ObjectError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Question, Report, report};

/// No report is begun when less than this is left of the time.
const RESERVE: Duration = Duration::from_mins(2);

/// Days whose reports are made anew: what was accepted on one may end on a later one.
const DAYS: usize = 3;

/// Why the function runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// One report: `{"tenant": "heron", "day": "2026-01-31"}`.
    Day {
        /// Whose.
        tenant: TenantId,
        /// Of which day.
        day: Day,
    },
    /// Those of the last days of every tenant with feeds or pushes: `{"due": true}`.
    Due {
        /// Always true.
        due: bool,
    },
}

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// What reports are made from.
    pub facts: super::Deps,
    /// Instants.
    pub clock: Arc<dyn Clock>,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Pages that were put.
    pub made: Vec<ObjectKey>,
    /// Reports that say what they said before.
    pub unchanged: u64,
    /// Tenants for whom no time was left.
    pub left: Vec<TenantId>,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no report.
    #[error(transparent)]
    Report(#[from] super::Error),
    /// A report cannot be written down.
    #[error("a report cannot be written down")]
    Json(#[from] serde_json::Error),
    /// Reports of these tenants were not made; the others' were.
    #[error("no report for {}", .tenants.join(", "))]
    Tenants {
        /// Whose.
        tenants: Vec<String>,
        /// The first one's reason.
        #[source]
        source: Box<Self>,
    },
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Report(error) => error.retry(),
            Self::Json(_) => Retry::Never,
            Self::Tenants { source, .. } => source.retry(),
        }
    }
}

/// Makes the reports that an event asks for.
#[tracing::instrument(skip_all)]
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let today = Day::from(deps.clock.now());
    let due = match event {
        Event::Day { tenant, day } => {
            deps.publish(&tenant, day, &mut outcome).await?;
            return Ok(outcome);
        }
        Event::Due { .. } => deps.facts.tenants(None).await?,
    };
    let days: Vec<Day> =
        std::iter::successors(Some(today), |day| Some(day.before())).take(DAYS).collect();
    let mut failed: Vec<(String, Error)> = Vec::new();
    for tenant in due {
        if deadline.remaining(deps.clock.as_ref()) < RESERVE {
            outcome.left.push(tenant);
            continue;
        }
        if let Err(error) = deps.publish_days(&tenant, &days, &mut outcome).await {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(%tenant, error = cause, "no report");
            failed.push((tenant.to_string(), error));
        }
    }
    tracing::info!(made = outcome.made.len(), unchanged = outcome.unchanged, "reports made");
    let tenants = failed.iter().map(|(tenant, _)| tenant.clone()).collect();
    match failed.into_iter().next() {
        Some((_, source)) => Err(Error::Tenants { tenants, source: Box::new(source) }),
        None => Ok(outcome),
    }
}

impl Deps {
    async fn publish_days(
        &self,
        tenant: &TenantId,
        days: &[Day],
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let file = self.facts.configuration.tenant(tenant).await.map_err(super::Error::from)?;
        if file.feeds.is_empty() && file.pushes.is_empty() {
            return Ok(());
        }
        for day in days {
            self.publish(tenant, *day, outcome).await?;
        }
        Ok(())
    }

    /// Puts the report of a day, unless there is nothing to say, or nothing new.
    async fn publish(
        &self,
        tenant: &TenantId,
        day: Day,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let question = Question { tenant: Some(tenant.clone()), from: day, to: day, now };
        let made = report(&self.facts, &question).await?;
        if made.files.is_empty() && made.pushes.is_empty() {
            return Ok(());
        }
        let key = |page| {
            let tenant = tenant.clone();
            ReportKey { tenant, day, page }.render().map_err(super::Error::from)
        };
        let (json, html) = (key(Page::Json)?, key(Page::Html)?);
        if self.is_known(&json, &made).await? {
            outcome.unchanged += 1;
            return Ok(());
        }
        // What programs read, and by which news are told, comes last.
        self.put(&html, made.to_html().into(), "text/html; charset=utf-8").await?;
        self.put(&json, serde_json::to_vec(&made)?.into(), "application/json").await?;
        outcome.made.extend([html, json]);
        self.metrics.emit(Metric::ReportsMade, 1.0, &[]);
        Ok(())
    }

    /// Whether the report that stands there says the same, whenever it was made.
    async fn is_known(&self, key: &ObjectKey, made: &Report) -> Result<bool, Error> {
        let body = match self.facts.lake.get(key).await {
            Ok(object) => object.body,
            Err(ObjectError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(super::Error::from(error).into()),
        };
        let said = |mut report: Value| {
            report.as_object_mut().map(|report| report.remove("made"));
            report
        };
        let known = serde_json::from_slice(&body).map(said);
        Ok(known.is_ok_and(|known| said(serde_json::to_value(made).unwrap_or_default()) == known))
    }

    async fn put(&self, key: &ObjectKey, body: Bytes, kind: &str) -> Result<(), Error> {
        let attributes =
            Attributes { content_type: Some(kind.to_owned()), ..Attributes::default() };
        let put = self.facts.lake.put(key, body, &attributes).await;
        put.map_err(super::Error::from)?;
        Ok(())
    }
}
