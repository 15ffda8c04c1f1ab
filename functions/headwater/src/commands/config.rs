//! `headwater config`: checks, publishes and describes configuration.

use std::path::PathBuf;
use std::sync::Arc;

use aws::{Aws, S3Store};
use clap::Subcommand;
use host::Vars;
use ports::{Attributes, ObjectStore};
use serde_json::{Value, json};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;

/// What to do with configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Reads every file and tells every fault: file, line, field, what is accepted.
    Check,
    /// Checks, then uploads what changed to a bucket.
    Push(Push),
    /// Prints the JSON Schemas of the files, or writes them to a folder.
    Schema {
        /// Folder to write `<kind>.schema.json` to.
        #[arg(long)]
        to: Option<PathBuf>,
    },
}

/// Where configuration goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    /// Bucket that functions read from; `AWS_REGION`, credentials and, for emulators,
    /// `AWS_ENDPOINT_URL` come from the environment.
    #[arg(long, env = "HEADWATER_BUCKET")]
    bucket: String,

    /// Key prefix within the bucket.
    #[arg(long, default_value = "config/")]
    prefix: String,
}

/// Runs one of them.
pub(crate) async fn run(command: Config, places: &Places, console: Console) -> Result<(), Failure> {
    match command {
        Config::Check => check(places, console).await,
        Config::Push(push) => publish(places, &push, console).await,
        Config::Schema { to } => schema(to, console),
    }
}

async fn check(places: &Places, console: Console) -> Result<(), Failure> {
    let configuration = folder::configuration(places)?;
    folder::sound(places, &configuration).await?;
    let sources = configuration.sources().await?.len();
    let tenants = configuration.tenants().await?.len();
    let models = configuration.models().await?.len();
    let destinations = configuration.destinations().await?.len();
    console.emit(&json!({"ok": true, "sources": sources, "tenants": tenants, "models": models, "destinations": destinations}))?;
    console.say(format!(
        "{sources} sources, {tenants} tenants, {models} models and {destinations} destinations, \
         no faults"
    ))
}

async fn publish(places: &Places, push: &Push, console: Console) -> Result<(), Failure> {
    let configuration = folder::configuration(places)?;
    folder::sound(places, &configuration).await?;
    let aws = Aws::from_vars(&Vars::process())?;
    let bucket = S3Store::new(Arc::new(aws), push.bucket.clone());
    let (mut pushed, mut same) = (0, 0);
    for (name, body) in folder::files(&places.folder)? {
        let key = format!("{}{name}", push.prefix);
        let key = key.parse().map_err(|error| Failure::Input(format!("{error}")))?;
        let unreachable = |error| Failure::of(format!("`{key}` cannot be pushed"), error);
        let stands = match bucket.get(&key).await {
            Ok(object) => object.body == body,
            Err(ports::ObjectError::NotFound { .. }) => false,
            Err(error) => return Err(unreachable(error)),
        };
        if stands {
            same += 1;
            continue;
        }
        bucket.put(&key, body, &Attributes::default()).await.map_err(unreachable)?;
        pushed += 1;
        console.note(format!("pushed {key}"));
    }
    console.emit(&json!({"ok": true, "pushed": pushed, "unchanged": same}))?;
    console.say(format!("{pushed} files pushed to {}, {same} unchanged", push.bucket))
}

/// The JSON Schema of every kind of file, by its name.
fn schemas() -> Vec<(&'static str, Value)> {
    let mut all = model::config::schemas();
    all.push(("model", normalize::schema()));
    all.push(("destination", destination::schema()));
    all.push(("feed", files::schema()));
    all.into_iter().map(|(kind, schema)| (kind, schema.to_value())).collect()
}

fn schema(to: Option<PathBuf>, console: Console) -> Result<(), Failure> {
    let Some(folder) = to else {
        let all: serde_json::Map<_, _> =
            schemas().into_iter().map(|(kind, schema)| (kind.to_owned(), schema)).collect();
        let all = Value::Object(all);
        console.emit(&all)?;
        return console.say(format!("{all:#}"));
    };
    std::fs::create_dir_all(&folder)?;
    for (kind, schema) in schemas() {
        let file = folder.join(format!("{kind}.schema.json"));
        std::fs::write(&file, format!("{schema:#}\n"))?;
        console.say(file.display().to_string())?;
        console.emit(&json!({"kind": kind, "file": file}))?;
    }
    Ok(())
}
