//! Where a person's records are: everything is read, nothing is changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use files::{Feed, Keys};
use lake::delivery::{
    Accepted, AgainKey, ArchiveKey, Day, FactKey, FailedKey, FileDigest, FileFact, Kept, Origin,
    PartKey,
};
use model::config::{DropPlace, TenantFile};
use model::{FeedId, ObjectKey, PushId};
use ports::{ObjectError, ObjectStore};
use store::files::FeedKey;
use store::push::PushKey;

use super::original::{LEFT, Looked, Original};
use super::subject::sift;
use super::{Error, Work};
use crate::files::rules;

/// Why a file is not touched.
const ON_ITS_WAY: &str =
    "its records are on their way to an API: erase once more when it has ended";
const ARRIVING: &str = "it is being taken in: erase once more when that is decided";

/// Keys that are listed together.
const PAGE: usize = 1_000;

/// How the files of a feed are read.
pub(super) struct Rules {
    pub(super) feed: Arc<Feed>,
    pub(super) keys: Keys,
    /// Where its files arrive, where that is in the lake.
    place: Option<String>,
}

/// An accepted file that holds something of the person.
pub(super) struct File {
    pub(super) key: ObjectKey,
    /// Those of its parts that do.
    pub(super) parts: Vec<ObjectKey>,
}

/// What is theirs.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rules: BTreeMap<FeedId, Rules>,
    pub(super) origins: Vec<Origin>,
    pub(super) pushes: Vec<PushId>,
    /// Lines of files.
    pub(super) lines: BTreeMap<FileDigest, BTreeSet<u64>>,
    /// Days on which these were accepted, or the day before.
    pub(super) days: BTreeSet<Day>,
    pub(super) files: Vec<File>,
    /// Of archived files, which accepted ones they are.
    pub(super) archived: BTreeMap<ObjectKey, ObjectKey>,
    /// Parts that no accepted file names.
    pub(super) strays: Vec<ObjectKey>,
    /// Files as they came.
    pub(super) originals: Vec<Original>,
    /// What was decided of files whose bytes go.
    pub(super) facts: Vec<(ObjectKey, FileFact)>,
    /// Arrivals that are not decided.
    arriving: BTreeSet<String>,
    /// Files and groups that are open at a push.
    pub(super) open: BTreeSet<FileDigest>,
    pub(super) groups: BTreeSet<String>,
}

impl Found {
    /// How many records are theirs.
    pub(super) fn records(&self) -> u64 {
        self.lines.values().map(|lines| lines.len() as u64).sum()
    }

    fn add(&mut self, file: &FileDigest, lines: impl IntoIterator<Item = u64>, day: Day) {
        self.lines.entry(file.clone()).or_default().extend(lines);
        self.days.extend([day.before(), day, day.after()]);
    }
}

impl Work<'_> {
    /// Looks for all that is theirs.
    pub(super) async fn search(&mut self) -> Result<Found, Error> {
        let tenant = self.deps.configuration.tenant(&self.question.tenant).await?;
        let mut found =
            Found { pushes: tenant.pushes.keys().cloned().collect(), ..Found::default() };
        self.read_rules(&tenant, &mut found).await?;
        self.on_the_way(&mut found).await?;
        self.search_records(&mut found).await?;
        self.search_originals(&mut found).await?;
        self.decisions(&mut found).await?;
        Ok(found)
    }

    /// How its files are read, and where its records come from.
    async fn read_rules(&self, tenant: &TenantFile, found: &mut Found) -> Result<(), Error> {
        let (configuration, secrets) = (&self.deps.configuration, self.deps.secrets.as_ref());
        for (id, used) in &tenant.feeds {
            let (feed, keys) = rules(configuration, secrets, (tenant, used)).await?;
            let place = match &used.from {
                DropPlace::S3 { prefix } => Some(format!("{}/", prefix.trim_end_matches('/'))),
                DropPlace::Sftp(_) => None,
            };
            found.rules.insert(id.clone(), Rules { feed, keys, place });
            found.origins.push(Origin::Feed(id.clone()));
        }
        let models = tenant.pushes.values().flat_map(|push| &push.from);
        let models: BTreeSet<_> = models.filter_map(|source| source.model.clone()).collect();
        found.origins.extend(models.into_iter().map(Origin::Model));
        Ok(())
    }

    /// What is open at feeds and pushes.
    async fn on_the_way(&self, found: &mut Found) -> Result<(), Error> {
        for feed in found.rules.keys() {
            let key = FeedKey { tenant: self.question.tenant.clone(), feed: feed.clone() };
            let arrivals = self.deps.store.arrivals(&key).await?;
            found.arriving.extend(arrivals.into_iter().map(|arrival| arrival.row.arrival));
        }
        for push in &found.pushes {
            let key = PushKey { tenant: self.question.tenant.clone(), push: push.clone() };
            for (group, _) in self.deps.store.groups(&key).await? {
                for file in group.files {
                    found.open.insert(file.file.parse()?);
                }
                found.groups.insert(group.id);
            }
        }
        Ok(())
    }

    /// Looks through the records of accepted files, and those that nothing names.
    async fn search_records(&mut self, found: &mut Found) -> Result<(), Error> {
        let tenant = &self.question.tenant;
        let mut prefixes = vec![AgainKey::all(tenant)];
        prefixes.extend(found.origins.iter().map(|origin| Kept::Files.prefix(origin, tenant)));
        let mut named = BTreeSet::new();
        for prefix in prefixes {
            let mut pages = Pages::of(prefix);
            while let Some(key) = pages.next(self.deps.lake.as_ref()).await? {
                self.search_file(found, key, &mut named).await?;
            }
        }
        for origin in found.origins.clone() {
            let mut pages = Pages::of(Kept::Parts.prefix(&origin, &self.question.tenant));
            while let Some(key) = pages.next(self.deps.lake.as_ref()).await? {
                let is_records = PartKey::parse(&key).is_ok_and(|key| key.part.is_some());
                if is_records && !named.contains(&key) && !self.sifted(&key).await?.is_empty() {
                    found.strays.push(key);
                }
            }
        }
        Ok(())
    }

    /// Looks through the records of an accepted file, and notes its parts.
    async fn search_file(
        &mut self,
        found: &mut Found,
        key: ObjectKey,
        named: &mut BTreeSet<ObjectKey>,
    ) -> Result<(), Error> {
        let Some(body) = self.get(&key).await? else { return Ok(()) };
        let stored = |source| Error::Stored { key: key.clone(), source };
        let accepted = Accepted::from_json(&body).map_err(stored)?;
        if let Some(archive) = accepted.archive {
            found.archived.insert(archive, key.clone());
        }
        let mut parts = Vec::new();
        for part in &accepted.parts {
            named.insert(part.key.clone());
            let lines = self.sifted(&part.key).await?;
            if !lines.is_empty() {
                found.add(&accepted.file, lines, accepted.accepted.day());
                parts.push(part.key.clone());
            }
        }
        match (parts.is_empty(), found.open.contains(&accepted.file)) {
            (false, true) => self.leave(&key, ON_ITS_WAY),
            (false, false) => found.files.push(File { key, parts }),
            (true, _) => {}
        }
        Ok(())
    }

    async fn sifted(&mut self, key: &ObjectKey) -> Result<Vec<u64>, Error> {
        let Some(body) = self.get(key).await? else { return Ok(Vec::new()) };
        self.proof.searched += 1;
        Ok(sift(&self.question.person, key, body)?.lines)
    }

    /// Looks through files as they came.
    async fn search_originals(&mut self, found: &mut Found) -> Result<(), Error> {
        for id in found.rules.keys().cloned().collect::<Vec<_>>() {
            let (tenant, origin) = (self.question.tenant.clone(), Origin::Feed(id.clone()));
            let mut pages = Pages::of(Kept::Archive.prefix(&origin, &tenant));
            while let Some(key) = pages.next(self.deps.lake.as_ref()).await? {
                self.search_archived(found, &id, key).await?;
            }
            let mut pages = Pages::of(Kept::Failed.prefix(&origin, &tenant));
            while let Some(key) = pages.next(self.deps.lake.as_ref()).await? {
                let Ok(failed) = FailedKey::parse(&key) else { continue };
                let is_ours = failed.name == "reason.json" || failed.name.ends_with(".errors.csv");
                if !is_ours {
                    let original = Original::of_no_use(&id, key, failed.name);
                    self.search_original(found, original, None).await?;
                }
            }
            let place = found.rules.get(&id).and_then(|rules| rules.place.clone());
            let Some(place) = place else { continue };
            let mut pages = Pages::of(place.clone());
            while let Some(key) = pages.next(self.deps.lake.as_ref()).await? {
                let path = key.as_str().strip_prefix(&place).unwrap_or_default();
                // What lies there itself waits to be taken in.
                let Some((_, name)) = path.rsplit_once('/') else { continue };
                let original = Original::of_no_use(&id, key.clone(), name.to_owned());
                self.search_original(found, original, None).await?;
            }
        }
        Ok(())
    }

    /// Looks through what an archive holds of a file: the file, or a part of what is left of it.
    async fn search_archived(
        &mut self,
        found: &mut Found,
        feed: &FeedId,
        key: ObjectKey,
    ) -> Result<(), Error> {
        let Ok(ArchiveKey { folder, name }) = ArchiveKey::parse(&key) else { return Ok(()) };
        if name.ends_with(LEFT) {
            if !self.sifted(&key).await?.is_empty() {
                found.strays.push(key);
            }
            return Ok(());
        }
        if found.arriving.contains(folder.file.as_str()) {
            self.leave(&key, ARRIVING);
            return Ok(());
        }
        self.search_original(found, Original::new(feed, key, name), Some(folder.day)).await
    }

    /// Looks through a file as it came.
    async fn search_original(
        &mut self,
        found: &mut Found,
        original: Original,
        day: Option<Day>,
    ) -> Result<(), Error> {
        let Some(rules) = found.rules.get(&original.feed) else { return Ok(()) };
        self.proof.searched += 1;
        let looked = original.look(self.deps.lake.as_ref(), rules, &self.question.person).await?;
        match looked {
            Looked::Nothing => {}
            Looked::Unclear(reason) => self.leave(&original.key, &reason),
            Looked::Theirs { sha256, lines } => {
                let origin = Origin::Feed(original.feed.clone()).to_string();
                let tenant = self.question.tenant.as_str();
                let file = FileDigest::of(&[tenant, &origin, &sha256]);
                if found.open.contains(&file) {
                    self.leave(&original.key, ON_ITS_WAY);
                    return Ok(());
                }
                if let Some(day) = day {
                    found.add(&file, lines, day);
                }
                found.originals.push(original);
            }
        }
        Ok(())
    }

    /// Finds what was decided of the files whose bytes go.
    async fn decisions(&self, found: &mut Found) -> Result<(), Error> {
        if found.originals.is_empty() {
            return Ok(());
        }
        let gone: BTreeSet<_> = found.originals.iter().map(|original| &original.key).collect();
        let mut facts = Vec::new();
        let mut pages = Pages::of(FactKey::all(&self.question.tenant));
        while let Some(key) = pages.next(self.deps.lake.as_ref()).await? {
            let Some(body) = self.get(&key).await? else { continue };
            let stored = |source| Error::Stored { key: key.clone(), source };
            let fact = FileFact::from_json(&body).map_err(stored)?;
            if fact.archive.as_ref().is_some_and(|archive| gone.contains(archive)) {
                facts.push((key, fact));
            }
        }
        found.facts = facts;
        Ok(())
    }

    /// An object; none when it is no more.
    pub(super) async fn get(&self, key: &ObjectKey) -> Result<Option<bytes::Bytes>, Error> {
        match self.deps.lake.get(key).await {
            Ok(object) => Ok(Some(object.body)),
            Err(ObjectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The keys under a prefix, in order; as many at a time as one listing gives.
pub(super) struct Pages {
    prefix: String,
    after: Option<ObjectKey>,
    listed: VecDeque<ObjectKey>,
    is_last: bool,
}

impl Pages {
    pub(super) fn of(prefix: String) -> Self {
        Self { prefix, after: None, listed: VecDeque::new(), is_last: false }
    }

    /// The next one; none at the end.
    pub(super) async fn next(
        &mut self,
        lake: &dyn ObjectStore,
    ) -> Result<Option<ObjectKey>, ObjectError> {
        while self.listed.is_empty() && !self.is_last {
            let page = lake.list(&self.prefix, self.after.as_ref(), PAGE).await?;
            self.listed.extend(page.objects.into_iter().map(|meta| meta.key));
            self.is_last = page.next.is_none();
            self.after = page.next;
        }
        Ok(self.listed.pop_front())
    }

    /// Some of them; none at the end.
    pub(super) async fn some(
        &mut self,
        lake: &dyn ObjectStore,
    ) -> Result<Vec<ObjectKey>, ObjectError> {
        let mut keys: Vec<_> = self.next(lake).await?.into_iter().collect();
        keys.extend(self.listed.drain(..));
        Ok(keys)
    }
}
