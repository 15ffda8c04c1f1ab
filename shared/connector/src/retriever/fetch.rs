//! One call.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use request::component::Faults;
use request::interpolation::Context;

use super::call::{Options, Requester};
use crate::error::{At, Error};
use crate::part::{BuildError, Part};
use crate::source::Shared;
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
        let requester = retriever.needed("requester")?.component(&faults);
        let requester = Requester::build(&requester);
        match faults.take().into_iter().next() {
            Some(fault) => Err(fault.into()),
            None => Ok(Self { requester }),
        }
    }
}

impl Core {
    pub(super) async fn fetch(
        &self,
        context: &Context<'_>,
        (options, path): (Options, Option<String>),
        at: &At,
        asked: &mut HashSet<u64>,
    ) -> Result<Answer, Error> {
        let fault = |source| Error::Request { at: at.clone(), source };
        let limits = self.shared.runtime.limits;
        let request = self.fetcher.requester.request(context, options, path.as_deref(), limits);
        let request = request.map_err(fault)?;
        let mut digest = DefaultHasher::new();
        (request.url.as_str(), &request.body).hash(&mut digest);
        if !asked.insert(digest.finish()) {
            let message = "the request of this page was made before".to_owned();
            return Err(Error::Endless { at: at.clone(), message });
        }
        let started = self.shared.runtime.clock.now();
        let response = self.shared.runtime.http.send(request).await;
        let response = response.map_err(|source| Error::Http { at: at.clone(), source })?;
        Ok(Answer {
            has_records: response.status < 400,
            body: response.body,
            headers: response.headers,
            started,
        })
    }
}
