//! `headwater query`: SQL over the lake of this machine.

use ports::QueryEngine;
use query::Engine;
use serde_json::{Map, Value, json};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::world::World;

/// A statement over the latest-row views: `<source>_<stream>` of streams, `model_<model>` of
/// standard models.
#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    /// One statement that reads; without one, the views are listed.
    sql: Option<String>,

    /// Most rows of the result.
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

/// Runs it and prints the rows.
pub(crate) async fn run(query: &Query, places: &Places, console: Console) -> Result<(), Failure> {
    let world = World::open(places).await?;
    let engine = world.engine().await?;
    let Some(sql) = &query.sql else {
        return list(&engine, console);
    };
    let rows = engine.run(sql, query.limit).await.map_err(|error| match error {
        ports::QueryError::Statement { message } => Failure::Input(message),
        error => Failure::of("the query failed", error),
    })?;
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

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
