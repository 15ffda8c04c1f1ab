//! The facts that a report is a fold of, one by one.

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::delivery::{
    Accepted, AgainKey, BatchKey, BatchOutcome, Day, DoneKey, FactKey, FileDigest, FileFact,
    FileKey, FileOutcome, Origin, Stage,
};
use model::{ObjectKey, PushId, TenantId};

use super::{Deps, Error, SIDE_BY_SIDE, span};

/// All days from one to another.
pub fn days(from: Day, to: Day) -> Result<Vec<Day>, Error> {
    span::days(from, to).ok_or(Error::Days)
}

impl Deps {
    /// Whom a question is about: one tenant, or all that there are.
    pub async fn tenants(&self, tenant: Option<&TenantId>) -> Result<Vec<TenantId>, Error> {
        match tenant {
            Some(tenant) => Ok(vec![tenant.clone()]),
            None => Ok(self.configuration.tenants().await?),
        }
    }

    /// What was decided of files on a day, each decision with its object.
    pub async fn decisions(
        &self,
        tenant: &TenantId,
        day: Day,
    ) -> Result<Vec<(ObjectKey, FileFact)>, Error> {
        self.all(&FactKey::prefix(tenant, day), FileFact::from_json).await
    }

    /// The files of a day that have ended at a push, each end with its object.
    pub async fn ends(
        &self,
        tenant: &TenantId,
        day: Day,
    ) -> Result<Vec<(ObjectKey, FileOutcome)>, Error> {
        self.all(&DoneKey::prefix(tenant, day), FileOutcome::from_json).await
    }

    /// The file of the records that are tried once more, where something is of an ended file.
    pub async fn tried_again(&self, ended: &FileOutcome) -> Result<Option<Accepted>, Error> {
        let key = AgainKey {
            tenant: ended.tenant.clone(),
            day: ended.accepted.day(),
            push: ended.push.clone(),
            failed: ended.file.clone(),
        };
        self.read(&key.render()?, Accepted::from_json).await
    }

    /// The files that were accepted on a day, those of second tries included.
    pub async fn accepted(&self, tenant: &TenantId, day: Day) -> Result<Vec<Accepted>, Error> {
        let mut prefixes = vec![AgainKey::prefix(tenant, day)];
        for origin in super::routes(&*self.configuration.tenant(tenant).await?).keys() {
            prefixes.push(FileKey::prefix(origin, tenant, day));
        }
        let mut found = Vec::new();
        for prefix in prefixes {
            let files = self.all(&prefix, Accepted::from_json).await?;
            found.extend(files.into_iter().map(|(_, file)| file));
        }
        Ok(found)
    }

    /// An accepted file.
    pub async fn accepted_file(
        &self,
        (tenant, origin): (&TenantId, &Origin),
        (day, file): (Day, &FileDigest),
    ) -> Result<Option<Accepted>, Error> {
        for key in self.keys(&FileKey::prefix(origin, tenant, day)).await? {
            if FileKey::parse(&key).is_ok_and(|key| key.file == *file) {
                return self.read(&key, Accepted::from_json).await;
            }
        }
        Ok(None)
    }

    /// Hands what came of the batches of a day to a function, in the order of their keys; only of
    /// one push, where one is asked for.
    pub async fn batches_of(
        &self,
        (tenant, day): (&TenantId, Day),
        push: Option<&PushId>,
        mut take: impl FnMut(&ObjectKey, BatchOutcome) + Send,
    ) -> Result<(), Error> {
        let mut prefix = Stage::Batches.prefix(tenant, day);
        if let Some(push) = push {
            prefix = format!("{prefix}{push}/");
        }
        let keys = self.keys(&prefix).await?;
        let keys = keys.into_iter().filter(|key| BatchKey::parse(key).is_ok());
        let read = keys.map(|key| async move {
            let outcome = self.read(&key, BatchOutcome::from_json).await?;
            Ok::<_, Error>((key, outcome))
        });
        let mut outcomes = stream::iter(read).buffered(SIDE_BY_SIDE);
        while let Some((key, outcome)) = outcomes.try_next().await? {
            if let Some(outcome) = outcome {
                take(&key, outcome);
            }
        }
        Ok(())
    }

    async fn all<T>(
        &self,
        prefix: &str,
        parse: fn(&[u8]) -> Result<T, lake::CommitError>,
    ) -> Result<Vec<(ObjectKey, T)>, Error> {
        let mut found = Vec::new();
        for key in self.keys(prefix).await? {
            if let Some(fact) = self.read(&key, parse).await? {
                found.push((key, fact));
            }
        }
        Ok(found)
    }
}
