//! One call and what becomes of its answer: retries, their waits, and rules for answers.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Classify, Retry, Timestamp};
use ports::{HttpError, Request, Response};
use request::component::Faults;
use request::interpolation::Context;

use super::call::{Options, Requester};
use super::rules::Meaning;
use super::verdict::{self, Verdict};
use crate::error::{At, Error};
use crate::part::{BuildError, Part};
use crate::source::{Runtime, Shared};
use crate::stream::Core;

/// Makes a stream's calls.
#[derive(Debug)]
pub(crate) struct Fetcher {
    requester: Requester,
}

/// An answer that the stream's rules let pass.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Bytes,
    pub(super) headers: Vec<(String, String)>,
    /// Whether the body is read at all.
    pub(super) has_records: bool,
    pub(super) started: Timestamp,
}

impl Fetcher {
    pub(crate) fn build(retriever: &Part<'_>, _shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let faults = Faults::default();
        let requester = Requester::build(&retriever.needed("requester")?.component(&faults));
        match faults.take().into_iter().next() {
            Some(fault) => Err(fault.into()),
            None => Ok(Self { requester }),
        }
    }
}

impl Core {
    /// Makes the call of one page, as often as its rules want.
    pub(super) async fn fetch(
        &self,
        context: &Context<'_>,
        (options, path): (Options, Option<String>),
        at: &At,
        asked: &mut HashSet<u64>,
    ) -> Result<Answer, Error> {
        let runtime = &self.shared.runtime;
        let began = runtime.clock.now();
        let mut attempt = 0;
        loop {
            let request = self.request(context, options.clone(), path.as_deref(), at)?;
            if attempt == 0 && !asked.insert(digest(&request)) {
                let message = "the request of this page was made before".to_owned();
                return Err(Error::Endless { at: at.clone(), message });
            }
            let started = runtime.clock.now();
            let verdict = match runtime.http.send(request).await {
                Ok(response) => match self.judge(response, context, started, at)? {
                    Judged::Answer(answer) => return Ok(answer),
                    Judged::Again(verdict) => verdict,
                },
                Err(HttpError::Budget { budget, wait }) => {
                    pause(runtime, wait, at, format!("call budget {budget} is used up")).await?;
                    continue;
                }
                Err(source) if source.retry() == Retry::Never => {
                    return Err(Error::Http { at: at.clone(), source });
                }
                Err(source) => Verdict::again(source.to_string()),
            };
            attempt += 1;
            let spent = runtime.clock.now().duration_since(began);
            if attempt > verdict::MAX_RETRIES || spent.as_secs() > verdict::MAX_SECONDS {
                return Err(Error::Exhausted {
                    at: at.clone(),
                    message: verdict.message,
                    attempts: attempt,
                });
            }
            let wait = verdict.wait.unwrap_or_else(|| verdict::exponential(attempt));
            pause(runtime, wait, at, verdict.message).await?;
        }
    }

    fn request(
        &self,
        context: &Context<'_>,
        options: Options,
        path: Option<&str>,
        at: &At,
    ) -> Result<Request, Error> {
        let limits = self.shared.runtime.limits;
        let request = self.fetcher.requester.request(context, options, path, limits);
        request.map_err(|source| Error::Request { at: at.clone(), source })
    }

    /// What becomes of an answer: the overlay's rules first, then the manifest's.
    fn judge(
        &self,
        response: Response,
        _context: &Context<'_>,
        started: Timestamp,
        at: &At,
    ) -> Result<Judged, Error> {
        let at = || at.clone();
        let message = format!("the source answers {}", response.status);
        match self.shared.rules.meaning(&response) {
            Some(Meaning::NotReady) => return Err(Error::NotReady { at: at(), message }),
            Some(Meaning::Unsupported) => return Err(Error::Unsupported { at: at(), message }),
            Some(Meaning::End) => {
                return Ok(Judged::Answer(Answer::of(response, started, false)));
            }
            None => {}
        }
        match verdict::of(&response) {
            verdict::Outcome::Take => {
                let readable = response.status < 400;
                Ok(Judged::Answer(Answer::of(response, started, readable)))
            }
            verdict::Outcome::Again(verdict) => Ok(Judged::Again(verdict)),
            verdict::Outcome::Fail { message, configuration } => {
                Err(Error::Refused { at: at(), message, configuration })
            }
        }
    }
}

enum Judged {
    Answer(Answer),
    Again(Verdict),
}

impl Answer {
    fn of(response: Response, started: Timestamp, has_records: bool) -> Self {
        Self { body: response.body, headers: response.headers, has_records, started }
    }
}

/// What makes two requests the same one.
fn digest(request: &Request) -> u64 {
    let mut digest = DefaultHasher::new();
    (request.method, request.url.as_str(), &request.body).hash(&mut digest);
    digest.finish()
}

/// Waits, unless that takes longer than this caller waits: then it is told how long.
async fn pause(runtime: &Runtime, wait: Duration, at: &At, message: String) -> Result<(), Error> {
    let wait = runtime.max_backoff.map_or(wait, |most| wait.min(most));
    if runtime.max_wait.is_some_and(|most| wait > most) {
        return Err(Error::Wait { at: at.clone(), message, wait });
    }
    if !wait.is_zero() {
        tracing::info!(stream = at.stream, wait_ms = wait.as_millis(), "{message}; waiting");
        runtime.clock.sleep(wait).await;
    }
    Ok(())
}
