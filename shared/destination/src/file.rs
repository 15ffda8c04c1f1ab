//! `destinations/<name>.yaml`: how items become requests at an API, and what its answers mean.

mod asynchronous;
mod bounds;
mod check;
mod operation;
mod requester;
mod results;
mod rule;
mod schema;
mod spec;
mod template;

use std::num::NonZeroUsize;
use std::time::Duration;

use model::config::{At, Decoder};
use model::document::{Document, Fault};
use model::{DestinationName, OperationName};

pub use schema::schema;

use crate::destination::Destination;
use template::Reader;

const FIELDS: &[&str] = &[
    "description",
    "spec",
    "requester",
    "api_budget",
    "timeout",
    "concurrency",
    "batch",
    "retry",
    "yield",
    "defer",
    "idempotency",
    "error",
    "accepts",
    "operations",
    "rules",
];

/// How long a call may take, unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time-out accepted: a function that calls has to end.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);
/// How many calls are under way at once, unless the file says otherwise.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(8).unwrap();

impl Destination {
    /// Reads the file and compiles its templates, paths and patterns, or tells all that is wrong
    /// with it. The name is that of the file.
    pub fn parse(name: &DestinationName, document: &Document) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let root = decoder.root(FIELDS);
        let mut reader = Reader::new(&mut decoder, document);
        let destination = reader.destination(name, &root);
        decoder.finish(destination)
    }
}

impl Reader<'_, '_> {
    fn destination(&mut self, name: &DestinationName, root: &At<'_>) -> Option<Destination> {
        if let Some(text) = root.field("description") {
            self.d.text(&text);
        }
        let spec = self.spec(root.field("spec").as_ref());
        let requester = self.d.required(root, "requester");
        let requester = requester.and_then(|at| self.requester(&at));
        let bounds = self.bounds(root);
        let budget = root.field("api_budget").map(|at| self.budget(&at)).unwrap_or_default();
        let low = Duration::from_millis(100);
        let timeout = root.field("timeout").and_then(|at| self.d.span(&at, low, LONGEST_TIMEOUT));
        let concurrency = root.field("concurrency").and_then(|at| self.d.whole(&at, 1..=1000));
        let concurrency = concurrency.and_then(|n| NonZeroUsize::new(usize::try_from(n).ok()?));
        let operations = self.operations(root, &bounds);
        let accepts = root.field("accepts").map(|at| self.accepts(&at, &operations));
        self.check(root, &operations);
        let requester = requester?;
        Some(Destination {
            name: name.clone(),
            spec,
            base: requester.base?,
            headers: requester.headers,
            parameters: requester.parameters,
            authenticator: requester.authenticator,
            secrets: self.secrets.clone(),
            timeout: timeout.unwrap_or(TIMEOUT),
            concurrency: concurrency.unwrap_or(CONCURRENCY),
            rates: budget.rates,
            headers_read: budget.headers,
            bounds,
            accepts: accepts.unwrap_or_default(),
            operations: operations.into_iter().map(|read| read.operation).collect(),
        })
    }

    /// Which operation takes files of which kind.
    fn accepts(
        &mut self,
        at: &At<'_>,
        operations: &[operation::Read<'_>],
    ) -> Vec<(String, OperationName)> {
        let Some(entries) = at.node.entries() else {
            self.d.fault(at, "accepted is a mapping of kinds of files to operations");
            return Vec::new();
        };
        let mut accepts = Vec::new();
        for (key, node) in entries {
            let entry = At { node, path: at.below(&key.text) };
            let name = self.d.parsed::<OperationName>(&entry);
            if let Some(name) = name.filter(|name| self.known(&entry, name, operations)) {
                accepts.push((key.text.clone(), name));
            }
        }
        accepts
    }
}

#[cfg(test)]
mod tests;
