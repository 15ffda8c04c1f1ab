//! `headwater destination`: destinations, tried on records without a call.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use destination::{
    Attempt, Call, Destination as Compiled, Item, Operation, Rendering, Sent, Session,
};
use host::SystemClock;
use model::DestinationName;
use model::document::Document;
use ports::Clock;
use serde_json::{Map, Value, json};

use super::model::records::Records;
use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;

/// What to do with destinations.
#[derive(Debug, Subcommand)]
pub(crate) enum Destination {
    /// Shows the exact requests that records become, secrets hidden, and which records fail by
    /// themselves; calls nobody.
    Try(Try),
}

/// What is tried.
#[derive(Debug, clap::Args)]
pub(crate) struct Try {
    /// A destination of the configuration folder, or the path of its file.
    destination: String,

    /// Records, one a line, as NDJSON; lines of accepted files count as the record in them;
    /// `.zst` and `.gz` are unpacked.
    #[arg(long)]
    from: PathBuf,

    /// The operation; needed when the destination has several and no `--kind` is given.
    #[arg(long)]
    operation: Option<String>,

    /// The kind of file that the records are of, by which the destination knows the operation.
    #[arg(long, conflicts_with = "operation")]
    kind: Option<String>,

    /// What a push says under `config`, as a YAML or JSON file; that of the first tenant who uses
    /// the destination when left out, secrets replaced.
    #[arg(long)]
    with: Option<PathBuf>,

    /// Requests that are shown; all are counted.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// What stands for a secret that is not looked up.
const HIDDEN: &str = "****";

/// Runs one of them.
pub(crate) async fn run(
    command: Destination,
    places: &Places,
    console: Console,
) -> Result<(), Failure> {
    match command {
        Destination::Try(wanted) => attempt(&wanted, places, console).await,
    }
}

async fn attempt(wanted: &Try, places: &Places, console: Console) -> Result<(), Failure> {
    let destination = compiled(&wanted.destination, places).await?;
    let operation = chosen(&destination, wanted)?;
    let config = match &wanted.with {
        Some(file) => config_of(file)?,
        None => used(&destination, places).await?,
    };
    let session = destination.session(&Value::Object(config), SystemClock.now());
    let mut tried = Tried {
        destination: &destination,
        operation,
        session,
        console,
        shown: 0,
        left: wanted.limit,
        failed: 0,
    };
    let most = operation.limits().max_items.get();
    let mut records = Records::open(&wanted.from)?;
    let name = wanted.from.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let (mut items, mut count) = (Vec::new(), 0_u64);
    while let Some((line, record)) = records.next()? {
        count += 1;
        items.push(item(&name, line, record)?);
        if items.len() == most {
            tried.batch(std::mem::take(&mut items))?;
        }
    }
    if !items.is_empty() {
        tried.batch(items)?;
    }
    let Tried { shown: requests, failed, .. } = tried;
    console.emit(&json!({"ok": true, "records": count, "requests": requests, "failed": failed}))?;
    console.say(format!("{count} records: {requests} requests, {failed} records cannot be sent"))
}

/// The record of a line, or the one within a line of an accepted file.
fn item(name: &str, line: u64, record: &[u8]) -> Result<Item, Failure> {
    let text = std::str::from_utf8(record).unwrap_or_default();
    let within = |field: &str| model::json::token_at(text, &[field]);
    let (number, record) =
        match (within("line").and_then(|line| line.parse().ok()), within("record")) {
            (Some(number), Some(inner)) if inner.starts_with('{') => (number, inner.as_bytes()),
            _ => (line, record),
        };
    Item::read(&format!("{name}#{number}"), name, number, record)
        .map_err(|error| Failure::Input(format!("{name}:{line}: {error}")))
}

/// Requests as they are made.
struct Tried<'t> {
    destination: &'t Compiled,
    operation: &'t Operation,
    session: Session,
    console: Console,
    shown: usize,
    left: usize,
    failed: usize,
}

impl Tried<'_> {
    /// One batch, in halves while it is too large.
    fn batch(&mut self, items: Vec<Item>) -> Result<(), Failure> {
        let mut open = VecDeque::from([items]);
        while let Some(mut items) = open.pop_front() {
            let rendering = self.destination.render(self.operation, &self.session, &items, 0);
            let rendering = rendering.map_err(|error| Failure::Input(error.to_string()))?;
            match rendering {
                Rendering::Split => {
                    let references: Vec<String> =
                        items.iter().map(|item| item.reference.clone()).collect();
                    let attempt = Attempt::default();
                    let sent = Sent { references: &references, attempt: &attempt, chance: 0.0 };
                    let first = self.operation.halves(&sent);
                    let first = first.first().map_or(1, |half| half.references.len());
                    let second = items.split_off(first.min(items.len()));
                    open.push_front(second);
                    open.push_front(items);
                }
                Rendering::Ready(rendered) => {
                    for fault in &rendered.unrenderable {
                        self.failed += 1;
                        self.console.emit(&json!({"failed": fault}))?;
                        let (item, code) = (&fault.reference, &fault.code);
                        self.console.say(format!("{item}: {code}: {}\n", fault.message))?;
                    }
                    if let Some(call) = &rendered.call {
                        self.show(call)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn show(&mut self, call: &Call) -> Result<(), Failure> {
        self.shown += 1;
        if self.shown > self.left {
            return Ok(());
        }
        let shown = self.destination.shown(&self.session, call);
        let shown = shown.map_err(|error| Failure::Input(error.to_string()))?;
        let body = shown.body.as_deref().map(|body| String::from_utf8_lossy(body).into_owned());
        let headers: Map<String, Value> =
            shown.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        self.console.emit(&json!({
            "request": {"method": shown.method.as_str(), "url": shown.url, "headers": headers, "body": body},
            "operation": self.operation.name(),
            "items": shown.references,
        }))?;
        let lines = shown.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let headers = lines.collect::<Vec<_>>().concat();
        let (method, body) = (shown.method.as_str(), body.unwrap_or_default());
        self.console.say(format!("{method} {}\n{headers}\n{body}\n", shown.url))
    }
}

/// The destination of that name, or in the file of that path.
async fn compiled(name: &str, places: &Places) -> Result<Arc<Compiled>, Failure> {
    let path = Path::new(name);
    if path.extension().is_some_and(|ending| ending == "yaml") {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        return Ok(Arc::new(Compiled::parse(&named(stem)?, &document(path)?)?));
    }
    let configuration = folder::configuration(places)?;
    folder::named(places, configuration.destination(&named(name)?).await)
}

fn named(name: &str) -> Result<DestinationName, Failure> {
    name.parse().map_err(|error: model::IdError| Failure::Input(error.to_string()))
}

fn document(path: &Path) -> Result<Document, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("{name}: {error}")))?;
    Ok(Document::parse(&name, &text).map_err(|fault| vec![fault])?)
}

/// The operation that was named, the one for the kind, or the only one.
fn chosen<'d>(destination: &'d Compiled, wanted: &Try) -> Result<&'d Operation, Failure> {
    let known: Vec<&str> = destination.operations().map(|one| one.name().as_str()).collect();
    let there = known.join(", ");
    let name = match (&wanted.operation, &wanted.kind) {
        (Some(name), _) => name.as_str(),
        (None, Some(kind)) => {
            let kinds: Vec<&str> = destination.kinds().collect();
            let message = format!("the destination takes files of kinds: {}", kinds.join(", "));
            let accepted = destination.accepts(kind);
            accepted.map(model::OperationName::as_str).ok_or(Failure::Input(message))?
        }
        (None, None) => {
            let [only] = known.as_slice() else {
                let message = format!("add --operation, one of {there}, or --kind");
                return Err(Failure::Input(message));
            };
            only
        }
    };
    let found = destination.operations().find(|one| one.name().as_str() == name);
    found.ok_or_else(|| {
        let near = model::document::suggest(name, &known);
        let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        Failure::Input(format!("there is no operation `{name}`{near}; there are: {there}"))
    })
}

/// The configuration in a file, its references to secrets hidden.
fn config_of(file: &Path) -> Result<Map<String, Value>, Failure> {
    match document(file)?.root.to_json() {
        Value::Object(config) => Ok(hidden(config)),
        _ => Err(Failure::Input(format!("{}: accepted is a mapping", file.display()))),
    }
}

/// What the first push that goes to the destination says.
async fn used(destination: &Compiled, places: &Places) -> Result<Map<String, Value>, Failure> {
    let configuration = folder::configuration(places)?;
    for tenant in folder::named(places, configuration.tenants().await)? {
        let file = folder::named(places, configuration.tenant(&tenant).await)?;
        let push = file.pushes.values().find(|push| push.destination == *destination.name());
        if let Some(push) = push {
            return Ok(hidden(push.config.clone()));
        }
    }
    let name = destination.name();
    let message = format!("no tenant pushes to `{name}`; say with --with what a push would");
    Err(Failure::Input(message))
}

fn hidden(config: Map<String, Value>) -> Map<String, Value> {
    let hide = |value: Value| match &value {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("secret") => {
            json!(HIDDEN)
        }
        _ => value,
    };
    config.into_iter().map(|(name, value)| (name, hide(value))).collect()
}
