//! `headwater source`: one manifest, spoken to in the Airbyte protocol.

mod test;

use std::collections::BTreeSet;
use std::env::temp_dir;
use std::fmt::Display;
use std::io::{self, BufWriter, Stdout, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Subcommand;
use connector::protocol::{
    Announced, Files, Messages, Selected, Staging, States, Summary, read, states,
};
use connector::{Catalog, Hosting, Limits, Manifest, Runtime, Source as Connector, protocol};
use host::{SystemClock, SystemIds};
use http::{Client, Policy};
use model::Timestamp;
use model::config::{Overlay, parse_duration};
use model::document::Document;
use ports::Clock;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::{Counting, Progress};

/// What to ask a source.
#[derive(Debug, Subcommand)]
pub(crate) enum Source {
    /// What its configuration must look like.
    Spec {
        /// The manifest.
        #[arg(long)]
        manifest: PathBuf,
    },
    /// Whether it answers with this configuration.
    Check(Opened),
    /// Its streams, with their schemas.
    Discover(Opened),
    /// Its records and states, as messages on stdout or as files.
    Read(Read),
    /// For authors: the first records of each stream, the requests that went out, the schema that
    /// the records really have. Calls are recorded without secrets, and can be replayed.
    Test(test::Test),
}

/// A source with its configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Opened {
    /// The manifest.
    #[arg(long)]
    manifest: PathBuf,

    /// Its configuration, JSON or YAML. Loopback addresses in it and in the manifest may be called.
    #[arg(long)]
    config: PathBuf,

    /// What the manifest cannot say; without it, it is read exactly as airbyte-cdk does.
    #[arg(long)]
    overlay: Option<PathBuf>,

    /// The instant that is taken for the present, RFC 3339.
    #[arg(long)]
    now: Option<Timestamp>,

    /// Longest wait between two attempts of one call, such as 30s.
    #[arg(long, value_parser = parse_duration)]
    max_backoff: Option<Duration>,

    /// Takes a configuration that is not as the manifest's `connection_specification` has it.
    #[arg(long)]
    any_config: bool,
}

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Read {
    #[command(flatten)]
    opened: Opened,

    /// Configured catalogue: the streams to read; all when left out.
    #[arg(long)]
    catalog: Option<PathBuf>,

    /// State messages to start from.
    #[arg(long, conflicts_with = "state_file")]
    state: Option<PathBuf>,

    /// Writes records to `<folder>/<stream>/….ndjson` instead of messages to stdout.
    #[arg(long)]
    to: Option<PathBuf>,

    /// With `--to`: starts from the states in this file, and keeps them there.
    #[arg(long, requires = "to")]
    state_file: Option<PathBuf>,

    /// Where the files of records are kept, for streams that have files; when left out,
    /// `/staging/files` where there is one, else a folder among the temporary files.
    #[arg(long, env = "AIRBYTE_STAGING_DIRECTORY")]
    staging: Option<PathBuf>,
}

/// Asks it.
pub(crate) async fn run(source: Source, places: &Places, console: Console) -> Result<(), Failure> {
    let mut out = Output::default();
    let done = match source {
        Source::Spec { manifest } => {
            let manifest = self::manifest(&manifest);
            spoken(manifest.and_then(|m| protocol::spec(&m, &mut out).map_err(failed)), &mut out)
        }
        Source::Check(opened) => match opened.open(places, &out, Catalog::default()).await {
            Ok(source) => protocol::check(&source, &mut out).await.map_err(failed),
            Err(failure) => {
                protocol::unusable(&failure.chain(), &mut out).map_err(failed)?;
                Err(failure)
            }
        },
        Source::Discover(opened) => {
            let found = match opened.open(places, &out, Catalog::default()).await {
                Ok(source) => protocol::discover(&source, &mut out).await.map_err(failed),
                Err(failure) => Err(failure),
            };
            spoken(found, &mut out)
        }
        Source::Read(read) => read.run(places, console, out.clone()).await,
        Source::Test(test) => test.run(places, console).await,
    };
    out.flush()?;
    done
}

/// What is written to stdout, by all who write there, in whole lines.
#[derive(Debug, Clone)]
struct Output(Arc<Mutex<BufWriter<Stdout>>>);

impl Default for Output {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(BufWriter::with_capacity(1 << 16, stdout()))))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// Tells a failure in the protocol's words too: who speaks it reads no exit codes.
fn spoken<T>(done: Result<T, Failure>, out: &mut dyn Write) -> Result<T, Failure> {
    if let Err(failure) = &done {
        let now = SystemClock.now();
        let told = Messages::new(out).failure(&failure.chain(), failure.failure_type(), now);
        told.map_err(failed)?;
    }
    done
}

impl Opened {
    /// Opens the source; everything that is wrong with its files is said before any call.
    async fn open(
        &self,
        places: &Places,
        out: &Output,
        catalog: Catalog,
    ) -> Result<Connector, Failure> {
        let manifest = manifest(&self.manifest)?;
        let config = text(&self.config)?;
        let overlay = match &self.overlay {
            Some(path) => Overlay::parse(&document(path)?)?,
            None => Overlay::default(),
        };
        let value = settings(&self.config, &config)?;
        let clock = SystemClock;
        let hosts = local_hosts(places, &[config, text(&self.manifest)?]);
        let runtime = Runtime {
            http: Arc::new(Client::new(Policy::with_local(&hosts))),
            now: self.now.unwrap_or_else(|| clock.now()),
            clock: Arc::new(clock),
            ids: Arc::new(SystemIds),
            max_backoff: self.max_backoff,
            max_wait: None,
            limits: Limits::default(),
        };
        let (now, clock) = (runtime.now, Arc::clone(&runtime.clock));
        let announced = Announced::start((&manifest, &value), now, out.clone(), clock);
        let unusable = |error: connector::Error| Failure::Input(error.to_string());
        let announced = announced.map_err(unusable)?;
        if !self.any_config {
            manifest.describes(&value, now).map_err(unusable)?;
        }
        let hosting = Hosting { grants: Some(Arc::new(announced)), catalog, ..Hosting::default() };
        let source = Connector::hosted(&manifest, &overlay, &value, (runtime, hosting)).await;
        source.map_err(unopened)
    }
}

impl Read {
    async fn run(&self, places: &Places, console: Console, mut out: Output) -> Result<(), Failure> {
        let Some(folder) = &self.to else {
            let ready = spoken(self.open(places, &out).await, &mut out)?;
            let states = self.state.as_deref().map_or_else(|| Ok(States::new()), known);
            let states = spoken(states, &mut out)?;
            let mut messages = Messages::new(out).staging(self.staging());
            let summary = read(&ready.0, &ready.1, &states, &mut messages).await;
            return whole(&summary.map_err(failed)?);
        };
        let (source, selected) = self.open(places, &out).await?;
        let now = SystemClock.now();
        let states = match self.state_file.as_deref().or(self.state.as_deref()) {
            Some(path) if path.exists() => known(path)?,
            _ => States::new(),
        };
        let files = Files::new(folder, self.state_file.as_deref(), states.clone(), now);
        let progress = Progress::start(console, now);
        let mut sink = Counting::new(files, &progress, Arc::new(SystemClock));
        let summary = read(&source, &selected, &states, &mut sink).await.map_err(failed)?;
        progress.finish();
        for (stream, records) in &summary.records {
            console.emit(&serde_json::json!({"stream": stream, "records": records}))?;
            console.say(format!("{stream}: {records} records"))?;
        }
        whole(&summary)
    }

    /// Where files of records are kept: the places that the reference takes.
    fn staging(&self) -> Staging {
        let usual = || Some(PathBuf::from("/staging/files")).filter(|folder| folder.exists());
        let folder = self.staging.clone().or_else(usual);
        Staging::new(folder.unwrap_or_else(|| temp_dir().join("airbyte-file-transfer")))
    }

    /// The source, and what is to be read of it.
    async fn open(&self, places: &Places, out: &Output) -> Result<(Connector, Selected), Failure> {
        let catalog = self.catalog.as_deref().map_or_else(|| Ok(Catalog::default()), json)?;
        let source = self.opened.open(places, out, catalog).await?;
        let selected = match &self.catalog {
            Some(path) => json::<Selected>(path)?,
            None => Selected(source.streams().iter().map(|s| s.name().to_string()).collect()),
        };
        Ok((source, selected))
    }
}

/// Fails when a stream was not read whole.
fn whole(summary: &Summary) -> Result<(), Failure> {
    if summary.failed.is_empty() {
        return Ok(());
    }
    let failed = summary.failed.join(", ");
    Err(Failure::of("not every stream was read whole", failed))
}

fn known(path: &Path) -> Result<States, Failure> {
    states(&json(path)?).map_err(|message| Failure::Input(format!("{}: {message}", path.display())))
}

/// What is wrong with files is bad input; that an API which names the streams fails is not.
fn unopened(error: connector::Error) -> Failure {
    use connector::Error;
    match error {
        Error::Manifest(_) | Error::Overlay { .. } | Error::Stream { .. } | Error::Group { .. } => {
            Failure::Input(error.to_string())
        }
        error => failed(error),
    }
}

fn failed(error: connector::Error) -> Failure {
    match error {
        connector::Error::Output(error) => Failure::Io(error),
        error => Failure::of("the source failed", error),
    }
}

/// Settings as JSON or, failing that, as YAML, whose escapes are fewer.
fn settings(path: &Path, text: &str) -> Result<serde_json::Value, Failure> {
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) => document(path)?.root.to_json(),
    };
    if value.is_object() {
        return Ok(value);
    }
    Err(Failure::Input(format!("{}: accepted is a mapping of settings", path.display())))
}

fn manifest(path: &Path) -> Result<Manifest, Failure> {
    Ok(Manifest::parse(&path.display().to_string(), &text(path)?)?)
}

fn document(path: &Path) -> Result<Document, Failure> {
    let document = Document::parse(&path.display().to_string(), &text(path)?);
    document.map_err(|fault| Failure::Faults(vec![fault]))
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    serde_json::from_str(&text(path)?).map_err(|error| unusable(path, error))
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, error: impl Display) -> Failure {
    Failure::Input(format!("{}: {error}", path.display()))
}

/// Hosts of this machine that may be called: those that the command allows, and those that the
/// user's own files name.
fn local_hosts(places: &Places, files: &[String]) -> Vec<String> {
    let mut hosts: BTreeSet<String> = places.allow_hosts.iter().cloned().collect();
    hosts.extend(files.iter().flat_map(|text| loopback(text)));
    hosts.into_iter().collect()
}

/// Loopback hosts that a file names in addresses, with their ports.
fn loopback(text: &str) -> Vec<String> {
    const SCHEMES: [&str; 2] = ["http://", "https://"];
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
    let host = |rest: &str| rest.split(|c| !is_part(c)).next().unwrap_or_default().to_owned();
    let all = SCHEMES.iter().flat_map(|scheme| text.split(scheme).skip(1)).map(host);
    let local = |host: &String| {
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        ["localhost", "127.0.0.1", "[::1]"].contains(&name) || host == "[::1]"
    };
    all.filter(local).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_of_the_users_own_files_are_let_through() {
        let text = r#"{"a": "http://127.0.0.1:80/x", "b": "https://localhost:1/", "c": "http://10.0.0.1:2",
            "d": "https://api.example.com", "e": "http://[::1]:3/y", "f": "http://127.0.0.1.nip.io:4/"}"#;
        assert_eq!(loopback(text), ["127.0.0.1:80", "[::1]:3", "localhost:1"]);
    }
}
