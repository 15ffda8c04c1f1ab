//! Files as they came: looked through by the rules of their feed, and what is left of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use files::{Decoding, Part, Plan, Refusal, Step};
use lake::delivery::ArchiveKey;
use model::{FeedId, ObjectKey};
use ports::{ObjectError, ObjectStore};
use sha2::{Digest as _, Sha256};

use super::Error;
use super::search::Rules;
use super::subject::{Person, Sifted};

/// Bytes that are read at a time.
const CHUNK: usize = 4 << 20;

/// How the names of what is left of a file end.
pub(super) const LEFT: &str = ".left.ndjson.zst";

/// The shortest value that is looked for where no record can be told from another.
const LONG_ENOUGH: usize = 6;

/// A file as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Original {
    pub(super) feed: FeedId,
    pub(super) key: ObjectKey,
    pub(super) name: String,
    /// Whether what is left of it is kept.
    pub(super) is_kept: bool,
}

/// What was found in a file.
pub(super) enum Looked {
    /// Nothing of the person.
    Nothing,
    /// Something.
    Theirs {
        /// Digest of the file's bytes.
        sha256: String,
        /// Lines of their records.
        lines: BTreeSet<u64>,
    },
    /// Nobody can tell, for this reason.
    Unclear(String),
}

impl Original {
    /// A file of an archive.
    pub(super) fn new(feed: &FeedId, key: ObjectKey, name: String) -> Self {
        Self { feed: feed.clone(), key, name, is_kept: true }
    }

    /// A file that was refused, or a copy.
    pub(super) fn of_no_use(feed: &FeedId, key: ObjectKey, name: String) -> Self {
        Self { is_kept: false, ..Self::new(feed, key, name) }
    }

    /// Looks through it.
    pub(super) async fn look(
        &self,
        lake: &dyn ObjectStore,
        rules: &Rules,
        person: &Person,
    ) -> Result<Looked, Error> {
        let mut reading = match self.read(lake, rules).await {
            Ok(reading) => reading,
            Err(Error::Lake(ObjectError::NotFound { .. })) => return Ok(Looked::Nothing),
            Err(error) => return Err(error),
        };
        let mut raw = Raw::new(person);
        let mut lines = BTreeSet::new();
        while let Some(part) = reading.next(Some(&mut raw)).await? {
            for row in part.rows().filter(|row| person.owns(row.record)) {
                lines.insert(row.line);
            }
        }
        let end = reading.rest(&mut raw).await?;
        if !lines.is_empty() || raw.found {
            return Ok(match end.refusal.filter(|_| self.is_kept) {
                None => Looked::Theirs { sha256: end.sha256, lines },
                Some(refusal) => Looked::Unclear(format!(
                    "it holds something of theirs, and by its feed it cannot be read to its end \
                     ({}): mend the feed, and erase once more",
                    refusal.code
                )),
            });
        }
        let is_searched = raw.is_plain && raw.is_exact;
        Ok(match end.refusal {
            _ if is_searched => Looked::Nothing,
            None if end.refused == 0 => Looked::Nothing,
            None => Looked::Unclear(format!(
                "{} of its rows are no records, and could not be searched: look at it",
                end.refused
            )),
            Some(refusal) => Looked::Unclear(format!(
                "it cannot be read ({}): look whether it is theirs, and remove it",
                refusal.code
            )),
        })
    }

    /// What is left of it, part by part.
    pub(super) async fn read<'a>(
        &self,
        lake: &'a dyn ObjectStore,
        rules: &Rules,
    ) -> Result<Reading<'a>, Error> {
        let meta = lake.head(&self.key).await?;
        let plan = Plan {
            feed: Arc::clone(&rules.feed),
            name: self.name.clone(),
            size: meta.size,
            tags: BTreeMap::new(),
            control: None,
            keys: rules.keys.clone(),
        };
        Ok(Reading {
            lake,
            key: self.key.clone(),
            size: meta.size,
            offset: 0,
            hash: Sha256::new(),
            decoding: Decoding::start(plan)?,
            refusal: None,
            refused: 0,
        })
    }

    /// Where a part of what is left of it stands.
    pub(super) fn left(&self, number: usize) -> Result<ObjectKey, Error> {
        let archived = ArchiveKey::parse(&self.key)?;
        let name = format!("{}.p{number:05}{LEFT}", archived.name);
        Ok(ArchiveKey { name, ..archived }.render()?)
    }
}

/// A file that is read.
pub(super) struct Reading<'a> {
    lake: &'a dyn ObjectStore,
    key: ObjectKey,
    size: u64,
    offset: u64,
    hash: Sha256,
    decoding: Decoding,
    refusal: Option<Refusal>,
    refused: usize,
}

/// How reading came to its end.
struct End {
    sha256: String,
    refusal: Option<Refusal>,
    refused: usize,
}

impl Reading<'_> {
    /// The next records; none at the end, or where no more can be read.
    pub(super) async fn next(
        &mut self,
        mut raw: Option<&mut Raw<'_>>,
    ) -> Result<Option<Part>, Error> {
        loop {
            match self.decoding.step() {
                Step::Part(part) => return Ok(Some(part)),
                Step::Wants => match self.chunk(raw.as_deref_mut()).await? {
                    Some(chunk) => self.decoding.feed(chunk),
                    None => self.decoding.end(),
                },
                Step::Done(Ok(decoded)) => {
                    self.refused = decoded.refused.len();
                    return Ok(None);
                }
                Step::Done(Err(refusal)) => {
                    self.refusal = Some(refusal);
                    return Ok(None);
                }
            }
        }
    }

    /// Whether reading ended before the file's end.
    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    async fn chunk(&mut self, raw: Option<&mut Raw<'_>>) -> Result<Option<Bytes>, Error> {
        if self.offset >= self.size {
            return Ok(None);
        }
        let chunk = self.lake.range(&self.key, self.offset, CHUNK).await?;
        if chunk.is_empty() {
            return Ok(None);
        }
        self.hash.update(&chunk);
        if let Some(raw) = raw {
            raw.look(&chunk, self.offset == 0);
        }
        self.offset += chunk.len() as u64;
        Ok(Some(chunk))
    }

    /// Reads the bytes that no record was made of.
    async fn rest(mut self, raw: &mut Raw<'_>) -> Result<End, Error> {
        while self.chunk(Some(raw)).await?.is_some() {}
        raw.look(b"\n", false);
        let sha256 = crate::files::hex(&self.hash.finalize());
        Ok(End { sha256, refusal: self.refusal, refused: self.refused })
    }
}

/// Looks for values in bytes, whatever they mean: rows that are no records, files that cannot be
/// read.
pub(super) struct Raw<'a> {
    person: &'a Person,
    kept: Vec<u8>,
    is_plain: bool,
    /// Whether every value is long enough to be looked for.
    is_exact: bool,
    found: bool,
}

impl<'a> Raw<'a> {
    fn new(person: &'a Person) -> Self {
        let is_long = |text: &str| text.len() >= LONG_ENOUGH;
        let is_exact = person.wanted().iter().all(|wanted| is_long(wanted.value()));
        Self { person, kept: Vec::new(), is_plain: true, is_exact, found: false }
    }

    fn look(&mut self, chunk: &[u8], is_first: bool) {
        if is_first {
            self.is_plain = is_plain(chunk);
        }
        if !self.is_plain || self.found {
            return;
        }
        self.kept.extend(chunk.to_ascii_lowercase());
        let values = self.person.wanted().iter().map(|wanted| wanted.value().to_ascii_lowercase());
        let values: Vec<String> = values.filter(|value| value.len() >= LONG_ENOUGH).collect();
        self.found = values.iter().any(|value| has(&self.kept, value.as_bytes()));
        let longest = values.iter().map(String::len).max().unwrap_or_default() + 2;
        let spent = self.kept.len().saturating_sub(longest);
        self.kept.drain(..spent);
    }
}

/// Whether a value stands in a text, by itself: what stands behind it has to be known.
fn has(text: &[u8], value: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric();
    memchr::memmem::find_iter(text, value).any(|at| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let behind = text.get(at + value.len());
        !before.is_some_and(is_part) && behind.is_some_and(|byte| !is_part(byte))
    })
}

/// Whether the first bytes of a file look like text that is neither packed nor encrypted.
fn is_plain(head: &[u8]) -> bool {
    let head = head.get(..4_096).unwrap_or(head);
    !head.starts_with(b"-----BEGIN PGP") && head.iter().all(|byte| *byte >= b'\t')
}

/// Sifts some records of a file.
pub(super) fn sift_part(person: &Person, part: &Part) -> Sifted {
    let mut sifted = Sifted::default();
    for row in part.rows() {
        sifted.add(person, row.line, row.record);
    }
    sifted
}

#[cfg(test)]
mod tests {
    use super::super::subject::Wanted;
    use super::*;

    #[test]
    fn a_value_is_found_in_bytes_by_itself_and_across_chunks() {
        let ada = Person::new(vec![Wanted::new("email", "Ada@x.example")]).unwrap();
        let looked = |chunks: &[&str]| {
            let mut raw = Raw::new(&ada);
            for (number, chunk) in chunks.iter().enumerate() {
                raw.look(chunk.as_bytes(), number == 0);
            }
            raw.look(b"\n", false);
            raw.found
        };
        assert!(looked(&["a,ADA@x.example;b"]) && looked(&["a,ada@x", ".exam", "ple\n"]));
        assert!(!looked(&["a,nada@x.example"]) && !looked(&["ada@x.example", "s"]));
        assert!(!is_plain(b"PK\x03\x04") && !is_plain(b"\x1f\x8b\x08") && is_plain(b"a,b\r\n"));
        let short = Person::new(vec![Wanted::new("id", "7")]).unwrap();
        assert!(!Raw::new(&short).is_exact);
    }
}
