//! From the archive into parts: verified as a stream, in bounded memory.

use std::sync::Arc;

use bytes::Bytes;
use files::{Code, Control, Decoded, Decoding, Part, Plan, Refusal, Step};
use lake::Sha256Hex;
use lake::delivery::{
    Accepted, Day, FileDigest, Folder, InboxPart, Moment, Origin, PartKey, Refused, RefusedLine,
};
use model::ObjectKey;
use ports::Attributes;
use store::files::{ArrivalRow, Claim, Decision, Stage, Versioned};

use super::Error;
use super::scan::Scan;

/// Bytes that are read at a time.
const CHUNK: usize = 4 << 20;

/// How records are packed.
const LEVEL: i32 = 3;

/// What reading a file came to.
pub(super) enum Read {
    /// It may count.
    Accepted(Box<Accepted>),
    /// It is decided that it does not.
    Decided,
    /// The same content came before, and it is open whether that counts.
    Waits,
    /// The time is up; it is read again.
    OutOfTime,
}

impl Scan<'_> {
    /// Reads a file that is in the archive.
    pub(super) async fn read(
        &mut self,
        arrival: &mut Versioned<ArrivalRow>,
    ) -> Result<Read, Error> {
        let sha256 = match &arrival.row.stage {
            Stage::Stored { sha256 } => sha256.clone(),
            // Whoever decided this died before the object was put: it is made once more.
            Stage::Decided { decision: Decision::Accepted, sha256: Some(sha256), .. } => {
                sha256.clone()
            }
            Stage::Decided { .. } | Stage::Fetching { .. } => return Ok(Read::Decided),
        };
        match self.look.claim(&sha256, &arrival.row).await? {
            Claim::Ours => {}
            Claim::Taken { by } => {
                let decision = Decision::Duplicate { of: by };
                self.look.decide(arrival, Some(sha256), decision, self.now).await?;
                return Ok(Read::Decided);
            }
            Claim::Undecided => return Ok(Read::Waits),
        }
        let refusal = match self.checked(&arrival.row, &sha256).await? {
            Err(refusal) => refusal,
            Ok(control) => match self.decode(&arrival.row, &sha256, control).await? {
                Some(Ok(accepted)) => return Ok(Read::Accepted(Box::new(accepted))),
                Some(Err(refusal)) => refusal,
                None => return Ok(Read::OutOfTime),
            },
        };
        self.decide_refused(arrival, Some(sha256), &refusal).await?;
        Ok(Read::Decided)
    }

    /// What can be told without reading: the control file, the name.
    async fn checked(
        &self,
        row: &ArrivalRow,
        sha256: &str,
    ) -> Result<Result<Option<Control>, Refusal>, Error> {
        if row.accepted_before && self.open.feed.corrections == files::Corrections::Reject {
            let message = "another content came under this name before; send it under a new name, \
                           or let the feed take `corrections: process`";
            return Ok(Err(Refusal::new(Code::Correction, message)));
        }
        let control = match self.control(row).await? {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(control) => control,
        };
        let checked = control.as_ref().map(|control| control.check(&row.path, row.size, sha256));
        Ok(checked.transpose().map(|_| control))
    }

    /// Reads the archived bytes and writes parts; none when the time is up.
    async fn decode(
        &mut self,
        row: &ArrivalRow,
        sha256: &str,
        control: Option<Control>,
    ) -> Result<Option<Result<Accepted, Refusal>>, Error> {
        let tags = self.open.place.stat(&row.path).await.map(|known| known.tags);
        let plan = Plan {
            feed: Arc::clone(&self.open.feed),
            name: row.path.clone(),
            size: row.size,
            tags: tags.unwrap_or_default(),
            control,
            keys: self.open.keys.clone(),
        };
        let (archive, folder) = (self.archive_key(row)?, self.file_folder(row, sha256));
        let mut decoding = Decoding::start(plan)?;
        let (mut offset, mut parts) = (0, Vec::new());
        loop {
            match decoding.step() {
                Step::Wants if offset >= row.size => decoding.end(),
                Step::Wants => {
                    if !self.has_time() {
                        return Ok(None);
                    }
                    self.look.keep().await?;
                    let chunk = self.deps.lake.range(&archive, offset, CHUNK).await?;
                    offset = if chunk.is_empty() { row.size } else { offset + chunk.len() as u64 };
                    decoding.feed(chunk);
                }
                Step::Part(part) => parts.push(self.put_part(&folder, parts.len(), &part).await?),
                Step::Done(Ok(decoded)) => {
                    let content = Content { archive, folder, parts, decoded: *decoded };
                    return self.accepted(row, sha256, content).await.map(|file| Some(Ok(file)));
                }
                Step::Done(Err(refusal)) => {
                    for part in parts {
                        self.deps.lake.delete(&part.key).await?;
                    }
                    return Ok(Some(Err(refusal)));
                }
            }
        }
    }

    /// The folder of a file whose content is known.
    pub(super) fn file_folder(&self, row: &ArrivalRow, sha256: &str) -> Folder {
        let origin = Origin::Feed(self.look.key.feed.clone());
        let tenant = self.look.key.tenant.clone();
        let file = FileDigest::of(&[tenant.as_str(), &origin.to_string(), sha256]);
        Folder { origin, tenant, day: Day::from(row.since), file }
    }

    /// Puts a part. Nobody reads it before it is named, so one that stands there from an earlier
    /// attempt is replaced.
    async fn put_part(
        &self,
        folder: &Folder,
        number: usize,
        part: &Part,
    ) -> Result<InboxPart, Error> {
        let mut lines = Vec::new();
        let (mut first, mut last) = (None, 0);
        for row in part.rows() {
            first.get_or_insert(row.line);
            last = row.line;
            lines.extend_from_slice(format!("{{\"line\":{},\"record\":", row.line).as_bytes());
            lines.extend_from_slice(row.record);
            lines.extend_from_slice(b"}\n");
        }
        let body = Bytes::from(zstd::bulk::compress(&lines, LEVEL)?);
        let number = u32::try_from(number).ok();
        let key = PartKey { folder: folder.clone(), part: number }.render()?;
        let sha256 = Sha256Hex::of(&body);
        self.deps.lake.put(&key, body, &Attributes::default()).await?;
        let (records, bytes) = (part.len() as u64, lines.len() as u64);
        Ok(InboxPart { key, records, first: first.unwrap_or(0), last, bytes, sha256 })
    }

    /// The object that lets a file count, and the rows of it that do not.
    async fn accepted(
        &self,
        row: &ArrivalRow,
        sha256: &str,
        content: Content,
    ) -> Result<Accepted, Error> {
        let Content { archive, folder, parts, decoded } = content;
        let refused = self.put_refused(&folder, &decoded).await?;
        let at = match &row.stage {
            Stage::Decided { at, .. } => *at,
            Stage::Fetching { .. } | Stage::Stored { .. } => self.now,
        };
        Ok(Accepted {
            file: folder.file.clone(),
            origin: folder.origin,
            tenant: folder.tenant,
            kind: decoded.kind,
            rank: u8::try_from(decoded.rank).unwrap_or(u8::MAX),
            accepted: Moment::from(at),
            name: row.path.clone(),
            sha256: sha256.parse().map_err(|_| lake_digest())?,
            bytes: row.size,
            archive: Some(archive),
            parts,
            records: decoded.records,
            refused,
        })
    }

    async fn put_refused(
        &self,
        folder: &Folder,
        decoded: &Decoded,
    ) -> Result<Option<Refused>, Error> {
        if decoded.refused.is_empty() {
            return Ok(None);
        }
        let mut lines = String::new();
        for row in &decoded.refused {
            let (line, code) = (row.line, row.code.to_string());
            let line = RefusedLine { line, code, message: row.message.clone() };
            lines.push_str(&serde_json::to_string(&line)?);
            lines.push('\n');
        }
        let key = PartKey { folder: folder.clone(), part: None }.render()?;
        self.deps.lake.put(&key, lines.into(), &Attributes::default()).await?;
        Ok(Some(Refused { key, rows: decoded.refused.len() as u64 }))
    }
}

/// What a file was found to hold.
struct Content {
    archive: ObjectKey,
    folder: Folder,
    parts: Vec<InboxPart>,
    decoded: Decoded,
}

fn lake_digest() -> Error {
    Error::Machine(std::io::Error::other("a digest that is none"))
}
