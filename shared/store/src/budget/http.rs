//! Calls under a budget: a decorator of [`Http`].

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ports::{Http, HttpError, Request, Response};

use super::pool::Appetite;
use super::share::{Patience, Share};
use crate::repository::later;

/// An [`Http`] whose calls stay within a budget that is shared with other workers.
#[derive(Debug)]
pub struct BudgetedHttp {
    share: Share,
    http: Arc<dyn Http>,
    patience: Patience,
}

impl BudgetedHttp {
    pub(super) fn new(share: Share, http: Arc<dyn Http>, patience: Patience) -> Self {
        Self { share, http, patience }
    }
}

#[async_trait]
impl Http for BudgetedHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let store = &self.share.store;
        let by = later(store.now(), self.patience.longest);
        loop {
            let longest = Duration::try_from(by.duration_since(store.now())).unwrap_or_default();
            let patience = Patience { longest, ..self.patience.clone() };
            let permits = self.share.acquire_by(NonZeroUsize::MIN, &patience, Appetite::Growing);
            let Some(permit) = permits.await?.pop() else { return self.http.send(request).await };
            // One that lapsed, or met a pause, is replaced as long as the caller would wait.
            if permit.ready().await.is_ok() {
                return permit.call(self.http.as_ref(), request).await;
            }
        }
    }
}
