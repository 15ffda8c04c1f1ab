//! `headwater failed`: what did not arrive, why, and once more.

mod retry;

use std::collections::BTreeMap;

use lake::delivery::{FileDigest, FileEnd, FileFact, FileOutcome, FileVerdict};
use model::{FeedId, ObjectKey, PushId, TenantId};
use serde_json::json;

use crate::args::Places;
use crate::commands::period::{Facts, Period, is_named};
use crate::console::Console;
use crate::failure::Failure;

/// What to do with what failed.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Failed {
    /// Lists files that were refused, and files of which records failed at their destination.
    Ls(Ls),
    /// Takes refused files in once more, and sends records that failed once more: those alone.
    Retry(retry::Retry),
}

/// Which of it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Wanted {
    #[command(flatten)]
    period: Period,

    /// Of this file: its name, or its id or the beginning of it; of all when left out.
    #[arg(long)]
    file: Option<String>,

    /// With this code, such as 3217 or `CHECKSUM`.
    #[arg(long)]
    code: Option<String>,
}

/// Which of it, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    wanted: Wanted,

    /// Of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// A file that was refused.
struct Refused {
    decision: ObjectKey,
    fact: FileFact,
}

/// A file of which records failed.
struct Unpushed {
    ended: ObjectKey,
    end: FileOutcome,
    /// How many of its records were tried once more.
    again: Option<u64>,
}

/// All that failed.
struct Found {
    refused: Vec<Refused>,
    unpushed: Vec<Unpushed>,
}

/// Lists it, or tries it once more.
pub(crate) async fn run(command: Failed, places: &Places, console: Console) -> Result<(), Failure> {
    match command {
        Failed::Ls(ls) => {
            let facts = ls.wanted.period.open(places, ls.stack.as_deref()).await?;
            list(&find(&facts, &ls.wanted).await?, console)
        }
        Failed::Retry(retry) => retry::run(&retry, places, console).await,
    }
}

async fn find(facts: &Facts, wanted: &Wanted) -> Result<Found, Failure> {
    let mut found = Found { refused: refused(facts, wanted).await?, unpushed: Vec::new() };
    for (tenant, day) in facts.each() {
        for (ended, end) in facts.deps.ends(tenant, day).await? {
            let is_bad = matches!(end.outcome, FileEnd::Partial | FileEnd::Failed);
            let has = |code: &String| end.codes.contains_key(code);
            let is_wanted =
                wanted.code.as_ref().is_none_or(has) && is_file(wanted, &end.name, Some(&end.file));
            if is_bad && is_wanted {
                let again = facts.deps.tried_again(&end).await?.map(|file| file.records);
                found.unpushed.push(Unpushed { ended, end, again });
            }
        }
    }
    Ok(found)
}

/// Refused files; only what was decided last of each counts.
async fn refused(facts: &Facts, wanted: &Wanted) -> Result<Vec<Refused>, Failure> {
    let mut last: BTreeMap<(TenantId, FeedId, FileDigest), Refused> = BTreeMap::new();
    for (tenant, day) in facts.each() {
        for (decision, fact) in facts.deps.decisions(tenant, day).await? {
            let seen = (fact.tenant.clone(), fact.feed.clone(), fact.seen());
            if last.get(&seen).is_none_or(|known| known.fact.at <= fact.at) {
                last.insert(seen, Refused { decision, fact });
            }
        }
    }
    let is_wanted = |Refused { fact, .. }: &Refused| {
        matches!(fact.verdict, FileVerdict::Rejected | FileVerdict::Unclassified)
            && wanted.code.as_ref().is_none_or(|code| fact.code.as_ref() == Some(code))
            && is_file(wanted, &fact.seen.path, fact.file.as_ref())
    };
    let mut refused: Vec<Refused> = last.into_values().filter(is_wanted).collect();
    refused.sort_by_key(|refused| refused.fact.at);
    Ok(refused)
}

fn is_file(wanted: &Wanted, path: &str, id: Option<&FileDigest>) -> bool {
    wanted.file.as_deref().is_none_or(|file| is_named(file, path, id))
}

fn list(found: &Found, console: Console) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for Refused { decision, fact } in &found.refused {
        console.emit(&json!({"refused": fact, "object": decision}))?;
        rows.push(vec![
            fact.at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            format!("{}/{}", fact.tenant, fact.feed),
            fact.seen.path.clone(),
            "refused".to_owned(),
            "-".to_owned(),
            fact.code.clone().unwrap_or_default(),
            fact.message.clone().unwrap_or_default(),
        ]);
    }
    for Unpushed { ended, end, again } in &found.unpushed {
        console.emit(&json!({"unpushed": end, "object": ended, "again": again}))?;
        let errors = end.errors.as_ref().map(ToString::to_string).unwrap_or_default();
        let told = again.map_or(errors, |records| format!("{records} records tried once more"));
        rows.push(vec![
            end.finished.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            place(&end.tenant, &end.push),
            end.name.clone(),
            json!(end.outcome).as_str().unwrap_or_default().to_lowercase(),
            (end.counts.failed + end.counts.unknown).to_string(),
            codes(end),
            told,
        ]);
    }
    if rows.is_empty() {
        return console.say("nothing failed");
    }
    console.table(&["decided", "at", "file", "state", "records", "code", "reason"], &rows)
}

fn place(tenant: &TenantId, push: &PushId) -> String {
    format!("{tenant}/{push}")
}

/// The codes with which its rows ended.
fn codes(end: &FileOutcome) -> String {
    let codes = end.codes.iter().map(|(code, number)| format!("{code} ({number})"));
    codes.collect::<Vec<_>>().join(", ")
}
