//! What the configuration folder says of streams, and the connector that reads them.

mod grants;
mod read;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connector::{Error as SourceError, Hosting, Limits, Outline, Runtime, Source};
use lake::Mode;
use model::config::{Budget, Connection, Schedule, Settings, StreamConfig, SyncMode, TenantFile};
use model::{Classify, Cron, CronError, StreamName, Timestamp};
use ports::{Http, Secrets};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::budget::{Budgets, CallLimit, Patience};
use store::{Store, StreamKey};

use crate::configuration::{Configuration, Error, LoadedSource, resolve_config};
use crate::job::Target;
use crate::pull::{Described, Pull, PullError, Sources, Timetable};

/// Longest wait inside of a run; a longer one ends the run, which goes on when the wait is over.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// [`Sources`] over a [`Configuration`]: secrets resolved, calls under their budgets.
#[derive(Debug)]
pub struct Configured {
    configuration: Arc<Configuration>,
    secrets: Arc<dyn Secrets>,
    http: Arc<dyn Http>,
    store: Store,
    budgets: Budgets,
}

/// A stream with everything that is said about it.
struct Found {
    tenant: Arc<TenantFile>,
    connection: Connection,
    source: Arc<LoadedSource>,
    stream: StreamConfig,
    settings: Arc<Settings>,
}

impl Configured {
    /// Streams as configured; budgets, clock and identity come with the store.
    pub fn new(
        configuration: Arc<Configuration>,
        secrets: Arc<dyn Secrets>,
        http: Arc<dyn Http>,
        store: Store,
    ) -> Self {
        let budgets = Budgets::new(store.clone());
        Self { configuration, secrets, http, store, budgets }
    }

    async fn connection(&self, target: &Target) -> Result<Option<Connection>, PullError> {
        let file = match self.configuration.tenant(&target.tenant).await {
            Ok(file) => file,
            Err(Error::Unknown { .. }) => return Ok(None),
            Err(error) => return Err(PullError::failed(error)),
        };
        Ok(file.connections.get(&target.connection).cloned())
    }

    async fn find(&self, key: &StreamKey) -> Result<Found, PullError> {
        let unconfigured = || PullError::Unconfigured { stream: Box::new(key.clone()) };
        let tenant = match self.configuration.tenant(&key.tenant).await {
            Ok(file) => file,
            Err(Error::Unknown { .. }) => return Err(unconfigured()),
            Err(error) => return Err(PullError::failed(error)),
        };
        let connection = tenant.connections.get(&key.connection).ok_or_else(unconfigured)?.clone();
        let stream = connection.streams.config(&key.stream).ok_or_else(unconfigured)?;
        let source = self.configuration.source(&connection.source).await;
        let source = source.map_err(PullError::failed)?;
        let settings = self.configuration.settings().await.map_err(PullError::failed)?;
        Ok(Found { tenant, connection, source, stream, settings })
    }

    /// The client of a source: under its budget, where it has one.
    fn client(&self, found: &Found, config: &Map<String, Value>) -> Arc<dyn Http> {
        let Some(budget) = &found.source.overlay.budget else { return Arc::clone(&self.http) };
        let limit = CallLimit {
            calls: budget.calls,
            per: budget.per,
            timeout: found.settings.limits.timeout,
        };
        let name = scope(found.connection.source.as_str(), budget, config);
        let patience = Patience { longest: LONGEST_WAIT, waits: None };
        Arc::new(self.budgets.limit(&name, limit, Arc::clone(&self.http), patience))
    }
}

#[async_trait]
impl Sources for Configured {
    async fn describe(&self, stream: &StreamKey) -> Result<Described, PullError> {
        let found = self.find(stream).await?;
        let outlines = found.source.manifest.outlines().map_err(PullError::failed)?;
        let outline = outlines.into_iter().find(|outline| outline.name == stream.stream);
        let unconfigured = || PullError::Unconfigured { stream: Box::new(stream.clone()) };
        let outline = outline.ok_or_else(unconfigured)?;
        let overlay = found.source.overlay.stream(&stream.stream);
        let schedule = found.stream.schedule.as_ref().unwrap_or(&found.connection.schedule);
        Ok(Described {
            mode: mode(&found.stream, &outline),
            primary_key: found.stream.primary_key.clone().unwrap_or(outline.primary_key),
            schedule: timetable(schedule).map_err(|error| PullError::Failed {
                retry: model::Retry::Never,
                source: Box::new(error),
            })?,
            reconcile: found.stream.reconcile.or(overlay.reconcile),
            parallel: usize::from(found.connection.parallel),
            paused: found.connection.paused,
            source: found.connection.source,
            settings: found.settings,
        })
    }

    async fn streams(&self, target: &Target) -> Result<Vec<StreamKey>, PullError> {
        let Some(connection) = self.connection(target).await? else { return Ok(Vec::new()) };
        let source = self.configuration.source(&connection.source).await;
        let source = source.map_err(PullError::failed)?;
        let names = source.manifest.stream_names();
        let names = names.filter_map(|name| name.parse::<StreamName>().ok());
        let pulled = names.filter(|name| {
            let Some(config) = connection.streams.config(name) else { return false };
            match &target.stream {
                Some(wanted) => name == wanted,
                None => config.schedule.is_none(),
            }
        });
        let key = |stream| StreamKey {
            tenant: target.tenant.clone(),
            connection: target.connection.clone(),
            stream,
        };
        Ok(pulled.map(key).collect())
    }

    async fn open(&self, stream: &StreamKey, now: Timestamp) -> Result<Arc<dyn Pull>, PullError> {
        let found = self.find(stream).await?;
        let grants = self.configuration.grants(&found.tenant).await.map_err(PullError::failed)?;
        let secrets = self.secrets.as_ref();
        let config = resolve_config(&found.connection, &found.tenant.tenant, &grants, secrets);
        let config = config.await.map_err(PullError::failed)?;
        let limits = &found.settings.limits;
        let runtime = Runtime {
            http: self.client(&found, &config),
            clock: Arc::clone(self.store.clock()),
            ids: Arc::clone(self.store.ids()),
            now,
            max_backoff: None,
            max_wait: Some(LONGEST_WAIT),
            limits: Limits {
                max_pages: limits.max_pages,
                max_slices: usize::try_from(limits.max_slices).unwrap_or(usize::MAX),
                max_body: limits.max_body,
                timeout: limits.timeout,
            },
        };
        let LoadedSource { manifest, overlay } = found.source.as_ref();
        let grants = grants::Kept::new(self.store.clone(), stream);
        let hosting = Hosting { grants: Some(Arc::new(grants)) };
        let config = Value::Object(config);
        let source = Source::hosted(manifest, overlay, &config, (runtime, hosting)).await;
        let source = source.map_err(failed)?;
        let stream = source.stream(&stream.stream).map_err(failed)?.clone();
        Ok(Arc::new(read::Connected::new(stream, now)))
    }
}

/// How rows become the view: as the tenant says, else as the manifest allows.
fn mode(config: &StreamConfig, outline: &Outline) -> Mode {
    let keyed = match &config.primary_key {
        Some(key) => !key.is_empty(),
        None => !outline.primary_key.is_empty(),
    };
    match (config.sync_mode, outline.incremental) {
        (Some(SyncMode::FullRefresh), _) | (_, false) => Mode::FullRefresh,
        (Some(SyncMode::Incremental) | None, true) if keyed => Mode::Incremental,
        (Some(SyncMode::Incremental) | None, true) => Mode::Append,
    }
}

fn timetable(schedule: &Schedule) -> Result<Timetable, CronError> {
    Ok(match schedule {
        Schedule::Every { every } => Timetable::Every(*every),
        Schedule::Cron { cron, timezone } => {
            let zone = timezone.as_deref().unwrap_or("UTC");
            Timetable::Cron(Box::new(Cron::parse(cron, zone)?))
        }
    })
}

/// The name under which callers share a budget: the source, and a digest of the credential.
fn scope(source: &str, budget: &Budget, config: &Map<String, Value>) -> String {
    let Some(value) = config.get(&budget.scope) else {
        return format!("{source}#{}", budget.scope);
    };
    let digest = Sha256::digest(value.to_string().as_bytes());
    let short = digest.iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    format!("{source}#{short:016x}")
}

/// A failure of a source, told apart as extract tells them.
fn failed(error: SourceError) -> PullError {
    match error {
        SourceError::NotReady { message, .. } => PullError::NotReady { message },
        SourceError::Unsupported { message, .. } => PullError::Unsupported { message },
        other => PullError::Failed { retry: other.retry(), source: Box::new(other) },
    }
}
