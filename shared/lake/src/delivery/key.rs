//! Where delivered files, their records and the outcomes of pushes stand.

use std::fmt;

use model::{FeedId, ObjectKey, PushId, TenantId, encode_segment};
use percent_encoding::percent_decode_str;

use super::name::{BatchDigest, Day, FileDigest, GroupDigest, Moment, Origin};
use crate::key::{KeyFault, canonical};

/// The folder of one delivered file, below each root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folder {
    /// Where its records come from.
    pub origin: Origin,
    /// Tenant.
    pub tenant: TenantId,
    /// Day of acceptance.
    pub day: Day,
    /// The file.
    pub file: FileDigest,
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, tenant, day, file } = self;
        write!(f, "{origin}/tenant={tenant}/date={day}/{file}")
    }
}

impl Folder {
    /// Takes `<origin>/tenant=<t>/date=<d>/<file>/<rest>` apart.
    fn split(text: &str) -> Option<(Self, &str)> {
        let (origin, rest) = text.split_once('/')?;
        let (tenant, rest) = rest.split_once('/')?;
        let (day, rest) = rest.split_once('/')?;
        let (file, rest) = rest.split_once('/')?;
        let folder = Self {
            origin: origin.parse().ok()?,
            tenant: tenant.strip_prefix("tenant=")?.parse().ok()?,
            day: day.strip_prefix("date=")?.parse().ok()?,
            file: file.parse().ok()?,
        };
        Some((folder, rest))
    }
}

/// What is kept of delivered files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// Files as they came.
    Archive,
    /// What of them needs to be looked at.
    Failed,
    /// Their records.
    Parts,
    /// What lets them count.
    Files,
}

impl Kept {
    /// The folder of all that is kept of a tenant's files from one origin.
    pub fn prefix(self, origin: &Origin, tenant: &TenantId) -> String {
        let root = match self {
            Self::Archive => "archive/",
            Self::Failed => "failed/",
            Self::Parts => PARTS,
            Self::Files => FILES,
        };
        format!("{root}{origin}/tenant={tenant}/")
    }
}

macro_rules! kept_file {
    ($(#[$doc:meta])* $name:ident, $root:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The file.
            pub folder: Folder,
            /// Its name, any text.
            pub name: String,
        }

        impl $name {
            /// The key as stores take it.
            pub fn render(&self) -> Result<ObjectKey, KeyFault> {
                let name = encode_segment(&self.name);
                Ok(ObjectKey::try_from(format!(concat!($root, "{}/{}"), self.folder, name))?)
            }

            /// Reads a key back.
            pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
                let parse = || {
                    let (folder, name) = Folder::split(key.as_str().strip_prefix($root)?)?;
                    let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
                    Some(Self { folder, name })
                };
                canonical(parse(), Self::render, key, $what)
            }
        }
    };
}

kept_file!(
    /// A file as it came.
    ArchiveKey, "archive/", "the key of an archived file"
);
kept_file!(
    /// What of a file needs to be looked at: the file itself, `reason.json`, `<name>.errors.csv`.
    FailedKey, "failed/", "the key of a failed file"
);

/// Some records of a file, or the rows of it that are no records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartKey {
    /// The file.
    pub folder: Folder,
    /// Number of the part, from 0; none for what was refused.
    pub part: Option<u32>,
}

const PARTS: &str = "inbox/parts/";
const REFUSED: &str = "refused.ndjson";

impl PartKey {
    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let name = match self.part {
            Some(part) => format!("p{part:05}.ndjson.zst"),
            None => REFUSED.to_owned(),
        };
        Ok(ObjectKey::try_from(format!("{PARTS}{}/{name}", self.folder))?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (folder, name) = Folder::split(key.as_str().strip_prefix(PARTS)?)?;
            if name == REFUSED {
                return Some(Self { folder, part: None });
            }
            let number = name.strip_prefix('p')?.strip_suffix(".ndjson.zst")?;
            Some(Self { folder, part: Some(number.parse().ok()?) })
        };
        canonical(parse(), Self::render, key, "the key of a part of a file")
    }
}

/// The object that makes a file's records count. Keys of an origin sort by acceptance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    /// Where its records come from.
    pub origin: Origin,
    /// Tenant.
    pub tenant: TenantId,
    /// When it was accepted: each file of a feed at an instant of its own, in order.
    pub accepted: Moment,
    /// Place of its kind among the feed's: kinds that others wait for come first.
    pub rank: u8,
    /// What it holds: `user`, `transaction`, or the model's name.
    pub kind: String,
    /// The file.
    pub file: FileDigest,
}

const FILES: &str = "inbox/files/";

impl FileKey {
    /// The folder of a day's accepted files.
    pub fn prefix(origin: &Origin, tenant: &TenantId, day: Day) -> String {
        format!("{FILES}{origin}/tenant={tenant}/date={day}/")
    }

    /// The folder of the file's parts.
    pub fn folder(&self) -> Folder {
        let Self { origin, tenant, accepted, file, .. } = self.clone();
        Folder { origin, tenant, day: accepted.day(), file }
    }

    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { origin, tenant, accepted, rank, kind, file } = self;
        let folder = Self::prefix(origin, tenant, accepted.day());
        let kind = encode_segment(kind);
        Ok(ObjectKey::try_from(format!("{folder}{accepted}.{rank:02}.{kind}.{file}.json"))?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (origin, rest) = key.as_str().strip_prefix(FILES)?.split_once('/')?;
            let (tenant, rest) = rest.split_once('/')?;
            let (_, name) = rest.split_once('/')?;
            let (accepted, rest) = name.split_once('.')?;
            let (rank, rest) = rest.split_once('.')?;
            let (kind, file) = rest.strip_suffix(".json")?.rsplit_once('.')?;
            Some(Self {
                origin: origin.parse().ok()?,
                tenant: tenant.strip_prefix("tenant=")?.parse().ok()?,
                accepted: accepted.parse().ok()?,
                rank: rank.parse().ok()?,
                kind: percent_decode_str(kind).decode_utf8().ok()?.into_owned(),
                file: file.parse().ok()?,
            })
        };
        canonical(parse(), Self::render, key, "the key of an accepted file")
    }
}

/// What was decided of something that was seen at a drop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Day of the decision.
    pub day: Day,
    /// Feed.
    pub feed: FeedId,
    /// Digest of what was seen: its place, its size, its time.
    pub seen: FileDigest,
}

const FACTS: &str = "outcomes/files/";

impl FactKey {
    /// The folder of all of a tenant's decisions.
    pub fn all(tenant: &TenantId) -> String {
        format!("{FACTS}tenant={tenant}/")
    }

    /// The folder of a tenant's decisions of a day.
    pub fn prefix(tenant: &TenantId, day: Day) -> String {
        format!("{}date={day}/", Self::all(tenant))
    }

    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { tenant, day, feed, seen } = self;
        let folder = Self::prefix(tenant, *day);
        Ok(ObjectKey::try_from(format!("{folder}{feed}/{seen}.json"))?)
    }
}

/// What is told of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What is about to be sent.
    Intents,
    /// What came of it.
    Batches,
}

/// What was sent in one round of a batch, or what came of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchKey {
    /// Which of both.
    pub stage: Stage,
    /// Tenant.
    pub tenant: TenantId,
    /// Day on which the group's files were accepted.
    pub day: Day,
    /// Push.
    pub push: PushId,
    /// Files that were planned together.
    pub group: GroupDigest,
    /// Batch.
    pub batch: BatchDigest,
    /// Round: each known answer begins a new one.
    pub round: u32,
}

impl Stage {
    fn root(self) -> &'static str {
        match self {
            Self::Intents => "outcomes/intents/",
            Self::Batches => "outcomes/batches/",
        }
    }

    /// The folder of a tenant's day.
    pub fn prefix(self, tenant: &TenantId, day: Day) -> String {
        format!("{}tenant={tenant}/date={day}/", self.root())
    }
}

impl BatchKey {
    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { stage, tenant, day, push, group, batch, round } = self;
        let folder = stage.prefix(tenant, *day);
        let key = format!("{folder}{push}/{group}/{batch}.r{round:04}.json");
        Ok(ObjectKey::try_from(key)?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let roots = [Stage::Intents, Stage::Batches];
            let found = |stage: Stage| Some((stage, key.as_str().strip_prefix(stage.root())?));
            let (stage, rest) = roots.into_iter().find_map(found)?;
            let (tenant, rest) = rest.split_once('/')?;
            let (day, rest) = rest.split_once('/')?;
            let (push, rest) = rest.split_once('/')?;
            let (group, name) = rest.split_once('/')?;
            let (batch, round) = name.strip_suffix(".json")?.split_once(".r")?;
            Some(Self {
                stage,
                tenant: tenant.strip_prefix("tenant=")?.parse().ok()?,
                day: day.strip_prefix("date=")?.parse().ok()?,
                push: push.parse().ok()?,
                group: group.parse().ok()?,
                batch: batch.parse().ok()?,
                round: round.parse().ok()?,
            })
        };
        canonical(parse(), Self::render, key, "the key of a batch's intent or outcome")
    }
}

/// What became of a whole file at one push.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DoneKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Day of acceptance.
    pub day: Day,
    /// Push.
    pub push: PushId,
    /// The file.
    pub file: FileDigest,
}

impl DoneKey {
    /// The folder of a tenant's day.
    pub fn prefix(tenant: &TenantId, day: Day) -> String {
        format!("outcomes/done/tenant={tenant}/date={day}/")
    }

    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { tenant, day, push, file } = self;
        let folder = Self::prefix(tenant, *day);
        Ok(ObjectKey::try_from(format!("{folder}{push}/{file}.json"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> Folder {
        Folder {
            origin: Origin::Feed("loyalty".parse().unwrap()),
            tenant: "heron".parse().unwrap(),
            day: "2026-01-02".parse().unwrap(),
            file: FileDigest::of(&["heron", "feed=loyalty", "abc"]),
        }
    }

    fn read_back<K: PartialEq + fmt::Debug>(
        key: &K,
        render: fn(&K) -> Result<ObjectKey, KeyFault>,
        parse: fn(&ObjectKey) -> Result<K, KeyFault>,
    ) -> String {
        let rendered = render(key).unwrap();
        assert_eq!(&parse(&rendered).unwrap(), key);
        rendered.to_string()
    }

    #[test]
    fn keys_of_files_are_pinned_and_read_back() {
        let name = "../a b/USER.csv".to_owned();
        let archived = ArchiveKey { folder: folder(), name };
        assert_eq!(
            read_back(&archived, ArchiveKey::render, ArchiveKey::parse),
            "archive/feed=loyalty/tenant=heron/date=2026-01-02/ffa697c57c82b83e8c94bf095b49510e/%2E.%2Fa%20b%2FUSER.csv"
        );
        let failed = FailedKey { folder: folder(), name: "reason.json".to_owned() };
        let key = read_back(&failed, FailedKey::render, FailedKey::parse);
        assert!(key.starts_with("failed/feed=loyalty/") && key.ends_with("/reason.json"));
        for part in [None, Some(0), Some(70_000)] {
            read_back(&PartKey { folder: folder(), part }, PartKey::render, PartKey::parse);
        }
        let accepted = FileKey {
            origin: Origin::Model("customer".parse().unwrap()),
            tenant: "heron".parse().unwrap(),
            accepted: "20260102T030405678Z".parse().unwrap(),
            rank: 1,
            kind: "customer.x".to_owned(),
            file: folder().file,
        };
        assert_eq!(
            read_back(&accepted, FileKey::render, FileKey::parse),
            "inbox/files/model=customer/tenant=heron/date=2026-01-02/20260102T030405678Z.01.customer.x.ffa697c57c82b83e8c94bf095b49510e.json"
        );
    }

    #[test]
    fn what_is_kept_of_an_origin_stands_in_its_folders() {
        let Folder { origin, tenant, .. } = folder();
        let of = |kept: Kept| kept.prefix(&origin, &tenant);
        let name = "a.csv".to_owned();
        let archived = ArchiveKey { folder: folder(), name: name.clone() }.render().unwrap();
        let failed = FailedKey { folder: folder(), name }.render().unwrap();
        let part = PartKey { folder: folder(), part: None }.render().unwrap();
        let day = FileKey::prefix(&origin, &tenant, folder().day);
        assert!(archived.as_str().starts_with(&of(Kept::Archive)));
        assert!(failed.as_str().starts_with(&of(Kept::Failed)));
        assert!(part.as_str().starts_with(&of(Kept::Parts)));
        assert!(day.starts_with(&of(Kept::Files)));
    }

    #[test]
    fn keys_of_batches_are_pinned_and_read_back() {
        let key = BatchKey {
            stage: Stage::Intents,
            tenant: "heron".parse().unwrap(),
            day: "2026-01-02".parse().unwrap(),
            push: "crm".parse().unwrap(),
            group: GroupDigest::of(&["g"]),
            batch: BatchDigest::of(&["b"]),
            round: 3,
        };
        let rendered = read_back(&key, BatchKey::render, BatchKey::parse);
        assert!(rendered.starts_with("outcomes/intents/tenant=heron/date=2026-01-02/crm/"));
        assert!(rendered.ends_with(".r0003.json"));
        let outcome = BatchKey { stage: Stage::Batches, ..key };
        read_back(&outcome, BatchKey::render, BatchKey::parse);
    }
}
