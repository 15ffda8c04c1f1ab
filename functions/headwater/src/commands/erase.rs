//! `headwater erase`: a person, out of what partners delivered and what was made of it.

use std::sync::Arc;

use handlers::erase::{Deps, Error, Person, Question, Wanted, erase};
use lake::delivery::Erasure;
use model::TenantId;
use serde_json::json;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::stack::Stack;
use crate::world::{World, secrets};

/// Whom, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Erase {
    /// Whose files.
    tenant: TenantId,

    /// Whose records in them: a field and its value, such as `external_id=U-1815`, wherever the
    /// field stands in a record; a record that has any of these goes. Case does not count.
    #[arg(required = true, value_name = "FIELD=VALUE", value_parser = wanted)]
    person: Vec<Wanted>,

    /// Tells what would be changed, and changes nothing.
    #[arg(long)]
    dry_run: bool,

    /// In the lake of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let (field, value) = text.split_once('=').ok_or("a field and a value, such as `email=…`")?;
    Ok(Wanted::new(field, value))
}

/// Erases, tells what was changed, and what could not be.
pub(crate) async fn run(asked: &Erase, places: &Places, console: Console) -> Result<(), Failure> {
    let empty = || Failure::Input("a field or a value is empty".to_owned());
    let question = Question {
        tenant: asked.tenant.clone(),
        person: Person::new(asked.person.clone()).ok_or_else(empty)?,
        dry: asked.dry_run,
    };
    let proof = erase(&deps(asked, places).await?, &question).await?;
    tell(&proof, asked.dry_run, console)?;
    if proof.left.is_empty() {
        return Ok(());
    }
    let left = format!("{} objects may hold something still", proof.left.len());
    Err(Failure::Differs(left))
}

async fn deps(asked: &Erase, places: &Places) -> Result<Deps, Failure> {
    if let Some(name) = &asked.stack {
        let stack = Stack::open(name).await?;
        let secrets = stack.secrets()?;
        let Stack { configuration, lake, store, .. } = stack;
        return Ok(Deps { configuration, secrets, lake, store });
    }
    let world = World::open(places).await?;
    folder::sound(places, &world.configuration).await?;
    Ok(Deps {
        configuration: Arc::clone(&world.configuration),
        secrets: Arc::new(secrets(places)),
        lake: Arc::clone(&world.lake),
        store: world.store.clone(),
    })
}

fn tell(proof: &Erasure, dry: bool, console: Console) -> Result<(), Failure> {
    let stands = proof.place().render().map_err(|error| Failure::of("no proof", error))?;
    let stands = (!dry).then_some(stands);
    console.emit(&json!({"erasure": proof, "dry_run": dry, "proof": stands}))?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for changed in &proof.changed {
        let what = if dry { format!("to be {}", changed.deed) } else { changed.deed.to_string() };
        rows.push(vec![changed.key.to_string(), what, changed.lines.to_string()]);
    }
    for left in &proof.left {
        rows.push(vec![left.key.to_string(), left.reason.clone(), String::new()]);
    }
    if !rows.is_empty() {
        console.table(&["object", "what was done", "lines"], &rows)?;
    }
    let Erasure { searched, records, changed, .. } = proof;
    let sum = format!("{records} records of {searched} objects, {} changed", changed.len());
    match stands {
        Some(stands) => console.say(format!("{sum}; proof: {stands}")),
        None => console.say(format!("{sum}; nothing was changed")),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Configuration(error) => error.into(),
            error => Self::of("not everything was erased: ask once more", error),
        }
    }
}
