//! A case: its files, and what becomes of it here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use connector::protocol::{self, Announced, Messages, Selected, Staging, States};
use connector::{Catalog, Hosting, Limits, Manifest, Runtime, Source};
use model::Timestamp;
use model::config::Overlay;
use model::document::Fault;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use testkit::SeededIds;

use crate::provider::{Answer, Asked, Moment, Provider};

/// A case.
#[derive(Debug)]
pub struct Case {
    /// `topic/name`.
    pub name: String,
    /// What the reference gave.
    pub expected: Expected,
    /// How it is to be run and compared.
    pub options: Options,
    manifest: String,
    config: Value,
    state: States,
    answers: Vec<Answer>,
    /// The configured catalogue, where the case has one of its own.
    catalog: Option<Value>,
}

/// How a case is run and compared.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The present of each pass; the recorder writes it into the passes.
    #[serde(rename = "now")]
    _now: Vec<Timestamp>,
    /// Whether waits move the clock on.
    clock: Moment,
    /// The waits are compared, too.
    pub waits: bool,
    /// What differs from the reference on purpose, and why.
    pub differs: BTreeMap<String, String>,
}

/// What the reference gave.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    #[serde(rename = "cdk")]
    _cdk: String,
    /// What `spec` says.
    pub spec: Option<Value>,
    /// The status of `check`.
    pub check: String,
    /// What `discover` found.
    pub streams: Option<Vec<Value>>,
    /// Why it found nothing.
    pub refused: Option<String>,
    selected: Vec<String>,
    /// The reads.
    pub passes: Vec<Pass>,
}

/// One read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pass {
    /// Its present.
    pub now: Timestamp,
    /// Why nothing was read at all.
    pub refused: Option<String>,
    /// Records by stream, sorted by their text.
    pub records: BTreeMap<String, Vec<Value>>,
    /// The last state of each stream.
    pub states: States,
    /// Streams that were not read whole, with the reason.
    pub failed: BTreeMap<String, String>,
    /// Files of records by stream, each with its record, sorted by their text.
    pub files: BTreeMap<String, Vec<Value>>,
    /// Configurations that were announced.
    pub controls: Vec<Value>,
    /// Each request once, with its count.
    pub requests: Vec<Asked>,
    /// Seconds of each wait, sorted.
    pub waits: Vec<f64>,
}

/// What became of a case here.
#[derive(Debug, Clone)]
pub struct Got {
    /// What `spec` says.
    pub spec: Option<Value>,
    /// The status of `check`.
    pub check: String,
    /// What `discover` found.
    pub streams: Vec<Value>,
    /// The reads.
    pub passes: Vec<Pass>,
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference")
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn file<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let text = path.exists().then(|| fs::read_to_string(path).unwrap())?;
    let parsed = serde_json::from_str(&text);
    Some(parsed.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

impl Case {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let cases: Vec<Self> = folders(&home())
            .iter()
            .flat_map(|topic| folders(topic))
            .map(|case| Self::open(&case))
            .collect();
        assert!(!cases.is_empty(), "no case in {}", home().display());
        cases
    }

    /// One of them.
    pub fn named(name: &str) -> Self {
        Self::open(&home().join(name))
    }

    fn open(folder: &Path) -> Self {
        let name = folder.strip_prefix(home()).unwrap().display().to_string();
        Self {
            expected: file(&folder.join("expected.json")).unwrap_or_else(|| {
                panic!("{name}: not recorded yet, see tests/reference/README.md")
            }),
            options: file(&folder.join("options.json")).unwrap_or_default(),
            manifest: fs::read_to_string(folder.join("manifest.yaml")).unwrap(),
            config: file(&folder.join("config.json")).unwrap_or_else(|| Value::Object(Map::new())),
            state: file(&folder.join("state.json")).unwrap_or_default(),
            answers: file(&folder.join("answers.json")).unwrap_or_default(),
            catalog: file(&folder.join("catalog.json")).filter(Value::is_object),
            name,
        }
    }

    /// Checks, discovers, and reads as often as the reference did; each read starts from the
    /// state that the reference's read before it had given.
    pub async fn run(&self) -> Got {
        let first = self.expected.passes.first().map_or(Timestamp::UNIX_EPOCH, |pass| pass.now);
        let mut state = self.state.clone();
        let mut passes = Vec::new();
        for (i, pass) in self.expected.passes.iter().enumerate() {
            passes.push(self.read(i + 1, pass.now, &state).await);
            state.clone_from(&pass.states);
        }
        let (check, streams) = (self.check(first).await, self.discover(first).await);
        Got { spec: self.spec(), check, streams, passes }
    }

    fn manifest(&self) -> Result<Manifest, String> {
        let told = |faults: Vec<Fault>| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            faults.join("; ")
        };
        Manifest::parse("manifest.yaml", &self.manifest).map_err(told)
    }

    fn spec(&self) -> Option<Value> {
        let mut out = Lines::default();
        protocol::spec(&self.manifest().ok()?, &mut out).unwrap();
        Some(messages(&out, "SPEC")[0]["spec"].clone())
    }

    /// What the reads want of the streams: all of each, unless the case says otherwise.
    fn catalog(&self) -> Catalog {
        let streams = self.expected.streams.iter().flatten();
        let wanted = |stream: &&Value| {
            self.expected.selected.iter().any(|name| stream["name"] == name.as_str())
        };
        let streams: Vec<_> =
            streams.filter(wanted).map(|stream| json!({"stream": stream})).collect();
        let all = || json!({"streams": streams});
        serde_json::from_value(self.catalog.clone().unwrap_or_else(all)).unwrap()
    }

    async fn source(
        &self,
        provider: &Provider,
        now: Timestamp,
        (out, catalog): (&Lines, Catalog),
    ) -> Result<Source, String> {
        let manifest = self.manifest()?;
        let runtime = Runtime {
            http: Arc::new(provider.clone()),
            clock: Arc::new(provider.clone()),
            ids: Arc::new(SeededIds::new(1)),
            now,
            max_backoff: None,
            max_wait: None,
            limits: Limits::default(),
        };
        let clock = Arc::clone(&runtime.clock);
        let given = (&manifest, &self.config);
        let announced = Announced::start(given, now, out.clone(), clock);
        let announced = announced.map_err(|error| error.to_string())?;
        let hosting = Hosting { grants: Some(Arc::new(announced)), catalog, ..Hosting::default() };
        Source::hosted(&manifest, &Overlay::default(), &self.config, (runtime, hosting))
            .await
            .map_err(|error| error.to_string())
    }

    fn provider(&self, pass: Option<usize>, now: Timestamp) -> Provider {
        Provider::new(&self.answers, pass, self.options.clock, now)
    }

    async fn check(&self, now: Timestamp) -> String {
        let mut out = Lines::default();
        let Ok(source) =
            self.source(&self.provider(None, now), now, (&out, Catalog::default())).await
        else {
            return "FAILED".to_owned();
        };
        let checked = protocol::check(&source, &mut out).await;
        let said = messages(&out, "CONNECTION_STATUS");
        let status = said[0]["connectionStatus"]["status"].as_str().unwrap().to_owned();
        assert_eq!(checked.is_ok(), status == "SUCCEEDED");
        status
    }

    async fn discover(&self, now: Timestamp) -> Vec<Value> {
        let mut out = Lines::default();
        let Ok(source) =
            self.source(&self.provider(None, now), now, (&out, Catalog::default())).await
        else {
            return Vec::new();
        };
        match protocol::discover(&source, &mut out).await {
            Ok(()) => {
                messages(&out, "CATALOG")[0]["catalog"]["streams"].as_array().unwrap().clone()
            }
            Err(_) => Vec::new(),
        }
    }

    async fn read(&self, number: usize, now: Timestamp, states: &States) -> Pass {
        let provider = self.provider(Some(number), now);
        let refused = |reason| Pass { now, refused: Some(reason), ..Pass::default() };
        let out = Lines::default();
        let source = match self.source(&provider, now, (&out, self.catalog())).await {
            Ok(source) => source,
            Err(reason) => return refused(reason),
        };
        let selected = Selected(self.expected.selected.clone());
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::new(folder.path().to_owned());
        let mut messages = Messages::new(out.clone()).staging(staging);
        let read = protocol::read(&source, &selected, states, &mut messages).await;
        let mut pass = match read {
            Ok(_) => heard(&out),
            Err(error) => refused(error.to_string()),
        };
        pass.requests = provider.asked();
        pass.waits = provider.waits();
        Pass { now, ..pass }
    }
}

/// What is said, by all who say something.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The messages of a type.
fn messages(out: &Lines, kind: &str) -> Vec<Value> {
    let out = out.0.lock().unwrap();
    let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let all = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    all.filter(|message| message["type"] == kind).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The file of a record, as it lies where files are staged.
fn kept(record: &Value) -> Value {
    let said = &record["file_reference"];
    let place = text(&said["staging_file_url"]);
    let path = text(&said["source_file_relative_path"]);
    assert!(place.ends_with(&format!("/{path}")), "{said}");
    let content: String = fs::read(&place).unwrap().into_iter().map(char::from).collect();
    let name = without_uuid(&path);
    json!({"of": record["data"], "path": name, "bytes": said["file_size_bytes"], "text": content})
}

/// A path whose last part, where it is an identifier that came by chance, is called that.
fn without_uuid(path: &str) -> String {
    let Some((folder, name)) = path.rsplit_once('/') else { return path.to_owned() };
    let lengths: Vec<usize> = name.split('-').map(str::len).collect();
    let is_uuid = lengths == [8, 4, 4, 4, 12];
    if is_uuid { format!("{folder}/<uuid>") } else { path.to_owned() }
}

/// What a read said.
fn heard(out: &Lines) -> Pass {
    let mut pass = Pass::default();
    for message in messages(out, "RECORD") {
        let record = &message["record"];
        let stream = text(&record["stream"]);
        if record["file_reference"].is_object() {
            pass.files.entry(stream.clone()).or_default().push(kept(record));
        }
        pass.records.entry(stream).or_default().push(record["data"].clone());
    }
    for message in messages(out, "STATE") {
        let stream = &message["state"]["stream"];
        let state = stream["stream_state"].as_object().cloned().unwrap_or_default();
        pass.states.insert(text(&stream["stream_descriptor"]["name"]), state);
    }
    for message in messages(out, "TRACE") {
        let status = &message["trace"]["stream_status"];
        if status["status"] == "INCOMPLETE" {
            pass.failed.insert(text(&status["stream_descriptor"]["name"]), String::new());
        }
        let error = &message["trace"]["error"];
        if let Some(reason) = pass.failed.get_mut(&text(&error["stream_descriptor"]["name"])) {
            *reason = text(&error["message"]);
        }
    }
    let controls = messages(out, "CONTROL");
    pass.controls =
        controls.iter().map(|m| m["control"]["connectorConfig"]["config"].clone()).collect();
    pass
}
