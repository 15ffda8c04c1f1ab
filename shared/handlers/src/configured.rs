//! What the configuration folder says of streams, and the connector that reads them.

mod grants;
mod groups;
mod outlines;
mod rates;
mod read;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connector::{Catalog, Error as SourceError, Hosting, Limits, Outline, Rates, Runtime, Source};
use lake::Mode;
use model::config::{Budget, Connection, Schedule, Settings, StreamConfig, SyncMode, TenantFile};
use model::{Classify, ConnectionId, Cron, CronError, TenantId, Timestamp};
use ports::{Http, Metrics, Secrets};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::budget::{Budgets, CallLimit, NamedLimit, Patience};
use store::{Store, StreamKey};

use crate::configuration::{Configuration, Error, LoadedSource, resolve_config};
use crate::job::Target;
use crate::pull::{Described, Pull, PullError, Sources, Timetable};
use outlines::Outlines;

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
    outlines: Outlines,
}

/// A connection with everything that is said about it.
struct Found {
    tenant: Arc<TenantFile>,
    connection: Connection,
    source: Arc<LoadedSource>,
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
        let outlines = Outlines::default();
        Self { configuration, secrets, http, store, budgets, outlines }
    }

    /// Measures what calls wait for their budgets.
    #[must_use]
    pub fn measured(self, metrics: Arc<dyn Metrics>) -> Self {
        Self { budgets: self.budgets.measured(metrics), ..self }
    }

    /// A connection; none when no file names it.
    async fn found(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<Option<Found>, PullError> {
        let tenant = match self.configuration.tenant(tenant).await {
            Ok(file) => file,
            Err(Error::Unknown { .. }) => return Ok(None),
            Err(error) => return Err(PullError::failed(error)),
        };
        let Some(connection) = tenant.connections.get(connection).cloned() else { return Ok(None) };
        let source = self.configuration.source(&connection.source).await;
        let source = source.map_err(PullError::failed)?;
        let settings = self.configuration.settings().await.map_err(PullError::failed)?;
        Ok(Some(Found { tenant, connection, source, settings }))
    }

    async fn find(&self, key: &StreamKey) -> Result<(Found, StreamConfig), PullError> {
        let unconfigured = || PullError::Unconfigured { stream: Box::new(key.clone()) };
        let found = self.found(&key.tenant, &key.connection).await?.ok_or_else(unconfigured)?;
        let stream = found.connection.streams.config(&key.stream).ok_or_else(unconfigured)?;
        Ok((found, stream))
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
        let limit = NamedLimit { name, limit };
        Arc::new(self.budgets.limit(&found.tenant.tenant, limit, Arc::clone(&self.http), patience))
    }

    /// The same client under the rates that the source's manifest states: they hold for all
    /// workers of a connection together.
    fn rated(
        &self,
        http: Arc<dyn Http>,
        (connection, found): (&ConnectionId, &Found),
        config: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Arc<dyn Http>, PullError> {
        let rates = found.source.manifest.call_rates(&Value::Object(config.clone()), now);
        let Some(rates) = rates.map_err(failed)? else { return Ok(http) };
        let source = found.connection.source.as_str();
        Ok(Arc::new(rates::Rated {
            name: format!("{source}#{}/{connection}", found.tenant.tenant),
            tenant: found.tenant.tenant.clone(),
            rates: Arc::new(rates),
            clock: Arc::clone(self.store.clock()),
            budgets: self.budgets.clone(),
            timeout: found.settings.limits.timeout,
            patience: Patience { longest: LONGEST_WAIT, waits: None },
            http,
        }))
    }
}

#[async_trait]
impl Sources for Configured {
    async fn describe(&self, stream: &StreamKey) -> Result<Described, PullError> {
        let (found, config) = self.find(stream).await?;
        let outlines = self.outlines(&found, &stream.connection).await?;
        let outline = outlines.iter().find(|outline| outline.name == stream.stream).cloned();
        let unconfigured = || PullError::Unconfigured { stream: Box::new(stream.clone()) };
        let outline = outline.ok_or_else(unconfigured)?;
        let overlay = found.source.overlay.stream(&stream.stream);
        let schedule = config.schedule.as_ref().unwrap_or(&found.connection.schedule);
        Ok(Described {
            mode: mode(&config, &outline),
            primary_key: config.primary_key.clone().unwrap_or(outline.primary_key),
            schedule: timetable(schedule).map_err(|error| PullError::Failed {
                retry: model::Retry::Never,
                source: Box::new(error),
            })?,
            reconcile: config.reconcile.or(overlay.reconcile),
            parallel: usize::from(found.connection.parallel),
            paused: found.connection.paused,
            source: found.connection.source,
            settings: found.settings,
        })
    }

    async fn streams(&self, target: &Target) -> Result<Vec<StreamKey>, PullError> {
        let found = self.found(&target.tenant, &target.connection).await?;
        let Some(found) = found else { return Ok(Vec::new()) };
        let outlines = self.outlines(&found, &target.connection).await?;
        let names = outlines.iter().map(|outline| outline.name.clone());
        let pulled = names.filter(|name| {
            let Some(config) = found.connection.streams.config(name) else { return false };
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
        let (found, _) = self.find(stream).await?;
        let source = self.source(&found, &stream.connection, now).await?;
        groups::alone(&self.store, &source, stream).await?;
        let stream = source.stream(&stream.stream).map_err(failed)?.clone();
        stream.landable().map_err(failed)?;
        Ok(Arc::new(read::Connected::new(source, stream, now)))
    }
}

impl Configured {
    /// The source of a connection, ready to be read.
    async fn source(
        &self,
        found: &Found,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<Source, PullError> {
        let grants = self.configuration.grants(&found.tenant).await.map_err(PullError::failed)?;
        let secrets = self.secrets.as_ref();
        let config =
            resolve_config(&found.connection.config, &found.tenant.tenant, &grants, secrets);
        let config = config.await.map_err(PullError::failed)?;
        let limits = &found.settings.limits;
        let http = self.client(found, &config);
        let http = self.rated(http, (connection, found), &config, now)?;
        let runtime = Runtime {
            http,
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
        let grants = grants::Kept::new(self.store.clone(), (&found.tenant.tenant, connection));
        let cursors = found.connection.streams.cursors();
        let cursors = cursors.map(|(stream, field)| (stream.to_string(), field.to_vec()));
        let catalog = Catalog::with_cursors(cursors);
        let hosting = Hosting { grants: Some(Arc::new(grants)), rates: Rates::Host, catalog };
        let config = Value::Object(config);
        let source = Source::hosted(manifest, overlay, &config, (runtime, hosting)).await;
        source.map_err(failed)
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
