//! What becomes of the source: the last step, made only with the file that was meant.

use files::After;
use ports::DropError;
use store::files::{ArrivalRow, Decision, SightRow, Versioned};

use super::Error;
use super::scan::Scan;

/// Where the source is after that.
enum Now {
    Gone,
    There,
}

impl Scan<'_> {
    /// Moves or removes the source, and its marker, and ends the arrival. A file that was never
    /// fetched is not removed.
    pub(super) async fn put_away(
        &mut self,
        arrival: &Versioned<ArrivalRow>,
        decision: &Decision,
        is_archived: bool,
    ) -> Result<(), Error> {
        let row = &arrival.row;
        let accepted = row.accepted_before || *decision == Decision::Accepted;
        let now = match &self.open.feed.after {
            After::Leave => Now::There,
            After::Delete if !is_archived => Now::There,
            after => match self.leave(row, after, decision).await {
                Ok(now) => now,
                // A server that lets nobody write: the ledger alone knows.
                Err(Error::Drop { source: DropError::Refused { what, reason }, .. }) => {
                    tracing::warn!(
                        tenant = %self.look.key.tenant, feed = %self.look.key.feed,
                        path = %row.path, %what, %reason, "a file stays where it is"
                    );
                    Now::There
                }
                Err(error) => return Err(error),
            },
        };
        let left = match now {
            Now::Gone => self.left(row, accepted),
            Now::There => Some(self.settled(row, accepted)),
        };
        Ok(self.look.end(arrival, left.as_ref()).await?)
    }

    /// What is left to know of a path whose file is gone.
    pub(super) fn left(&self, row: &ArrivalRow, accepted: bool) -> Option<SightRow> {
        let gone = SightRow { looks: 0, settled: false, ..self.settled(row, accepted) };
        accepted.then_some(gone)
    }

    fn settled(&self, row: &ArrivalRow, accepted: bool) -> SightRow {
        SightRow {
            path: row.path.clone(),
            size: row.size,
            modified: row.modified,
            since: self.now,
            looks: 1,
            arrival: None,
            settled: true,
            accepted_before: accepted,
            told: false,
        }
    }

    async fn leave(
        &self,
        row: &ArrivalRow,
        after: &After,
        decision: &Decision,
    ) -> Result<Now, Error> {
        // Another file of this name may have come meanwhile: that one is seen at the next look.
        if !self.has_changed(row).await? {
            self.leave_one(&row.path, row, after, decision).await?;
        }
        if let Some(marker) = &row.marker {
            self.leave_one(marker, row, after, decision).await?;
        }
        Ok(Now::Gone)
    }

    async fn leave_one(
        &self,
        path: &str,
        row: &ArrivalRow,
        after: &After,
        decision: &Decision,
    ) -> Result<(), Error> {
        let folder = match (after, decision) {
            (After::Move(folder), Decision::Accepted) => folder.as_str(),
            (After::Move(_), Decision::Rejected { .. }) => "failed",
            (After::Move(_), Decision::Duplicate { .. }) => "duplicate",
            (After::Delete | After::Leave, _) => {
                let removed = self.open.place.remove(path).await;
                return removed.map_err(|source| self.failed(source));
            }
        };
        let short = row.arrival.get(..8).unwrap_or_default();
        let targets = [format!("{folder}/{path}"), format!("{folder}/{short}-{path}")];
        for target in targets {
            match self.open.place.rename(path, &target).await {
                // Moved by an earlier attempt.
                Ok(()) | Err(DropError::NotFound { .. }) => return Ok(()),
                Err(DropError::Exists { .. }) => {}
                Err(source) => return Err(self.failed(source)),
            }
        }
        // Both are taken by what an earlier attempt copied there.
        let removed = self.open.place.remove(path).await;
        removed.map_err(|source| self.failed(source))
    }
}
