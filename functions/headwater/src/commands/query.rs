//! `headwater query`: SQL over the lake.

use ports::{Definitions, QueryEngine, RelationKind, Rows};
use query::Engine;
use serde_json::{Map, Value, json};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::stack::Stack;
use crate::world::World;

/// A statement over the views: `<source>_<stream>` shows the latest row of each key of a stream,
/// `model_<model>` those of a standard model.
#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    /// One statement that reads; without one, the views are listed.
    sql: Option<String>,

    /// Most rows of the result.
    #[arg(long, default_value_t = 1000)]
    limit: usize,

    /// Ask Athena, over the lake of this stack. Region and credentials come from the environment:
    /// `AWS_REGION`, `AWS_ACCESS_KEY_ID` and so on.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Runs it and prints the rows.
pub(crate) async fn run(query: &Query, places: &Places, console: Console) -> Result<(), Failure> {
    if let Some(name) = &query.stack {
        let stack = Stack::open(name).await?;
        return match &query.sql {
            Some(sql) => print(console, stack.athena.run(sql, query.limit).await?),
            None => list_deployed(console, &stack).await,
        };
    }
    let world = World::open(places).await?;
    let engine = world.engine().await?;
    match &query.sql {
        Some(sql) => print(console, engine.run(sql, query.limit).await?),
        None => list(&engine, console),
    }
}

/// Tells the views of a stack's database.
async fn list_deployed(console: Console, stack: &Stack) -> Result<(), Failure> {
    for (name, kind) in stack.athena.relations().await? {
        if kind == RelationKind::View {
            console.emit(&json!({"view": name}))?;
            console.say(name)?;
        }
    }
    Ok(())
}

/// Tells the views with their columns.
fn list(engine: &Engine, console: Console) -> Result<(), Failure> {
    let view = |view: &str, columns: Vec<&str>| {
        console.emit(&json!({"view": view, "columns": columns}))?;
        console.say(format!("{view}: {}", columns.join(", ")))
    };
    for table in engine.tables() {
        view(&table.name, table.columns.iter().map(|column| column.name.as_str()).collect())?;
    }
    for table in engine.models() {
        let fields: Vec<&str> = table.fields.iter().map(|(name, _)| name.as_str()).collect();
        view(&table.name, fields.clone())?;
        if table.merges {
            view(&table.records_view(), fields)?;
        }
    }
    Ok(())
}

fn print(console: Console, rows: Rows) -> Result<(), Failure> {
    if console.is_json() {
        for row in rows.rows {
            let object: Map<String, Value> = rows.columns.iter().cloned().zip(row).collect();
            console.emit(&Value::Object(object))?;
        }
        return Ok(());
    }
    let headings: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
    let cells: Vec<Vec<String>> =
        rows.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    console.table(&headings, &cells)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
