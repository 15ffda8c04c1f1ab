//! Erases what was found: first what leads to a person's records, then the records.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lake::Sha256Hex;
use lake::delivery::{
    Accepted, BatchKey, BatchOutcome, Deed, FailedKey, Intent, ItemRef, Kept, Stage,
};
use model::ObjectKey;
use ports::Attributes;

use super::original::{Original, sift_part};
use super::search::{File, Found, Pages};
use super::subject::sift;
use super::{Error, Work};

/// Objects read side by side.
const SIDE_BY_SIDE: usize = 8;

/// What stands in files of errors where an API said something of somebody.
const ERASED: &str = "erased";

/// What is to be done to what is told of a batch.
struct Change {
    key: ObjectKey,
    lines: u64,
    /// What stands there afterwards; none where nothing does.
    body: Option<Bytes>,
}

impl Found {
    fn is_theirs(&self, item: &ItemRef) -> bool {
        let is_open = self.open.contains(&item.file);
        !is_open && self.lines.get(&item.file).is_some_and(|lines| lines.contains(&item.line))
    }
}

impl Work<'_> {
    /// Erases all that was found.
    pub(super) async fn clean(&mut self, found: Found) -> Result<(), Error> {
        for stage in [Stage::Intents, Stage::Batches] {
            for day in &found.days {
                let prefix = stage.prefix(&self.question.tenant, *day);
                self.batches(&found, prefix).await?;
            }
            self.save().await?;
        }
        self.errors(&found).await?;
        self.forget_originals(&found).await?;
        for original in &found.originals {
            self.erase_original(original, &found).await?;
            self.save().await?;
        }
        for file in &found.files {
            self.erase_records(file).await?;
            self.save().await?;
        }
        for key in &found.strays {
            self.erase_stray(key).await?;
        }
        Ok(())
    }

    /// Removes requests that carried something of theirs, and what was said of it.
    async fn batches(&mut self, found: &Found, prefix: String) -> Result<(), Error> {
        let mut pages = Pages::of(prefix);
        loop {
            let keys = pages.some(self.deps.lake.as_ref()).await?;
            if keys.is_empty() {
                return Ok(());
            }
            for Change { key, lines, body } in self.changes(found, keys).await? {
                match body {
                    Some(body) => self.put((&key, Deed::Rewritten), body, lines).await?,
                    None => self.remove(&key, lines).await?,
                }
            }
        }
    }

    /// What is to be done about some batches.
    async fn changes(&self, found: &Found, keys: Vec<ObjectKey>) -> Result<Vec<Change>, Error> {
        let is_closed = |key: &BatchKey| !found.groups.contains(key.group.as_str());
        let closed = keys.into_iter().filter_map(|key| {
            let batch = BatchKey::parse(&key).ok().filter(is_closed)?;
            Some((key, batch.stage))
        });
        let one = |(key, stage)| async move {
            let Some(body) = self.get(&key).await? else { return Ok::<_, Error>(None) };
            let stored = |source| Error::Stored { key: key.clone(), source };
            let (lines, body) = match stage {
                Stage::Intents => {
                    let intent = Intent::from_json(&body).map_err(stored)?;
                    let theirs = intent.items.iter().filter(|item| found.is_theirs(item));
                    (theirs.count() as u64, None)
                }
                Stage::Batches => {
                    let outcome = BatchOutcome::from_json(&body).map_err(stored)?;
                    let (lines, without) = silenced(found, outcome);
                    (lines, Some(without.to_json().map_err(stored)?))
                }
            };
            Ok(Some(Change { key, lines, body }).filter(|change| change.lines > 0))
        };
        let mut changes = stream::iter(closed).map(one).buffered(SIDE_BY_SIDE);
        let mut wanted = Vec::new();
        while let Some(change) = changes.try_next().await? {
            wanted.extend(change);
        }
        Ok(wanted)
    }

    /// Takes what APIs said of their records out of files of errors.
    async fn errors(&mut self, found: &Found) -> Result<(), Error> {
        for origin in &found.origins {
            let mut pages = Pages::of(Kept::Failed.prefix(origin, &self.question.tenant));
            while let Some(key) = pages.next(self.deps.lake.as_ref()).await? {
                let Ok(failed) = FailedKey::parse(&key) else { continue };
                let file = &failed.folder.file;
                let lines = found.lines.get(file).filter(|_| !found.open.contains(file));
                let Some(lines) = lines.filter(|_| failed.name.ends_with(".errors.csv")) else {
                    continue;
                };
                let Some(body) = self.get(&key).await? else { continue };
                let unreadable = |source| Error::Table { key: key.clone(), source };
                let (count, body) = without(&body, lines).map_err(unreadable)?;
                if count > 0 {
                    self.put((&key, Deed::Rewritten), body, count).await?;
                }
            }
        }
        self.save().await
    }

    /// Lets nothing name the files that go.
    async fn forget_originals(&mut self, found: &Found) -> Result<(), Error> {
        if self.question.dry {
            return Ok(());
        }
        for (key, fact) in &found.facts {
            let mut fact = fact.clone();
            fact.archive = None;
            let stored = |source| Error::Stored { key: key.clone(), source };
            let body = fact.to_json().map_err(stored)?;
            self.deps.lake.put(key, body, &Attributes::default()).await?;
        }
        for original in &found.originals {
            if let Some(key) = found.archived.get(&original.key) {
                self.change(key, |accepted| accepted.archive = None).await?;
            }
        }
        Ok(())
    }

    /// Changes what is told of an accepted file.
    async fn change(
        &self,
        key: &ObjectKey,
        change: impl FnOnce(&mut Accepted) + Send,
    ) -> Result<(), Error> {
        let Some(body) = self.get(key).await? else { return Ok(()) };
        let stored = |source| Error::Stored { key: key.clone(), source };
        let mut accepted = Accepted::from_json(&body).map_err(stored)?;
        change(&mut accepted);
        let body = accepted.to_json().map_err(stored)?;
        self.deps.lake.put(key, body, &Attributes::default()).await?;
        Ok(())
    }

    /// Removes a file as it came; of one that is kept, what is left of it stands in parts before.
    async fn erase_original(&mut self, original: &Original, found: &Found) -> Result<(), Error> {
        let mut lines = 0;
        if original.is_kept
            && let Some(rules) = found.rules.get(&original.feed)
        {
            let mut reading = original.read(self.deps.lake.as_ref(), rules).await?;
            let mut number = 0;
            while let Some(part) = reading.next(None).await? {
                let sifted = sift_part(&self.question.person, &part);
                lines += sifted.lines.len() as u64;
                let key = original.left(number)?;
                self.put((&key, Deed::Added), sifted.pack()?, sifted.lines.len() as u64).await?;
                number += 1;
            }
            if reading.is_refused() {
                self.leave(&original.key, "it cannot be read to its end any more: ask once more");
                return Ok(());
            }
        }
        self.remove(&original.key, lines).await
    }

    /// Takes their records out of the parts of an accepted file.
    async fn erase_records(&mut self, file: &File) -> Result<(), Error> {
        for key in &file.parts {
            let Some(body) = self.get(key).await? else { continue };
            let left = sift(&self.question.person, key, body)?;
            let packed = left.pack()?;
            if !self.question.dry {
                let (bytes, sha256) = (left.len(), Sha256Hex::of(&packed));
                let told = |accepted: &mut Accepted| {
                    let part = accepted.parts.iter_mut().find(|part| part.key == *key);
                    if let Some(part) = part {
                        (part.bytes, part.sha256) = (bytes, sha256);
                    }
                };
                self.change(&file.key, told).await?;
            }
            self.put((key, Deed::Rewritten), packed, left.lines.len() as u64).await?;
        }
        Ok(())
    }

    /// Takes their records out of a part that nothing names.
    async fn erase_stray(&mut self, key: &ObjectKey) -> Result<(), Error> {
        let Some(body) = self.get(key).await? else { return Ok(()) };
        let left = sift(&self.question.person, key, body)?;
        self.put((key, Deed::Rewritten), left.pack()?, left.lines.len() as u64).await
    }
}

/// An outcome without what was said of their records, and how many of these it tells of.
fn silenced(found: &Found, mut outcome: BatchOutcome) -> (u64, BatchOutcome) {
    let mut lines = 0;
    for item in outcome.items.iter_mut().filter(|item| found.is_theirs(&item.item)) {
        if item.message.take().is_some() | item.entity.take().is_some() {
            lines += 1;
        }
    }
    (lines, outcome)
}

/// A file of errors without what was said of some lines, and of how many of these.
fn without(body: &Bytes, lines: &BTreeSet<u64>) -> Result<(u64, Bytes), csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(body.as_ref());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut count = 0;
    for row in reader.records() {
        let row = row?;
        let line = row.get(0).and_then(|line| line.parse().ok());
        let is_said = row.get(2).is_some_and(|message| message != ERASED);
        if is_said && line.is_some_and(|line| lines.contains(&line)) {
            count += 1;
            let code = row.get(1).unwrap_or_default();
            writer.write_record([row.get(0).unwrap_or_default(), code, ERASED])?;
        } else {
            writer.write_record(&row)?;
        }
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok((count, Bytes::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_errors_keeps_lines_and_codes() {
        let body = Bytes::from("line,code,message\n2,8006,\"ada@x, twice\"\n3,624,no amount\n");
        let lines = BTreeSet::from([2, 7]);
        let (count, left) = without(&body, &lines).unwrap();
        assert_eq!(
            (count, &left[..]),
            (1, &b"line,code,message\n2,8006,erased\n3,624,no amount\n"[..])
        );
        assert_eq!(without(&left, &lines).unwrap().0, 0);
    }
}
