//! Takes a refused file in once more, from where it is kept: after its feed, a key or a limit was
//! mended.

use lake::delivery::{FileDigest, FileFact, FileVerdict};
use model::ObjectKey;
use ports::Deadline;
use sha2::{Digest, Sha256};
use store::files::{ArrivalRow, FeedKey, SightRow, Stage};

use super::fetch::hex;
use super::scan::{Scan, look};
use super::{Deps, Error, Outcome};

/// Bytes that are read at a time.
const CHUNK: usize = 8 << 20;

/// Takes the file of a decision in once more, with all that lies at its place.
pub(super) async fn again(
    deps: &Deps,
    decision: &ObjectKey,
    deadline: Deadline,
) -> Result<Outcome, Error> {
    let object = deps.lake.get(decision).await?;
    let fact = FileFact::from_json(&object.body)?;
    let key = FeedKey { tenant: fact.tenant.clone(), feed: fact.feed.clone() };
    look(deps, &key, deadline, Some(&fact)).await
}

impl Scan<'_> {
    /// Takes a refused file up once more. Doing it again changes nothing.
    pub(super) async fn take_again(&mut self, fact: &FileFact) -> Result<(), Error> {
        let path = &fact.seen.path;
        let refuse = |reason: &str| Error::Again { path: path.clone(), reason: reason.to_owned() };
        let is_refused = matches!(fact.verdict, FileVerdict::Rejected | FileVerdict::Unclassified);
        if !is_refused {
            return Err(refuse("it was not refused"));
        }
        let Some(original) = &fact.archive else {
            return Err(refuse("it was refused before it was fetched: have it sent once more"));
        };
        if !self.open.feed.complete.markers.is_empty() {
            let reason = "what was announced of it stood in its marker: have both sent once more";
            return Err(refuse(reason));
        }
        let FeedKey { tenant, feed } = &self.look.key;
        let (modified, at) = (fact.seen.modified.to_string(), fact.at.to_string());
        let texts = ["again", tenant.as_str(), feed.as_str(), path, &modified, &at];
        let arrival = FileDigest::of(&texts).to_string();
        let under_way = self.deps.store.arrivals(&self.look.key).await?;
        if under_way.iter().any(|open| open.row.path == *path) {
            return Ok(());
        }
        let known = self.sight(path).await?;
        let row = ArrivalRow {
            arrival: arrival.clone(),
            path: path.clone(),
            size: fact.seen.size,
            modified: fact.seen.modified,
            since: self.now,
            marker: None,
            accepted_before: known.as_ref().is_some_and(|known| known.row.accepted_before),
            stage: Stage::Stored { sha256: self.digest(original).await? },
            failures: 0,
        };
        files::copy(self.deps.lake.as_ref(), original, &self.archive_key(&row)?).await?;
        let unseen = SightRow {
            path: path.clone(),
            size: fact.seen.size,
            modified: fact.seen.modified,
            since: self.now,
            looks: 0,
            arrival: None,
            settled: false,
            accepted_before: false,
            told: false,
        };
        let before = known.as_ref().map_or(unseen, |known| known.row.clone());
        let sight = SightRow { arrival: Some(arrival), ..before };
        self.look.take_up(known.as_ref(), &sight, row).await?;
        Ok(())
    }

    /// The digest of an object, read in pieces.
    async fn digest(&mut self, key: &ObjectKey) -> Result<String, Error> {
        let size = self.deps.lake.head(key).await?.size;
        let (mut hash, mut offset) = (Sha256::new(), 0);
        while offset < size {
            self.look.keep().await?;
            let chunk = self.deps.lake.range(key, offset, CHUNK).await?;
            if chunk.is_empty() {
                break;
            }
            hash.update(&chunk);
            offset += chunk.len() as u64;
        }
        Ok(hex(&hash.finalize()))
    }
}
