//! The embedded world: every port on this machine, made once.

mod delivery;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use handlers::configuration::{Applied, Configuration};
use handlers::configured::Configured;
use handlers::pull::Sources;
use handlers::report::publish;
use handlers::{compact, extract, files, push, schedule, transform};
use host::{SystemClock, SystemIds, Vars};
use http::{Client, Policy};
use local::{
    DataFolder, EventStore, FolderSecrets, Happening, Notification, SqliteQueue, SqliteScheduler,
};
use model::TenantId;
use model::config::TenantFile;
use ports::{Clock, Http, Ids, Metrics, ObjectStore, Queue, Scheduler, Secrets};
use query::Engine;
use store::{Store, Timing};

use crate::args::Places;
use crate::board::{Board, Unmeasured};
use crate::failure::Failure;
use crate::folder;

/// Leases and claims of this machine: the work of a process that was killed comes back soon.
const TIMING: Timing = Timing {
    lease: Duration::from_secs(10),
    claim: Duration::from_secs(5),
    retry: Duration::from_secs(5),
    skew: Duration::from_millis(100),
};

/// The lake's name in its own notifications.
const BUCKET: &str = "lake";

/// The queue of commits that models take in.
const TRANSFORMS: &str = "transform";

/// The queue of drops to look at.
const FILES: &str = "files";

/// The queue of pushes to go on with.
const PUSHES: &str = "push";

/// What the lake tells, as the template has its bucket tell it.
fn notifications() -> Vec<Notification> {
    let told = [
        ("commits", TRANSFORMS, "commits/"),
        ("drops", FILES, "drop/"),
        ("accepted", PUSHES, "inbox/files/"),
        ("receipts", PUSHES, "receipts/"),
    ];
    let notification = |(id, queue, prefix): (&str, &str, &str)| Notification {
        id: id.to_owned(),
        queue: queue.to_owned(),
        happening: Happening::Created,
        prefix: prefix.to_owned(),
        suffix: String::new(),
    };
    told.into_iter().map(notification).collect()
}

/// The lake, telling queues of what is put there.
async fn lake(folder: &DataFolder) -> Result<Arc<EventStore>, Failure> {
    let lake = folder.lake_with_events(BUCKET, notifications()).await;
    Ok(Arc::new(lake.map_err(|error| Failure::of("the lake cannot be opened", error))?))
}

/// What schedule and extract work with.
fn pulling(
    sources: &Arc<dyn Sources>,
    store: &Store,
    lake: &Arc<dyn ObjectStore>,
    (jobs, board): (&Arc<dyn Queue>, &Arc<Board>),
) -> (schedule::Deps, extract::Deps) {
    let metrics: Arc<dyn Metrics> = Arc::new(Unmeasured);
    let schedule = schedule::Deps {
        sources: Arc::clone(sources),
        store: store.clone(),
        jobs: Arc::clone(jobs),
        lake: Arc::clone(lake),
        metrics: Arc::clone(&metrics),
    };
    let progress: Arc<dyn extract::Progress> = Arc::<Board>::clone(board);
    let extract = extract::Deps {
        sources: Arc::clone(sources),
        lake: Arc::clone(lake),
        store: store.clone(),
        jobs: Arc::clone(jobs),
        watch: extract::Watch { metrics, progress },
    };
    (schedule, extract)
}

/// What transform works with.
fn transforming(
    configuration: &Arc<Configuration>,
    lake: &Arc<dyn ObjectStore>,
    store: &Store,
    queue: &Arc<SqliteQueue>,
) -> transform::Deps {
    transform::Deps {
        configuration: Arc::clone(configuration),
        lake: Arc::clone(lake),
        store: store.clone(),
        queue: Arc::<SqliteQueue>::clone(queue),
        metrics: Arc::new(Unmeasured),
    }
}

/// What compact works with.
fn compacting(transform: &transform::Deps) -> compact::Deps {
    compact::Deps {
        configuration: Arc::clone(&transform.configuration),
        lake: Arc::clone(&transform.lake),
        store: transform.store.clone(),
        transform: Arc::clone(&transform.queue),
        metrics: Arc::clone(&transform.metrics),
        pace: compact::Pace { grace: Duration::ZERO, ..compact::Pace::default() },
    }
}

/// Everything that commands work with.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) places: Places,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) lake: Arc<dyn ObjectStore>,
    pub(crate) jobs: Arc<dyn Queue>,
    pub(crate) transforms: Arc<SqliteQueue>,
    pub(crate) scheduler: Arc<SqliteScheduler>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) http: Arc<dyn Http>,
    pub(crate) store: Store,
    pub(crate) board: Arc<Board>,
    pub(crate) schedule: schedule::Deps,
    pub(crate) extract: extract::Deps,
    pub(crate) transform: transform::Deps,
    pub(crate) compact: compact::Deps,
    pub(crate) files: files::Deps,
    pub(crate) push: push::Deps,
    pub(crate) pushes: Arc<SqliteQueue>,
    pub(crate) reports: publish::Deps,
}

impl World {
    /// The world in the data folder, with configuration from the configuration folder.
    pub(crate) async fn open(places: &Places) -> Result<Arc<Self>, Failure> {
        let configuration = folder::configuration(places)?;
        Self::with(places, Arc::new(configuration), &[]).await
    }

    /// The same with configuration from elsewhere, and more loopback hosts that may be called.
    pub(crate) async fn with(
        places: &Places,
        configuration: Arc<Configuration>,
        hosts: &[String],
    ) -> Result<Arc<Self>, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn Ids> = Arc::new(SystemIds);
        let folder = DataFolder::open(&places.data, Arc::clone(&clock), Arc::clone(&ids))
            .map_err(|error| Failure::of("the data folder cannot be opened", error))?;
        let table = folder.table().await;
        let table = table.map_err(|error| Failure::of("the table cannot be opened", error))?;
        let events = lake(&folder).await?;
        let lake: Arc<dyn ObjectStore> = Arc::<EventStore>::clone(&events);
        let jobs: Arc<dyn Queue> = Arc::new(folder.queue("jobs"));
        let transforms = Arc::new(folder.queue(TRANSFORMS));
        let scheduler = Arc::new(folder.scheduler());
        let settings = folder::named(places, configuration.settings().await)?;
        let hosts = [&places.allow_hosts, &settings.allow_hosts, hosts].concat();
        let policy = Policy::with_local(&hosts);
        let http: Arc<dyn Http> = Arc::new(Client::new(policy.clone()));
        let store = Store::new(Arc::new(table), Arc::clone(&clock), ids, TIMING);
        let secrets: Arc<dyn Secrets> = Arc::new(secrets(places));
        let sources: Arc<dyn Sources> = Arc::new(Configured::new(
            Arc::clone(&configuration),
            Arc::clone(&secrets),
            Arc::clone(&http),
            store.clone(),
        ));
        let board = Arc::new(Board::default());
        let (schedule, extract) = pulling(&sources, &store, &lake, (&jobs, &board));
        let transform = transforming(&configuration, &lake, &store, &transforms);
        let compact = compacting(&transform);
        let delivery = delivery::Delivery {
            configuration: &configuration,
            secrets: &secrets,
            lake: &events,
            store: &store,
        };
        let files = delivery.files(policy, folder.queue(FILES));
        let pushes = Arc::new(folder.queue(PUSHES));
        let push = delivery.push(Arc::clone(&http), Arc::clone(&pushes));
        let places = places.clone();
        Ok(Arc::new(Self {
            reports: delivery.reports(Arc::clone(&clock)),
            places,
            configuration,
            sources,
            lake,
            jobs,
            transforms,
            scheduler,
            clock,
            http,
            store,
            board,
            schedule,
            extract,
            transform,
            compact,
            files,
            push,
            pushes,
        }))
    }

    /// A tenant's file, its faults named as they are found from here.
    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<Arc<TenantFile>, Failure> {
        folder::named(&self.places, self.configuration.tenant(tenant).await)
    }

    /// Makes the schedules those that the files ask for.
    pub(crate) async fn apply(&self) -> Result<Applied, Failure> {
        let scheduler: &dyn Scheduler = self.scheduler.as_ref();
        Ok(self.configuration.apply_schedules(scheduler).await?)
    }

    /// The query engine over every stream of every source, and over every model.
    pub(crate) async fn engine(&self) -> Result<Engine, Failure> {
        let tables = folder::named(&self.places, self.configuration.stream_tables().await)?;
        let models = folder::named(&self.places, self.configuration.model_tables().await)?;
        let file = self.places.data.join("query.sqlite");
        Engine::at(&file, Arc::clone(&self.lake), tables)
            .and_then(|engine| engine.with_models(models))
            .map_err(|error| Failure::of("the query engine cannot be opened", error))
    }
}

/// The secrets of this machine.
pub(crate) fn secrets(places: &Places) -> FolderSecrets {
    FolderSecrets::new(secrets_folder(places), Vars::process())
}

/// Where the secrets of this machine lie: `<tenant>/<name>`, one file each.
fn secrets_folder(places: &Places) -> PathBuf {
    places.data.join("secrets")
}

/// Writes a secret where the local adapter reads it, for its owner alone.
pub(crate) fn put_secret(
    places: &Places,
    tenant: &TenantId,
    name: &str,
    value: &str,
) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let folder = secrets_folder(places).join(tenant.as_str());
    std::fs::create_dir_all(&folder)?;
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(value.as_bytes())?;
    Ok(std::fs::rename(draft, folder.join(name))?)
}
