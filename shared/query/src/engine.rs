//! The engine: tables kept in step with the lake, statements run over them.

mod models;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::curated::CuratedError;
use lake::{
    Commit, CommitError, CommitKey, KeyFault, LandingKey, Limits, Line, LineError, LineReader,
    ModelTable, ReadError, Sha256Hex, StreamTable,
};
use model::{ModelName, ObjectKey};
use ports::{Object, ObjectError, ObjectStore, QueryEngine, QueryError, Rows};
use rusqlite::Connection;

use crate::cache::{self, Landing};
use crate::statement::{self, Known};

/// Objects fetched side by side.
const FETCHES: usize = 8;

/// A cache that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the query cache cannot be opened")]
pub struct OpenError(#[from] rusqlite::Error);

/// Why the tables could not be brought in step with the lake.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Store(#[from] ObjectError),
    #[error(transparent)]
    Key(#[from] KeyFault),
    #[error("the cache refuses")]
    Cache(#[from] rusqlite::Error),
    #[error("`{key}`: {source}")]
    Commit { key: ObjectKey, source: CommitError },
    #[error("`{key}` is not where its content says, or not what its commit says")]
    Misplaced { key: ObjectKey },
    #[error("`{key}`: {source}")]
    Content { key: ObjectKey, source: ReadError },
    #[error("`{key}`: {source}")]
    Line { key: ObjectKey, source: LineError },
    #[error("`{key}`: {source}")]
    Rows { key: ObjectKey, source: CuratedError },
    #[error("rows of a curated object")]
    Curated(#[from] CuratedError),
    #[error("files of model `{model}` vanish as fast as they are read; try again")]
    Restless { model: ModelName },
}

/// SQLite over the lake's files. Before a statement runs, the tables that it names are brought in
/// step with the lake: new commit objects are read, and the landing objects that they make
/// visible.
#[derive(Debug)]
pub struct Engine {
    store: Arc<dyn ObjectStore>,
    tables: Vec<StreamTable>,
    models: Vec<ModelTable>,
    db: Mutex<Connection>,
}

impl Engine {
    /// An engine that keeps its tables in memory.
    pub fn in_memory(
        store: Arc<dyn ObjectStore>,
        tables: Vec<StreamTable>,
    ) -> Result<Self, OpenError> {
        Self::over(Connection::open_in_memory()?, store, tables)
    }

    /// An engine that keeps its tables in a file of its own, so that the next one finds them. The
    /// file belongs to one lake; several processes may use it.
    pub fn at(
        file: &Path,
        store: Arc<dyn ObjectStore>,
        tables: Vec<StreamTable>,
    ) -> Result<Self, OpenError> {
        let db = Connection::open(file)?;
        db.busy_timeout(std::time::Duration::from_secs(30))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        Self::over(db, store, tables)
    }

    fn over(
        mut db: Connection,
        store: Arc<dyn ObjectStore>,
        mut tables: Vec<StreamTable>,
    ) -> Result<Self, OpenError> {
        StreamTable::tell_apart(&mut tables);
        cache::prepare(&mut db, &tables)?;
        Ok(Self { store, tables, models: Vec::new(), db: Mutex::new(db) })
    }

    /// The same engine, which knows these models, too.
    pub fn with_models(mut self, models: Vec<ModelTable>) -> Result<Self, OpenError> {
        cache::prepare_models(&mut self.db(), &models)?;
        self.models = models;
        Ok(self)
    }

    /// The models that can be asked about.
    pub fn models(&self) -> &[ModelTable] {
        &self.models
    }

    /// Where the lake is.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    /// The streams that can be asked about, under the names that statements use.
    pub fn tables(&self) -> &[StreamTable] {
        &self.tables
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refresh(&self, table: &StreamTable) -> Result<(), RefreshError> {
        let prefix = lake::commits_prefix(&table.source, &table.stream);
        let mut after = None;
        loop {
            let page = self.store.list(&prefix, after.as_ref(), 1000).await?;
            let keys = page.objects.into_iter().map(|meta| meta.key).collect();
            self.refresh_commits(table, self.unknown(keys)?).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let parts = cache::missing_parts(&self.db(), table)?;
        let mut fetched = stream::iter(parts)
            .map(|(object, sha256)| self.part(object, sha256))
            .buffer_unordered(FETCHES);
        while let Some(object) = fetched.try_next().await? {
            self.add_part(table, object)?;
        }
        Ok(())
    }

    fn unknown(&self, keys: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, RefreshError> {
        let db = self.db();
        let mut unknown = Vec::new();
        for key in keys {
            if !cache::holds(&db, key.as_str())? {
                unknown.push(key);
            }
        }
        Ok(unknown)
    }

    async fn refresh_commits(
        &self,
        table: &StreamTable,
        keys: Vec<ObjectKey>,
    ) -> Result<(), RefreshError> {
        let commits: Vec<_> = stream::iter(keys)
            .map(|key| self.commit(table, key))
            .buffer_unordered(FETCHES)
            .try_collect()
            .await?;
        Ok(cache::add_commits(&mut self.db(), table, &commits)?)
    }

    /// Reads a commit object, and checks that it stands where it says.
    async fn commit(
        &self,
        table: &StreamTable,
        key: ObjectKey,
    ) -> Result<(Commit, ObjectKey, String), RefreshError> {
        let body = self.store.get(&key).await?.body;
        let commit = match Commit::from_json(&body) {
            Ok(commit) => commit,
            Err(source) => return Err(RefreshError::Commit { key, source }),
        };
        let place = CommitKey(commit.attempt.clone()).render();
        let is_ours = |part: &lake::PartRef| {
            LandingKey::parse(&part.key).is_ok_and(|landing| {
                landing.attempt.source == table.source
                    && landing.attempt.stream == table.stream
                    && landing.attempt.tenant == commit.attempt.tenant
                    && landing.attempt.connection == commit.attempt.connection
            })
        };
        if !place.is_ok_and(|place| place == key) || !commit.parts.iter().all(is_ours) {
            return Err(RefreshError::Misplaced { key });
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok((commit, key, text))
    }

    /// Reads a landing object, and checks that it is what its commit says.
    async fn part(&self, object: String, sha256: String) -> Result<Object, RefreshError> {
        let key = ObjectKey::try_from(object).map_err(KeyFault::from)?;
        let object = self.store.get(&key).await?;
        if Sha256Hex::of(&object.body).as_str() != sha256 {
            return Err(RefreshError::Misplaced { key });
        }
        Ok(object)
    }

    fn add_part(&self, table: &StreamTable, object: Object) -> Result<(), RefreshError> {
        let key = object.meta.key;
        let codec = LandingKey::parse(&key)?.codec;
        let mut db = self.db();
        let Some(landing) = Landing::open(&mut db, table, &key)? else { return Ok(()) };
        let content = |source| RefreshError::Content { key: key.clone(), source };
        let mut lines = LineReader::new(object.body, codec, Limits::default()).map_err(content)?;
        while let Some(text) = lines.next_line().map_err(content)? {
            let line = Line::parse(text)
                .map_err(|source| RefreshError::Line { key: key.clone(), source })?;
            landing.add(&line)?;
        }
        Ok(landing.commit()?)
    }
}

#[async_trait]
impl QueryEngine for Engine {
    async fn run(&self, sql: &str, cap: usize) -> Result<Rows, QueryError> {
        let unavailable =
            |source: RefreshError| QueryError::Unavailable { source: Box::new(source) };
        let known = Known { streams: &self.tables, models: &self.models };
        let (streams, models) = known.mentioned(sql);
        for table in streams {
            self.refresh(table).await.map_err(unavailable)?;
        }
        for table in models {
            self.refresh_model(table).await.map_err(unavailable)?;
        }
        statement::run(&mut self.db(), &known, sql, cap)
    }
}

#[cfg(test)]
mod tests;
