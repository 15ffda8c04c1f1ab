//! The ground that the checklist is tried on: the sandbox, and one process with everything in it
//! over a folder, as `headwater` runs it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::configured::Configured;
use handlers::extract::{self, Outcome, Silent, Watch};
use handlers::job::{Job, Target};
use handlers::pull::Sources;
use handlers::{schedule, transform};
use host::{SystemClock, SystemIds, Vars};
use http::{Client, Policy};
use local::{DataFolder, FileStore, FolderSecrets};
use model::Metric;
use ports::{
    Clock, Deadline, Dimension, Http, Method, Metrics, ObjectStore, QueryEngine, Queue, Request,
};
use query::Engine;
use sandbox::{Account, Running, Seed, Size, World};
use serde_json::Value;
use store::{Counts, Store, Timing};

#[derive(Debug)]
struct Unmeasured;

impl Metrics for Unmeasured {
    fn emit(&self, _metric: Metric, _value: f64, _dimensions: &[Dimension]) {}
}

pub struct Ground {
    pub configuration: Arc<Configuration>,
    pub lake: Arc<dyn ObjectStore>,
    pub jobs: Arc<dyn Queue>,
    pub store: Store,
    pub since: String,
    pub provider: Running,
    schedule: schedule::Deps,
    extract: extract::Deps,
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    pub folder: tempfile::TempDir,
}

impl Ground {
    /// With the sources of the sample pipeline, and no tenants.
    pub async fn new() -> Self {
        Self::at(Arc::new(SystemClock), &[]).await
    }

    /// The same on a clock, with more hosts of this machine that may be called.
    pub async fn at(clock: Arc<dyn Clock>, hosts: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ids = Arc::new(SystemIds);
        let world =
            World::open(&folder.path().join("world"), Seed(11), &Size::tiny(), Arc::clone(&clock));
        let world = world.unwrap();
        let since = world.since().to_string();
        let provider = Running::start(world, "127.0.0.1:0").unwrap();
        let config = folder.path().join("config");
        copy(&xtask::machine::root().join("config/sources"), &config.join("sources"));
        let data = DataFolder::open(folder.path(), Arc::clone(&clock), ids.clone()).unwrap();
        let files = FileStore::open(config, Arc::clone(&clock), ids.clone()).unwrap();
        let configuration = Arc::new(Configuration::new(Arc::new(files), ""));
        let lake: Arc<dyn ObjectStore> = Arc::new(data.lake().unwrap());
        let jobs: Arc<dyn Queue> = Arc::new(data.queue("jobs"));
        // One process has one clock.
        let timing = Timing { skew: Duration::ZERO, ..Timing::default() };
        let table = Arc::new(data.table().await.unwrap());
        let store = Store::new(table, Arc::clone(&clock), ids, timing);
        let allowed = [&[provider.address().to_string()], hosts].concat();
        let http: Arc<dyn Http> = Arc::new(Client::new(Policy::with_local(&allowed)));
        let secrets = Arc::new(FolderSecrets::new(folder.path().join("secrets"), Vars::process()));
        let (read, calls) = (Arc::clone(&configuration), Arc::clone(&http));
        let sources: Arc<dyn Sources> =
            Arc::new(Configured::new(read, secrets, calls, store.clone()));
        let metrics: Arc<dyn Metrics> = Arc::new(Unmeasured);
        let schedule = schedule::Deps {
            sources: Arc::clone(&sources),
            store: store.clone(),
            jobs: Arc::clone(&jobs),
            lake: Arc::clone(&lake),
            metrics: Arc::clone(&metrics),
        };
        let extract = extract::Deps {
            sources,
            lake: Arc::clone(&lake),
            store: store.clone(),
            jobs: Arc::clone(&jobs),
            watch: Watch { metrics, progress: Arc::new(Silent) },
        };
        Self {
            configuration,
            lake,
            jobs,
            store,
            since,
            provider,
            schedule,
            extract,
            http,
            clock,
            folder,
        }
    }

    pub fn put(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// A tenant whose connection `main` is the account of the large shop, through `root`; `more`
    /// stands beside its `source`, and `access` is its access token.
    pub fn shop(&self, tenant: &str, root: &str, more: &str, access: Option<&str>) {
        let account = Account::of("bluebird", "shop").unwrap();
        for (name, value) in account.secrets {
            let value = access.filter(|_| *name == "shop-access-token").unwrap_or(value);
            self.put(&format!("secrets/{tenant}/{name}"), value);
        }
        let text = format!(
            "connections:\n  main:\n    source: rutter\n{more}    config:\n      \
             base_url: {}{root}\n      start_date: \"{}\"\n      page_size: 20\n      \
             client_id: {{secret: rutter-client-id}}\n      \
             client_secret: {{secret: rutter-client-secret}}\n      \
             access_token: {{secret: shop-access-token}}\n",
            self.provider.url(),
            self.since,
        );
        self.put(&format!("config/tenants/{tenant}.yaml"), &text);
    }

    /// Fires the schedule of a tenant's connection `main`; gives the jobs that it made.
    pub async fn fire(&self, tenant: &str) -> u64 {
        self.fire_one(tenant, "main").await
    }

    /// The same of any connection.
    pub async fn fire_one(&self, tenant: &str, connection: &str) -> u64 {
        let (tenant, connection) = (tenant.parse().unwrap(), connection.parse().unwrap());
        self.produce(schedule::Event::Fired(Target { tenant, connection, stream: None })).await
    }

    /// Runs schedule for an event; gives the jobs that it made.
    pub async fn produce(&self, event: schedule::Event) -> u64 {
        let until = Deadline::at(self.clock.now() + Duration::from_mins(5));
        schedule::handle(&self.schedule, event, until).await.unwrap().enqueued
    }

    /// Takes the jobs that wait.
    pub async fn waiting(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        loop {
            let some = self.jobs.receive(10, Duration::ZERO, Duration::from_mins(5)).await.unwrap();
            if some.is_empty() {
                return jobs;
            }
            for message in some {
                jobs.push(serde_json::from_str(&message.body).unwrap());
                self.jobs.ack(&message).await.unwrap();
            }
        }
    }

    /// Runs a job to its end, its continuations included.
    pub async fn run(&self, job: Job) -> Outcome {
        let until = Deadline::at(self.clock.now() + Duration::from_mins(5));
        extract::pull(&self.extract, job, until).await.unwrap()
    }

    /// Makes a stream due, and pulls it.
    pub async fn pull(&self, tenant: &str) -> Vec<Counts> {
        self.fire(tenant).await;
        self.work_off().await
    }

    /// Runs the jobs that wait; gives what each counted.
    pub async fn work_off(&self) -> Vec<Counts> {
        let mut all = Vec::new();
        for job in self.waiting().await {
            match self.run(job).await {
                Outcome::Complete { counts } => all.push(counts),
                outcome => panic!("{outcome:?}"),
            }
        }
        all
    }

    /// Takes every commit in, as its event would have it.
    pub async fn shape(&self) {
        use ports::ObjectStoreExt as _;
        let deps = transform::Deps {
            configuration: Arc::clone(&self.configuration),
            lake: Arc::clone(&self.lake),
            store: self.store.clone(),
            queue: Arc::clone(&self.jobs),
            metrics: Arc::new(Unmeasured),
        };
        let until = Deadline::at(self.clock.now() + Duration::from_mins(5));
        for meta in self.lake.list_all("commits/").await.unwrap() {
            let work = transform::Work::Take(transform::Take::new(meta.key));
            transform::handle(&deps, transform::Event::Work(work), until).await.unwrap();
        }
    }

    /// Calls an admin endpoint of the sandbox.
    pub async fn admin(&self, method: Method, path: &str) -> String {
        self.call(method, path, None).await
    }

    /// The same, with a body.
    pub async fn call(&self, method: Method, path: &str, body: Option<bytes::Bytes>) -> String {
        let request = Request {
            method,
            url: format!("{}/__admin/{path}", self.provider.url()),
            headers: Vec::new(),
            body,
            timeout: Duration::from_secs(30),
            max_body: 1 << 28,
            redirect_hosts: Arc::new([]),
        };
        let answer = self.http.send(request).await.unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.status);
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// The ids that the large shop has now.
    pub async fn truth(&self, stream: &str) -> BTreeSet<String> {
        let lines = self.admin(Method::Get, &format!("truth/bluebird-shop/{stream}")).await;
        let id = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            row["id"].as_str().unwrap().to_owned()
        };
        lines.lines().map(id).collect()
    }

    /// The first column of a query's rows.
    pub async fn query(&self, sql: &str) -> Vec<String> {
        let mut tables = Vec::new();
        for name in self.configuration.sources().await.unwrap() {
            for outline in self.configuration.outlines(&name).await.unwrap() {
                let (stream, key) = (&outline.name, &outline.primary_key);
                tables.push(lake::StreamTable::new(&name, stream, key, &outline.schema));
            }
        }
        let mut models = Vec::new();
        for name in self.configuration.models().await.unwrap() {
            let model = self.configuration.model(&name).await.unwrap();
            models.push(handlers::tables::model_table(&name, &model));
        }
        let engine = Engine::in_memory(Arc::clone(&self.lake), tables).unwrap();
        let engine = engine.with_models(models).unwrap();
        let rows = engine.run(sql, 100_000).await.unwrap().rows;
        let first = |row: Vec<Value>| match row.into_iter().next().unwrap() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        rows.into_iter().map(first).collect()
    }

    /// All landed lines.
    pub async fn lines(&self) -> Vec<(String, Value)> {
        use ports::ObjectStoreExt as _;
        let mut lines = Vec::new();
        for meta in self.lake.list_all("landing/").await.unwrap() {
            let codec = lake::Codec::of_key(&meta.key);
            let body = self.lake.get(&meta.key).await.unwrap().body;
            let mut reader = lake::LineReader::new(body, codec, lake::Limits::default()).unwrap();
            while let Some(line) = reader.next_line().unwrap() {
                lines.push((meta.key.to_string(), serde_json::from_slice(line).unwrap()));
            }
        }
        lines
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
