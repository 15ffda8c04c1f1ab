//! Between a source and the API: answers from a cassette, and records what the API answers.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ports::{Http, HttpError, Request, Response};

use super::cassette::{Answered, Asked, Call, Cassette};
use super::redaction::{Redactor, is_redacted};

/// Header fields of an answer that its recording does not have: the transport's, and cookies.
const LEFT_OUT: [&str; 7] = [
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
];

/// Largest body that is recorded, in bytes.
const LARGEST: usize = 16 << 20;

/// A call as it was made in this run.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) asked: Asked,
    /// Status; none when there was no answer.
    pub(super) status: Option<u16>,
    pub(super) from: From,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The API.
    Api,
    /// The cassette.
    Cassette,
    /// Nowhere: it is not on the cassette, and the API must not be asked.
    Nowhere,
}

/// The decorator.
#[derive(Debug)]
pub(super) struct Tape {
    /// Asks the API; none in a replay.
    api: Option<Arc<dyn Http>>,
    redactor: Arc<Redactor>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cassette: Cassette,
    /// Calls of the cassette that this run was answered with.
    played: Vec<bool>,
    made: Vec<Made>,
    /// Calls that this run has added.
    added: usize,
}

impl Tape {
    pub(super) fn new(
        api: Option<Arc<dyn Http>>,
        redactor: Arc<Redactor>,
        cassette: Cassette,
    ) -> Self {
        let played = vec![false; cassette.calls.len()];
        let state = State { cassette, played, made: Vec::new(), added: 0 };
        Self { api, redactor, state: Mutex::new(state) }
    }

    /// The calls that were made since the last time.
    pub(super) fn made(&self) -> Vec<Made> {
        std::mem::take(&mut self.lock().made)
    }

    /// Addresses on the cassette that are closest to one that is not on it.
    pub(super) fn nearest(&self, asked: &Asked) -> Option<String> {
        let state = self.lock();
        let like = state.cassette.calls.iter().filter(|call| call.request.method == asked.method);
        let alike = |url: &str| strsim::normalized_levenshtein(url, &asked.url);
        let nearest = like.map(|call| call.request.url.as_str());
        nearest.max_by(|a, b| alike(a).total_cmp(&alike(b))).map(str::to_owned)
    }

    /// The cassette, when this run has added to it.
    pub(super) fn changed(&self) -> Option<(Cassette, usize)> {
        let state = self.lock();
        (state.added > 0).then(|| (state.cassette.clone(), state.added))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self, request: &Request) -> Asked {
        let body = request.body.as_ref().map(|body| match std::str::from_utf8(body) {
            Ok(text) => self.redactor.body(text),
            Err(_) => format!("{} bytes", body.len()),
        });
        let header =
            |(name, value): &(String, String)| (name.clone(), self.redactor.header(name, value));
        Asked {
            method: request.method.as_str().to_owned(),
            url: self.redactor.url(&request.url),
            headers: request.headers.iter().map(header).collect(),
            body,
        }
    }

    fn answered(&self, asked: &Asked, response: &Response, number: usize) -> Answered {
        let kept = |(name, _): &&(String, String)| {
            !LEFT_OUT.iter().any(|left| name.eq_ignore_ascii_case(left))
        };
        let header = |(name, value): &(String, String)| (name.clone(), self.redactor.text(value));
        let headers = response.headers.iter().filter(kept).map(header).collect();
        let text = std::str::from_utf8(&response.body).ok();
        let body = text.map(|text| self.redactor.answer(text, asked.method != "GET", number));
        let base64 = text.is_none().then(|| STANDARD.encode(&response.body));
        let redacted = body.as_deref().is_some_and(is_redacted);
        Answered { status: response.status, headers, body, base64, redacted }
    }

    /// The answer on the cassette: the first to such a request that was not given yet, or else
    /// the last.
    fn play(&self, asked: &Asked) -> Option<Answered> {
        let mut state = self.lock();
        let usable = |call: &Call| self.api.is_none() || !call.response.redacted;
        let alike: Vec<usize> = state
            .cassette
            .calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.request.is_like(asked) && usable(call))
            .map(|(number, _)| number)
            .collect();
        let unplayed = |number: &&usize| state.played.get(**number) == Some(&false);
        let number = *alike.iter().find(unplayed).or_else(|| alike.last())?;
        if let Some(played) = state.played.get_mut(number) {
            *played = true;
        }
        state.cassette.calls.get(number).map(|call| call.response.clone())
    }

    fn note(&self, asked: Asked, status: Option<u16>, from: From) {
        self.lock().made.push(Made { asked, status, from });
    }

    fn record(&self, asked: &Asked, response: &Response) {
        if response.body.len() > LARGEST {
            return;
        }
        let stale = self.lock().stale(asked);
        let number = stale.unwrap_or_else(|| self.lock().cassette.calls.len());
        let response = self.answered(asked, response, number);
        self.lock().add(stale, Call { request: asked.clone(), response });
    }
}

impl State {
    /// The recording of a call whose answer only a replay can use, unless this run made it anew.
    /// The secrets of the answer keep its number, so that what was recorded with them still fits.
    fn stale(&self, asked: &Asked) -> Option<usize> {
        let mut calls = self.cassette.calls.iter().zip(&self.played);
        calls.position(|(call, played)| {
            call.request.is_like(asked) && call.response.redacted && !played
        })
    }

    fn add(&mut self, place: Option<usize>, call: Call) {
        self.added += 1;
        let slot = place.and_then(|n| self.cassette.calls.get_mut(n).zip(self.played.get_mut(n)));
        if let Some((old, played)) = slot {
            (*old, *played) = (call, true);
        } else {
            self.cassette.calls.push(call);
            self.played.push(true);
        }
    }
}

#[async_trait]
impl Http for Tape {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let asked = self.asked(&request);
        if let Some(answered) = self.play(&asked) {
            self.note(asked, Some(answered.status), From::Cassette);
            return Ok(answered.response());
        }
        let Some(api) = &self.api else {
            let rest = asked.url.split_once("://").map_or(asked.url.as_str(), |(_, rest)| rest);
            let host = rest.split(['/', '?']).next().unwrap_or_default().to_owned();
            self.note(asked, None, From::Nowhere);
            return Err(HttpError::Refused { host, reason: "not on the cassette".to_owned() });
        };
        let answer = api.send(request).await;
        self.note(asked.clone(), answer.as_ref().ok().map(|answer| answer.status), From::Api);
        if let Ok(response) = &answer {
            self.record(&asked, response);
        }
        answer
    }
}
