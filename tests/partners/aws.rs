//! Partners' files and pushes by the functions' own programs, on emulated AWS.

#[path = "cases.rs"]
mod cases;

use std::sync::Arc;

use async_trait::async_trait;
use host::{SystemClock, SystemIds};
use ports::{ObjectStore, Queue, Secrets};
use serde_json::Value;
use store::{Store, Timing};

use super::cloud;
use super::functions::{Function, Ground};
use cases::{Host, erasure};

/// Both programs over a stack of their own.
struct Stack {
    ground: Ground,
    files: Function,
    push: Function,
}

impl Stack {
    async fn new() -> Self {
        let ground = Ground::new();
        let prefix = ground.variables.iter().find(|(name, _)| name == "SECRETS_PREFIX").unwrap();
        let secret = format!("{}/{}/{}", prefix.1, cases::TENANT, cases::SECRET);
        cloud().secret(&secret, cases::secret()).unwrap();
        let files = Function::start("intake", &ground.variables).await;
        let push = Function::start("push", &ground.variables).await;
        Self { ground, files, push }
    }
}

#[async_trait(?Send)]
impl Host for Stack {
    async fn take_in(&mut self, event: Value) -> Value {
        self.files.invoke(event).await.unwrap()
    }

    async fn push(&mut self, event: Value) -> Value {
        self.push.invoke(event).await.unwrap()
    }

    async fn report(&mut self, event: Value) -> Value {
        let mut report = Function::start("report", &self.ground.variables).await;
        report.invoke(event).await.unwrap()
    }

    fn lake(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.ground.stack.lake)
    }

    fn looks(&self) -> Arc<dyn Queue> {
        Arc::clone(&self.ground.stack.files)
    }

    fn pushes(&self) -> Arc<dyn Queue> {
        Arc::clone(&self.ground.stack.pushes)
    }

    fn crm(&self) -> String {
        self.ground.provider.url()
    }

    fn store(&self) -> Store {
        let (clock, table) = (Arc::new(SystemClock), Arc::clone(&self.ground.stack.table));
        Store::new(table, clock, Arc::new(SystemIds), Timing::default())
    }

    fn secrets(&self) -> Arc<dyn Secrets> {
        Arc::clone(&self.ground.stack.secrets)
    }
}

#[tokio::test]
async fn what_is_delivered_ends_at_the_crm_once() {
    cases::what_is_delivered_ends_at_the_crm_once(&mut Stack::new().await).await;
}

#[tokio::test]
async fn a_sweep_finds_what_no_event_told_of() {
    cases::a_sweep_finds_what_no_event_told_of(&mut Stack::new().await).await;
}

#[tokio::test]
async fn what_nobody_understands_holds_up_nothing() {
    cases::what_nobody_understands_holds_up_nothing(&mut Stack::new().await).await;
}

#[tokio::test]
async fn a_person_is_erased_and_everybody_else_stays() {
    erasure::a_person_is_erased_and_everybody_else_stays(&mut Stack::new().await).await;
}

#[tokio::test]
async fn what_is_on_its_way_is_not_erased() {
    erasure::what_is_on_its_way_is_not_erased(&mut Stack::new().await).await;
}

#[tokio::test]
async fn what_became_of_files_is_reported_when_there_is_news() {
    cases::what_became_of_files_is_reported_when_there_is_news(&mut Stack::new().await).await;
}
