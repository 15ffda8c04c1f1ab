//! `headwater report`: what became of files and of what was pushed.

use std::path::PathBuf;

use handlers::report::{Question, report};
use host::SystemClock;
use lake::delivery::Day;
use model::TenantId;
use ports::Clock;
use serde_json::json;

use crate::args::Places;
use crate::commands::period::deps;
use crate::console::Console;
use crate::failure::Failure;

/// Whose files, and of which days.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// One tenant; all when left out.
    #[arg(long)]
    tenant: Option<TenantId>,

    /// First day, such as 2026-01-31; today when left out.
    #[arg(long)]
    from: Option<Day>,

    /// Last day; today when left out.
    #[arg(long)]
    to: Option<Day>,

    /// Write a page to this file, too: it needs nothing but itself.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// From the lake of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Prints it.
pub(crate) async fn run(wanted: Wanted, places: &Places, console: Console) -> Result<(), Failure> {
    let deps = deps(places, wanted.stack.as_deref()).await?;
    let now = SystemClock.now();
    let today = Day::from(now);
    let question = Question {
        tenant: wanted.tenant,
        from: wanted.from.unwrap_or(today),
        to: wanted.to.unwrap_or(today),
        now,
    };
    let made = report(&deps, &question).await?;
    if let Some(file) = &wanted.html {
        std::fs::write(file, made.to_html())?;
        console.note(format!("page: {}", file.display()));
    }
    console.emit(&json!(made))?;
    console.say(made.to_string().trim_end())
}
