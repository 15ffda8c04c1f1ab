//! What was decided, told and done: objects first, then the source, then the ledger.

use bytes::Bytes;
use files::Refusal;
use lake::delivery::{Accepted, FailedKey, FileDigest, FileFact, FileVerdict, Moment, Seen};
use model::{Metric, ObjectKey, Timestamp};
use ports::{Attributes, ObjectError, ObjectStoreExt};
use serde_json::json;
use store::files::{ArrivalRow, Decision, Stage, Versioned};

use super::Error;
use super::scan::Scan;

/// What is told of a decision.
struct Told {
    verdict: FileVerdict,
    file: Option<FileDigest>,
    kind: Option<String>,
    records: u64,
    refused: u64,
    reason: Option<(String, String)>,
    archive: Option<ObjectKey>,
    at: Timestamp,
}

impl Scan<'_> {
    /// Lets a file count.
    pub(super) async fn accept(
        &mut self,
        mut arrival: Versioned<ArrivalRow>,
        mut file: Accepted,
        at: Timestamp,
    ) -> Result<(), Error> {
        if !matches!(arrival.row.stage, Stage::Decided { .. }) {
            let sha256 = Some(file.sha256.to_string());
            self.look.decide(&mut arrival, sha256, Decision::Accepted, at).await?;
            file.accepted = Moment::from(at);
        }
        let key = file.place().render()?;
        self.deps.lake.put_once(&key, file.to_json()?, &Attributes::default()).await?;
        let refused = file.refused.as_ref().map_or(0, |refused| refused.rows);
        let told = Told {
            verdict: FileVerdict::Accepted,
            file: Some(file.file.clone()),
            kind: Some(file.kind.clone()),
            records: file.records,
            refused,
            reason: None,
            archive: file.archive.clone(),
            at: file.accepted.instant(),
        };
        self.tell(&arrival.row, told).await?;
        self.put_away(&arrival, &Decision::Accepted, true).await?;
        self.looked.accepted += 1;
        self.looked.records += file.records;
        let last = self.look.head.last_file.max(Some(file.accepted.instant()));
        self.look.head.last_file = last;
        self.deps.metrics.count(Metric::FilesAccepted, 1);
        tracing::info!(
            tenant = %file.tenant, feed = %self.look.key.feed, file.id = %file.file,
            path = %file.name, kind = %file.kind, records = file.records, refused = refused,
            size_bytes = file.bytes, "accepted file `{}`", file.name
        );
        Ok(())
    }

    /// Decides that a file does not count.
    pub(super) async fn decide_refused(
        &self,
        arrival: &mut Versioned<ArrivalRow>,
        sha256: Option<String>,
        refusal: &Refusal,
    ) -> Result<(), Error> {
        let (code, message) = (refusal.code.to_string(), refusal.message.clone());
        let decision = Decision::Rejected { code, message };
        Ok(self.look.decide(arrival, sha256, decision, self.now).await?)
    }

    /// Ends a file that does not count.
    pub(super) async fn end_refused(
        &mut self,
        arrival: Versioned<ArrivalRow>,
    ) -> Result<(), Error> {
        let Stage::Decided { sha256, decision, at } = arrival.row.stage.clone() else {
            return Ok(());
        };
        let file = sha256.as_deref().map(|sha256| self.file_folder(&arrival.row, sha256).file);
        let mut told = Told {
            verdict: FileVerdict::Duplicate,
            file,
            kind: None,
            records: 0,
            refused: 0,
            reason: None,
            archive: None,
            at,
        };
        let archive = self.archive_key(&arrival.row)?;
        match &decision {
            Decision::Accepted => return Ok(()),
            Decision::Duplicate { of } => {
                let message = format!("its content was accepted before, as `{of}`");
                told.reason = Some(("DUPLICATE".to_owned(), message));
                self.looked.duplicates += 1;
                self.deps.metrics.count(Metric::FilesDuplicate, 1);
            }
            Decision::Rejected { code, message } => {
                let unclassified = code == files::Code::Unclassified.as_str();
                told.verdict =
                    if unclassified { FileVerdict::Unclassified } else { FileVerdict::Rejected };
                tracing::warn!(
                    tenant = %self.look.key.tenant, feed = %self.look.key.feed, %code,
                    "file `{}` does not count: {message}", arrival.row.path
                );
                told.reason = Some((code.clone(), message.clone()));
                told.archive = self.keep_failed(&arrival.row, &told, sha256.is_some()).await?;
                self.looked.rejected += 1;
                self.deps.metrics.count(Metric::FilesRejected, 1);
            }
        }
        self.tell(&arrival.row, told).await?;
        // The bytes are kept where they failed, or by the file that had them first.
        self.deps.lake.delete(&archive).await?;
        self.put_away(&arrival, &decision, sha256.is_some()).await
    }

    /// Keeps a refused file and the reason; gives where.
    async fn keep_failed(
        &self,
        row: &ArrivalRow,
        told: &Told,
        is_archived: bool,
    ) -> Result<Option<ObjectKey>, Error> {
        let mut folder = self.arrival_folder(row)?;
        if let Some(file) = &told.file {
            folder.file = file.clone();
        }
        let place = |name: &str| FailedKey { folder: folder.clone(), name: name.to_owned() };
        let (code, message) = told.reason.clone().unwrap_or_default();
        let reason = json!({
            "path": row.path, "size": row.size, "code": code, "message": message,
            "at": told.at.to_string(), "original": is_archived,
        });
        let reason = Bytes::from(serde_json::to_vec_pretty(&reason)?);
        let beside = Attributes::default();
        self.deps.lake.put(&place("reason.json").render()?, reason, &beside).await?;
        if !is_archived {
            return Ok(None);
        }
        let key = place(&row.path).render()?;
        match files::copy(self.deps.lake.as_ref(), &self.archive_key(row)?, &key).await {
            // A repeat: it was copied and removed already.
            Err(ObjectError::NotFound { .. }) => {
                self.deps.lake.head(&key).await?;
            }
            other => other?,
        }
        Ok(Some(key))
    }

    /// Tells what was decided.
    async fn tell(&self, row: &ArrivalRow, told: Told) -> Result<(), Error> {
        let (code, message) = told.reason.unzip();
        let fact = FileFact {
            tenant: self.look.key.tenant.clone(),
            feed: self.look.key.feed.clone(),
            seen: Seen { path: row.path.clone(), size: row.size, modified: row.modified },
            verdict: told.verdict,
            file: told.file,
            kind: told.kind,
            records: told.records,
            refused: told.refused,
            code,
            message,
            archive: told.archive,
            at: told.at,
        };
        let key = fact.place().render()?;
        self.deps.lake.put(&key, fact.to_json()?, &Attributes::default()).await?;
        Ok(())
    }
}
