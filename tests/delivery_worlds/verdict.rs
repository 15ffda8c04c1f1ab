//! What a world looks like when it has come to rest, held against what it must look like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handlers::push::invariant;
use handlers::{files, push};
use lake::delivery::{
    Accepted, BatchOutcome, FileDigest, FileFact, FileOutcome, FileVerdict, ItemRef, Verdict,
};
use ports::{ObjectStore, ObjectStoreExt, REASON};
use serde_json::Value;
use store::budget::most_in_any_window;
use store::files::FeedKey;
use store::invariant::Violation;
use store::push::PushKey;
use testkit::sim::World;

use crate::books;
use crate::cast::{CALLS, Cast, LOOKS, POISON, PUSHES, created};
use crate::partner::{Content, Row};

/// Everything that the lake tells of deliveries.
#[derive(Debug, Default)]
pub struct Told {
    pub accepted: Vec<Accepted>,
    pub facts: Vec<FileFact>,
    pub outcomes: Vec<BatchOutcome>,
    pub done: Vec<FileOutcome>,
    /// All objects, those of the configuration aside.
    pub objects: BTreeMap<String, bytes::Bytes>,
}

impl Told {
    pub fn read(world: &World) -> Self {
        let objects = world.objects();
        let read = async move {
            let mut all = BTreeMap::new();
            for meta in objects.list_all("").await.unwrap() {
                let body = objects.get(&meta.key).await.unwrap().body;
                all.insert(meta.key.to_string(), body);
            }
            all
        };
        let mut told = Self { objects: world.block_on(read).unwrap(), ..Self::default() };
        for (key, body) in &told.objects {
            match key {
                key if key.starts_with("inbox/files/") => {
                    told.accepted.push(Accepted::from_json(body).unwrap());
                }
                key if key.starts_with("outcomes/files/") => {
                    told.facts.push(FileFact::from_json(body).unwrap());
                }
                key if key.starts_with("outcomes/batches/") => {
                    told.outcomes.push(BatchOutcome::from_json(body).unwrap());
                }
                key if key.starts_with("outcomes/done/") => {
                    told.done.push(FileOutcome::from_json(body).unwrap());
                }
                _ => {}
            }
        }
        told
    }

    /// The verdict of each item that ended, by its name.
    pub fn ends(&self) -> BTreeMap<String, Verdict> {
        let items = self.outcomes.iter().flat_map(|outcome| &outcome.items);
        let ended = items.filter(|item| item.verdict.is_final());
        ended.map(|item| (name(&item.item.file, item.item.line), item.verdict)).collect()
    }
}

/// What an item is called at the CRM.
pub fn name(file: &FileDigest, line: u64) -> String {
    format!("{file}#{line}")
}

/// A row of a file that counts.
pub struct Item<'a> {
    pub file: &'a Accepted,
    pub row: &'a Row,
}

/// Whether every file is done with, and nothing is open.
pub fn is_done(world: &World, cast: &Cast) -> bool {
    let open = |sort: &str| sort.starts_with("open#") || sort.starts_with("group#");
    if world.table().items().iter().any(|row| open(&row.key.sort)) {
        return false;
    }
    let objects = world.objects();
    let counted = world.block_on(async move {
        let facts = objects.list_all("outcomes/files/").await.unwrap().len();
        (facts, objects.list_all("outcomes/done/").await.unwrap().len())
    });
    let good = cast.script.good().count();
    counted.is_some_and(|(facts, done)| facts >= cast.script.deliveries.len() && done >= good)
}

/// All that is wrong with a world at rest.
pub fn verdict(world: &World, cast: &Cast) -> Vec<Violation> {
    let told = Told::read(world);
    let mut found = Vec::new();
    found.extend(taken_in(cast, &told));
    found.extend(decided(cast, &told));
    let items = items(cast, &told);
    found.extend(ended(&items, &told));
    found.extend(explained(cast, &told));
    found.extend(put_aside(world));
    found.extend(books::check(cast, &told, &items));
    let most = most_in_any_window(&cast.arrivals.lock().unwrap(), Duration::from_mins(1));
    if most > CALLS {
        found.push(Violation::new("I-5", format!("{most} calls in a minute")));
    }
    found.extend(replays(world, cast));
    found
}

/// Every content that may count does so once, with all of its records, and no other does.
fn taken_in(cast: &Cast, told: &Told) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wrong = |what: String| found.push(Violation::new("files", what));
    for content in cast.script.good() {
        let of = |file: &&Accepted| file.sha256 == content.sha256;
        let files: Vec<&Accepted> = told.accepted.iter().filter(of).collect();
        let [file] = files[..] else {
            wrong(format!("a content was accepted {} times", files.len()));
            continue;
        };
        let archive = file.archive.as_ref().and_then(|key| told.objects.get(key.as_str()));
        if archive != Some(&content.body) {
            wrong(format!("{} is not in the archive", file.name));
        }
        if (file.kind == "user") != content.is_user || lines(file, told) != content.rows {
            wrong(format!("{} has other records", file.name));
        }
        let refused = file.refused.as_ref().map_or(0, |refused| refused.rows);
        if refused != content.ragged.len() as u64 {
            wrong(format!("{refused} rows of {} are refused", file.name));
        }
    }
    if told.accepted.len() > cast.script.good().count() {
        wrong(format!("{} files count", told.accepted.len()));
    }
    found
}

/// The records of an accepted file.
fn lines(file: &Accepted, told: &Told) -> Vec<Row> {
    let mut rows = Vec::new();
    for part in &file.parts {
        let Some(body) = told.objects.get(part.key.as_str()) else { continue };
        let text = String::from_utf8(zstd::decode_all(body.as_ref()).unwrap()).unwrap();
        rows.extend(text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            Row { line: line["line"].as_u64().unwrap(), record: line["record"].take() }
        }));
    }
    rows
}

/// I-6: each file that came is told of once, a refused one with its reason and its bytes; and
/// where files are moved or removed, none is left.
fn decided(cast: &Cast, told: &Told) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wrong = |what: String| found.push(Violation::new("I-6", what));
    let mut accepted: BTreeMap<usize, usize> = BTreeMap::new();
    for delivery in &cast.script.deliveries {
        let content = &cast.script.contents[delivery.content];
        let facts = told.facts.iter().filter(|fact| {
            fact.seen.path == delivery.path && fact.seen.size == content.body.len() as u64
        });
        let facts: Vec<_> = facts.collect();
        let [fact] = facts[..] else {
            wrong(format!("{} is told of {} times", delivery.path, facts.len()));
            continue;
        };
        match (fact.verdict, content.refused) {
            (FileVerdict::Accepted, None) => *accepted.entry(delivery.content).or_default() += 1,
            (FileVerdict::Duplicate, None) => {}
            (FileVerdict::Rejected, Some(code)) if fact.code.as_deref() == Some(code) => {
                let kept = fact.archive.as_ref().and_then(|key| told.objects.get(key.as_str()));
                if kept != Some(&content.body) {
                    wrong(format!("{} was refused and is not kept", delivery.path));
                }
            }
            (verdict, _) => wrong(format!("{} is {verdict:?}: {:?}", delivery.path, fact.code)),
        }
    }
    if accepted.len() != cast.script.good().count() || accepted.values().any(|times| *times != 1) {
        let told = told.facts.iter().map(|fact| (&fact.seen.path, fact.verdict, &fact.message));
        wrong(format!("accepted are {accepted:?}: {:?}", told.collect::<Vec<_>>()));
    }
    let left = cast.place.paths().into_iter().filter(|path| !path.contains('/')).count();
    let expected = if cast.shape.after == "leave" { cast.script.deliveries.len() } else { 0 };
    if left != expected {
        wrong(format!("{left} files are left: {:?}", cast.place.paths()));
    }
    found
}

/// All items that count, by their names.
pub fn items<'a>(cast: &'a Cast, told: &'a Told) -> BTreeMap<String, Item<'a>> {
    let content = |file: &Accepted| -> Option<&'a Content> {
        cast.script.good().find(|content| content.sha256 == file.sha256)
    };
    let mut items = BTreeMap::new();
    for file in &told.accepted {
        for row in content(file).map(|content| content.rows.as_slice()).unwrap_or_default() {
            items.insert(name(&file.file, row.line), Item { file, row });
        }
    }
    items
}

/// I-9: each item has ended once, and the counts of its file say so.
fn ended(items: &BTreeMap<String, Item<'_>>, told: &Told) -> Vec<Violation> {
    let each =
        items.values().map(|item| ItemRef { file: item.file.file.clone(), line: item.row.line });
    let mut found = invariant::ends_once(each, &told.outcomes);
    found.extend(told.done.iter().filter_map(invariant::adds_up));
    let ends = told.ends();
    for done in &told.done {
        let of = |wanted: Verdict| {
            let mine = ends.iter().filter(|(name, _)| name.starts_with(done.file.as_str()));
            mine.filter(|(_, verdict)| **verdict == wanted).count() as u64
        };
        let counts = done.counts;
        let said = [counts.ok, counts.duplicate, counts.superseded, counts.unknown];
        let there = [Verdict::Ok, Verdict::Duplicate, Verdict::Superseded, Verdict::Unknown];
        if said != there.map(of) {
            let what = format!("{} says {counts:?}, not {:?}", done.name, there.map(of));
            found.push(Violation::new("I-9", what));
        }
    }
    found
}

/// I-6: each row that did not reach the CRM stands with a reason in its file's list.
fn explained(cast: &Cast, told: &Told) -> Vec<Violation> {
    let mut found = Vec::new();
    for done in &told.done {
        let items = told.outcomes.iter().flat_map(|outcome| &outcome.items);
        let bad = items.filter(|item| {
            item.item.file == done.file
                && matches!(item.verdict, Verdict::Failed | Verdict::Unknown)
        });
        let mut wanted: BTreeSet<u64> = BTreeSet::new();
        for item in bad {
            if item.code.is_none() {
                found.push(Violation::new("I-6", format!("{item:?} has no reason")));
            }
            wanted.insert(item.item.line);
        }
        let of = |file: &&Accepted| file.file == done.file;
        let sha256 = told.accepted.iter().find(of).map(|file| &file.sha256);
        let content = cast.script.good().find(|content| Some(&content.sha256) == sha256);
        wanted.extend(content.iter().flat_map(|content| &content.ragged));
        let listed = done.errors.as_ref().and_then(|key| told.objects.get(key.as_str()));
        let listed = String::from_utf8(listed.cloned().unwrap_or_default().to_vec()).unwrap();
        let line = |row: &str| row.split(',').next().and_then(|line| line.parse().ok());
        let listed: BTreeSet<u64> = listed.lines().skip(1).filter_map(line).collect();
        if listed != wanted {
            let what = format!("{} lists {listed:?}, not {wanted:?}", done.name);
            found.push(Violation::new("I-6", what));
        }
    }
    found
}

/// I-6: what nobody understands is put aside with its reason, and nothing else is.
fn put_aside(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    for queue in [LOOKS, PUSHES] {
        let dead = world.queue(queue).dead_letters().unwrap();
        let letters = dead.messages();
        let poison = |letter: &ports::Message| {
            letter.body == POISON && letter.attributes.contains_key(REASON)
        };
        if !letters.iter().any(poison) {
            let what = format!("the refused message of `{queue}` is nowhere to be found");
            found.push(Violation::new("I-6", what));
        }
        for letter in letters.iter().filter(|letter| letter.attributes.contains_key(REASON)) {
            if letter.body != POISON {
                found.push(Violation::new("I-6", format!("`{queue}` puts aside {letter:?}")));
            }
        }
    }
    found
}

/// I-8: every event once more, in the opposite order, changes nothing.
fn replays(world: &World, cast: &Cast) -> Vec<Violation> {
    let before = everything(world, cast);
    let (calls, held) = (cast.crm.arrivals().len(), cast.crm.books());
    let ended = Arc::new(Mutex::new(false));
    let (told, replayed) = (Arc::clone(&ended), cast.clone());
    let accepted = Told::read(world).accepted;
    world.spawn("replayer", move |worker| {
        let ground = replayed.ground(&worker);
        let (told, accepted) = (Arc::clone(&told), accepted.clone());
        async move {
            let push = ground.push();
            for file in accepted.iter().rev() {
                let body = created(&file.place().render().unwrap()).body;
                let event = serde_json::json!({"Records": [{"messageId": "m", "body": body}]});
                let event: push::Event = serde_json::from_value(event).unwrap();
                push::handle(&push, event, ground.deadline()).await.unwrap();
            }
            let key = PushKey { tenant: "heron".parse().unwrap(), push: "crm".parse().unwrap() };
            let work = push::Event::Work(push::Work::Push { push: key });
            push::handle(&push, work, ground.deadline()).await.unwrap();
            let key =
                FeedKey { tenant: "heron".parse().unwrap(), feed: "loyalty".parse().unwrap() };
            let files = ground.files();
            for work in [files::Work::Sweep { sweep: true }, files::Work::Look(key)] {
                let event = files::Event::Work(work);
                files::handle(&files, event, ground.deadline()).await.unwrap();
            }
            *told.lock().unwrap() = true;
        }
    });
    world.run_until(Duration::from_hours(2), || *ended.lock().unwrap());
    let mut found = invariant::unchanged(&before, &everything(world, cast));
    if !*ended.lock().unwrap() {
        found.push(Violation::new("I-8", "replays do not end".to_owned()));
    }
    if cast.crm.arrivals().len() != calls || cast.crm.books() != held {
        found.push(Violation::new("I-8", "replays call the CRM".to_owned()));
    }
    found
}

/// Everything that a replay must not change.
fn everything(world: &World, cast: &Cast) -> BTreeMap<String, String> {
    let ours = |row: &ports::Item| {
        let (partition, sort) = (&row.key.partition, &row.key.sort);
        let passing = ["wake", "head"].contains(&sort.as_str()) && partition.starts_with("files#")
            || sort == "wake";
        !passing && (partition.starts_with("push") || partition.starts_with("files#"))
    };
    let rows = world.table().items().into_iter().filter(ours);
    let mut all: BTreeMap<String, String> =
        rows.map(|row| (row.key.to_string(), row.body)).collect();
    let objects = world.objects();
    let listed = world.block_on(async move { objects.list_all("").await.unwrap() });
    all.extend(listed.unwrap().into_iter().map(|meta| (meta.key.to_string(), meta.etag.0)));
    all.extend(cast.place.paths().into_iter().map(|path| (path, "file".to_owned())));
    all
}
