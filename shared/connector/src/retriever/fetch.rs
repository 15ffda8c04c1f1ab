//! One call and what becomes of its answer: attempts, their waits, and rules for answers.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use model::{Classify, Retry, Timestamp};
use ports::{HttpError, Request, Response};
use request::authenticator::Redactor;
use request::component::Faults;
use request::error_handler::{Action, Failure, MAX_TIME, Resolution, Wait};
use request::interpolation::Context;
use request::requester::{Options, Requester};

use super::properties;
use super::rules::Meaning;
use crate::error::{At, Error};
use crate::part::{BuildError, Part};
use crate::record_selector::Lists;
use crate::source::{Runtime, Shared};
use crate::stream::Core;

/// Makes a stream's calls.
#[derive(Debug)]
pub(crate) struct Fetcher {
    requester: Requester,
    /// Takes the stream's credentials out of messages that quote the source.
    redactor: Redactor,
    /// Whether answers are kept for whoever asks again.
    cached: bool,
    /// Whether an answer comes with its request, for templates that read that.
    tells: bool,
}

/// An answer that the stream's rules let pass.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(super) headers: Vec<(String, String)>,
    /// Whether the body is read at all.
    pub(crate) has_records: bool,
    /// Whether the overlay takes it for the end of the data.
    pub(super) is_end: bool,
    pub(super) started: Timestamp,
    /// Whole lists of which it holds a part.
    pub(super) lists: Lists,
    /// What it answers, where that is told.
    pub(super) request: Option<Box<Request>>,
}

impl Answer {
    /// A page that came along with a record of the parent.
    pub(super) fn given(body: Bytes, started: Timestamp) -> Self {
        let (headers, lists) = (Vec::new(), Lists::default());
        let (status, has_records, is_end) = (200, true, false);
        Self { status, body, headers, has_records, is_end, started, lists, request: None }
    }
}

impl Fetcher {
    /// Of a requester; `shared_pages` says that several streams ask for the same.
    pub(crate) fn build(
        part: &Part<'_>,
        shared: &Shared,
        shared_pages: bool,
    ) -> Result<Self, BuildError> {
        let faults = Faults::default();
        let cached = part.child("use_cache").map_or(shared_pages, |flag| flag.json == true);
        let own = properties::without(part.json);
        let own = Part::new(&own, part.place().to_owned(), part.line());
        let requester = Requester::build(&own.component(&faults));
        if let Some(fault) = faults.take().into_iter().next() {
            return Err(fault.into());
        }
        let redactor = Redactor::new(requester.authenticator().secrets(&shared.context()));
        Ok(Self { requester, redactor, cached, tells: false })
    }

    /// From now on an answer comes with its request.
    pub(super) fn tell_requests(&mut self) {
        self.tells = true;
    }
}

/// A call that is to be made again.
struct Again {
    message: String,
    /// What came back, for strategies that read its headers.
    response: Option<Response>,
    /// The credentials were refused: a new token is fetched first.
    refresh: bool,
    /// A wait that is no attempt.
    free: Option<Duration>,
    /// There were too many calls.
    limited: bool,
    /// Another token has calls left: nothing is waited for.
    another: bool,
}

impl Again {
    fn after(message: String) -> Self {
        let (refresh, free, limited, another) = (false, None, false, false);
        Self { message, response: None, refresh, free, limited, another }
    }
}

enum Judged {
    Answer(Answer),
    Again(Again),
    Other(Fetched),
}

/// What came of the call of a page.
#[derive(Debug)]
pub(super) enum Fetched {
    /// An answer.
    Answer(Answer),
    /// The walk is to begin again at its first page.
    Reset,
    /// The page is to be asked for with fewer records.
    Smaller(String),
    /// The window is to be asked for in parts.
    Split(String),
    /// There are not so many records left: the page is to be asked for with this many.
    Tail(u64),
}

impl Core {
    /// Makes a call that has one answer, whatever its rules say of pages and windows.
    pub(crate) async fn ask(
        &self,
        context: &Context<'_>,
        options: (Options, Option<String>),
        at: &At,
    ) -> Result<Answer, Error> {
        match self.fetch(context, options, at, &mut HashSet::new()).await? {
            Fetched::Answer(answer) => Ok(answer),
            Fetched::Reset | Fetched::Smaller(_) | Fetched::Split(_) | Fetched::Tail(_) => {
                let message = "this answer has no pages to ask for in another way".to_owned();
                Err(Error::Refused { at: at.clone(), message, configuration: true })
            }
        }
    }

    /// Makes the call of one page, as often as its rules want.
    pub(super) async fn fetch(
        &self,
        context: &Context<'_>,
        (options, path): (Options, Option<String>),
        at: &At,
        asked: &mut HashSet<u64>,
    ) -> Result<Fetched, Error> {
        let runtime = &self.shared.runtime;
        let began = runtime.clock.now();
        let (mut attempt, mut asked) = (0, Some(asked));
        loop {
            let again = match self.request(context, options.clone(), path.as_deref(), at).await {
                Ok(request) => {
                    if let Some(asked) = asked.take()
                        && !asked.insert(digest(&request))
                    {
                        let message = "the request of this page was made before".to_owned();
                        return Err(Error::Endless { at: at.clone(), message });
                    }
                    let told = self.fetcher.tells.then(|| Box::new(request.clone()));
                    match self.call(request, context, at).await? {
                        Judged::Answer(answer) => {
                            return Ok(Fetched::Answer(Answer { request: told, ..answer }));
                        }
                        Judged::Other(fetched) => return Ok(fetched),
                        Judged::Again(again) => again,
                    }
                }
                Err(Error::Request { source: request::Error::TokensSpent { wait }, at }) => {
                    let message = "no token has calls left".to_owned();
                    return Err(Error::Wait { at, message, wait });
                }
                // A token that could not be fetched now may be fetched later.
                Err(error) if error.retry() == Retry::Never => return Err(error),
                Err(error) => Again::after(error.cause()),
            };
            if let Some(wait) = again.free {
                pause(runtime, wait, at, again.message).await?;
                continue;
            }
            attempt += 1;
            let spent = runtime.clock.now().duration_since(began);
            let patience = self.fetcher.requester.error_handler().max_attempts();
            if attempt >= patience || spent.unsigned_abs() > MAX_TIME {
                let (at, message) = (at.clone(), again.message);
                return Err(Error::Exhausted { at, message, attempts: attempt });
            }
            self.before_next(again, attempt, context, at).await?;
        }
    }

    /// Sends a request and judges what comes back.
    async fn call(
        &self,
        request: Request,
        context: &Context<'_>,
        at: &At,
    ) -> Result<Judged, Error> {
        let runtime = &self.shared.runtime;
        let (started, url) = (runtime.clock.now(), request.url.clone());
        let cache = &self.shared.cache;
        let asked = cache.name(&request).filter(|_| self.fetcher.cached);
        if let Some(response) = asked.and_then(|asked| cache.find(asked)) {
            return self.judge(response, (&url, started), context, at);
        }
        let listens = self.fetcher.requester.authenticator().listens(context);
        let sent = listens.then(|| request.clone());
        match runtime.http.send(request).await {
            Ok(response) => {
                if let Some(asked) = asked {
                    cache.keep(asked, &response);
                }
                let another = self.heed(sent.as_ref(), &response, context, at).await?;
                let judged = self.judge(response, (&url, started), context, at)?;
                Ok(match judged {
                    Judged::Again(again) if another && again.limited => {
                        Judged::Again(Again { another, ..again })
                    }
                    judged => judged,
                })
            }
            // No call was made, so this is no attempt either.
            Err(HttpError::Budget { budget, wait }) => {
                let again = Again::after(format!("call budget {budget} is used up"));
                Ok(Judged::Again(Again { free: Some(wait), ..again }))
            }
            Err(source) if source.retry() == Retry::Never => {
                Err(Error::Http { at: at.clone(), source })
            }
            Err(source) => Ok(Judged::Again(Again::after(source.to_string()))),
        }
    }

    /// Tells credentials that count their calls what an answer says of them; whether others have
    /// calls left.
    async fn heed(
        &self,
        sent: Option<&Request>,
        response: &Response,
        context: &Context<'_>,
        at: &At,
    ) -> Result<bool, Error> {
        let Some(sent) = sent else { return Ok(false) };
        let authenticator = self.fetcher.requester.authenticator();
        let heed = authenticator.heed((sent, response), &self.shared.caller, context).await;
        heed.map_err(|source| Error::Request { at: at.clone(), source })
    }

    pub(super) async fn request(
        &self,
        context: &Context<'_>,
        options: Options,
        path: Option<&str>,
        at: &At,
    ) -> Result<Request, Error> {
        let caller = &self.shared.caller;
        let request = self.fetcher.requester.request(caller, context, options, path).await;
        request.map_err(|source| Error::Request { at: at.clone(), source })
    }

    /// What becomes of an answer: the overlay's rules first, then the manifest's.
    fn judge(
        &self,
        response: Response,
        (url, started): (&str, Timestamp),
        context: &Context<'_>,
        at: &At,
    ) -> Result<Judged, Error> {
        let message = || format!("the source answers {}", response.status);
        let answer = |response: Response, has_records| {
            let Response { status, headers, body } = response;
            Ok(Judged::Answer(Answer {
                status,
                body,
                headers,
                has_records,
                is_end: false,
                started,
                lists: Lists::default(),
                request: None,
            }))
        };
        match self.shared.rules.meaning(&response) {
            Some(Meaning::NotReady) => {
                return Err(Error::NotReady { at: at.clone(), message: message() });
            }
            Some(Meaning::Unsupported) => {
                return Err(Error::Unsupported { at: at.clone(), message: message() });
            }
            Some(Meaning::End) => {
                let end = |judged| match judged {
                    Judged::Answer(answer) => Judged::Answer(Answer { is_end: true, ..answer }),
                    other => other,
                };
                return answer(response, false).map(end);
            }
            None => {}
        }
        let handler = self.fetcher.requester.error_handler();
        let resolution = handler.interpret(&response, url, context);
        let resolution = resolution
            .map_err(|source| Error::Request { at: at.clone(), source: source.into() })?;
        let message = self.message(&resolution, response.status);
        match resolution.action {
            // An answer of failure holds no records, whatever the manifest makes of it.
            Action::Success | Action::Ignore => {
                let readable = response.status < 400;
                answer(response, readable)
            }
            Action::Retry | Action::RateLimited => {
                let limited = resolution.action == Action::RateLimited;
                let response = Some(response);
                Ok(Judged::Again(Again { response, limited, ..Again::after(message) }))
            }
            Action::RefreshToken => {
                Ok(Judged::Again(Again { refresh: true, ..Again::after(message) }))
            }
            Action::ResetPagination => Ok(Judged::Other(Fetched::Reset)),
            Action::ReducePageSize => Ok(Judged::Other(Fetched::Smaller(message))),
            Action::SplitWindow => Ok(Judged::Other(Fetched::Split(message))),
            Action::Fail => {
                let configuration = resolution.failure == Failure::Config;
                Err(Error::Refused { at: at.clone(), message, configuration })
            }
        }
    }

    /// What a rule says, with the status, and without credentials.
    fn message(&self, resolution: &Resolution, status: u16) -> String {
        let text = self.fetcher.redactor.apply(&resolution.message);
        match text.as_str() {
            "" => format!("the source answers {status}"),
            text if text.starts_with("status") => format!("the source answers {text}"),
            text => format!("the source answers {status}: {text}"),
        }
    }

    /// Waits, and fetches a new token where the old one was refused.
    async fn before_next(
        &self,
        again: Again,
        attempt: u32,
        context: &Context<'_>,
        at: &At,
    ) -> Result<(), Error> {
        let fault = |source| Error::Request { at: at.clone(), source };
        let Fetcher { requester, .. } = &self.fetcher;
        let runtime = &self.shared.runtime;
        if again.refresh {
            let forgotten = requester.authenticator().forget(&self.shared.caller, context).await;
            return forgotten.map_err(fault);
        }
        if again.another {
            return Ok(());
        }
        let response = again.response.as_ref();
        let now = runtime.clock.now();
        let wait = requester.error_handler().wait(response, attempt, now, context);
        match wait.map_err(|source| fault(source.into()))? {
            Wait::For(wait) => pause(runtime, wait, at, again.message).await,
            Wait::TooLong { wait, .. } => {
                Err(Error::Wait { at: at.clone(), message: again.message, wait })
            }
        }
    }
}

/// What makes two requests the same one.
fn digest(request: &Request) -> u64 {
    let mut digest = DefaultHasher::new();
    (request.method, request.url.as_str(), &request.body).hash(&mut digest);
    digest.finish()
}

/// Waits, unless that takes longer than this caller waits: then it is told how long.
pub(super) async fn pause(
    runtime: &Runtime,
    wait: Duration,
    at: &At,
    message: String,
) -> Result<(), Error> {
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
