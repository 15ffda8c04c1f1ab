//! `headwater files show`: all that is known of a file.

use std::collections::BTreeSet;

use lake::delivery::{
    Accepted, BatchOutcome, Day, FileDigest, FileFact, FileOutcome, FileVerdict, ItemOutcome,
    Origin,
};
use model::{ObjectKey, PushId, TenantId, Timestamp};
use serde_json::json;

use crate::args::Places;
use crate::commands::outcomes::word;
use crate::commands::period::{Facts, Period, is_named};
use crate::console::Console;
use crate::failure::Failure;

/// Which file.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Its name, or its id or the beginning of it, as `files ls` shows them.
    file: String,

    #[command(flatten)]
    period: Period,

    /// Most rows of it that are shown.
    #[arg(long, default_value_t = 1000)]
    limit: usize,

    /// Of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Shows it, each time that something was decided of it.
pub(super) async fn run(show: &Show, places: &Places, console: Console) -> Result<(), Failure> {
    let facts = show.period.open(places, show.stack.as_deref()).await?;
    let found = decisions(&facts, &show.file).await?;
    if found.is_empty() {
        let file = &show.file;
        let message = format!("nothing was decided of a file `{file}`; `files ls` lists files");
        return Err(Failure::Input(message));
    }
    let mut told = BTreeSet::new();
    for fact in &found {
        console.emit(&json!({"decision": fact}))?;
        tell(fact, console)?;
        let file = fact.file.clone().filter(|_| fact.verdict == FileVerdict::Accepted);
        let Some(file) = file.filter(|file| told.insert(file.clone())) else { continue };
        let shown = Shown { facts: &facts, fact, console, limit: show.limit };
        shown.content(&file).await?;
    }
    Ok(())
}

/// What was decided of files of that name or id, the latest last.
async fn decisions(facts: &Facts, wanted: &str) -> Result<Vec<FileFact>, Failure> {
    let is_it = |fact: &FileFact| is_named(wanted, &fact.seen.path, fact.file.as_ref());
    let mut found = Vec::new();
    for (tenant, day) in facts.each() {
        let all = facts.deps.decisions(tenant, day).await?;
        found.extend(all.into_iter().map(|(_, fact)| fact).filter(is_it));
    }
    found.sort_by_key(|fact| fact.at);
    Ok(found)
}

fn tell(fact: &FileFact, console: Console) -> Result<(), Failure> {
    let FileFact { tenant, feed, seen, verdict, records, refused, .. } = fact;
    let at = fact.at.strftime("%Y-%m-%d %H:%M:%S");
    let verdict = json!(verdict);
    let verdict = verdict.as_str().unwrap_or_default();
    let kind = fact.kind.as_deref().map(|kind| format!(" as {kind}")).unwrap_or_default();
    console.say(format!("{} from {tenant}/{feed}, {} bytes", seen.path, seen.size))?;
    console.say(format!("  {verdict}{kind} {at}: {records} records, {refused} faulty rows"))?;
    if let (Some(code), Some(message)) = (&fact.code, &fact.message) {
        console.say(format!("  {code}: {message}"))?;
    }
    if let Some(file) = &fact.file {
        console.say(format!("  id {file}"))?;
    }
    match &fact.archive {
        Some(archive) => console.say(format!("  kept at {archive}")),
        None => Ok(()),
    }
}

/// What became of an item in one call: when, by which operation.
type Sent = (Timestamp, String, ItemOutcome);

/// A file whose records count.
struct Shown<'a> {
    facts: &'a Facts,
    fact: &'a FileFact,
    console: Console,
    limit: usize,
}

impl Shown<'_> {
    /// Where its records lie, and what became of them at each push.
    async fn content(&self, file: &FileDigest) -> Result<(), Failure> {
        let (tenant, day) = (&self.fact.tenant, Day::from(self.fact.at));
        let origin = Origin::Feed(self.fact.feed.clone());
        let deps = &self.facts.deps;
        if let Some(accepted) = deps.accepted_file((tenant, &origin), (day, file)).await? {
            self.console.emit(&json!({"accepted": accepted}))?;
            for part in &accepted.parts {
                self.console.say(format!("  {} records in {}", part.records, part.key))?;
            }
            if let Some(refused) = &accepted.refused {
                self.console.say(format!("  {} faulty rows in {}", refused.rows, refused.key))?;
            }
        }
        let config = deps.configuration.tenant(tenant).await?;
        let ends = deps.ends(tenant, day).await?;
        for push in config.pushes.keys() {
            self.pushed((tenant, day), (file, push), &ends).await?;
        }
        Ok(())
    }

    /// What became of it at one push, its later tries included.
    async fn pushed(
        &self,
        (tenant, day): (&TenantId, Day),
        (file, push): (&FileDigest, &PushId),
        ends: &[(ObjectKey, FileOutcome)],
    ) -> Result<(), Failure> {
        let deps = &self.facts.deps;
        let mut tries = vec![file.clone()];
        while let Some(last) = tries.last() {
            let is_it =
                |end: &&(ObjectKey, FileOutcome)| end.1.file == *last && end.1.push == *push;
            let Some((key, end)) = ends.iter().find(is_it) else { break };
            self.console.emit(&json!({"ended": end, "object": key}))?;
            tell_end(end, self.console)?;
            match deps.tried_again(end).await? {
                Some(Accepted { file, records, .. }) => {
                    self.console.say(format!("  {records} records were tried once more"))?;
                    tries.push(file);
                }
                None => break,
            }
        }
        let (mut batches, mut items) = (Vec::new(), Vec::<Sent>::new());
        let of_it = |item: &&ItemOutcome| tries.contains(&item.item.file);
        let take = |key: &ObjectKey, outcome: BatchOutcome| {
            let ours: Vec<ItemOutcome> = outcome.items.iter().filter(of_it).cloned().collect();
            if !ours.is_empty() {
                let (at, operation) = (outcome.answered, outcome.operation.to_string());
                items.extend(ours.iter().cloned().map(|item| (at, operation.clone(), item)));
                batches.push((key.clone(), BatchOutcome { items: ours, ..outcome }));
            }
        };
        deps.batches_of((tenant, day), Some(push), take).await?;
        batches.sort_by_key(|(_, batch)| batch.answered);
        self.tell_batches(&batches)?;
        items.sort_by_key(|(at, _, item)| (item.item.line, *at));
        self.tell_items(push, &items)
    }

    fn tell_batches(&self, batches: &[(ObjectKey, BatchOutcome)]) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for (key, batch) in batches {
            self.console.emit(&json!({"batch": batch.batch, "round": batch.round,
                "operation": batch.operation, "status": batch.status, "sent": batch.sent,
                "answered": batch.answered, "items": batch.items.len(), "object": key}))?;
            let status = batch.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            rows.push(vec![
                batch.answered.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                batch.operation.to_string(),
                status,
                batch.items.len().to_string(),
                key.to_string(),
            ]);
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.console.table(&["answered", "operation", "status", "items", "outcome"], &rows)
    }

    fn tell_items(&self, push: &PushId, items: &[Sent]) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for (_, operation, item) in items.iter().take(self.limit) {
            self.console.emit(&json!({"item": item, "push": push, "operation": operation}))?;
            rows.push(vec![
                item.item.line.to_string(),
                operation.clone(),
                word(item.verdict).to_owned(),
                item.code.clone().unwrap_or_default(),
                item.message.clone().unwrap_or_default(),
            ]);
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.console.table(&["line", "operation", "became", "code", "message"], &rows)?;
        if items.len() > self.limit {
            self.console.note(format!("{} outcomes more: see --limit", items.len() - self.limit));
        }
        Ok(())
    }
}

fn tell_end(end: &FileOutcome, console: Console) -> Result<(), Failure> {
    let counts = &end.counts;
    let word = json!(end.outcome);
    let word = word.as_str().unwrap_or_default();
    console.say(format!(
        "  {} {word}: {} rows = {} ok + {} failed + {} duplicate + {} superseded + {} unknown",
        end.push,
        counts.rows,
        counts.ok,
        counts.failed,
        counts.duplicate,
        counts.superseded,
        counts.unknown
    ))?;
    match &end.errors {
        Some(errors) => console.say(format!("  what to look at: {errors}")),
        None => Ok(()),
    }
}
