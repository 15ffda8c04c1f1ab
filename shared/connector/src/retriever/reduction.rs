//! `PageSizeReduction`: smaller pages where the source refuses large ones.

use std::time::Duration;

use crate::paginator::Paginator;
use crate::part::{BuildError, Part};

/// How pages are made smaller.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PageSizeReduction {
    factor: f64,
    smallest: u64,
    most_attempts: u32,
    backoff: Duration,
    retries_at_smallest: u32,
    /// Whether a page that came brings the size back to where it was.
    resets: bool,
    remedy: String,
}

impl PageSizeReduction {
    /// Of a retriever, if it has one.
    pub(crate) fn build(retriever: &Part<'_>) -> Result<Option<Self>, BuildError> {
        let uses = super::uses_action(retriever, "REDUCE_PAGE_SIZE");
        let Some(part) = retriever.child("page_size_reduction") else {
            if uses {
                let message = "REDUCE_PAGE_SIZE needs `page_size_reduction`";
                return Err(retriever.fault(message.into()));
            }
            return Ok(None);
        };
        let number = |field: &str, default: f64, least: f64| -> Result<f64, BuildError> {
            let value = part.child(field).map(|field| {
                let number = field.json.as_f64().filter(|number| *number >= least);
                number.ok_or_else(|| field.fault(format!("expected a number from {least} on")))
            });
            Ok(value.transpose()?.unwrap_or(default))
        };
        let count = |field: &str, default: u32, least: u32| -> Result<u32, BuildError> {
            let number = number(field, f64::from(default), f64::from(least))?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
            Ok(number.min(f64::from(u32::MAX)) as u32)
        };
        let factor = number("reduction_factor", 2.0, 1.0)?;
        if factor <= 1.0 {
            return Err(part.fault("`reduction_factor` must be above 1".into()));
        }
        let this = Self {
            factor,
            smallest: u64::from(count("minimum_page_size", 1, 1)?),
            most_attempts: count("max_attempts", 5, 1)?,
            backoff: Duration::from_secs_f64(number("backoff_seconds", 0.5, 0.0)?.min(1e6)),
            retries_at_smallest: count("retries_at_minimum_page_size", 0, 0)?,
            resets: part.text("reset_policy")? == Some("AFTER_SUCCESSFUL_PAGE"),
            remedy: part.text("failure_message")?.unwrap_or_default().trim().to_owned(),
        };
        this.check(&part, retriever)?;
        Ok(Some(this))
    }

    /// Refuses what would lose or repeat records when pages get smaller.
    fn check(&self, part: &Part<'_>, retriever: &Part<'_>) -> Result<(), BuildError> {
        let paginator = retriever.child("paginator").filter(|p| p.kind() == "DefaultPaginator");
        let paginator = paginator.ok_or_else(|| part.fault("needs a DefaultPaginator".into()))?;
        if paginator.child("page_size_option").is_none() {
            return Err(part.fault("needs `page_size_option` in the paginator".into()));
        }
        if paginator.child("page_token_option").is_some_and(|token| token.kind() == "RequestPath") {
            let message = "the address of a next page holds its size: RequestPath cannot be used";
            return Err(part.fault(message.into()));
        }
        let strategy = paginator.needed("pagination_strategy")?;
        if strategy.kind() == "PageIncrement" {
            let message = "smaller pages would skip records: PageIncrement cannot be used";
            return Err(part.fault(message.into()));
        }
        let size = strategy.child("page_size").and_then(|size| match size.json {
            serde_json::Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        if size.is_some_and(|size| size <= self.smallest) {
            let message = "`page_size` is not above `minimum_page_size`: it cannot be reduced";
            return Err(part.fault(message.into()));
        }
        Ok(())
    }
}

/// The size of the pages of one slice.
#[derive(Debug, Clone)]
pub(super) struct Reducer {
    config: PageSizeReduction,
    /// The manifest's own size.
    full: u64,
    /// The size that is asked for, where it is another.
    pub(super) present: Option<u64>,
    attempts: u32,
    retries: u32,
}

impl Reducer {
    pub(super) fn new(config: &PageSizeReduction, paginator: &Paginator) -> Self {
        let full = paginator.full(None).unwrap_or_default();
        Self { config: config.clone(), full, present: None, attempts: 0, retries: 0 }
    }

    /// Makes pages smaller; gives how long to wait, or why it cannot go on and after how many
    /// attempts.
    pub(super) fn reduce(&mut self) -> Result<Duration, (String, u32)> {
        let config = &self.config;
        let present = self.present.unwrap_or(self.full);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes of pages"
        )]
        let smaller = ((present as f64 / config.factor).floor() as u64).max(config.smallest);
        if smaller >= present {
            if self.retries < config.retries_at_smallest {
                self.retries += 1;
                return Ok(config.backoff * self.retries);
            }
            return Err((self.failed(present, "the smallest"), self.attempts + self.retries));
        }
        self.attempts += 1;
        if self.attempts > config.most_attempts {
            return Err((self.failed(present, "every size down to that"), self.attempts));
        }
        self.present = Some(smaller);
        Ok(config.backoff * self.attempts)
    }

    fn failed(&self, size: u64, which: &str) -> String {
        let text = format!("pages of {size} records, {which}, are still refused");
        [text.as_str(), &self.config.remedy].join(" ").trim_end().to_owned()
    }

    /// Notes a page that came.
    pub(super) fn passed(&mut self) {
        (self.attempts, self.retries) = (0, 0);
        if self.config.resets {
            self.present = None;
        }
    }
}
