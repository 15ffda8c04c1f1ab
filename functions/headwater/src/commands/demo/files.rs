//! `headwater demo files`: partners deliver files by SFTP, the sandbox's CRM is told what they
//! hold, and what it holds in the end is held against what they delivered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::report::{self, FileLine, Question, Report};
use lake::Sha256Hex;
use lake::delivery::{Day, FileDigest, FileVerdict, Origin};
use model::{FeedId, TenantId, Timestamp};
use ports::Method;
use sandbox::partner::{Delivery, Fate, Landing, PartnerFile, SECRET_KEY, delivery};
use sandbox::{LoginKey, Running, crm_accounts};
use serde_json::{Value, json};
use store::files::FeedKey;

use super::server::Server;
use super::{ADDRESS, SEED, compare};
use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder::{Folder, Staged};
use crate::progress::Progress;
use crate::workers::{self, Workers};
use crate::world::{self, World};

/// Rows of a large file.
const ROWS: usize = 400;

/// The tenant whose partners deliver.
pub(super) const TENANT: &str = "heron";

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Waves in which files come: those of the second repeat or correct some of the first.
const WAVES: u8 = 2;

/// What became of a delivery.
pub(super) struct Delivered {
    lines: Vec<(Option<FileLine>, PartnerFile)>,
    expected: usize,
    found: usize,
    astray: Vec<String>,
    page: PathBuf,
    calls: u64,
    server: &'static str,
}

/// Delivers, takes in, pushes, compares.
pub(super) async fn all(
    places: &Places,
    running: &Running,
    (progress, limit): (&Progress, Duration),
) -> Result<Delivered, Failure> {
    let places = fresh(places)?;
    let root = places.data.join("sftp");
    for landing in Landing::ALL {
        std::fs::create_dir_all(root.join(landing.folder()))?;
    }
    let key = LoginKey::fresh()?;
    let server = Server::start(&places.data.join("sshd"), &root, &key)?;
    let world = staged(&places, running, &server, &key).await?;
    let crm = format!("{}/__admin/crm", running.url());
    compare::call(&world, Method::Delete, &format!("{crm}/?tenant={TENANT}")).await?;
    let made = delivery(SEED.0, ROWS);
    let since = world.clock.now();
    let until = since.checked_add(limit).unwrap_or(Timestamp::MAX);
    let workers = Workers::start(&world);
    for wave in 0..WAVES {
        progress.say(format!("files arrive at {}", server.name()));
        for file in made.files.iter().filter(|file| file.wave == wave) {
            deliver(&root, file)?;
        }
        progress.say("taking them in, telling the CRM");
        settle(&world, &made, wave, (since, until)).await?;
    }
    workers.stop().await;
    let told = report_of(&world, since).await?;
    let page = places.data.join("report.html");
    std::fs::write(&page, told.to_html())?;
    progress.say("comparing the CRM with what was delivered");
    let mut delivered = Delivered {
        lines: made
            .files
            .iter()
            .map(|file| (line_of(&told, file).cloned(), file.clone()))
            .collect(),
        expected: made.customers.len() + made.transactions.len(),
        found: 0,
        astray: Vec::new(),
        page,
        calls: told.pushes.iter().map(|push| push.calls).sum(),
        server: server.name(),
    };
    for (kind, id, truth) in [
        ("customers", "external_id", &made.customers),
        ("transactions", "trx_id", &made.transactions),
    ] {
        let url = format!("{crm}/{TENANT}/{kind}");
        let held = compare::call(&world, Method::Get, &url).await?;
        delivered.compare(kind, &held, (id, truth))?;
    }
    Ok(delivered)
}

/// A data folder of its own: what earlier demonstrations took in would all be known already.
fn fresh(places: &Places) -> Result<Places, Failure> {
    let data = places.data.join("demo-files");
    match std::fs::remove_dir_all(&data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => std::fs::create_dir_all(&data)?,
    }
    Ok(Places { data, ..places.clone() })
}

async fn staged(
    places: &Places,
    running: &Running,
    server: &Server,
    key: &LoginKey,
) -> Result<Arc<World>, Failure> {
    let files = "tenants/heron";
    let staged = |field, to| Staged { files, field, from: String::new(), to };
    let staging = vec![
        Staged { from: ADDRESS.to_owned(), ..staged("base_url", running.url()) },
        staged("port", server.address().port().to_string()),
        staged("user", server.user().to_owned()),
        staged("host_keys", format!("[\"{}\"]", server.fingerprint())),
    ];
    let tenant: TenantId = id(TENANT)?;
    let mut secrets = vec![("sftp-key", key.private.as_str()), ("pgp-key", SECRET_KEY)];
    for account in crm_accounts().iter().filter(|account| account.tenant == TENANT) {
        secrets.extend([("crm-secret", account.client_secret), ("crm-key", account.api_key)]);
    }
    for (name, value) in secrets {
        world::put_secret(places, &tenant, name, value)?;
    }
    let configuration = Configuration::new(Arc::new(Folder::staged(&places.folder, staging)), "");
    let hosts = [running.address().to_string(), server.address().to_string()];
    World::with(places, Arc::new(configuration), &hosts).await
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error| Failure::Input(format!("{error}")))
}

/// Puts a file and what comes after it where the server serves from.
fn deliver(root: &Path, file: &PartnerFile) -> Result<(), Failure> {
    let folder = root.join(file.landing.folder());
    std::fs::write(folder.join(&file.name), &file.bytes)?;
    for (name, body) in &file.companions {
        std::fs::write(folder.join(name), body)?;
    }
    Ok(())
}

/// Looks at the drops until each file that is to be decided is, and nothing is left to push.
async fn settle(
    world: &World,
    made: &Delivery,
    wave: u8,
    (since, until): (Timestamp, Timestamp),
) -> Result<(), Failure> {
    let decided = |file: &&PartnerFile| file.wave <= wave && file.expected.fate != Fate::Waiting;
    let wanted = made.files.iter().filter(decided).count();
    loop {
        for landing in Landing::ALL {
            let (tenant, feed) = (id(TENANT)?, id::<FeedId>(landing.folder())?);
            workers::look(world, FeedKey { tenant, feed }).await?;
        }
        let told = report_of(world, since).await?;
        if told.files.len() >= wanted && told.total.pending == 0 {
            return Ok(());
        }
        if world.clock.now() >= until {
            let (seen, open) = (told.files.len(), told.total.pending);
            let what = format!("{seen} of {wanted} files are decided, {open} rows are pending");
            return Err(Failure::Differs(format!("the time was up: {what}")));
        }
        world.clock.sleep(LOOK).await;
    }
}

async fn report_of(world: &World, since: Timestamp) -> Result<Report, Failure> {
    let deps = report::Deps {
        configuration: Arc::clone(&world.configuration),
        lake: Arc::clone(&world.lake),
    };
    let now = world.clock.now();
    let question =
        Question { tenant: Some(id(TENANT)?), from: Day::from(since), to: Day::from(now), now };
    let made = report::report(&deps, &question).await;
    made.map_err(|error| Failure::of("the report cannot be made", error))
}

/// What the report says of a file: accepted ones are known by their content, others by their name.
fn line_of<'r>(report: &'r Report, file: &PartnerFile) -> Option<&'r FileLine> {
    let feed = file.landing.folder();
    let of_feed = |line: &&FileLine| match &line.origin {
        Origin::Feed(id) => id.as_str() == feed,
        Origin::Model(_) => false,
    };
    let origin = format!("feed={feed}");
    let content = Sha256Hex::of(&file.bytes);
    let digest = FileDigest::of(&[TENANT, &origin, content.as_str()]).to_string();
    let accepted = matches!(file.expected.fate, Fate::Accepted);
    let mut lines = report.files.iter().filter(of_feed);
    lines.find(|line| {
        let known = line.file.as_deref() == Some(digest.as_str());
        let counts = line.verdict == FileVerdict::Accepted;
        if accepted { counts && known } else { !counts && line.name == file.name }
    })
}

impl Delivered {
    /// Holds what the CRM has of a kind against what was delivered.
    fn compare(
        &mut self,
        kind: &str,
        held: &[u8],
        (id, truth): (&str, &[Value]),
    ) -> Result<(), Failure> {
        let lines = held.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let records = lines.map(serde_json::from_slice::<Value>).collect::<Result<Vec<_>, _>>();
        let unreadable = |error| Failure::of("the CRM's content cannot be read", error);
        let records = records.map_err(unreadable)?;
        let name = |record: &Value| record.get(id).and_then(Value::as_str).map(str::to_owned);
        let by_id = |records: &[Value]| -> BTreeMap<Option<String>, Value> {
            records.iter().map(|record| (name(record), record.clone())).collect()
        };
        let (held, truth) = (by_id(&records), by_id(truth));
        self.found += records.len();
        let mut astray = Vec::new();
        for (id, record) in &truth {
            let id = id.as_deref().unwrap_or("?");
            match held.get(&Some(id.to_owned())) {
                None => astray.push(format!("{kind}: `{id}` is missing")),
                Some(found) if found != record => {
                    astray.push(format!("{kind}: `{id}` is {found} instead of {record}"));
                }
                Some(_) => {}
            }
        }
        let surplus = held.keys().filter(|id| !truth.contains_key(*id));
        astray.extend(
            surplus.map(|id| {
                format!("{kind}: `{}` was never delivered", id.as_deref().unwrap_or("?"))
            }),
        );
        if records.len() != held.len() {
            astray.push(format!("{kind}: {} are there twice", records.len() - held.len()));
        }
        self.astray.extend(astray);
        Ok(())
    }

    /// Files that did not end as expected.
    fn surprises(&self) -> Vec<String> {
        self.lines.iter().filter_map(|(line, file)| surprise(line.as_ref(), file)).collect()
    }

    pub(super) fn is_equal(&self) -> bool {
        self.astray.is_empty() && self.surprises().is_empty()
    }

    pub(super) fn to_json(&self) -> Value {
        let equal = self.astray.is_empty();
        let files: Vec<Value> =
            self.lines.iter().filter_map(|(line, _)| Some(json_of(line.as_ref()?))).collect();
        json!({
            "ok": self.is_equal(),
            "files": files,
            "crm": {"expected": self.expected, "found": self.found, "equal": equal},
            "report": self.page,
        })
    }

    /// Prints what became of each file, and where the report is.
    pub(super) fn tell(&self, console: Console) -> Result<(), Failure> {
        let headings =
            ["file", "what it is", "outcome", "in", "ok", "failed", "duplicate", "reason"];
        let rows: Vec<Vec<String>> =
            self.lines.iter().map(|(line, file)| row(line.as_ref(), file)).collect();
        console.table(&headings, &rows)?;
        for text in self.surprises().iter().chain(&self.astray).take(10) {
            console.note(text);
        }
        console.say(format!("report: {}", self.page.display()))?;
        if self.is_equal() {
            return console.say(console.good(&format!(
                "the CRM holds exactly what was accepted: {} records, told in {} calls; files came \
                 by {}",
                self.found, self.calls, self.server
            )));
        }
        let surprises = self.surprises().len();
        Err(Failure::Differs(format!(
            "{} records of the CRM differ from what was delivered, {surprises} files ended otherwise \
             than expected",
            self.astray.len()
        )))
    }
}

fn json_of(line: &FileLine) -> Value {
    let counts = &line.counts;
    json!({
        "file": line.name, "kind": line.kind, "outcome": line.outcome_word(), "in": counts.rows,
        "ok": counts.ok, "failed": counts.failed, "duplicate": counts.duplicate, "code": line.code,
    })
}

fn row(line: Option<&FileLine>, file: &PartnerFile) -> Vec<String> {
    let mut row = vec![file.name.clone(), file.special.to_owned()];
    let Some(line) = line else {
        row.push("WAITING".to_owned());
        row.extend(std::iter::repeat_n(String::new(), 5));
        return row;
    };
    let counts = &line.counts;
    row.push(line.outcome_word().to_owned());
    row.extend([counts.rows, counts.ok, counts.failed, counts.duplicate].map(|n| n.to_string()));
    row.push(line.code.clone().unwrap_or_default());
    row
}

/// How a file ended otherwise than expected.
fn surprise(line: Option<&FileLine>, file: &PartnerFile) -> Option<String> {
    let expected = &file.expected;
    let wrong = |what: String| Some(format!("{} ({}): {what}", file.name, file.special));
    match (expected.fate, line) {
        (Fate::Waiting, None) => None,
        (Fate::Waiting, Some(line)) => wrong(format!("{} instead of waiting", line.outcome_word())),
        (_, None) => wrong("nobody decided on it".to_owned()),
        (Fate::Duplicate, Some(line)) if line.verdict == FileVerdict::Duplicate => None,
        (Fate::Rejected(code), Some(line)) if line.code.as_deref() == Some(code) => None,
        (Fate::Accepted, Some(line)) => {
            let counts = &line.counts;
            let found = (counts.rows, counts.ok, counts.failed, counts.duplicate);
            let wanted = (expected.rows, expected.ok, expected.failed, expected.duplicate);
            if found == wanted && line.adds_up {
                return None;
            }
            wrong(format!("in, ok, failed, duplicate are {found:?} instead of {wanted:?}"))
        }
        (fate, Some(line)) => {
            wrong(format!("{} {:?} instead of {fate:?}", line.outcome_word(), line.code))
        }
    }
}
