//! A source with a known history.

mod answer;
mod history;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Http, HttpError, Request, Response};

use super::kernel::Kernel;
use crate::clock::locked;
use history::History;

pub use history::Row;

/// The provider's declarative manifest: the incremental stream `items` (windows of `updated_at`,
/// both ends inclusive, newest first, cursor pages) and the full-refresh stream `kinds` (offset
/// pages). Its config has `api_token` and `start_date`.
pub const MANIFEST: &str = include_str!("provider/manifest.yaml");

/// Where the manifest's requests go.
pub const URL_BASE: &str = "https://api.simulated.test/v1";

/// The one token that the provider accepts.
pub const TOKEN: &str = "simulated-token";

/// An API over rows that change, with every version that they ever had.
///
/// `GET /items?updated_at_min=&updated_at_max=&limit=&cursor=` gives
/// `{"items":[…],"next_cursor":"…"|null}`, newest first; both bounds are inclusive, in
/// milliseconds. A row that changes while someone pages moves to the front, which is passed
/// already. `GET /kinds?offset=&limit=` gives `{"kinds":[…]}` in order of their codes: a row that
/// goes while someone pages shifts the others. Both demand `Authorization: Bearer` [`TOKEN`].
#[derive(Debug)]
pub struct Provider {
    kernel: Arc<Kernel>,
    history: Mutex<History>,
}

impl Provider {
    pub(super) fn new(kernel: Arc<Kernel>) -> Self {
        Self { kernel, history: Mutex::default() }
    }

    /// Adds items whose `updated_at` is spread over the time before now (some share a
    /// millisecond), and a quarter as many kinds.
    pub fn stock(&self, items: usize, span: Duration) {
        let now = self.kernel.now();
        let mut history = locked(&self.history);
        let mut at = now;
        for n in 0..items {
            if n == 0 || self.kernel.odds(0.8) {
                at = now - self.kernel.span(span);
            }
            history.create(at);
        }
        (0..items / 4).for_each(|_| history.create_kind());
    }

    /// Changes something: an item or a kind appears, changes, goes, or comes back.
    pub fn change(&self) {
        let now = self.kernel.now();
        let (what, which) = (self.kernel.below(10), self.kernel.below(1 << 20));
        let mut history = locked(&self.history);
        match what {
            0 => history.create(now),
            1 | 2 => history.delete(which, now),
            3 => history.restore(which, now),
            4 => history.create_kind(),
            5 => history.delete_kind(which),
            _ => history.update(which, now),
        }
    }

    /// Allows this many calls in any window of this length, counted on arrival; more are
    /// answered with 429 and counted by [`over`](Self::over).
    pub fn limit(&self, calls: usize, window: Duration) {
        locked(&self.history).limit = Some((calls, window));
    }

    /// The items that there are now, as their JSON texts, by id.
    pub fn truth(&self) -> BTreeMap<u64, String> {
        locked(&self.history).items().map(|row| (row.id, row.text.clone())).collect()
    }

    /// The kinds that there are now, as their JSON texts, by code.
    pub fn kinds(&self) -> BTreeMap<String, String> {
        locked(&self.history).kinds.clone()
    }

    /// Every version of every item that there ever was, in order of time; deletions have no
    /// text.
    pub fn versions(&self) -> Vec<Row> {
        locked(&self.history).versions.clone()
    }

    /// When calls arrived, by the world's time.
    pub fn arrivals(&self) -> Vec<Timestamp> {
        locked(&self.history).arrivals.clone()
    }

    /// How many calls arrived beyond the limit.
    pub fn over(&self) -> usize {
        locked(&self.history).over
    }
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let chaos = self.kernel.chaos();
        while self.kernel.odds(chaos.change) {
            self.change();
        }
        let now = self.kernel.now();
        let within = locked(&self.history).arrive(now);
        let whole = match within {
            Ok(()) => answer::answer(&locked(&self.history), &request)?,
            Err(wait) => answer::too_many(wait),
        };
        if !self.kernel.odds(chaos.provider) {
            return Ok(whole);
        }
        Ok(match self.kernel.below(4) {
            0 => answer::too_many(Duration::from_secs(1 + self.kernel.below(30) as u64)),
            1 => answer::broken(500),
            2 => answer::broken(503),
            _ => {
                // Nothing at all would be an answer without content, not one that was cut.
                let kept = self.kernel.below(whole.body.len()).max(1);
                Response { body: whole.body.slice(..kept), ..whole }
            }
        })
    }
}
