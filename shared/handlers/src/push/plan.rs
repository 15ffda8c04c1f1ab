//! Turns accepted files into groups, and groups into batches, in the order of acceptance.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use destination::{Item, Operation};
use lake::delivery::{Accepted, BatchDigest, Day, FileKey, GroupDigest};
use model::{ObjectKey, Timestamp};
use ports::Meta;
use ports::Version;
use store::push::{Fingerprints, Group, GroupFile, OpenBatch, Place, PlanStep, PushHead};

use super::Error;
use super::opened::origin;
use super::pack::{Packed, Packer, Seen, Size};
use super::parts::Parts;
use super::round::Pass;

/// Batches of one step: with the head and the group they fit into one transaction.
const STEP: usize = 80;

/// Records of one step.
const RECORDS: u32 = 5_000;

/// Files of one group.
const FILES: usize = 300;

/// Full batches of several files that go into one group.
const FILLS: u64 = 4;

/// Files that are looked at together.
const LOOK: usize = 1_000;

/// What a step of planning came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planned {
    /// Something was planned, by the caller or by somebody else: there may be more.
    Some,
    /// Nothing is left to plan.
    Nothing,
    /// More files may come that go into the same call: until then it waits.
    Lingers(Timestamp),
}

/// An accepted file that is not planned.
#[derive(Debug, Clone)]
struct Waiting {
    place: FileKey,
    key: ObjectKey,
    written: Timestamp,
}

/// Takes one step of planning.
pub(super) async fn step(pass: &Pass<'_>) -> Result<Planned, Error> {
    let store = &pass.deps.store;
    let head = store.push_head(&pass.opened.key).await?;
    let groups = store.groups(&pass.opened.key).await?;
    if let Some((group, _)) = groups.iter().find(|(group, _)| group.next.is_some()) {
        return batches(pass, head, group.clone()).await;
    }
    let planned: BTreeSet<String> =
        groups.iter().flat_map(|(group, _)| &group.files).map(|file| file.file.clone()).collect();
    let waiting = unplanned(pass, &head.0, planned).await?;
    if waiting.is_empty() {
        return settle(pass, head).await;
    }
    group(pass, head, waiting).await
}

/// Accepted files that are not planned, in order.
async fn unplanned(
    pass: &Pass<'_>,
    head: &PushHead,
    mut planned: BTreeSet<String>,
) -> Result<Vec<Waiting>, Error> {
    let (lake, key) = (&pass.deps.lake, &pass.opened.key);
    let since = since(pass, head);
    let from = since.iter().map(|(_, day)| *day).min();
    let from = from.map(|day| day.to_string().replace('-', "")).unwrap_or_default();
    planned.extend(pass.deps.store.closed_files(key, &from).await?);
    let mut found = Vec::new();
    for (origin, day) in since {
        let prefix = FileKey::prefix(&origin, &key.tenant, day);
        let root = prefix.strip_suffix(&format!("date={day}/")).unwrap_or(&prefix).to_owned();
        let mut after = Some(format!("{root}date={day}").parse().map_err(lake::KeyFault::from)?);
        while after.is_some() && found.len() < LOOK {
            let page = lake.list(&root, after.as_ref(), 1_000).await?;
            for Meta { key, modified, .. } in page.objects {
                let Ok(place) = FileKey::parse(&key) else { continue };
                let is_ours = pass.opened.takes(&place.origin, &place.kind);
                if is_ours && !planned.contains(&place.file.to_string()) {
                    found.push(Waiting { place, key, written: modified });
                }
            }
            after = page.next;
        }
    }
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    found.dedup_by(|a, b| a.place.file == b.place.file);
    Ok(found)
}

fn order(file: &Waiting) -> (lake::delivery::Moment, u8, &lake::delivery::FileDigest) {
    (file.place.accepted, file.place.rank, &file.place.file)
}

/// By origin, the first day on which files may lie that are not planned.
fn since(pass: &Pass<'_>, head: &PushHead) -> Vec<(lake::delivery::Origin, Day)> {
    let yesterday = Day::from(pass.deps.store.now()).before();
    let origins: BTreeSet<_> = pass.opened.sources.iter().filter_map(origin).collect();
    let day = |origin: &lake::delivery::Origin| {
        let known = head.since.get(&origin.to_string()).and_then(|day| day.parse().ok());
        known.unwrap_or(yesterday).min(yesterday)
    };
    origins.into_iter().map(|origin| (origin.clone(), day(&origin))).collect()
}

/// Notes from which day on files are looked for next time.
async fn settle(
    pass: &Pass<'_>,
    (mut head, version): (PushHead, Option<Version>),
) -> Result<Planned, Error> {
    let yesterday = Day::from(pass.deps.store.now()).before().to_string();
    let mut moved = false;
    for (origin, _) in since(pass, &head) {
        let day = head.since.entry(origin.to_string()).or_default();
        moved |= *day < yesterday;
        day.clone_from(&yesterday);
    }
    if moved {
        let step = PlanStep { head: (head, version), group: None, batches: Vec::new() };
        pass.deps.store.plan_step(&pass.opened.key, step).await?;
    }
    Ok(Planned::Nothing)
}

/// Makes a group of the first files that go by one operation.
async fn group(
    pass: &Pass<'_>,
    (mut head, version): (PushHead, Option<Version>),
    waiting: Vec<Waiting>,
) -> Result<Planned, Error> {
    let operation =
        |file: &Waiting| pass.opened.operation_for(&file.place.origin, &file.place.kind);
    let Some(first) = waiting.first() else { return Ok(Planned::Nothing) };
    let name = operation(first);
    let limits = match &name {
        Some(name) => Some(pass.opened.operation(name)?.limits()),
        None => None,
    };
    let full = limits.map_or(1, |limits| limits.max_items.get() as u64);
    let (mut records, mut files, mut newest) = (0, Vec::new(), first.written);
    let mut is_last = true;
    for file in &waiting {
        let fits = records < full * FILLS && files.len() < FILES && operation(file) == name;
        let accepted = pass.parts.accepted(pass.deps.lake.as_ref(), &file.key);
        if !fits {
            is_last = false;
            break;
        }
        let accepted = accepted.await?;
        if !files.is_empty() && accepted.records >= full {
            is_last = false;
            break;
        }
        records += accepted.records;
        newest = newest.max(file.written);
        let file = GroupFile { file: file.place.file.to_string(), accepted: file.key.clone() };
        files.push(file);
    }
    let linger = limits.map_or(Duration::ZERO, |limits| limits.linger);
    let until = newest.checked_add(linger).unwrap_or(newest);
    if is_last && records < full && until > pass.deps.store.now() {
        return Ok(Planned::Lingers(until));
    }
    let texts: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
    let key = pass.opened.key.to_string();
    let id = GroupDigest::of(&[&[key.as_str()], texts.as_slice()].concat());
    let (accepted, rank) = (first.place.accepted, first.place.rank);
    let order = format!("{accepted}.{rank:02}.{:010}.{id}", head.steps);
    let late = order < head.last;
    let next = Some(Place::default()).filter(|_| name.is_some());
    let operation = name.unwrap_or_default();
    head.last = head.last.max(order.clone());
    let group = Group { id: id.to_string(), order, operation, files, late, next };
    let step = PlanStep { head: (head, version), group: Some(group), batches: Vec::new() };
    pass.deps.store.plan_step(&pass.opened.key, step).await?;
    Ok(Planned::Some)
}

/// Opens the next batches of a group.
async fn batches(
    pass: &Pass<'_>,
    head: (PushHead, Option<Version>),
    mut group: Group,
) -> Result<Planned, Error> {
    let operation = pass.opened.operation(&group.operation)?;
    let limits = operation.limits();
    let size = Size { items: limits.max_items.get(), bytes: limits.max_bytes };
    let mut reading = Reading { pass, operation, packer: Packer::new(size), packed: Vec::new() };
    let mut place = group.next.unwrap_or_default();
    let ended = reading.read(&group, &mut place).await?;
    let accepted = accepted(pass.parts, pass, &group).await?;
    let mut batches = Vec::new();
    let Reading { packer, mut packed, .. } = reading;
    packed.extend(packer.finish());
    for packed in packed {
        batches.push(open(pass, &group, (place.batch, accepted), &packed));
        place.batch += 1;
    }
    group.next = (!ended).then_some(place);
    let step = PlanStep { head, group: Some(group), batches };
    pass.deps.store.plan_step(&pass.opened.key, step).await?;
    Ok(Planned::Some)
}

/// When the last of a group's files was accepted.
async fn accepted(parts: &Parts, pass: &Pass<'_>, group: &Group) -> Result<Timestamp, Error> {
    let Some(last) = group.files.last() else { return Ok(pass.deps.store.now()) };
    Ok(parts.accepted(pass.deps.lake.as_ref(), &last.accepted).await?.accepted.instant())
}

fn open(
    pass: &Pass<'_>,
    group: &Group,
    (number, accepted): (u32, Timestamp),
    packed: &Packed,
) -> OpenBatch {
    let number = number.to_string();
    let id = BatchDigest::of(&[group.id.as_str(), group.operation.as_str(), number.as_str()]);
    OpenBatch {
        id: id.to_string(),
        order: format!("{}.{number:0>8}", group.order),
        group: group.id.clone(),
        operation: group.operation.clone(),
        spans: packed.spans(),
        entities: packed.entities(),
        accepted,
        not_before: pass.deps.store.now(),
        round: 0,
        tries: 0,
        reroutes: 0,
        defers: 0,
        refreshed: false,
        intent: None,
        doubt: false,
        job: None,
        fence: 0,
        lease: None,
    }
}

/// Records on their way into batches.
struct Reading<'a> {
    pass: &'a Pass<'a>,
    operation: &'a Operation,
    packer: Packer,
    packed: Vec<Packed>,
}

impl Reading<'_> {
    /// Reads from a place on, as far as a step goes; whether the group is at its end.
    async fn read(&mut self, group: &Group, place: &mut Place) -> Result<bool, Error> {
        let lake = self.pass.deps.lake.as_ref();
        let mut read = 0;
        while let Some(file) = group.files.get(place.file as usize) {
            let accepted = self.pass.parts.accepted(lake, &file.accepted).await?;
            while let Some(part) = accepted.parts.get(place.part as usize) {
                let records = self.pass.parts.part(lake, &part.key).await?;
                for record in records.iter().skip(place.records as usize) {
                    if read >= RECORDS || self.packed.len() >= STEP {
                        return Ok(false);
                    }
                    let seen = self.seen(&accepted, *place, record);
                    self.packed.extend(self.packer.add(seen));
                    place.records += 1;
                    read += 1;
                }
                (place.part, place.records) = (place.part + 1, 0);
            }
            (place.file, place.part) = (place.file + 1, 0);
        }
        Ok(true)
    }

    fn seen(&self, accepted: &Arc<Accepted>, at: Place, record: &super::parts::Record) -> Seen {
        let reference = format!("{}#{}", accepted.file, record.line);
        // What is no JSON, or was erased, has no entity, and is told when it is to be sent.
        let read = |text| Item::read(&reference, &accepted.name, record.line, text).ok();
        let item = Some(record.text.as_bytes()).filter(|_| !record.is_erased()).and_then(read);
        let entity = item.and_then(|item| self.operation.entity(&self.pass.opened.session, &item));
        Seen {
            file: at.file,
            part: at.part,
            place: at.records,
            line: record.line,
            bytes: record.text.len() as u64,
            entity: entity.map(|entity| Fingerprints::of(&entity)),
        }
    }
}
