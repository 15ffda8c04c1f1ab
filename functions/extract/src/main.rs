//! The extract function: pulls one stream a job into the lake. Its work is `handlers::extract`.

use std::sync::Arc;

use aws::Resources;
use aws::lambda::{self, Bridge};
use handlers::configuration::Configuration;
use handlers::configured::Configured;
use handlers::extract::{Deps, Silent, Watch, handle};
use host::{SystemIds, Vars};
use http::{Client, Policy};
use store::{Store, Timing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("extract", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let store = Store::new(stack.table, bridge.clock(), Arc::new(SystemIds), Timing::default());
    let http = Arc::new(Client::new(Policy::with_local(&vars.list("HEADWATER_ALLOW_HOSTS"))));
    let configuration = Arc::new(Configuration::new(Arc::clone(&stack.lake), "config/"));
    let sources = Configured::new(configuration, stack.secrets, http, store.clone());
    let deps = Deps {
        sources: Arc::new(sources.measured(bridge.metrics())),
        lake: stack.lake,
        store,
        jobs: stack.jobs,
        watch: Watch { metrics: bridge.metrics(), progress: Arc::new(Silent) },
    };
    bridge.serve(deps, handle).await
}
