//! Takes a commit in: part by part, then its receipt.

use bytes::Bytes;
use lake::curated::{CuratedKey, KeyDigest, Layer, Receipt, ReceiptPart, ThingCounts};
use lake::{Attempt, Commit, CommitKey, LandingKey, PartRef};
use model::{Metric, ObjectKey, Timestamp};
use ports::{Attributes, Deadline, ObjectError};
use serde::{Deserialize, Serialize};
use store::{ReceiptMonth, Receipted};

use super::drift::Ledger;
use super::keys::primary_key;
use super::models::{Known, Models};
use super::object::{MAX_STORED, Shaped, Source, is_of, shape};
use super::retire::retire;
use super::things::{Observing, ruled, tell, without_rejected};
use super::{Deps, Error, RESERVE, Take, Taken};

/// How far a model has come with a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Underway {
    /// What became of the first parts.
    parts: Vec<ReceiptPart>,
    /// Parts whose records were observed.
    observed: usize,
    /// What became of those.
    things: ThingCounts,
}

/// A model at work on a commit.
struct Work<'a> {
    known: &'a Known,
    month: ReceiptMonth,
    underway: Underway,
    ledger: Ledger,
    /// Whether another revision took the commit in before.
    former: bool,
}

/// A commit that is being taken in.
struct Commits<'a> {
    deps: &'a Deps,
    commit: &'a Commit,
    digest: KeyDigest,
    primary_key: Vec<Vec<String>>,
    at: Timestamp,
}

/// Takes a commit in; none when the time was up, and what is done is left for whoever resumes.
#[tracing::instrument(skip_all, fields(commit = %take.commit))]
pub(super) async fn take(
    deps: &Deps,
    models: &Models,
    take: &Take,
    deadline: Deadline,
) -> Result<Option<Vec<Taken>>, Error> {
    let CommitKey(attempt) = CommitKey::parse(&take.commit)?;
    let known = models.of(&attempt.source, &attempt.stream, take.models.as_deref());
    let digest = KeyDigest::of(&take.commit);
    let mut works = Vec::new();
    for known in known {
        works.extend(begin(deps, known, &attempt, (&digest, take)).await?);
    }
    if works.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let Some(commit) = read(deps, &take.commit, &attempt).await? else {
        return Ok(Some(Vec::new()));
    };
    let primary_key = primary_key(&deps.configuration, &attempt).await?;
    let at = deps.store.now();
    let commits = Commits { deps, commit: &commit, digest, primary_key, at };
    for number in 0..commit.parts.len() {
        let is_done = commits.part(number, &mut works).await?;
        let is_last = number + 1 == commit.parts.len();
        if is_done && !is_last && deadline.remaining(deps.store.clock().as_ref()) < RESERVE {
            commits.leave(&works).await?;
            return Ok(None);
        }
    }
    for number in 0..works.len() {
        if !commits.things((number, &mut works), deadline).await? {
            commits.leave(&works).await?;
            return Ok(None);
        }
    }
    let mut taken = Vec::new();
    for work in works {
        taken.push(commits.finish(work, take.resume).await?);
    }
    Ok(Some(taken))
}

/// What a model has to do for a commit; nothing when it has done it.
async fn begin<'a>(
    deps: &Deps,
    known: &'a Known,
    attempt: &Attempt,
    (digest, take): (&KeyDigest, &Take),
) -> Result<Option<Work<'a>>, Error> {
    let month = ReceiptMonth {
        model: known.name.clone(),
        tenant: attempt.tenant.clone(),
        source: attempt.source.clone(),
        stream: attempt.stream.clone(),
        month: attempt.month.to_string(),
    };
    let revision = known.revised.revision.to_string();
    let receipt = deps.store.receipt(&month, &digest.to_string()).await?;
    if !take.again && receipt.as_ref().is_some_and(|receipt| receipt.revision == revision) {
        return Ok(None);
    }
    let underway = if take.resume {
        left(deps, &place(known, attempt, Layer::Underway, digest.clone())?).await?
    } else {
        Underway::default()
    };
    let ledger = Ledger::open(deps, known, attempt).await?;
    let former = receipt.is_some_and(|receipt| receipt.revision != revision);
    Ok(Some(Work { known, month, underway, ledger, former }))
}

/// What somebody left who ran out of time; nothing when it cannot be read.
async fn left(deps: &Deps, key: &ObjectKey) -> Result<Underway, Error> {
    match deps.lake.get(key).await {
        Ok(object) => Ok(serde_json::from_slice(&object.body).unwrap_or_default()),
        Err(ObjectError::NotFound { .. }) => Ok(Underway::default()),
        Err(error) => Err(error.into()),
    }
}

/// The commit object; none when it is no more, which is not for us to mend.
async fn read(deps: &Deps, key: &ObjectKey, attempt: &Attempt) -> Result<Option<Commit>, Error> {
    let object = match deps.lake.get(key).await {
        Ok(object) => object,
        Err(ObjectError::NotFound { .. }) => {
            tracing::warn!(commit = %key, "a commit object is no more");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let commit = Commit::from_json(&object.body)
        .map_err(|source| Error::Commit { key: key.clone(), source })?;
    if commit.attempt != *attempt {
        return Err(Error::Foreign { key: key.clone() });
    }
    Ok(Some(commit))
}

/// Where a model puts what it makes.
fn place(
    known: &Known,
    attempt: &Attempt,
    layer: Layer,
    made_from: KeyDigest,
) -> Result<ObjectKey, Error> {
    let key = CuratedKey {
        layer,
        model: known.name.clone(),
        tenant: attempt.tenant.clone(),
        month: attempt.month,
        made_from,
        revision: known.revised.revision.clone(),
    };
    Ok(key.render()?)
}

/// What stands beside an object's bytes.
pub(super) fn content(kind: &str) -> Attributes {
    Attributes { content_type: Some(kind.to_owned()), ..Attributes::default() }
}

impl Commits<'_> {
    /// Makes what a part becomes, for the models that have not; gives whether there was any.
    async fn part(&self, number: usize, works: &mut [Work<'_>]) -> Result<bool, Error> {
        let Some(part) = self.commit.parts.get(number) else { return Ok(false) };
        let mut open: Vec<&mut Work<'_>> =
            works.iter_mut().filter(|work| work.underway.parts.len() <= number).collect();
        if open.is_empty() {
            return Ok(false);
        }
        let body = self.body(part).await?;
        let models: Vec<&Known> = open.iter().map(|work| work.known).collect();
        let shaped = shape(self.source(), part, body, &models)?;
        for (work, shaped) in open.iter_mut().zip(shaped) {
            self.store(work, part, shaped).await?;
        }
        Ok(true)
    }

    /// A landing object; none when there is none, or when it is larger than any that is read.
    async fn body(&self, part: &PartRef) -> Result<Option<Bytes>, Error> {
        if part.bytes > MAX_STORED {
            return Ok(Some(Bytes::new()));
        }
        match self.deps.lake.get(&part.key).await {
            Ok(object) => Ok(Some(object.body)),
            Err(ObjectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts what a part became.
    async fn store(
        &self,
        work: &mut Work<'_>,
        part: &PartRef,
        shaped: Shaped,
    ) -> Result<(), Error> {
        let Shaped { counts, curated, quarantine, drift, damaged } = shaped;
        let key = |layer| self.place_of(work.known, part, layer);
        let lake = &self.deps.lake;
        let file = curated.as_ref().map(|_| key(Layer::Curated)).transpose()?;
        if let (Some(key), Some(curated)) = (&file, curated) {
            lake.put(key, curated.body, &content("application/vnd.apache.parquet")).await?;
        }
        let refused = quarantine.as_ref().map(|_| key(Layer::Quarantine)).transpose()?;
        if let (Some(key), Some(lines)) = (&refused, quarantine) {
            lake.put(key, lines.into(), &content("application/x-ndjson")).await?;
        }
        if damaged {
            tracing::error!(object = %part.key, "a landing object is not what its commit names");
            self.deps.metrics.count(Metric::ObjectsDamaged, 1);
        }
        work.ledger.note(self.deps, (&self.commit.attempt, &part.key), drift, self.at).await?;
        let object = part.key.clone();
        work.underway.parts.push(ReceiptPart { object, file, quarantine: refused, counts });
        Ok(())
    }

    /// Takes in what the records say of things, and tells of those that changed; gives whether
    /// the time sufficed.
    async fn things(
        &self,
        (number, works): (usize, &mut [Work<'_>]),
        deadline: Deadline,
    ) -> Result<bool, Error> {
        let Some(work) = works.get_mut(number) else { return Ok(true) };
        let tenant = &self.commit.attempt.tenant;
        let Some((scope, shape)) = ruled(work.known, tenant) else { return Ok(true) };
        let observing = Observing {
            deps: self.deps,
            known: work.known,
            scope: &scope,
            shape: &shape,
            source: self.source(),
        };
        let mut observed = false;
        while let Some(part) = self.commit.parts.get(work.underway.observed) {
            if observed && deadline.remaining(self.deps.store.clock().as_ref()) < RESERVE {
                return Ok(false);
            }
            if is_of(&self.commit.attempt, &part.key)
                && let Some(body) = self.body(part).await?
            {
                let (counts, rejected) = observing.part(part, body).await?;
                if let Some(rejected) = rejected {
                    self.reject(work, part, rejected).await?;
                }
                work.underway.things += counts;
            }
            work.underway.observed += 1;
            observed = true;
        }
        tell(self.deps, work.known, tenant).await?;
        Ok(true)
    }

    /// Sets records aside that could not be placed, behind what was refused of their object.
    async fn reject(
        &self,
        work: &mut Work<'_>,
        part: &PartRef,
        rejected: Vec<u8>,
    ) -> Result<(), Error> {
        let lake = &self.deps.lake;
        let key = self.place_of(work.known, part, Layer::Quarantine)?;
        let mut lines = match lake.get(&key).await {
            Ok(object) => without_rejected(&object.body),
            Err(ObjectError::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        lines.extend_from_slice(&rejected);
        lake.put(&key, lines.into(), &content("application/x-ndjson")).await?;
        if let Some(made) = work.underway.parts.get_mut(work.underway.observed) {
            made.quarantine = Some(key);
        }
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        Source {
            attempt: &self.commit.attempt,
            run: &self.commit.run,
            primary_key: &self.primary_key,
            at: self.at,
        }
    }

    /// Where a model puts what it makes of a part: with the object's own attempt, for several
    /// commits may name it.
    fn place_of(&self, known: &Known, part: &PartRef, layer: Layer) -> Result<ObjectKey, Error> {
        let mut attempt = self.commit.attempt.clone();
        if let Ok(landed) = LandingKey::parse(&part.key) {
            attempt.month = landed.attempt.month;
        }
        place(known, &attempt, layer, KeyDigest::of(&part.key))
    }

    /// Leaves what is done for whoever resumes.
    async fn leave(&self, works: &[Work<'_>]) -> Result<(), Error> {
        for work in works {
            let key = self.underway(work.known)?;
            let body = serde_json::to_vec(&work.underway)?;
            self.deps.lake.put(&key, body.into(), &content("application/json")).await?;
        }
        Ok(())
    }

    fn underway(&self, known: &Known) -> Result<ObjectKey, Error> {
        place(known, &self.commit.attempt, Layer::Underway, self.digest.clone())
    }

    /// Puts the receipt: from now on views show what was made.
    async fn finish(&self, work: Work<'_>, resumed: bool) -> Result<Taken, Error> {
        let Work { known, month, underway, former, .. } = work;
        let revision = known.revised.revision.clone();
        let made_by = (known.name.clone(), revision.clone());
        let has_rules = known.model().rules.is_some();
        let receipt = Receipt::new(made_by, self.commit, underway.parts, self.at)?;
        let receipt = Receipt { things: has_rules.then_some(underway.things), ..receipt };
        let body = receipt.to_json().map_err(Error::Receipt)?;
        let lake = &self.deps.lake;
        lake.put(&receipt.key()?, body, &content("application/json")).await?;
        if former {
            retire(self.deps, &receipt).await?;
        }
        let Receipt { rows, refused, lines, things, at, .. } = receipt;
        let row = Receipted { revision: revision.to_string(), rows, refused, at };
        self.deps.store.put_receipt(&month, &self.digest.to_string(), &row).await?;
        if resumed {
            lake.delete(&self.underway(known)?).await?;
        }
        self.deps.metrics.count(Metric::RowsTransformed, rows);
        let rejected = things.as_ref().map_or(0, |things| things.rejected);
        self.deps.metrics.count(Metric::RowsQuarantined, refused + rejected);
        let model = known.name.clone();
        tracing::info!(%model, rows, refused, lines, "commit taken in");
        Ok(Taken { model, lines, rows, refused, things })
    }
}
