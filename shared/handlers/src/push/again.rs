//! Tries once more what failed of a file: those records go into a file of their own, which is
//! planned right behind the group that they failed in. So each record of each file ends once, what
//! succeeded is not sent again, and what is newer is not undone.

use std::collections::{BTreeSet, HashMap};

use destination::{Item, Operation};
use lake::delivery::{
    Accepted, AgainKey, BatchOutcome, FileDigest, FileKey, FileOutcome, Folder, InboxPart, Verdict,
};
use model::ObjectKey;
use ports::{Attributes, ObjectError, ObjectStoreExt as _};
use store::push::{Closed, Done, Fingerprints, Group, GroupFile, Place, PlanStep, PushKey};

use super::finish::NO_OPERATION;
use super::intake::{Lines, PART, PART_BYTES};
use super::opened::{open, origin};
use super::parts::{Parts, Record};
use super::round::Pass;
use super::verdict::verdict;
use super::{Deps, Error, Outcome, wake};

/// What is tried once more of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// What failed.
    Failed,
    /// Also what nobody knows of: the destination may have it already.
    Unknown,
}

/// Tries once more what failed of a file that has ended. Doing it again changes nothing.
pub(super) async fn again(deps: &Deps, ended: &ObjectKey, which: Which) -> Result<Outcome, Error> {
    let object = deps.lake.get(ended).await?;
    let stored = |source| Error::Stored { key: ended.clone(), source };
    let ended = FileOutcome::from_json(&object.body).map_err(stored)?;
    let key = PushKey { tenant: ended.tenant.clone(), push: ended.push.clone() };
    let Some(opened) = open(deps, &key).await? else { return Ok(Outcome::default()) };
    let parts = Parts::default();
    let pass = Pass::new(deps, &opened, &parts).await?;
    let place = AgainKey {
        tenant: ended.tenant.clone(),
        day: ended.accepted.day(),
        push: ended.push.clone(),
        failed: ended.file.clone(),
    };
    let accepted = ended.accepted.to_string();
    let closed = deps.store.closed_group(&key, &accepted, ended.group.as_str()).await?;
    let (order, closed) =
        closed.ok_or_else(|| Error::Forgotten { file: ended.file.to_string() })?;
    let at = place.render()?;
    let retry = Retry { pass: &pass, ended: &ended, closed: &closed, place: &place, which };
    let file = match deps.lake.get(&at).await {
        Ok(object) => {
            let stored = |source| Error::Stored { key: at.clone(), source };
            Some(Accepted::from_json(&object.body).map_err(stored)?)
        }
        Err(ObjectError::NotFound { .. }) => retry.file(&at).await?,
        Err(error) => return Err(error.into()),
    };
    let Some(file) = file else { return Ok(Outcome::default()) };
    let number = closed.files.iter().position(|known| *known == ended.file.as_str());
    let order = format!("{order}-{:05}", number.unwrap_or_default());
    if plan(&pass, order, (&at, &file)).await? {
        wake::at(deps, &key, deps.store.now()).await?;
        tracing::info!(push = %key, file = %ended.file, records = file.records, "tried once more");
        return Ok(Outcome { again: file.records, more: true, ..Outcome::default() });
    }
    Ok(Outcome::default())
}

/// Plans the file's group, unless it is planned already; what is newer is planned before it, and
/// is not undone by it.
async fn plan(
    pass: &Pass<'_>,
    order: String,
    (at, file): (&ObjectKey, &Accepted),
) -> Result<bool, Error> {
    let (store, key) = (&pass.deps.store, &pass.opened.key);
    let Some(operation) = pass.opened.operation_for(&file.origin, &file.kind) else {
        return Ok(false);
    };
    let digest = file.file.to_string();
    loop {
        let (mut head, version) = store.push_head(key).await?;
        let is_open = store.groups(key).await?.iter().any(|(group, _)| group.order == order);
        if is_open || store.closed_files(key, &order).await?.contains(&digest) {
            return Ok(false);
        }
        let late = order < head.last;
        head.last = head.last.max(order.clone());
        let id = lake::delivery::GroupDigest::of(&[&key.to_string(), &digest]);
        let group = Group {
            id: id.to_string(),
            order: order.clone(),
            operation: operation.clone(),
            files: vec![GroupFile { file: digest.clone(), accepted: at.clone() }],
            late,
            next: Some(Place::default()),
        };
        let step = PlanStep { head: (head, version), group: Some(group), batches: Vec::new() };
        if store.plan_step(key, step).await? {
            return Ok(true);
        }
    }
}

/// A file that has ended, and what is known of it.
struct Retry<'a> {
    pass: &'a Pass<'a>,
    ended: &'a FileOutcome,
    closed: &'a Closed,
    place: &'a AgainKey,
    which: Which,
}

/// A record's place in its group: file, line.
type At = (usize, u64);

impl Retry<'_> {
    /// The file of what is tried once more, put where it belongs; none when there is nothing.
    async fn file(&self, at: &ObjectKey) -> Result<Option<Accepted>, Error> {
        let Some(original) = self.original(&self.ended.file).await? else {
            return Err(Error::Forgotten { file: self.ended.file.to_string() });
        };
        let name = self.pass.opened.operation_for(&original.origin, &original.kind);
        let Some(name) = name else { return Ok(None) };
        let operation = self.pass.opened.operation(&name)?;
        let parts = if self.ended.codes.contains_key(NO_OPERATION) {
            original.parts.clone()
        } else {
            let lines = self.lines().await?;
            let newer = self.newer(&original, operation, &lines).await?;
            self.parts(&original, operation, (&lines, &newer)).await?
        };
        if parts.is_empty() {
            return Ok(None);
        }
        let records = parts.iter().map(|part| part.records).sum();
        let file = self.place.file();
        let again = Accepted { file, parts, records, refused: None, ..original };
        let stored = again.to_json().map_err(|source| Error::Stored { key: at.clone(), source })?;
        self.pass.deps.lake.put_once(at, stored, &Attributes::default()).await?;
        Ok(Some(again))
    }

    /// What is told of a file of the group.
    async fn original(&self, file: &FileDigest) -> Result<Option<Accepted>, Error> {
        let (lake, AgainKey { tenant, day, .. }) = (&self.pass.deps.lake, self.place);
        for meta in lake.list_all(&AgainKey::prefix(tenant, *day)).await? {
            let of_it = |key: &AgainKey| key.file() == *file;
            if AgainKey::parse(&meta.key).is_ok_and(|key| of_it(&key)) {
                return self.accepted(&meta.key).await.map(Some);
            }
        }
        for origin in self.pass.opened.sources.iter().filter_map(origin) {
            for meta in lake.list_all(&FileKey::prefix(&origin, tenant, *day)).await? {
                if FileKey::parse(&meta.key).is_ok_and(|key| key.file == *file) {
                    return self.accepted(&meta.key).await.map(Some);
                }
            }
        }
        Ok(None)
    }

    async fn accepted(&self, key: &ObjectKey) -> Result<Accepted, Error> {
        let accepted = self.pass.parts.accepted(self.pass.deps.lake.as_ref(), key).await?;
        Ok((*accepted).clone())
    }

    /// The batches of the group, page by page.
    async fn batches(&self) -> Result<Vec<Done>, Error> {
        let (store, key) = (&self.pass.deps.store, &self.pass.opened.key);
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let (page, next) = store.done_batches(key, &self.closed.id, after.as_deref()).await?;
            all.extend(page);
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    async fn outcome(&self, done: &Done) -> Result<BatchOutcome, Error> {
        let object = self.pass.deps.lake.get(&done.outcome).await?;
        let stored = |source| Error::Stored { key: done.outcome.clone(), source };
        BatchOutcome::from_json(&object.body).map_err(stored)
    }

    /// Lines of the file that failed.
    async fn lines(&self) -> Result<BTreeSet<u64>, Error> {
        let is_wanted = |found: Verdict| match found {
            Verdict::Failed => true,
            Verdict::Unknown => self.which == Which::Unknown,
            Verdict::Ok | Verdict::Duplicate | Verdict::Superseded | Verdict::Again => false,
        };
        let mut lines = BTreeSet::new();
        for done in self.batches().await? {
            if !done.counts.iter().any(|counted| is_wanted(verdict(&counted.verdict))) {
                continue;
            }
            let outcome = self.outcome(&done).await?;
            let ours = outcome.items.into_iter().filter(|item| item.item.file == self.ended.file);
            lines.extend(ours.filter(|item| is_wanted(item.verdict)).map(|item| item.item.line));
        }
        Ok(lines)
    }

    /// Of the entities of these lines, where the group holds the last record that the destination
    /// has taken.
    async fn newer(
        &self,
        original: &Accepted,
        operation: &Operation,
        lines: &BTreeSet<u64>,
    ) -> Result<HashMap<u64, At>, Error> {
        let failed = self.entities(original, operation, lines).await?;
        let failed: std::collections::HashSet<u64> = failed.into_iter().map(|(_, e)| e).collect();
        let mut taken: HashMap<usize, BTreeSet<u64>> = HashMap::new();
        for done in self.batches().await? {
            if !done.entities.meet(&failed) {
                continue;
            }
            for item in self.outcome(&done).await?.items {
                let number = self.number(&item.item.file);
                if matches!(item.verdict, Verdict::Ok | Verdict::Duplicate) {
                    taken.entry(number).or_default().insert(item.item.line);
                }
            }
        }
        let mut newer = HashMap::new();
        for (number, lines) in taken {
            let Some(file) = self.closed.files.get(number) else { continue };
            let Some(file) = self.original(&file.parse()?).await? else { continue };
            for (line, entity) in self.entities(&file, operation, &lines).await? {
                let last = newer.entry(entity).or_insert((number, line));
                *last = (*last).max((number, line));
            }
        }
        Ok(newer)
    }

    fn number(&self, file: &FileDigest) -> usize {
        let found = self.closed.files.iter().position(|known| known == file.as_str());
        found.unwrap_or(usize::MAX)
    }

    /// The entities of some lines of a file.
    async fn entities(
        &self,
        file: &Accepted,
        operation: &Operation,
        lines: &BTreeSet<u64>,
    ) -> Result<Vec<(u64, u64)>, Error> {
        let mut found = Vec::new();
        for part in file.parts.iter().filter(|part| holds(part, lines)) {
            let records = self.pass.parts.part(self.pass.deps.lake.as_ref(), &part.key).await?;
            for record in records.iter().filter(|record| is_wanted(lines, record)) {
                let entity = self.entity(file, operation, (record.line, &record.text));
                found.extend(entity.map(|entity| (record.line, entity)));
            }
        }
        Ok(found)
    }

    fn entity(
        &self,
        file: &Accepted,
        operation: &Operation,
        (line, text): (u64, &str),
    ) -> Option<u64> {
        let reference = format!("{}#{line}", file.file);
        let item = Item::read(&reference, &file.name, line, text.as_bytes()).ok()?;
        let entity = operation.entity(&self.pass.opened.session, &item)?;
        Some(Fingerprints::of(&entity))
    }

    /// Puts those of the lines of which the destination has nothing newer.
    async fn parts(
        &self,
        original: &Accepted,
        operation: &Operation,
        (lines, newer): (&BTreeSet<u64>, &HashMap<u64, At>),
    ) -> Result<Vec<InboxPart>, Error> {
        let deps = self.pass.deps;
        let folder = self.folder(original);
        let own = self.number(&original.file);
        let (mut parts, mut open) = (Vec::new(), Lines::default());
        for part in original.parts.iter().filter(|part| holds(part, lines)) {
            let records = self.pass.parts.part(deps.lake.as_ref(), &part.key).await?;
            for record in records.iter().filter(|record| is_wanted(lines, record)) {
                let entity = self.entity(original, operation, (record.line, &record.text));
                let last = entity.and_then(|entity| newer.get(&entity));
                if last.is_some_and(|last| *last > (own, record.line)) {
                    continue;
                }
                open.add(record.line, &record.text);
                if open.records >= PART || open.text.len() >= PART_BYTES {
                    parts.push(open.put(deps, &folder, parts.len()).await?);
                    open = Lines::default();
                }
            }
        }
        if open.records > 0 {
            parts.push(open.put(deps, &folder, parts.len()).await?);
        }
        Ok(parts)
    }

    /// Where the records stand: each choice of them apart.
    fn folder(&self, original: &Accepted) -> Folder {
        let file = match self.which {
            Which::Failed => self.place.file(),
            Which::Unknown => FileDigest::of(&[self.place.file().as_str(), "unknown"]),
        };
        Folder { file, ..original.place().folder() }
    }
}

/// Whether a record is one of these lines; what was erased since is none.
fn is_wanted(lines: &BTreeSet<u64>, record: &Record) -> bool {
    lines.contains(&record.line) && !record.is_erased()
}

fn holds(part: &InboxPart, lines: &BTreeSet<u64>) -> bool {
    lines.range(part.first..).next().is_some_and(|line| *line <= part.last)
}
