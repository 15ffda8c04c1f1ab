//! `headwater query`: SQL over the lake of this machine.

use ports::QueryEngine;
use serde_json::{Map, Value, json};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::world::World;

/// A statement over the latest-row views, one a stream: `<source>_<stream>`.
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
        for table in engine.tables() {
            let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
            console.emit(&json!({"view": table.name, "columns": columns}))?;
            console.say(format!("{}: {}", table.name, columns.join(", ")))?;
        }
        return Ok(());
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

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
