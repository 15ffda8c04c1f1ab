//! Where records stand that are tried once more.

use model::{ObjectKey, PushId, TenantId};

use super::name::{Day, FileDigest};
use crate::key::{KeyFault, canonical};

/// The file of those records of another one that failed at a push, and are tried once more there.
/// Nothing but this push looks for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgainKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Day on which the first file was accepted.
    pub day: Day,
    /// Push.
    pub push: PushId,
    /// The file whose records failed.
    pub failed: FileDigest,
}

const AGAIN: &str = "inbox/again/";

impl AgainKey {
    /// The folder of all of a tenant's second tries.
    pub fn all(tenant: &TenantId) -> String {
        format!("{AGAIN}tenant={tenant}/")
    }

    /// The folder of a tenant's day.
    pub fn prefix(tenant: &TenantId, day: Day) -> String {
        format!("{}date={day}/", Self::all(tenant))
    }

    /// What the file is called that stands there: the same however often it is made.
    pub fn file(&self) -> FileDigest {
        let Self { tenant, push, failed, .. } = self;
        FileDigest::of(&["again", tenant.as_str(), push.as_str(), failed.as_str()])
    }

    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { tenant, day, push, failed } = self;
        let folder = Self::prefix(tenant, *day);
        Ok(ObjectKey::try_from(format!("{folder}{push}/{failed}.json"))?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (tenant, rest) = key.as_str().strip_prefix(AGAIN)?.split_once('/')?;
            let (day, rest) = rest.split_once('/')?;
            let (push, name) = rest.split_once('/')?;
            Some(Self {
                tenant: tenant.strip_prefix("tenant=")?.parse().ok()?,
                day: day.strip_prefix("date=")?.parse().ok()?,
                push: push.parse().ok()?,
                failed: name.strip_suffix(".json")?.parse().ok()?,
            })
        };
        canonical(parse(), Self::render, key, "the key of records that are tried once more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_second_tries_are_pinned_and_read_back() {
        let key = AgainKey {
            tenant: "heron".parse().unwrap(),
            day: "2026-01-02".parse().unwrap(),
            push: "crm".parse().unwrap(),
            failed: FileDigest::of(&["heron", "feed=loyalty", "abc"]),
        };
        let rendered = key.render().unwrap();
        assert_eq!(
            rendered.as_str(),
            "inbox/again/tenant=heron/date=2026-01-02/crm/ffa697c57c82b83e8c94bf095b49510e.json"
        );
        assert_eq!(AgainKey::parse(&rendered).unwrap(), key);
        assert_ne!(key.file(), key.failed);
    }
}
