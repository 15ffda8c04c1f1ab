//! `headwater outcomes`: what became of each record that was pushed.

use std::collections::BTreeMap;

use lake::delivery::{Accepted, BatchOutcome, Day, FileDigest, ItemOutcome, ItemRef, Verdict};
use model::{ObjectKey, PushId, TenantId, Timestamp};
use serde_json::json;

use crate::args::Places;
use crate::commands::period::{Facts, Period, is_named};
use crate::console::Console;
use crate::failure::Failure;

/// Which outcomes.
#[derive(Debug, clap::Args)]
pub(crate) struct Outcomes {
    #[command(flatten)]
    period: Period,

    /// With this code of the API, such as 8006, or of ours, such as `NO_OPERATION`.
    #[arg(long)]
    code: Option<String>,

    /// Of this file: its name, or its id or the beginning of it.
    #[arg(long)]
    file: Option<String>,

    /// At this push.
    #[arg(long)]
    push: Option<PushId>,

    /// That ended so: `ok`, `duplicate`, `failed`, `superseded`, `unknown`; `again` of what goes
    /// on elsewhere. All that are final when left out.
    #[arg(long, value_parser = verdict)]
    verdict: Option<Verdict>,

    /// Most outcomes, the latest ones; 0 for all.
    #[arg(long, default_value_t = 1000)]
    limit: usize,

    /// From the lake of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Each verdict and its word.
const WORDS: [(Verdict, &str); 6] = [
    (Verdict::Ok, "ok"),
    (Verdict::Duplicate, "duplicate"),
    (Verdict::Failed, "failed"),
    (Verdict::Superseded, "superseded"),
    (Verdict::Unknown, "unknown"),
    (Verdict::Again, "again"),
];

/// A verdict, in a word.
pub(super) fn word(verdict: Verdict) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == verdict).map_or("unknown", |(_, word)| word)
}

fn verdict(text: &str) -> Result<Verdict, String> {
    let found = WORDS.iter().find(|(_, word)| *word == text).map(|(verdict, _)| *verdict);
    let words: Vec<&str> = WORDS.iter().map(|(_, word)| *word).collect();
    found.ok_or_else(|| format!("accepted are {}", words.join(", ")))
}

/// A record and what became of it in one call.
struct Line {
    batch: BatchOutcome,
    item: ItemOutcome,
    name: Option<String>,
}

/// The names of files, by their ids.
type Names = BTreeMap<FileDigest, String>;

/// The latest outcomes, no more than are asked for.
#[derive(Default)]
struct Latest {
    lines: BTreeMap<(Timestamp, PushId, ItemRef, u32), Line>,
    left_out: usize,
}

impl Latest {
    fn add(&mut self, line: Line, most: usize) {
        let Line { batch, item, .. } = &line;
        let key = (batch.answered, batch.push.clone(), item.item.clone(), batch.round);
        self.lines.insert(key, line);
        if self.lines.len() > most {
            self.lines.pop_first();
            self.left_out += 1;
        }
    }
}

/// Prints them in the order in which they were answered; where all are asked for, as they lie.
pub(crate) async fn run(
    wanted: &Outcomes,
    places: &Places,
    console: Console,
) -> Result<(), Failure> {
    let facts = wanted.period.open(places, wanted.stack.as_deref()).await?;
    let mut latest = Latest::default();
    let mut told = Ok(());
    for (tenant, day) in facts.each() {
        let names = names(&facts, tenant, day).await?;
        let take = |_: &ObjectKey, outcome: BatchOutcome| {
            for line in lines(wanted, outcome, &names) {
                if wanted.limit > 0 {
                    latest.add(line, wanted.limit);
                } else if told.is_ok() {
                    told = tell(&line, console);
                }
            }
        };
        facts.deps.batches_of((tenant, day), wanted.push.as_ref(), take).await?;
    }
    told?;
    let rows: Vec<Vec<String>> = latest.lines.values().map(row).collect();
    latest.lines.values().try_for_each(|line| console.emit(&json_of(line)))?;
    if wanted.limit > 0 {
        console.table(&HEADINGS, &rows)?;
    }
    if latest.left_out > 0 {
        console.note(format!("{} outcomes more, older ones: see --limit", latest.left_out));
    }
    Ok(())
}

const HEADINGS: [&str; 8] =
    ["answered", "push", "file", "line", "operation", "became", "code", "message"];

/// One of all.
fn tell(line: &Line, console: Console) -> Result<(), Failure> {
    console.emit(&json_of(line))?;
    console.say(row(line).join("  ").trim_end())
}

/// What of a batch is asked for.
fn lines(wanted: &Outcomes, outcome: BatchOutcome, names: &Names) -> Vec<Line> {
    let is_wanted = |item: &ItemOutcome| {
        let fits = match wanted.verdict {
            Some(verdict) => verdict == item.verdict,
            None => item.verdict.is_final(),
        };
        let name = names.get(&item.item.file).map(String::as_str);
        let of_file =
            |file: &String| is_named(file, name.unwrap_or_default(), Some(&item.item.file));
        fits && wanted.code.as_ref().is_none_or(|code| item.code.as_ref() == Some(code))
            && wanted.file.as_ref().is_none_or(of_file)
    };
    let mut batch = BatchOutcome { next: Vec::new(), ..outcome };
    let items = std::mem::take(&mut batch.items);
    let line = |item: ItemOutcome| {
        let name = names.get(&item.item.file).cloned();
        Line { batch: batch.clone(), item, name }
    };
    items.into_iter().filter(is_wanted).map(line).collect()
}

/// The names of a day's files, those of second tries included.
async fn names(facts: &Facts, tenant: &TenantId, day: Day) -> Result<Names, Failure> {
    let mut names = Names::new();
    for file in facts.deps.accepted(tenant, day).await? {
        let Accepted { file, name, .. } = file;
        names.insert(file, name);
    }
    Ok(names)
}

fn json_of(line: &Line) -> serde_json::Value {
    let Line { batch, item, name } = line;
    json!({
        "tenant": batch.tenant, "push": batch.push, "destination": batch.destination,
        "operation": batch.operation, "file": item.item.file, "name": name,
        "line": item.item.line, "became": item.verdict, "code": item.code,
        "message": item.message, "entity": item.entity, "batch": batch.batch,
        "round": batch.round, "status": batch.status, "sent": batch.sent,
        "answered": batch.answered,
    })
}

fn row(line: &Line) -> Vec<String> {
    let Line { batch, item, name } = line;
    vec![
        batch.answered.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        format!("{}/{}", batch.tenant, batch.push),
        name.clone().unwrap_or_else(|| item.item.file.to_string()),
        item.item.line.to_string(),
        batch.operation.to_string(),
        word(item.verdict).to_owned(),
        item.code.clone().unwrap_or_default(),
        item.message.clone().unwrap_or_default(),
    ]
}
