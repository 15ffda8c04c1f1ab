//! `headwater source test`: for authors of manifests.

mod cassette;
mod redaction;
mod report;
mod sample;
mod schema;
mod strings;
mod tape;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connector::{Limits, Runtime, Source as Connector};
use host::SystemClock;
use http::{Client, Policy};
use model::Timestamp;
use model::config::Overlay;
use ports::{Clock, Http, Ids};
use serde_json::Value;

use super::{document, local_hosts, manifest, settings, text, unopened};
use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use cassette::Cassette;
use redaction::Redactor;
use report::Report;
use sample::{Amount, Sample};
use tape::Tape;

/// Time between two looks at the files.
const GLANCE: Duration = Duration::from_millis(300);

/// What to try.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// The manifest.
    manifest: PathBuf,

    /// Its configuration, JSON or YAML; without it the cassette is replayed.
    #[arg(long)]
    config: Option<PathBuf>,

    /// What the manifest cannot say.
    #[arg(long)]
    overlay: Option<PathBuf>,

    #[command(flatten)]
    recording: Recording,

    /// Streams to read, by name; all when left out.
    #[arg(long = "stream")]
    streams: Vec<String>,

    #[command(flatten)]
    amount: Amount,

    /// Records of each stream to show.
    #[arg(long, default_value_t = 3)]
    show: usize,

    /// Exit code 3 when the schema of a stream differs from the manifest's.
    #[arg(long)]
    strict: bool,

    /// Tries again whenever manifest, configuration or overlay change, until ctrl-c.
    #[arg(long)]
    watch: bool,

    /// The instant that is taken for the present, RFC 3339; the cassette's when left out.
    #[arg(long)]
    now: Option<Timestamp>,
}

/// Where answers come from, and go to.
#[derive(Debug, clap::Args)]
struct Recording {
    /// The file of calls and answers; `<manifest>.cassette.json` when left out.
    #[arg(long)]
    cassette: Option<PathBuf>,

    /// Asks the API for everything and writes the cassette anew.
    #[arg(long, requires = "config", conflicts_with = "replay")]
    record: bool,

    /// Answers from the cassette alone.
    #[arg(long)]
    replay: bool,
}

/// A source, set up to be tried.
struct Trial {
    source: Connector,
    tape: Arc<Tape>,
    redactor: Arc<Redactor>,
    cassette: PathBuf,
    now: Timestamp,
}

/// Numbers instead of chance: a replay asks for the same.
#[derive(Debug, Default)]
struct Numbered(AtomicU64);

impl Ids for Numbered {
    fn fresh(&self) -> String {
        format!("{:032x}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

impl Test {
    /// Tries once, or again and again.
    pub(super) async fn run(&self, places: &Places, console: Console) -> Result<(), Failure> {
        if !self.watch {
            return self.once(places, console).await;
        }
        loop {
            let before = self.held();
            if let Err(failure) = self.once(places, console).await {
                console.failed(&failure);
            }
            console.note("watching; ctrl-c ends it");
            while self.held() == before {
                SystemClock.sleep(GLANCE).await;
            }
        }
    }

    /// What the files hold: times of change are too coarse to tell two quick ones apart.
    fn held(&self) -> Vec<Option<Vec<u8>>> {
        let files = [Some(&self.manifest), self.config.as_ref(), self.overlay.as_ref()];
        files.into_iter().flatten().map(|path| fs::read(path).ok()).collect()
    }

    async fn once(&self, places: &Places, console: Console) -> Result<(), Failure> {
        let trial = self.trial(places).await?;
        let reports = self.read(&trial, console).await;
        trial.keep(console)?;
        self.judge(&reports?)
    }

    /// The cassette to play, and whether nothing else may answer.
    fn known(&self, path: &Path) -> Result<(Option<Cassette>, bool), Failure> {
        let known = if self.recording.record { None } else { Cassette::load(path)? };
        let replay = self.recording.replay || self.config.is_none();
        if replay && known.is_none() {
            let path = path.display();
            let missing = format!("there is no cassette {path}: give --config to record one");
            return Err(Failure::Input(missing));
        }
        Ok((known, replay))
    }

    async fn trial(&self, places: &Places) -> Result<Trial, Failure> {
        let beside = || cassette::beside(&self.manifest);
        let path = self.recording.cassette.clone().unwrap_or_else(beside);
        let (known, replay) = self.known(&path)?;
        let manifest = manifest(&self.manifest)?;
        let config = match (&self.config, &known) {
            (Some(file), _) => settings(file, &text(file)?)?,
            (None, Some(cassette)) => cassette.config.clone(),
            (None, None) => Value::Null,
        };
        let specification = manifest.spec();
        let specification = specification.get("connection_specification").unwrap_or(&Value::Null);
        let (redactor, clean) = Redactor::of(specification, &config);
        let redactor = Arc::new(redactor);
        let present = || self.now.unwrap_or_else(|| SystemClock.now());
        let cassette = known.unwrap_or_else(|| Cassette::new(present(), clean));
        let now = self.now.unwrap_or(cassette.now);
        let api = if replay { None } else { Some(self.api(places)?) };
        let tape = Arc::new(Tape::new(api, Arc::clone(&redactor), cassette));
        let runtime = Runtime {
            http: Arc::clone(&tape) as Arc<dyn Http>,
            clock: Arc::new(SystemClock),
            ids: Arc::new(Numbered::default()),
            now,
            max_backoff: replay.then_some(Duration::ZERO),
            max_wait: None,
            limits: Limits::default(),
        };
        let overlay = match &self.overlay {
            Some(path) => Overlay::parse(&document(path)?)?,
            None => Overlay::default(),
        };
        let source = Connector::open(&manifest, &overlay, &config, runtime).await;
        let source = source.map_err(unopened)?;
        Ok(Trial { source, tape, redactor, cassette: path, now })
    }

    fn api(&self, places: &Places) -> Result<Arc<dyn Http>, Failure> {
        let files = [Some(&self.manifest), self.config.as_ref()];
        let texts = files.into_iter().flatten().map(|file| text(file));
        let hosts = local_hosts(places, &texts.collect::<Result<Vec<_>, _>>()?);
        Ok(Arc::new(Client::new(Policy::with_local(&hosts))))
    }

    async fn read(&self, trial: &Trial, console: Console) -> Result<Vec<Report>, Failure> {
        let streams = trial.source.streams();
        let names: Vec<&str> = streams.iter().map(|stream| stream.name().as_str()).collect();
        let unknown = self.streams.iter().find(|name| !names.contains(&name.as_str()));
        if let Some(name) = unknown {
            let names = names.join(", ");
            return Err(Failure::Input(format!("no stream `{name}`; there are: {names}")));
        }
        let chosen = |name: &str| self.streams.is_empty() || self.streams.iter().any(|n| n == name);
        let mut reports = Vec::new();
        for stream in streams.iter().filter(|stream| chosen(stream.name().as_str())) {
            let sample = Sample::of(stream, self.amount, trial.now).await;
            let report = Report::new(stream, sample, &trial.tape, &trial.redactor, self.show);
            report.tell(console)?;
            reports.push(report);
        }
        Ok(reports)
    }

    fn judge(&self, reports: &[Report]) -> Result<(), Failure> {
        let unsound = reports.iter().filter(|report| !report.is_sound()).count();
        if unsound > 0 {
            let reason = format!("{unsound} of {} streams", reports.len());
            return Err(Failure::of("not every stream could be read", reason));
        }
        let differing = reports.iter().filter(|report| !report.differences.is_empty()).count();
        if self.strict && differing > 0 {
            let streams = reports.len();
            let differs = format!("{differing} of {streams} streams differ from their schema");
            return Err(Failure::Differs(differs));
        }
        Ok(())
    }
}

impl Trial {
    /// Saves what was recorded.
    fn keep(&self, console: Console) -> Result<(), Failure> {
        let Some((cassette, added)) = self.tape.changed() else { return Ok(()) };
        cassette.save(&self.cassette, &self.redactor)?;
        console.note(format!("{added} calls recorded in {}", self.cassette.display()));
        Ok(())
    }
}
