//! From the place into the archive: in parts, resumed where it was left.

use bytes::{Bytes, BytesMut};
use files::Control;
use lake::delivery::{ArchiveKey, Day, Folder, Origin};
use model::ObjectKey;
use ports::{Attributes, DropError, ObjectError, PartTag, UploadId};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};
use store::files::{ArrivalRow, Stage, Versioned};

use super::Error;
use super::scan::Scan;

/// Files of at most so many bytes, and smallest parts of others.
const PART: u64 = 8 << 20;

/// Most parts: the row that remembers them stays small.
const PARTS: u64 = 500;

/// What became of a file that was to be fetched.
pub(super) enum Fetched {
    /// It is in the archive.
    Stored,
    /// It is another one by now, and is seen anew.
    Changed,
    /// The time is up; what is done is remembered.
    OutOfTime,
}

/// The upload as far as it has come.
struct Progress {
    upload: UploadId,
    parts: Vec<PartTag>,
    hash: Sha256,
}

impl Scan<'_> {
    /// The folder of an arrival.
    pub(super) fn arrival_folder(&self, row: &ArrivalRow) -> Result<Folder, Error> {
        Ok(Folder {
            origin: Origin::Feed(self.look.key.feed.clone()),
            tenant: self.look.key.tenant.clone(),
            day: Day::from(row.since),
            file: row.arrival.parse()?,
        })
    }

    /// Where an arrival is kept as it came.
    pub(super) fn archive_key(&self, row: &ArrivalRow) -> Result<ObjectKey, Error> {
        let key = ArchiveKey { folder: self.arrival_folder(row)?, name: row.path.clone() };
        Ok(key.render()?)
    }

    /// Brings a file into the archive.
    pub(super) async fn fetch(
        &mut self,
        arrival: &mut Versioned<ArrivalRow>,
    ) -> Result<Fetched, Error> {
        self.look.keep().await?;
        let key = self.archive_key(&arrival.row)?;
        let sha256 = if arrival.row.size <= PART {
            let Some(body) = self.chunk(&arrival.row, 0, arrival.row.size).await? else {
                return self.changed(arrival).await;
            };
            let sha256 = hex(&Sha256::digest(&body));
            if self.has_changed(&arrival.row).await? {
                return self.changed(arrival).await;
            }
            self.deps.lake.put(&key, body, &Attributes::default()).await?;
            sha256
        } else {
            match self.fetch_parts(&key, arrival).await? {
                Ok(sha256) => sha256,
                Err(other) => return Ok(other),
            }
        };
        arrival.row.stage = Stage::Stored { sha256 };
        self.look.advance(arrival).await?;
        Ok(Fetched::Stored)
    }

    /// Fetches a large file; gives its digest, or why there is none yet.
    async fn fetch_parts(
        &mut self,
        key: &ObjectKey,
        arrival: &mut Versioned<ArrivalRow>,
    ) -> Result<Result<String, Fetched>, Error> {
        let size = arrival.row.size;
        let part = PART.max(size.div_ceil(PARTS));
        let mut progress = self.resumed(key, arrival).await?;
        let mut offset: u64 = progress.parts.iter().map(|part| part.size).sum();
        while offset < size {
            if !self.has_time() {
                return Ok(Err(Fetched::OutOfTime));
            }
            self.look.keep().await?;
            let Some(body) = self.chunk(&arrival.row, offset, part.min(size - offset)).await?
            else {
                self.deps.lake.abort(key, &progress.upload).await?;
                return self.changed(arrival).await.map(Err);
            };
            progress.hash.update(&body);
            offset += body.len() as u64;
            let number = u32::try_from(progress.parts.len() + 1).unwrap_or(u32::MAX);
            let uploaded = self.deps.lake.upload(key, &progress.upload, number, body).await;
            match uploaded {
                Ok(tag) => progress.parts.push(tag),
                Err(ObjectError::NotFound { .. }) => {
                    return Err(self.restarted(arrival).await?);
                }
                Err(error) => return Err(error.into()),
            }
            arrival.row.stage = stage(&progress);
            self.look.advance(arrival).await?;
        }
        if self.has_changed(&arrival.row).await? {
            self.deps.lake.abort(key, &progress.upload).await?;
            return self.changed(arrival).await.map(Err);
        }
        match self.deps.lake.complete(key, &progress.upload, &progress.parts).await {
            Ok(_) => {}
            // A repeat after a lost answer: the object tells.
            Err(ObjectError::NotFound { .. }) => match self.deps.lake.head(key).await {
                Ok(meta) if meta.size == size => {}
                Ok(_) | Err(ObjectError::NotFound { .. }) => {
                    return Err(self.restarted(arrival).await?);
                }
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
        Ok(Ok(hex(&progress.hash.finalize())))
    }

    /// The upload where it was left, or a new one.
    async fn resumed(
        &mut self,
        key: &ObjectKey,
        arrival: &mut Versioned<ArrivalRow>,
    ) -> Result<Progress, Error> {
        if let Stage::Fetching { upload: Some(upload), parts, hash } = &arrival.row.stage
            && let Some(hash) = restored(hash)
        {
            return Ok(Progress { upload: upload.clone(), parts: parts.clone(), hash });
        }
        let upload = self.deps.lake.begin(key, &Attributes::default()).await?;
        let progress = Progress { upload, parts: Vec::new(), hash: Sha256::new() };
        arrival.row.stage = stage(&progress);
        self.look.advance(arrival).await?;
        Ok(progress)
    }

    /// An upload that the store has given up begins again at the next look.
    async fn restarted(&mut self, arrival: &mut Versioned<ArrivalRow>) -> Result<Error, Error> {
        let (parts, hash) = (Vec::new(), String::new());
        arrival.row.stage = Stage::Fetching { upload: None, parts, hash };
        self.look.advance(arrival).await?;
        let reason = "the upload into the archive was given up, and begins again".to_owned();
        Ok(self.failed(DropError::Unavailable { reason }))
    }

    /// So many bytes of a file; none where it has become shorter, or is gone.
    async fn chunk(&self, row: &ArrivalRow, offset: u64, len: u64) -> Result<Option<Bytes>, Error> {
        let want = usize::try_from(len).unwrap_or(usize::MAX);
        let mut body = BytesMut::new();
        while body.len() < want {
            let from = offset + body.len() as u64;
            let read = self.open.place.read(&row.path, from, want - body.len()).await;
            let read = match read {
                Err(DropError::NotFound { .. }) => return Ok(None),
                other => other.map_err(|source| self.failed(source))?,
            };
            if read.is_empty() {
                return Ok(None);
            }
            body.extend_from_slice(&read);
        }
        Ok(Some(body.freeze()))
    }

    /// Whether the file is another one than that which was taken up.
    pub(super) async fn has_changed(&self, row: &ArrivalRow) -> Result<bool, Error> {
        match self.open.place.stat(&row.path).await {
            Ok(known) => Ok(known.entry.size != row.size || known.entry.modified != row.modified),
            Err(DropError::NotFound { .. }) => Ok(true),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Forgets an arrival whose file changed while it was read.
    async fn changed(&mut self, arrival: &Versioned<ArrivalRow>) -> Result<Fetched, Error> {
        self.looked.waiting += 1;
        let left = self.left(&arrival.row, arrival.row.accepted_before);
        self.look.end(arrival, left.as_ref()).await?;
        Ok(Fetched::Changed)
    }

    /// What the control file beside a file says.
    pub(super) async fn control(
        &self,
        row: &ArrivalRow,
    ) -> Result<Result<Option<Control>, files::Refusal>, Error> {
        let Some(marker) = &row.marker else { return Ok(Ok(None)) };
        let body = match self.open.place.read(marker, 0, files::MAX_CONTROL).await {
            Err(DropError::NotFound { .. }) => return Ok(Ok(None)),
            other => other.map_err(|source| self.failed(source))?,
        };
        Ok(Control::parse(marker, &body).map(Some))
    }
}

fn stage(progress: &Progress) -> Stage {
    Stage::Fetching {
        upload: Some(progress.upload.clone()),
        parts: progress.parts.clone(),
        hash: hex(&progress.hash.serialize()),
    }
}

fn restored(text: &str) -> Option<Sha256> {
    let digits = text.as_bytes().chunks(2).map(|pair| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    let bytes: Vec<u8> = digits.collect::<Option<_>>()?;
    Sha256::deserialize(bytes.as_slice().try_into().ok()?).ok()
}

/// Bytes in digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_goes_on_where_it_was_left() {
        let mut hash = Sha256::new();
        hash.update(b"half of it, and ");
        let mut later = restored(&hex(&hash.serialize())).unwrap();
        later.update(b"the other half");
        assert_eq!(hex(&later.finalize()), hex(&Sha256::digest(b"half of it, and the other half")));
        assert!(restored("").is_none());
        assert!(restored("zz").is_none());
    }
}
