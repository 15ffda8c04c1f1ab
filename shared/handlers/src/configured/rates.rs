//! Calls under the rates that a manifest states, counted over all workers of a connection.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connector::ApiBudget;
use ports::{Http, HttpError, Request, Response};
use store::budget::{Budgets, CallLimit, Patience};

/// An [`Http`] whose calls stay within a manifest's rates.
#[derive(Debug)]
pub(super) struct Rated {
    /// What the budgets are named after: source, tenant and connection.
    pub(super) name: String,
    pub(super) rates: ApiBudget,
    pub(super) budgets: Budgets,
    pub(super) timeout: Duration,
    pub(super) patience: Patience,
    pub(super) http: Arc<dyn Http>,
}

#[async_trait]
impl Http for Rated {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut http = Arc::clone(&self.http);
        if let Some((policy, weight)) = self.rates.policy(&request) {
            for (at, rate) in self.rates.rates(policy).iter().enumerate() {
                let limit = CallLimit { calls: rate.calls, per: rate.per, timeout: self.timeout };
                let name = format!("{}#{policy}.{at}", self.name);
                // A call that counts as several takes as many slots.
                for _ in 0..weight {
                    let patience = self.patience.clone();
                    http = Arc::new(self.budgets.limit(&name, limit, http, patience));
                }
            }
        }
        http.send(request).await
    }
}

#[cfg(test)]
mod tests;
