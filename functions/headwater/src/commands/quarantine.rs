//! `headwater quarantine`: what models refused, why, and once more.

mod retry;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Subcommand;
use handlers::configuration::Configuration;
use handlers::quarantine::{self, Filter, entries, files, masked, records, summary};
use lake::curated::Quarantined;
use model::{ModelName, ObjectKey, TenantId};
use ports::ObjectStore;
use serde_json::{Value, json};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::stack::Stack;
use crate::world::World;

/// What to do with what was refused.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Counts it by model, tenant, stream, reason, rule and field.
    Ls(Wanted),
    /// Shows it line by line, with each record's names and shapes.
    Show(Show),
    /// Takes the commits of which something was refused in once more, by the models as they are
    /// now.
    Retry(Wanted),
}

/// Which of it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Wanted {
    /// Of this model; of all when left out.
    #[arg(long)]
    model: Option<String>,

    /// Of this tenant; of all when left out.
    #[arg(long)]
    tenant: Option<String>,

    /// Of the lake of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// How to show it.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    wanted: Wanted,

    /// Records with their values, which may be private.
    #[arg(long)]
    values: bool,

    /// Most entries.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// Where it lies, and what is looked for.
struct Search {
    lake: Arc<dyn ObjectStore>,
    filter: Filter,
}

/// Runs one of them.
pub(crate) async fn run(
    command: Quarantine,
    places: &Places,
    console: Console,
) -> Result<(), Failure> {
    match command {
        Quarantine::Ls(wanted) => list(&search(&wanted, places).await?, console).await,
        Quarantine::Show(show) => {
            let search = search(&show.wanted, places).await?;
            self::show(&search, &show, console).await
        }
        Quarantine::Retry(again) => retry::run(&again, places, console).await,
    }
}

async fn search(wanted: &Wanted, places: &Places) -> Result<Search, Failure> {
    let (configuration, lake) = if let Some(name) = &wanted.stack {
        let stack = Stack::open(name).await?;
        (stack.configuration, stack.lake)
    } else {
        let world = World::open(places).await?;
        (Arc::clone(&world.configuration), Arc::clone(&world.lake))
    };
    let model = wanted.model.as_deref();
    let filter = filter(&configuration, model, wanted.tenant.as_deref()).await?;
    Ok(Search { lake, filter })
}

/// Models and a tenant that exist, or the nearest names.
pub(super) async fn filter(
    configuration: &Configuration,
    model: Option<&str>,
    tenant: Option<&str>,
) -> Result<Filter, Failure> {
    let models = match model {
        Some(name) => vec![known_model(configuration, name).await?],
        None => configuration.models().await?,
    };
    Ok(Filter { models, tenant: known_tenant(configuration, tenant).await? })
}

/// A tenant that has a file, or the nearest one's name; none when none is named.
pub(super) async fn known_tenant(
    configuration: &Configuration,
    name: Option<&str>,
) -> Result<Option<TenantId>, Failure> {
    let Some(name) = name else { return Ok(None) };
    let tenant: TenantId = name.parse().map_err(|error| Failure::Input(format!("{error}")))?;
    configuration.tenant(&tenant).await?;
    Ok(Some(tenant))
}

/// A model that has a file, or the nearest one's name.
pub(super) async fn known_model(
    configuration: &Configuration,
    name: &str,
) -> Result<ModelName, Failure> {
    let model: ModelName = name.parse().map_err(|error| Failure::Input(format!("{error}")))?;
    configuration.model(&model).await?;
    Ok(model)
}

async fn list(search: &Search, console: Console) -> Result<(), Failure> {
    let groups = summary(search.lake.as_ref(), &search.filter).await?;
    let mut rows = Vec::new();
    for (group, found) in &groups {
        let mut told = json!(group);
        if let Some(told) = told.as_object_mut() {
            told.insert("count".to_owned(), json!(found.count));
            told.insert("objects".to_owned(), json!(found.objects));
            told.insert("example".to_owned(), json!(found.example));
            told.insert("line".to_owned(), json!(found.line));
        }
        console.emit(&told)?;
        rows.push(vec![
            group.model.to_string(),
            group.tenant.to_string(),
            group.stream.clone(),
            text(&json!(group.reason)),
            group.rule.clone(),
            group.field.clone(),
            found.count.to_string(),
            found.objects.len().to_string(),
            found.example.clone(),
        ]);
    }
    if rows.is_empty() {
        return console.say("nothing was refused");
    }
    let headings =
        ["model", "tenant", "stream", "reason", "rule", "field", "count", "objects", "found"];
    console.table(&headings, &rows)
}

async fn show(search: &Search, show: &Show, console: Console) -> Result<(), Failure> {
    let lake = search.lake.as_ref();
    let mut left = show.limit;
    for file in files(lake, &search.filter).await? {
        let mut found = entries(lake, &file).await?;
        found.truncate(left);
        left -= found.len();
        let mut by_object: BTreeMap<ObjectKey, BTreeSet<u64>> = BTreeMap::new();
        for entry in &found {
            by_object.entry(entry.object.clone()).or_default().extend(entry.line);
        }
        for (object, lines) in by_object {
            let records = records(lake, &object, &lines).await?;
            for entry in found.iter().filter(|entry| entry.object == object) {
                let record = entry.line.and_then(|line| records.get(&line));
                tell(entry, record.map(|record| told(record, show.values)), console)?;
            }
        }
        if left == 0 {
            console.note(format!("more than {} entries: see --limit", show.limit));
            break;
        }
    }
    Ok(())
}

/// A record as it may be shown.
fn told(record: &str, values: bool) -> Value {
    if !values {
        return masked(record);
    }
    serde_json::from_str(record).unwrap_or_else(|_| record.into())
}

fn tell(entry: &Quarantined, record: Option<Value>, console: Console) -> Result<(), Failure> {
    let mut all = json!(entry);
    if let (Some(all), Some(record)) = (all.as_object_mut(), &record) {
        all.insert("record".to_owned(), record.clone());
    }
    console.emit(&all)?;
    let line = entry.line.map(|line| format!(" line {line}")).unwrap_or_default();
    let place = entry.place.map(|place| format!(" row {place}")).unwrap_or_default();
    console.say(format!("{} · {}{line}{place}", entry.model, entry.object))?;
    for broken in &entry.violations {
        let field = broken.field.as_deref().unwrap_or_default();
        let what = [broken.path.as_str(), field].into_iter().find(|name| !name.is_empty());
        console.say(format!(
            "  {}: {} found, {} accepted ({})",
            what.unwrap_or("all of it"),
            broken.found,
            broken.accepted,
            broken.rule
        ))?;
    }
    match record {
        Some(record) => console.say(format!("  {record}")),
        None => Ok(()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl From<quarantine::Error> for Failure {
    fn from(error: quarantine::Error) -> Self {
        Self::of("the quarantine cannot be read", error)
    }
}
