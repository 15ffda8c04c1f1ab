//! A budget held to by one process.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::Timestamp;
use ports::{Clock, Http, HttpError, Request, Response};

use super::{ApiBudget, Policy, Rate, Told, Window};

/// An [`Http`] whose calls wait for their turn.
pub(crate) struct Paced {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    budget: ApiBudget,
    calls: Vec<Mutex<Calls>>,
    /// A call that had to wait longer is refused with the wait.
    longest: Option<Duration>,
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paced").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// The calls of one policy that still count.
#[derive(Debug, Default)]
struct Calls {
    /// Moving windows: when each call was made, and how many it counts as.
    made: VecDeque<(Timestamp, u32)>,
    /// Fixed windows: how many were made in the present one, and its end.
    used: u32,
    reset: Option<Timestamp>,
}

impl Paced {
    pub(crate) fn new(
        (http, clock): (Arc<dyn Http>, Arc<dyn Clock>),
        budget: ApiBudget,
        longest: Option<Duration>,
    ) -> Self {
        let calls = budget.policies.iter().map(|_| Mutex::default()).collect();
        Self { http, clock, budget, calls, longest }
    }

    /// The policy of a request with its calls, and what the request counts as.
    fn policy(&self, request: &Request) -> Option<(&Policy, &Mutex<Calls>, u32)> {
        let (at, weight) = self.budget.policy(request)?;
        Some((self.budget.policies.get(at)?, self.calls.get(at)?, weight))
    }

    async fn turn(&self, request: &Request) -> Result<(), HttpError> {
        let Some((policy, calls, weight)) = self.policy(request) else { return Ok(()) };
        loop {
            let now = self.clock.now();
            let wait = locked(calls).take(policy, weight, now);
            let Some(wait) = wait else { return Ok(()) };
            if self.longest.is_some_and(|longest| wait > longest) {
                return Err(HttpError::Budget { budget: "api_budget".to_owned(), wait });
            }
            tracing::info!(wait_ms = wait.as_millis(), "the manifest's call budget is used up");
            self.clock.sleep(wait).await;
        }
    }
}

fn locked(calls: &Mutex<Calls>) -> std::sync::MutexGuard<'_, Calls> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Http for Paced {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.turn(&request).await?;
        let counted = request.clone();
        let response = self.http.send(request).await?;
        if let Some((policy, calls, _)) = self.policy(&counted) {
            let told = self.budget.told(&response);
            locked(calls).heed(policy, told, self.clock.now());
        }
        Ok(response)
    }
}

impl Calls {
    /// Counts a call, or gives how long to wait before asking again.
    fn take(&mut self, policy: &Policy, weight: u32, now: Timestamp) -> Option<Duration> {
        match policy.window {
            Window::Fixed => {
                let rate = policy.rates.first()?;
                self.turn_over(rate, now);
                if self.used.saturating_add(weight) > rate.calls.get() {
                    return Some(self.reset.map_or(rate.per, |reset| until(now, reset)));
                }
                self.used = self.used.saturating_add(weight);
                None
            }
            Window::Moving => {
                self.forget(policy, now);
                let waits = policy.rates.iter().filter_map(|rate| self.wait(rate, weight, now));
                let wait = waits.max();
                if wait.is_none() && !policy.rates.is_empty() {
                    self.made.push_back((now, weight));
                }
                wait
            }
        }
    }

    /// Begins a new window once the present one is over.
    fn turn_over(&mut self, rate: &Rate, now: Timestamp) {
        if self.reset.is_none_or(|reset| now >= reset) {
            self.reset = now.checked_add(rate.per).ok();
            self.used = 0;
        }
    }

    /// Drops calls that no window holds any more.
    fn forget(&mut self, policy: &Policy, now: Timestamp) {
        let longest = policy.rates.iter().map(|rate| rate.per).max().unwrap_or_default();
        while self.made.front().is_some_and(|(at, _)| until(*at, now) >= longest) {
            self.made.pop_front();
        }
    }

    /// How long until so many more calls fit into a rate's window; none when they do now.
    fn wait(&self, rate: &Rate, weight: u32, now: Timestamp) -> Option<Duration> {
        let mut free = rate.calls.get();
        // From the newest call back: the first that no longer fits has to leave the window.
        for (at, count) in self.made.iter().rev() {
            let age = until(*at, now);
            if age >= rate.per {
                break;
            }
            free = free.saturating_sub(*count);
            if free < weight {
                return Some(rate.per.saturating_sub(age).max(Duration::from_millis(1)));
            }
        }
        None
    }

    /// Takes over what the source says of its own count, where that is less.
    fn heed(&mut self, policy: &Policy, told: Told, now: Timestamp) {
        match policy.window {
            Window::Fixed => {
                let Some(rate) = policy.rates.first() else { return };
                self.turn_over(rate, now);
                if let Some(remaining) = told.remaining {
                    self.used = self.used.max(rate.calls.get().saturating_sub(remaining));
                }
                self.reset = told.reset.or(self.reset);
            }
            Window::Moving if told.remaining == Some(0) && told.reset.is_none() => {
                self.forget(policy, now);
                let left = |rate: &Rate| {
                    let made = self.made.iter().filter(|(at, _)| until(*at, now) < rate.per);
                    let made = made.fold(0_u32, |all, (_, count)| all.saturating_add(*count));
                    rate.calls.get().saturating_sub(made)
                };
                let left = policy.rates.iter().map(left).min().unwrap_or_default();
                if left > 0 {
                    self.made.push_back((now, left));
                }
            }
            Window::Moving => {}
        }
    }
}

fn until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
