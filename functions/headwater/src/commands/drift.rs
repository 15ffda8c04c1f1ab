//! `headwater drift`: how records differ from what models say.

use handlers::configuration::Configuration;
use model::document::suggest;
use serde_json::json;
use store::{DriftScope, Drifted, Store};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::stack::Stack;
use crate::world::World;

/// Which differences.
#[derive(Debug, clap::Args)]
pub(crate) struct Drift {
    /// Of this source; of all when left out.
    #[arg(long)]
    source: Option<String>,

    /// As this model sees them; as all see them when left out.
    #[arg(long)]
    model: Option<String>,

    /// Of the lake of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Prints them, those that were seen last first.
pub(crate) async fn run(drift: &Drift, places: &Places, console: Console) -> Result<(), Failure> {
    let found = if let Some(name) = &drift.stack {
        let stack = Stack::open(name).await?;
        search(drift, &stack.configuration, &stack.store).await?
    } else {
        let world = World::open(places).await?;
        search(drift, &world.configuration, &world.store).await?
    };
    let mut rows = Vec::new();
    for (scope, drifted) in &found {
        let mut told = json!(drifted);
        if let Some(told) = told.as_object_mut() {
            told.insert("source".to_owned(), json!(scope.source));
            told.insert("stream".to_owned(), json!(scope.stream));
            told.insert("model".to_owned(), json!(scope.model));
        }
        console.emit(&told)?;
        rows.push(row(scope, drifted));
    }
    if rows.is_empty() {
        return console.say("records are as the models say");
    }
    let headings =
        ["first seen", "stream", "model", "kind", "path", "found", "expected", "tenant", "where"];
    console.table(&headings, &rows)
}

async fn search(
    drift: &Drift,
    configuration: &Configuration,
    store: &Store,
) -> Result<Vec<(DriftScope, Drifted)>, Failure> {
    let mut found = Vec::new();
    for scope in scopes(drift, configuration).await? {
        let mut after: Option<String> = None;
        loop {
            let page = store.drift(&scope, after.as_deref()).await;
            let (rows, next) = page.map_err(|e| Failure::of("drift cannot be read", e))?;
            found.extend(rows.into_iter().map(|drifted| (scope.clone(), drifted)));
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    found.sort_by(|(_, a), (_, b)| {
        b.first_seen.cmp(&a.first_seen).then_with(|| a.path.cmp(&b.path))
    });
    Ok(found)
}

/// What models read, as far as it is asked for.
async fn scopes(drift: &Drift, configuration: &Configuration) -> Result<Vec<DriftScope>, Failure> {
    let models = match &drift.model {
        Some(name) => vec![super::quarantine::known_model(configuration, name).await?],
        None => configuration.models().await?,
    };
    let mut all = Vec::new();
    for model in models {
        for read in &configuration.model(&model).await?.sources {
            let (source, stream) = (read.source.clone(), read.stream.clone());
            all.push(DriftScope { source, stream, model: model.clone() });
        }
    }
    let Some(wanted) = &drift.source else { return Ok(all) };
    let known: Vec<&str> = all.iter().map(|scope| scope.source.as_str()).collect();
    if !known.contains(&wanted.as_str()) {
        let near = suggest(wanted, &known);
        let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        return Err(Failure::Input(format!("no model reads a source `{wanted}`{near}")));
    }
    all.retain(|scope| scope.source.as_str() == wanted);
    Ok(all)
}

fn row(scope: &DriftScope, drifted: &Drifted) -> Vec<String> {
    let line = drifted.line.map(|line| format!(" line {line}")).unwrap_or_default();
    vec![
        drifted.first_seen.strftime("%Y-%m-%d %H:%M").to_string(),
        format!("{}/{}", scope.source, scope.stream),
        scope.model.to_string(),
        drifted.kind.clone(),
        drifted.path.clone(),
        drifted.found.join(", "),
        drifted.expected.join(", "),
        drifted.tenant.to_string(),
        format!("{}{line}", drifted.object),
    ]
}
