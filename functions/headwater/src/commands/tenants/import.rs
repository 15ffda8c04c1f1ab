//! `headwater tenants import`: takes over the tenants of a script with one configuration file and
//! one state file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, DateTime};
use model::document::{Document, Node, NodeValue};
use model::{SourceName, StreamName, TenantId, Timestamp};
use serde_json::{Value, json};
use store::StreamKey;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::world::{self, World};

/// What to take over.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The configuration: `{"tenants": {"414": {"state_code": "ca", "api_key": "…"}}}`.
    #[arg(long)]
    config: PathBuf,

    /// The state: `{"latest_updates": {"414": {"metrc_plants": "2022-01-01"}}}`, or
    /// `{"414": {"latest_update": "2022-01-01"}}` for all of a tenant's streams.
    #[arg(long)]
    state: Option<PathBuf>,

    /// The source that pulls them from now on.
    #[arg(long, default_value = "stashstock")]
    source: SourceName,

    /// What the source's `base_url` is for them, where its manifest has such a field.
    #[arg(long)]
    base_url: Option<String>,
}

/// Where the script starts when it has no state.
const FIRST_DAY: &str = "2022-01-01T00:00:00Z";

/// One tenant of the script.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tenant {
    /// Plain settings: name and value as JSON.
    settings: BTreeMap<String, String>,
    /// Settings that are secrets: name and value.
    secrets: BTreeMap<String, String>,
    /// How far each stream was pulled.
    state: BTreeMap<String, Timestamp>,
}

impl Tenant {
    /// Gives settings the names that the source has for them (`state` for `state_code`), and a
    /// first day where it wants one: the earliest that the script knows, else the script's own.
    fn fit(&mut self, fields: &[&str]) {
        let named = |name: String| {
            let prefix = |field: &&&str| name.starts_with(&format!("{field}_"));
            let known = fields.contains(&name.as_str());
            let meant = fields.iter().find(prefix).filter(|_| !known);
            meant.map_or_else(|| name.clone(), |field| (*field).to_owned())
        };
        let renamed = |all: BTreeMap<String, String>| {
            all.into_iter().map(|(name, value)| (named(name), value)).collect()
        };
        self.settings = renamed(std::mem::take(&mut self.settings));
        self.secrets = renamed(std::mem::take(&mut self.secrets));
        if fields.contains(&"start_date") {
            let first = self.state.values().min().copied();
            let first = first.or_else(|| FIRST_DAY.parse().ok()).unwrap_or_default();
            let text = first.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            self.settings.entry("start_date".to_owned()).or_insert(json!(text).to_string());
        }
    }
}

/// Takes them over.
pub(crate) async fn run(import: &Import, places: &Places, console: Console) -> Result<(), Failure> {
    let configuration = folder::configuration(places)?;
    let source = folder::named(places, configuration.source(&import.source).await)?;
    let streams: Vec<&str> = source.manifest.stream_names().collect();
    let mut tenants = read_config(&document(&import.config)?)?;
    if let Some(state) = &import.state {
        read_state(&document(state)?, &streams, &mut tenants)?;
    }
    let spec = source.manifest.spec();
    let fields = spec.pointer("/connection_specification/properties").and_then(Value::as_object);
    let fields: Vec<&str> = fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    for tenant in tenants.values_mut() {
        tenant.fit(&fields);
    }
    let world = World::open(places).await?;
    for (id, tenant) in &tenants {
        for (name, value) in &tenant.secrets {
            world::put_secret(places, id, &secret_name(&import.source, name), value)?;
        }
        let written = write(places, import, id, tenant)?;
        let mut adopted = Vec::new();
        for (stream, resume) in &tenant.state {
            let key = StreamKey {
                tenant: id.clone(),
                connection: connection(&import.source)?,
                stream: stream_name(stream)?,
            };
            let took = world.store.adopt(&key, &import.source, *resume).await;
            if took.map_err(|error| Failure::of("the state cannot be written", error))? {
                adopted.push(stream.clone());
            }
        }
        console.emit(&json!({"tenant": id, "file": written, "secrets": tenant.secrets.len(),
            "adopted": adopted}))?;
        console.say(format!(
            "{}: {} secrets, {} streams go on where they stopped",
            written.display(),
            tenant.secrets.len(),
            adopted.len()
        ))?;
    }
    Ok(())
}

fn document(path: &Path) -> Result<Document, Failure> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("`{file}` cannot be read: {error}")))?;
    Document::parse(&file, &text).map_err(|fault| Failure::Faults(vec![fault]))
}

/// The tenants of the configuration; what is named like a secret becomes one.
fn read_config(document: &Document) -> Result<BTreeMap<TenantId, Tenant>, Failure> {
    let mut faults = Vec::new();
    let mut tenants = BTreeMap::new();
    let Some(entries) = document.root.get("tenants").and_then(Node::entries) else {
        let message = "accepted is `{\"tenants\": {<id>: {…}}}`";
        return Err(Failure::Faults(vec![document.fault(&document.root, "tenants", message)]));
    };
    for (key, node) in entries {
        let field = format!("tenants.{}", key.text);
        let id = match key.text.parse::<TenantId>() {
            Ok(id) => id,
            Err(error) => {
                faults.push(document.fault(node, &field, error.to_string()));
                continue;
            }
        };
        let mut tenant = Tenant::default();
        for (name, value) in node.entries().unwrap_or_default() {
            match &value.value {
                NodeValue::String(text) if is_secret(&name.text) => {
                    tenant.secrets.insert(name.text.clone(), text.clone());
                }
                NodeValue::Mapping(_) | NodeValue::Sequence(_) => {
                    let field = format!("{field}.{}", name.text);
                    faults.push(document.fault(value, &field, "accepted is a single value"));
                }
                _ => {
                    tenant.settings.insert(name.text.clone(), value.to_json().to_string());
                }
            }
        }
        tenants.insert(id, tenant);
    }
    if faults.is_empty() { Ok(tenants) } else { Err(Failure::Faults(faults)) }
}

/// How far each tenant's streams were pulled.
fn read_state(
    document: &Document,
    streams: &[&str],
    tenants: &mut BTreeMap<TenantId, Tenant>,
) -> Result<(), Failure> {
    let root = document.root.get("latest_updates").unwrap_or(&document.root);
    let mut faults = Vec::new();
    for (key, node) in root.entries().unwrap_or_default() {
        let Some(tenant) = key.text.parse::<TenantId>().ok().and_then(|id| tenants.get_mut(&id))
        else {
            let message = "this tenant is not in the configuration";
            faults.push(document.fault(node, &key.text, message));
            continue;
        };
        for (endpoint, value) in node.entries().unwrap_or_default() {
            let field = format!("{}.{}", key.text, endpoint.text);
            let Some(at) = value.text().and_then(instant) else {
                let message = "accepted is a date or an instant, such as 2022-01-01";
                faults.push(document.fault(value, &field, message));
                continue;
            };
            let named = streams_of(&endpoint.text, streams);
            if named.is_empty() {
                let message = format!("no such stream; there are: {}", streams.join(", "));
                faults.push(document.fault(value, &field, message));
            }
            tenant.state.extend(named.into_iter().map(|stream| (stream.to_owned(), at)));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::Faults(faults)) }
}

/// The streams that an endpoint of the script stands for: its own name, or what follows the
/// provider's name in it; `latest_update` stands for all.
fn streams_of<'a>(endpoint: &str, streams: &[&'a str]) -> Vec<&'a str> {
    if endpoint == "latest_update" {
        return streams.to_vec();
    }
    let means = |stream: &&&str| endpoint == **stream || endpoint.ends_with(&format!("_{stream}"));
    streams.iter().filter(means).copied().collect()
}

/// The instant from which on nothing is known to be there: of a text without a zone the earliest
/// that it can mean, because the script compared texts of unknown zones.
fn instant(text: &str) -> Option<Timestamp> {
    const EASTERNMOST: jiff::SignedDuration = jiff::SignedDuration::from_hours(14);
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    let utc = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    utc.checked_sub(EASTERNMOST).ok()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["key", "secret", "token", "password"].iter().any(|word| name.contains(word))
}

fn secret_name(source: &SourceName, field: &str) -> String {
    plain(&format!("{source}-{field}"))
}

/// A text as one of our ids.
fn plain(text: &str) -> String {
    text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn stream_name(text: &str) -> Result<StreamName, Failure> {
    text.parse().map_err(|error| Failure::Input(format!("{error}")))
}

fn connection(source: &SourceName) -> Result<model::ConnectionId, Failure> {
    plain(source.as_str()).parse().map_err(|error| Failure::Input(format!("{error}")))
}

/// Writes the tenant's file; one that is there already must say the same.
fn write(
    places: &Places,
    import: &Import,
    id: &TenantId,
    tenant: &Tenant,
) -> Result<PathBuf, Failure> {
    let text = render(import, tenant)?;
    let file = places.folder.join("tenants").join(format!("{id}.yaml"));
    if let Ok(standing) = std::fs::read_to_string(&file)
        && standing != text
    {
        let message = "exists and differs: remove it, or take what you need from it by hand";
        return Err(Failure::Input(format!("{}: {message}", file.display())));
    }
    std::fs::create_dir_all(places.folder.join("tenants"))?;
    std::fs::write(&file, text)?;
    Ok(file)
}

fn render(import: &Import, tenant: &Tenant) -> Result<String, Failure> {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        // Writing to a text does not fail.
        let _written = text.write_fmt(args).is_ok();
        text.push('\n');
    };
    line(format_args!("connections:"));
    line(format_args!("  {}:", connection(&import.source)?));
    line(format_args!("    source: {}", json!(import.source)));
    line(format_args!("    config:"));
    if let Some(url) = &import.base_url {
        line(format_args!("      base_url: {}", json!(url)));
    }
    for (name, value) in &tenant.settings {
        line(format_args!("      {}: {value}", json!(name)));
    }
    for name in tenant.secrets.keys() {
        let secret = secret_name(&import.source, name);
        line(format_args!("      {}: {{secret: {secret}}}", json!(name)));
    }
    line(format_args!("    schedule: {{every: 24h}}"));
    if !tenant.state.is_empty() {
        let streams: Vec<_> = tenant.state.keys().map(|name| json!(name).to_string()).collect();
        line(format_args!("    streams: [{}]", streams.join(", ")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"tenants": {"414": {"state_code": "ca", "api_key": "k1"},
        "372": {"state_code": "ca", "api_key": "k2"}}}"#;

    fn parsed(text: &str) -> Document {
        Document::parse("seed.json", text).unwrap()
    }

    fn id(text: &str) -> TenantId {
        text.parse().unwrap()
    }

    #[test]
    fn keys_become_secrets_and_the_rest_stays() {
        let tenants = read_config(&parsed(CONFIG)).unwrap();
        let tenant = &tenants[&id("414")];
        assert_eq!(tenant.secrets["api_key"], "k1");
        assert_eq!(tenant.settings["state_code"], "\"ca\"");
    }

    #[test]
    fn settings_get_the_names_of_the_source_and_a_first_day() {
        let mut tenants = read_config(&parsed(CONFIG)).unwrap();
        let tenant = tenants.get_mut(&id("414")).unwrap();
        tenant.fit(&["state", "api_key", "start_date"]);
        let settings: Vec<_> = tenant.settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(settings, ["start_date=\"2022-01-01T00:00:00Z\"", "state=\"ca\""]);
        assert_eq!(tenant.secrets["api_key"], "k1");
    }

    #[test]
    fn state_is_read_per_endpoint_and_per_tenant() {
        let mut tenants = read_config(&parsed(CONFIG)).unwrap();
        let state = r#"{"latest_updates": {"414": {"metrc_plants": "2022-01-01"}}}"#;
        read_state(&parsed(state), &["plants"], &mut tenants).unwrap();
        let state = r#"{"372": {"latest_update": "2022-02-01T00:00:00Z"}}"#;
        read_state(&parsed(state), &["plants"], &mut tenants).unwrap();
        let at = |tenant: &str| tenants[&id(tenant)].state["plants"].to_string();
        assert_eq!(at("414"), "2021-12-31T10:00:00Z");
        assert_eq!(at("372"), "2022-02-01T00:00:00Z");
    }

    #[test]
    fn what_cannot_be_taken_over_is_told_with_its_place() {
        let mut tenants = read_config(&parsed(CONFIG)).unwrap();
        let state = r#"{"415": {}, "414": {"metrc_plants": "soon", "sales": "2022-01-01"}}"#;
        let failure = read_state(&parsed(state), &["plants"], &mut tenants).unwrap_err();
        let told = [
            "seed.json:1:9: 415: this tenant is not in the configuration",
            "seed.json:1:37: 414.metrc_plants: accepted is a date or an instant, such as 2022-01-01",
            "seed.json:1:54: 414.sales: no such stream; there are: plants",
        ];
        assert_eq!(failure.to_string(), told.join("\n"));
    }
}
