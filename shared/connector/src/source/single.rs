//! One row asked for by itself, to see whether it is still there.

use std::sync::Arc;

use model::StreamName;
use request::requester::Options;
use serde_json::{Value as Json, json};

use super::Source;
use crate::error::{At, Error};
use crate::manifest::Listed;
use crate::part::{BuildError, Part};
use crate::stream::Core;

/// Statuses that say: there is no such row.
const GONE: [u16; 2] = [404, 410];

/// What belongs to a list of rows, not to a row.
const OF_LISTS: [&str; 5] =
    ["http_method", "request_body", "request_body_data", "request_body_json", "use_cache"];

impl Source {
    /// Whether the source says that there is no such row: a `GET` of a path below the requester's
    /// base, with its credentials, headers and parameters, is answered 404 or 410. Where a rule of
    /// the overlay gives such an answer another meaning, that is what it means.
    pub async fn is_gone(&self, stream: &StreamName, path: &str) -> Result<bool, Error> {
        let name = stream.as_str();
        let core = self.asking(name)?;
        let at = At { stream: name.to_owned(), slice: path.to_owned(), page: 0 };
        let asked = (Options::default(), Some(path.to_owned()));
        let answer = core.ask(&self.shared.context(), asked, &at).await?;
        Ok(GONE.contains(&answer.status))
    }

    /// The stream's requester, alone.
    fn asking(&self, name: &str) -> Result<Core, Error> {
        let named = |one: &Listed| one.json.get("name").and_then(Json::as_str).map(str::to_owned);
        let listed = self.manifest.listed().find(|one| named(one).as_deref() == Some(name));
        let Some(listed) = listed else {
            let known = self.manifest.listed().filter_map(|one| named(&one)).collect();
            return Err(Error::NoStream { name: name.to_owned(), known });
        };
        let part = Part::new(&listed.json, listed.path.clone(), 0);
        let fault = |source: BuildError| Error::Stream { stream: name.to_owned(), source };
        let retriever = part.needed("retriever").map_err(fault)?;
        let own = retriever.needed("requester").map_err(fault)?;
        let requester = single(own.json);
        let selector = retriever.needed("record_selector").map_err(fault)?;
        let json = json!({"type": "SimpleRetriever", "requester": requester,
            "record_selector": selector.json});
        Core::of_retriever(name, &retriever.around(&json), &Arc::clone(&self.shared)).map_err(fault)
    }
}

/// A requester that asks for one row, and takes "there is none" for an answer.
fn single(requester: &Json) -> Json {
    let mut requester = requester.clone();
    let Some(fields) = requester.as_object_mut() else { return requester };
    fields.retain(|name, _| !OF_LISTS.contains(&name.as_str()));
    let handler =
        fields.entry("error_handler").or_insert_with(|| json!({"type": "DefaultErrorHandler"}));
    lets_pass(handler);
    requester
}

/// Puts a rule before all others of an error handler.
fn lets_pass(handler: &mut Json) {
    if let Some(handlers) = handler.get_mut("error_handlers").and_then(Json::as_array_mut) {
        handlers.iter_mut().for_each(lets_pass);
        return;
    }
    let Some(fields) = handler.as_object_mut() else { return };
    let rules = fields.entry("response_filters").or_insert_with(|| json!([]));
    if let Some(rules) = rules.as_array_mut() {
        let gone = json!({"type": "HttpResponseFilter", "http_codes": GONE, "action": "IGNORE"});
        rules.insert(0, gone);
    }
}
