//! What only shows when the files are read together.

use std::collections::BTreeSet;

use connector::{Error as SourceError, Source, Stream};
use model::config::{Connection, Streams, TenantFile};
use model::document::{Document, Fault, Node};
use model::{ModelName, TenantId};
use normalize::Model;
use ports::SecretPath;
use serde_json::Value;

use super::build::trial;
use super::{Configuration, Error, LoadedSource, meant};

impl Configuration {
    /// Reads every file and gives all faults of all of them: each file's own, and those between
    /// files — sources and streams that do not exist, configuration that a source does not take,
    /// secrets of others that are not granted, customers' tenants without a file.
    pub async fn check(&self) -> Result<Vec<Fault>, Error> {
        let mut faults = Vec::new();
        gather(self.settings().await, &mut faults)?;
        for source in self.sources().await? {
            if let Some(loaded) = gather(self.source(&source).await, &mut faults)? {
                self.check_overlay(source.as_str(), &loaded, &mut faults).await?;
            }
        }
        let tenants = self.tenants().await?;
        for tenant in &tenants {
            faults.extend(self.check_of(tenant).await?);
        }
        self.check_customers(&tenants, &mut faults).await?;
        self.check_models(&mut faults).await?;
        self.check_deliveries(&mut faults).await?;
        faults.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        // What is wrong with a source shows for each connection that uses it: once is enough.
        faults.dedup_by(|a, b| {
            a == b || (a.file == b.file && a.file.contains("sources/") && place(a) == place(b))
        });
        Ok(faults)
    }

    async fn check_deliveries(&self, faults: &mut Vec<Fault>) -> Result<(), Error> {
        for destination in self.destinations().await? {
            gather(self.destination(&destination).await, faults)?;
        }
        for feed in self.feeds().await? {
            gather(self.feed(&feed).await, faults)?;
        }
        Ok(())
    }

    /// The faults of one tenant's file, and those between it and the sources that it names.
    pub async fn check_of(&self, tenant: &TenantId) -> Result<Vec<Fault>, Error> {
        let mut faults = Vec::new();
        if let Some(file) = gather(self.tenant(tenant).await, &mut faults)? {
            self.check_tenant(&file, &mut faults).await?;
        }
        Ok(faults)
    }

    async fn check_tenant(&self, file: &TenantFile, faults: &mut Vec<Fault>) -> Result<(), Error> {
        let key = self.key("tenants", file.tenant.as_str(), ".yaml")?;
        let (_, document) = self.document(&key).await?;
        let grants = self.grants(file).await?;
        for used in &file.secrets {
            if let Err(error) = SecretPath::resolve(&file.tenant, &used.reference, &grants) {
                faults.push(Fault { message: error.to_string(), ..used.fault.clone() });
            }
        }
        for (id, connection) in &file.connections {
            let place = Place::new(&document, "connections", id.as_str());
            match self.source(&connection.source).await {
                Ok(source) => {
                    let known = faults.len();
                    streams(&place, &connection.streams, &source, faults);
                    specified(&place, ("source", &source.manifest.spec()), faults);
                    if faults.len() == known {
                        faults.extend(self.built(&place, connection, &source)?);
                    }
                }
                Err(Error::Unknown { name, known, .. }) => {
                    faults.push(place.fault(&["source"], no_source(&name, &known)));
                }
                Err(Error::Faults(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for (id, used) in &file.feeds {
            match self.feed(&used.feed).await {
                Ok(_) | Err(Error::Faults(_)) => {}
                Err(error @ Error::Unknown { .. }) => {
                    let feed = document.root.get("feeds").and_then(|all| all.get(id.as_str()));
                    let node = feed.unwrap_or(&document.root);
                    let fault =
                        document.fault(node, &format!("feeds.{id}.feed"), error.to_string());
                    faults.push(fault);
                }
                Err(error) => return Err(error),
            }
        }
        self.check_pushes(file, &document, faults).await
    }

    /// Streams that an overlay speaks of and the manifest does not have.
    async fn check_overlay(
        &self,
        name: &str,
        source: &LoadedSource,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Error> {
        if source.overlay.streams.keys().all(|name| no_stream(name.as_str(), source).is_none()) {
            return Ok(());
        }
        let key = self.key("sources", name, ".headwater.yaml")?;
        let (_, document) = self.document(&key).await?;
        let entries = document.root.get("streams").and_then(Node::entries).unwrap_or_default();
        for (key, node) in entries {
            if let Some(message) = no_stream(&key.text, source) {
                let fault = document.fault(node, &format!("streams.{}", key.text), message);
                faults.push(Fault { line: key.line, column: key.column, ..fault });
            }
        }
        Ok(())
    }

    async fn check_models(&self, faults: &mut Vec<Fault>) -> Result<(), Error> {
        for model in self.models().await? {
            if let Some(compiled) = gather(self.model(&model).await, faults)? {
                self.check_model(&model, &compiled, faults).await?;
            }
        }
        Ok(())
    }

    /// Streams that a model is made from and that their sources do not have. A source that is not
    /// there is no fault, as models are shared by installations that have different ones; one of
    /// nearly its name is.
    async fn check_model(
        &self,
        name: &ModelName,
        model: &Model,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Error> {
        let key = self.key("models", name.as_str(), ".yaml")?;
        let (_, document) = self.document(&key).await?;
        let entries = document.root.get("sources").and_then(Node::entries).unwrap_or_default();
        for (made, (key, node)) in model.sources.iter().zip(entries) {
            let message = match self.source(&made.source).await {
                Ok(source) => no_stream(made.stream.as_str(), &source),
                Err(Error::Unknown { name, known, .. }) => {
                    Some(no_source(&name, &known)).filter(|_| !meant(&name, &known).is_empty())
                }
                Err(Error::Faults(_)) => None,
                Err(error) => return Err(error),
            };
            if let Some(message) = message {
                let fault = document.fault(node, &format!("sources.{}", key.text), message);
                faults.push(Fault { line: key.line, column: key.column, ..fault });
            }
        }
        Ok(())
    }
}

impl Configuration {
    /// What does not fit when the source is made for this connection, before any call.
    fn built(
        &self,
        place: &Place<'_>,
        connection: &Connection,
        source: &LoadedSource,
    ) -> Result<Option<Fault>, Error> {
        let made = trial(&Value::Object(connection.config.clone()), source);
        let pulled = |stream: &&Stream| connection.streams.config(stream.name()).is_some();
        let made = made.and_then(|made| {
            made.streams().iter().filter(pulled).try_for_each(Stream::landable)?;
            Ok(made)
        });
        let error = match made {
            Ok(made) => return Ok(cursor(place, &connection.streams, &made)),
            Err(error) => error,
        };
        let (name, path) = (connection.source.as_str(), place.path.as_str());
        Ok(Some(match error {
            SourceError::Stream { stream, source } => Fault {
                file: self.key("sources", name, ".yaml")?.to_string(),
                line: source.line,
                column: 1,
                field: source.path,
                message: format!("{} (stream `{stream}`, as {path} has it)", source.message),
            },
            SourceError::Overlay { source } => Fault {
                file: self.key("sources", name, ".headwater.yaml")?.to_string(),
                line: 1,
                column: 1,
                field: "body".to_owned(),
                message: format!("a pattern is no regular expression: {}", reason(&source)),
            },
            other => place.fault(&["source"], other.to_string()),
        }))
    }
}

fn place(fault: &Fault) -> (u32, u32, &str) {
    (fault.line, fault.column, &fault.field)
}

/// What is wrong with a pattern, without the drawing above it.
fn reason(error: &impl ToString) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Keeps faults and goes on; other errors end the check.
pub(super) fn gather<T>(
    result: Result<T, Error>,
    faults: &mut Vec<Fault>,
) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Faults(found)) => {
            faults.extend(found);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A connection or a push in its file.
pub(super) struct Place<'d> {
    document: &'d Document,
    section: Option<&'d Node>,
    path: String,
}

impl<'d> Place<'d> {
    pub(super) fn new(document: &'d Document, name: &str, id: &str) -> Self {
        let section = document.root.get(name).and_then(|all| all.get(id));
        Self { document, section, path: format!("{name}.{id}") }
    }

    pub(super) fn node(&self, names: &[&str]) -> Option<&'d Node> {
        names.iter().try_fold(self.section?, |node, name| node.get(name))
    }

    /// A fault at the deepest of these names that stands in the file.
    pub(super) fn fault(&self, names: &[&str], message: String) -> Fault {
        let deepest = (0..=names.len()).rev().find_map(|n| self.node(names.get(..n)?));
        let path = [&[self.path.as_str()], names].concat().join(".");
        self.document.fault(deepest.unwrap_or(&self.document.root), &path, message)
    }

    /// A fault of a field of an item in a list, or of the item where the field is not there.
    pub(super) fn item(&self, path: &str, (node, field): (&Node, &str), message: String) -> Fault {
        let path = format!("{}.{path}.{field}", self.path);
        self.document.fault(node.get(field).unwrap_or(node), &path, message)
    }
}

fn no_source(name: &str, known: &[String]) -> String {
    let near = meant(name, known);
    format!("there is no source `{name}`{near}; there are: {}", known.join(", "))
}

/// What is said of a stream that the manifest does not have.
fn no_stream(name: &str, source: &LoadedSource) -> Option<String> {
    let known: Vec<&str> = source.manifest.stream_names().collect();
    if known.contains(&name) || source.manifest.makes_streams() {
        return None;
    }
    let near = meant(name, &known);
    Some(format!("there is no stream `{name}`{near}; there are: {}", known.join(", ")))
}

/// Streams that are listed but not in the manifest.
fn streams(place: &Place<'_>, listed: &Streams, source: &LoadedSource, faults: &mut Vec<Fault>) {
    let Streams::Listed(list) = listed else { return };
    let items = place.node(&["streams"]).and_then(Node::items).unwrap_or_default();
    for (n, (stream, node)) in list.iter().zip(items).enumerate() {
        if let Some(message) = no_stream(stream.name.as_str(), source) {
            let path = format!("{}.streams[{n}]", place.path);
            faults.push(place.document.fault(node, &path, message));
        }
    }
}

/// A cursor field for a stream whose manifest does not leave it open.
fn cursor(place: &Place<'_>, streams: &Streams, source: &Source) -> Option<Fault> {
    let fixed = |name| source.stream(name).is_ok_and(|stream| !stream.cursor_is_chosen());
    let (name, _) = streams.cursors().find(|(name, _)| fixed(name))?;
    let message = format!(
        "`cursor_field` of stream `{name}`: its manifest does not leave that open \
         (`allow_catalog_defined_cursor_field`)"
    );
    Some(place.fault(&["streams"], message))
}

/// Configuration that a `spec` demands and the file lacks, and names that are probably slips of
/// ones that it takes.
pub(super) fn specified(place: &Place<'_>, (whose, spec): (&str, &Value), faults: &mut Vec<Fault>) {
    let schema = spec.get("connection_specification").unwrap_or(&Value::Null);
    let properties = schema.get("properties").and_then(Value::as_object);
    let known: Vec<&str> = properties.into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    let entries = place.node(&["config"]).and_then(Node::entries).unwrap_or_default();
    let given: BTreeSet<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let has_default = schema.pointer(&format!("/properties/{name}/default")).is_some();
        if !given.contains(name) && !has_default {
            let message = format!("`{name}` is missing; the {whose} needs it");
            faults.push(place.fault(&["config"], message));
        }
    }
    for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
        let near = meant(&key.text, &known);
        if !near.is_empty() {
            let message = format!("unknown field{near}; accepted: {}", known.join(", "));
            let fault = place.fault(&["config", &key.text], message);
            faults.push(Fault { line: key.line, column: key.column, ..fault });
        }
    }
}
