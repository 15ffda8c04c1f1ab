//! `headwater why`: every version of a row, which is shown, and why the others are not.

use std::sync::Arc;

use handlers::configuration::Configuration;
use handlers::why::{Answer, Error, Question, Version, why};
use model::{ModelName, TenantId};
use ports::{ObjectStore, QueryEngine};
use serde_json::{Value, json};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::stack::Stack;
use crate::world::World;

/// Records that are told when only the landing zone knows of a key.
const LANDED: usize = 20;

/// Which row.
#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// The model.
    model: String,

    /// The record's key: its value, several separated by commas, or the text of `_record_key`; or
    /// the values of the model's own key fields.
    key: String,

    /// Among this tenant's rows; among all when left out.
    #[arg(long)]
    tenant: Option<String>,

    /// In the lake of this stack.
    #[arg(long, value_name = "NAME", requires = "tenant")]
    stack: Option<String>,
}

/// Where it is looked for.
struct Place {
    configuration: Arc<Configuration>,
    lake: Arc<dyn ObjectStore>,
    engine: Arc<dyn QueryEngine>,
}

/// Tells all that is known of it.
pub(crate) async fn run(wanted: &Why, places: &Places, console: Console) -> Result<(), Failure> {
    let place = if let Some(name) = &wanted.stack {
        let stack = Stack::open(name).await?;
        Place { configuration: stack.configuration, lake: stack.lake, engine: stack.athena }
    } else {
        let world = World::open(places).await?;
        Place {
            configuration: Arc::clone(&world.configuration),
            lake: Arc::clone(&world.lake),
            engine: Arc::new(world.engine().await?),
        }
    };
    let tenant = match &wanted.tenant {
        Some(name) => {
            let tenant: TenantId = name.parse().map_err(|e| Failure::Input(format!("{e}")))?;
            Some(tenant)
        }
        None => None,
    };
    let model = super::quarantine::known_model(&place.configuration, &wanted.model).await?;
    let question = Question { model, tenant, key: wanted.key.clone() };
    let answer = why(&place.configuration, place.lake.as_ref(), &question).await?;
    if answer.versions.is_empty() && answer.refused.is_empty() {
        return landed(&place, &question, console).await;
    }
    tell(&answer, console)
}

fn tell(answer: &Answer, console: Console) -> Result<(), Failure> {
    for version in &answer.versions {
        console.emit(&json!(version))?;
        tell_version(version, console)?;
    }
    for refused in &answer.refused {
        console.emit(&json!({"refused": refused}))?;
        let line = refused.line.map(|line| format!(" line {line}")).unwrap_or_default();
        console.say(format!(
            "refused    by {}: {}",
            refused.revision,
            refused.broken.join("; ")
        ))?;
        console.say(format!("           {}{line}, run {}", refused.object, refused.run))?;
    }
    Ok(())
}

fn tell_version(version: &Version, console: Console) -> Result<(), Failure> {
    let word = if version.shown { console.good("shown") } else { "not shown".to_owned() };
    let place = version.place.map(|place| format!(" row {place}")).unwrap_or_default();
    let revision = version.revision.clone().unwrap_or_else(|| format!("v{}", version.version));
    let commit = version.commit.as_ref().map_or("compacted", |commit| commit.as_str());
    let cursor = version.cursor.as_deref().unwrap_or("none");
    console.say(format!("{word:<10} {}", version.because))?;
    console.say(format!(
        "           {}/{} {} {}{place}, cursor {cursor}",
        version.tenant, version.connection, version.stream, version.record_key
    ))?;
    console.say(format!(
        "           {} line {}, page {}, asked for at {}, run {}",
        version.object, version.line, version.page, version.request_start, version.run
    ))?;
    console.say(format!("           {} ({revision}), commit {commit}", version.file))
}

/// Looks for the key in the records of the streams that the model reads.
async fn landed(place: &Place, question: &Question, console: Console) -> Result<(), Failure> {
    let model = place.configuration.model(&question.model).await?;
    let tables = place.configuration.stream_tables().await?;
    let mut found = 0;
    for read in &model.sources {
        let is_read = |t: &&lake::StreamTable| t.source == read.source && t.stream == read.stream;
        let Some(table) = tables.iter().find(is_read) else { continue };
        let rows = place.engine.run(&landed_sql(&table.name, question), LANDED).await?;
        for row in rows.rows {
            found += 1;
            let told: serde_json::Map<String, Value> =
                rows.columns.iter().cloned().zip(row.clone()).collect();
            console.emit(&json!({"landed": told}))?;
            let text = |n: usize| row.get(n).and_then(Value::as_str).unwrap_or_default().to_owned();
            console.say(format!(
                "landed     {}/{} {}/{}, no model `{}` has taken it in",
                text(0),
                text(1),
                read.source,
                read.stream,
                question.model
            ))?;
            console.say(format!(
                "           {}, asked for at {}, run {}",
                text(2),
                text(3),
                text(4)
            ))?;
        }
    }
    if found == 0 {
        return Err(Failure::Input(unknown(&question.model, &question.key)));
    }
    Ok(())
}

fn unknown(model: &ModelName, key: &str) -> String {
    format!(
        "nothing is known of `{key}`: neither rows of model `{model}`, nor refused or landed records"
    )
}

/// Records that hold the key as a text or a number somewhere.
fn landed_sql(view: &str, question: &Question) -> String {
    let escaped = question.key.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let quoted = lake::view::literal(&format!("%{escaped}%"));
    let tenant = question
        .tenant
        .as_ref()
        .map(|tenant| format!(" AND _tenant = {}", lake::view::literal(tenant.as_str())));
    format!(
        "SELECT _tenant, _connection, _object, _request_start, _run FROM {} \
         WHERE _record LIKE {quoted} ESCAPE '\\'{} LIMIT {LANDED}",
        lake::view::name(view),
        tenant.unwrap_or_default()
    )
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Configuration(error) => error.into(),
            error => Self::of("there is no answer", error),
        }
    }
}
