//! Partners' files and pushes over SQLite and folders, to the sandbox's CRM: from the drop to
//! what the CRM holds, from events and from sweeps.

#[path = "partners/cases.rs"]
mod cases;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use handlers::configuration::Configuration;
use handlers::files::{self, ConfiguredFeeds};
use handlers::push::{self, Outside};
use handlers::report::{self, publish};
use host::{SystemClock, SystemIds, Vars};
use http::{Client, Policy};
use local::{DataFolder, FileStore, FolderSecrets};
use ports::{Attributes, Clock as _, Deadline, ObjectStore, ObjectStoreExt as _, Queue, Secrets};
use sandbox::{Running, Seed, Size, World};
use serde_json::Value;
use sftp::SftpDrops;
use store::budget::Budgets;
use store::{Store, Timing};
use testkit::sim::{Blow, Struck};
use testkit::{Faulty, MemoryMetrics, MemoryStore};

use cases::{Host, erasure};

/// Both functions in this process, over a folder of their own.
struct Embedded {
    files: files::Deps,
    pushes: push::Deps,
    lake: Arc<FileStore>,
    folder: DataFolder,
    crm: Running,
    _place: tempfile::TempDir,
}

impl Embedded {
    async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let world =
            World::open(&place.path().join("world"), Seed(7), &Size::tiny(), Arc::new(SystemClock));
        let crm = Running::start(world.unwrap(), "127.0.0.1:0").unwrap();
        let secrets = place.path().join("secrets");
        std::fs::create_dir_all(secrets.join(cases::TENANT)).unwrap();
        std::fs::write(secrets.join(cases::TENANT).join(cases::SECRET), cases::secret()).unwrap();
        let none: Vars = std::iter::empty::<(String, String)>().collect();
        let secrets: Arc<dyn Secrets> = Arc::new(FolderSecrets::new(secrets, none));
        let (clock, numbers) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let path = place.path().join("data");
        let folder = DataFolder::open(&path, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap();
        let lake = Arc::new(folder.lake().unwrap());
        let table = Arc::new(folder.table().await.unwrap());
        let store = Store::new(table, clock, numbers, Timing::default());
        let objects: Arc<dyn ObjectStore> = Arc::<FileStore>::clone(&lake);
        let configuration = Arc::new(Configuration::new(Arc::clone(&objects), "config/"));
        let policy = || Policy::with_local(&["127.0.0.1".to_owned()]);
        let feeds = ConfiguredFeeds {
            configuration: Arc::clone(&configuration),
            secrets: Arc::clone(&secrets),
            drops: Arc::new(SftpDrops::new(policy())),
            lake: Arc::<FileStore>::clone(&lake),
        };
        let files = files::Deps {
            feeds: Arc::new(feeds),
            lake: Arc::<FileStore>::clone(&lake),
            store: store.clone(),
            queue: Arc::new(folder.queue("looks")),
            metrics: Arc::new(MemoryMetrics::default()),
        };
        let outside = Outside {
            http: Arc::new(Client::new(policy())),
            secrets,
            budgets: Budgets::new(store.clone()),
            memory: Arc::default(),
        };
        let pushes = push::Deps {
            configuration,
            outside,
            lake: objects,
            store,
            queue: Arc::new(folder.queue("pushes")),
            metrics: Arc::new(MemoryMetrics::default()),
        };
        Self { files, pushes, lake, folder, crm, _place: place }
    }
}

fn deadline() -> Deadline {
    Deadline::at(SystemClock.now() + Duration::from_mins(5))
}

#[async_trait(?Send)]
impl Host for Embedded {
    async fn take_in(&mut self, event: Value) -> Value {
        let event = serde_json::from_value(event).unwrap();
        let answer = files::handle(&self.files, event, deadline()).await.unwrap();
        serde_json::to_value(answer).unwrap()
    }

    async fn push(&mut self, event: Value) -> Value {
        let event = serde_json::from_value(event).unwrap();
        let answer = push::handle(&self.pushes, event, deadline()).await.unwrap();
        serde_json::to_value(answer).unwrap()
    }

    async fn report(&mut self, event: Value) -> Value {
        let facts = report::Deps {
            configuration: Arc::clone(&self.pushes.configuration),
            lake: Arc::clone(&self.pushes.lake),
        };
        let (clock, metrics) = (Arc::new(SystemClock), Arc::new(MemoryMetrics::default()));
        let deps = publish::Deps { facts, clock, metrics };
        let event = serde_json::from_value(event).unwrap();
        let outcome = publish::handle(&deps, event, deadline()).await.unwrap();
        serde_json::to_value(outcome).unwrap()
    }

    fn lake(&self) -> Arc<dyn ObjectStore> {
        Arc::<FileStore>::clone(&self.lake)
    }

    fn looks(&self) -> Arc<dyn Queue> {
        Arc::new(self.folder.queue("looks"))
    }

    fn pushes(&self) -> Arc<dyn Queue> {
        Arc::new(self.folder.queue("pushes"))
    }

    fn crm(&self) -> String {
        self.crm.url()
    }

    fn store(&self) -> Store {
        self.pushes.store.clone()
    }

    fn secrets(&self) -> Arc<dyn Secrets> {
        Arc::clone(&self.pushes.outside.secrets)
    }
}

#[tokio::test]
async fn what_is_delivered_ends_at_the_crm_once() {
    cases::what_is_delivered_ends_at_the_crm_once(&mut Embedded::new().await).await;
}

#[tokio::test]
async fn a_sweep_finds_what_no_event_told_of() {
    cases::a_sweep_finds_what_no_event_told_of(&mut Embedded::new().await).await;
}

#[tokio::test]
async fn what_nobody_understands_holds_up_nothing() {
    cases::what_nobody_understands_holds_up_nothing(&mut Embedded::new().await).await;
}

#[tokio::test]
async fn a_person_is_erased_and_everybody_else_stays() {
    erasure::a_person_is_erased_and_everybody_else_stays(&mut Embedded::new().await).await;
}

#[tokio::test]
async fn what_is_on_its_way_is_not_erased() {
    erasure::what_is_on_its_way_is_not_erased(&mut Embedded::new().await).await;
}

#[tokio::test]
async fn what_became_of_files_is_reported_when_there_is_news() {
    cases::what_became_of_files_is_reported_when_there_is_news(&mut Embedded::new().await).await;
}

#[tokio::test]
async fn an_erasure_that_fails_at_any_call_is_made_whole_by_another() {
    let mut host = Embedded::new().await;
    erasure::deliver(&mut host).await;
    let mut calls = 0;
    for blow in [Blow::FailsBefore, Blow::FailsAfter] {
        for at in 1.. {
            let lake: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
            for meta in host.lake.list_all("").await.unwrap() {
                let body = host.lake.get(&meta.key).await.unwrap().body;
                lake.put(&meta.key, body, &Attributes::default()).await.unwrap();
            }
            let gate = blow.at(at);
            let struck = Arc::<Struck>::clone(&gate);
            let faulty = Arc::new(Faulty::new(Arc::clone(&lake), gate));
            let first = erasure::erase(&host, faulty, false).await;
            if struck.calls() < at {
                break;
            }
            assert!(first.is_err(), "{blow:?} at call {at}: {first:?}");
            erasure::erase(&host, Arc::clone(&lake), false).await.unwrap();
            let all = erasure::unpacked(lake.as_ref()).await;
            assert!(erasure::mentions(&all, erasure::ADA).is_empty(), "{blow:?} at call {at}");
            let kept = erasure::mentions(&all, "u-bob-39");
            let archived = kept.iter().filter(|key| key.starts_with("archive/"));
            assert_eq!(archived.count(), 1, "{blow:?} at call {at}: {kept:?}");
            calls = calls.max(at);
        }
    }
    assert!(calls > 50, "{calls} calls");
}
