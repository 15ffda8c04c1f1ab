//! Calls under the rates that a manifest states, counted over all workers of a connection.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connector::ApiBudget;
use model::TenantId;
use ports::{Clock, Http, HttpError, Request, Response};
use store::budget::{Budgets, CallLimit, NamedLimit, Patience};

/// An [`Http`] whose calls stay within a manifest's rates.
#[derive(Debug)]
pub(super) struct Rated {
    /// What the budgets are named after: source, tenant and connection.
    pub(super) name: String,
    pub(super) tenant: TenantId,
    pub(super) rates: Arc<ApiBudget>,
    pub(super) budgets: Budgets,
    pub(super) timeout: Duration,
    pub(super) patience: Patience,
    pub(super) http: Arc<dyn Http>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Says in the words that every budget understands what answers say in those of the manifest.
#[derive(Debug)]
struct Translated {
    rates: Arc<ApiBudget>,
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
}

/// What a budget understands: no calls are left for so many seconds. Spelt as no source spells it,
/// so that it can be taken out again: templates are not to read what the source did not say.
const WORDS: [&str; 2] = ["RATELIMIT-remaining", "RATELIMIT-reset"];

#[async_trait]
impl Http for Translated {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut response = self.http.send(request).await?;
        if let Some(wait) = self.rates.spent_for(&response, self.clock.now()) {
            let said = ["0".to_owned(), wait.as_secs_f64().ceil().to_string()];
            let words = WORDS.into_iter().map(str::to_owned).zip(said);
            response.headers.splice(0..0, words);
        }
        Ok(response)
    }
}

#[async_trait]
impl Http for Rated {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut http = Arc::clone(&self.http);
        if let Some((policy, weight)) = self.rates.policy(&request) {
            let (rates, clock) = (Arc::clone(&self.rates), Arc::clone(&self.clock));
            http = Arc::new(Translated { rates, http, clock });
            for (at, rate) in self.rates.rates(policy).iter().enumerate() {
                let limit = CallLimit { calls: rate.calls, per: rate.per, timeout: self.timeout };
                let limit = NamedLimit { name: format!("{}#{policy}.{at}", self.name), limit };
                // A call that counts as several takes as many slots.
                for _ in 0..weight {
                    let patience = self.patience.clone();
                    let limit = limit.clone();
                    http = Arc::new(self.budgets.limit(&self.tenant, limit, http, patience));
                }
            }
        }
        let mut response = http.send(request).await?;
        response.headers.retain(|(name, _)| !WORDS.contains(&name.as_str()));
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
