//! The section `operations`.

use std::time::Duration;

use model::config::At;
use model::document::NodeValue;
use ports::Method;
use request::interpolation::{InterpolatedMapping, Template};
use request::value::Value;

use super::bounds::Batch;
use super::template::{BATCH, ITEM, Reader, SINGLE, near};
use crate::destination::Bounds;
use crate::operation::{Idempotency, Operation};
use crate::path::Path;
use crate::render::has_body;
use crate::rule::Rule;
use crate::shape::{Nulls, Shape};
use model::OperationName;

/// An operation, and where its parts stand.
pub(super) struct Read<'n> {
    pub(super) operation: Operation,
    pub(super) at: At<'n>,
    /// Its own rules, and those of the file that are for it, with their places.
    pub(super) own: Vec<(At<'n>, Rule)>,
    pub(super) shared: Vec<(At<'n>, Rule)>,
}

/// What an operation takes over from the file.
pub(super) struct Usual {
    batch: Batch,
    idempotency: Idempotency,
    code: Vec<Path>,
    message: Vec<Path>,
}

const FIELDS: &[&str] = &[
    "description",
    "http_method",
    "path",
    "request_headers",
    "request_parameters",
    "item",
    "body",
    "nulls",
    "entity",
    "batch",
    "rates",
    "idempotency",
    "error",
    "results",
    "absent",
    "rules",
    "waits_for",
    "async",
];

const METHODS: &[(&str, Method)] = &[
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
    ("GET", Method::Get),
];

/// How long an operation waits for others, unless it says otherwise.
const WAIT_MOST: Duration = Duration::from_hours(4);
/// The longest such wait accepted.
const WAIT_LONGEST: Duration = Duration::from_hours(7 * 24);

impl Reader<'_, '_> {
    pub(super) fn operations<'n>(&mut self, root: &At<'n>, bounds: &Bounds) -> Vec<Read<'n>> {
        let usual = Usual {
            batch: self.batch(root.field("batch").as_ref(), None),
            idempotency: match root.field("idempotency") {
                Some(at) => self.idempotency(&at).unwrap_or(Idempotency::None),
                None => Idempotency::None,
            },
            code: Vec::new(),
            message: Vec::new(),
        };
        let (code, message) = self.error(root.field("error").as_ref());
        let usual = Usual { code, message, ..usual };
        let shared = root.field("rules").map(|at| self.rules(&at, bounds)).unwrap_or_default();
        let Some(at) = self.d.required(root, "operations") else { return Vec::new() };
        let entries = at.node.entries().unwrap_or_default();
        if entries.is_empty() {
            self.d.fault(&at, "accepted is a mapping of at least one operation");
        }
        let mut operations = Vec::new();
        for (key, node) in entries {
            let entry = At { node, path: at.below(&key.text) };
            let Some(name) = self.d.kept(&entry, key.text.parse::<OperationName>()) else {
                continue;
            };
            let Some((operation, own)) = self.operation(name, &entry, &usual, bounds) else {
                continue;
            };
            operations.push(Read { operation, at: entry, own, shared: Vec::new() });
        }
        self.share(shared, &mut operations);
        operations
    }

    /// Hands the file's rules to the operations that they are for.
    fn share<'n>(&mut self, shared: Vec<super::rule::Read<'n>>, operations: &mut [Read<'n>]) {
        for rule in shared {
            for name in &rule.operations {
                self.known(&rule.at, name, operations);
            }
            for read in operations.iter_mut() {
                if rule.operations.is_empty() || rule.operations.contains(&read.operation.name) {
                    read.shared.push((rule.at.clone(), rule.rule.clone()));
                }
            }
        }
        for read in operations {
            let all = read.own.iter().chain(&read.shared).map(|(_, rule)| rule.clone());
            read.operation.rules = all.collect();
        }
    }

    /// Whether there is such an operation.
    pub(super) fn known(
        &mut self,
        at: &At<'_>,
        name: &OperationName,
        operations: &[Read<'_>],
    ) -> bool {
        let known: Vec<&str> = operations.iter().map(|read| read.operation.name.as_str()).collect();
        if known.contains(&name.as_str()) {
            return true;
        }
        let near = near(name.as_str(), &known);
        let message =
            format!("there is no operation `{name}`{near}; there are: {}", known.join(", "));
        self.d.fault(at, message);
        false
    }

    fn operation<'n>(
        &mut self,
        name: OperationName,
        at: &At<'n>,
        usual: &Usual,
        bounds: &Bounds,
    ) -> Option<(Operation, Vec<(At<'n>, Rule)>)> {
        if !self.d.names(at, FIELDS) {
            return None;
        }
        let method = at.field("http_method").and_then(|at| self.d.word(&at, METHODS));
        let method = method.unwrap_or(Method::Post);
        let batch = self.batch(at.field("batch").as_ref(), Some(usual.batch));
        let single = batch.limits.max_items.get() == 1;
        let offer = if single { SINGLE } else { BATCH };
        let path = self.d.required(at, "path").map(|at| self.path(&at, offer));
        let item = at.field("item").map_or_else(|| whole("record"), |at| self.shape(&at, ITEM));
        let mapping = |reader: &mut Self, name: &str| match at.field(name) {
            Some(at) => reader.mapping(&at, offer),
            None => InterpolatedMapping::default(),
        };
        let (parameters, headers) =
            (mapping(self, "request_parameters"), mapping(self, "request_headers"));
        let nulls = [("omit", Nulls::Omit), ("send", Nulls::Send)];
        let nulls = at.field("nulls").and_then(|at| self.d.word(&at, &nulls));
        let body = self.body(at, method, single);
        let (code, message) = self.error(at.field("error").as_ref());
        let own = at.field("rules").map(|at| self.rules(&at, bounds)).unwrap_or_default();
        let own = own.into_iter().map(|read| (read.at, read.rule)).collect();
        let (waits_for, wait_most) = self.waits(at.field("waits_for").as_ref());
        let rates = at.field("rates").map(|at| self.rates(&at)).unwrap_or_default();
        let idempotency = at.field("idempotency").and_then(|at| self.idempotency(&at));
        let operation = Operation {
            name,
            method,
            path: path?,
            parameters,
            headers,
            item: item?,
            body,
            nulls: nulls.unwrap_or(Nulls::Omit),
            entity: at.field("entity").and_then(|at| self.template(&at, ITEM)),
            limits: batch.limits,
            max_item_bytes: batch.max_item_bytes,
            rates,
            idempotency: idempotency.unwrap_or_else(|| usual.idempotency.clone()),
            code: if code.is_empty() { usual.code.clone() } else { code },
            message: if message.is_empty() { usual.message.clone() } else { message },
            results: self.results(at, bounds),
            rules: Vec::new(),
            waits_for,
            wait_most,
            job: at.field("async").and_then(|at| self.asynchronous(&at)),
        };
        Some((operation, own))
    }

    fn body(&mut self, at: &At<'_>, method: Method, single: bool) -> Option<Shape> {
        match at.field("body") {
            Some(body) if !has_body(method) => {
                self.d.fault(&body, format!("{} requests have no body", method.as_str()));
                None
            }
            Some(body) => self.shape(&body, if single { SINGLE } else { BATCH }),
            None if !has_body(method) => None,
            None => whole(if single { "item" } else { "items" }),
        }
    }

    /// `{header: Idempotency-Key}`, `natural_key` or `none`.
    fn idempotency(&mut self, at: &At<'_>) -> Option<Idempotency> {
        if let NodeValue::Mapping(_) = at.node.value {
            self.d.names(at, &["header"]);
            let header = self.d.required(at, "header")?;
            return self.d.text(&header).map(Idempotency::Header);
        }
        let natural = self.d.word(at, &[("natural_key", true), ("none", false)])?;
        Some(if natural { Idempotency::NaturalKey } else { Idempotency::None })
    }

    /// `{code: …, message: …}`: where an answer says what is wrong with the whole request.
    fn error(&mut self, at: Option<&At<'_>>) -> (Vec<Path>, Vec<Path>) {
        let Some(at) = at.filter(|at| self.d.names(at, &["code", "message"])) else {
            return (Vec::new(), Vec::new());
        };
        (self.paths(at, "code"), self.paths(at, "message"))
    }

    /// A path, or several of which the first that leads to something counts.
    pub(super) fn paths(&mut self, at: &At<'_>, name: &str) -> Vec<Path> {
        let Some(at) = at.field(name) else { return Vec::new() };
        match at.node.items() {
            Some(_) => {
                let items = self.d.list(&at);
                items.iter().filter_map(|item| self.d.parsed(item)).collect()
            }
            None => self.d.parsed(&at).into_iter().collect(),
        }
    }

    /// `[ADD]`, or `{operations: [ADD], most: 4h}`
    fn waits(&mut self, at: Option<&At<'_>>) -> (Vec<OperationName>, Duration) {
        let Some(at) = at else { return (Vec::new(), WAIT_MOST) };
        if at.node.entries().is_none() {
            let items = self.d.list(at);
            return (items.iter().filter_map(|item| self.d.parsed(item)).collect(), WAIT_MOST);
        }
        self.d.names(at, &["operations", "most"]);
        let items = self.d.required(at, "operations").map(|at| self.d.list(&at));
        let names = items.iter().flatten().filter_map(|item| self.d.parsed(item)).collect();
        let most = at.field("most").and_then(|at| self.d.span(&at, Duration::ZERO, WAIT_LONGEST));
        (names, most.unwrap_or(WAIT_MOST))
    }
}

/// What stands under a name, as it is.
fn whole(name: &str) -> Option<Shape> {
    let template = Template::new(&format!("{{{{ {name} }}}}"), &Value::empty_dict());
    template.ok().map(Shape::Template)
}
