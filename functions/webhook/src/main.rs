//! The webhook function: takes the notices of providers. Its work is `handlers::webhook`.

use std::sync::Arc;

use aws::Resources;
use aws::lambda::{self, Bridge};
use handlers::configuration::Configuration;
use handlers::webhook::{Deps, handle};
use host::{SystemIds, Vars};
use store::{Store, Timing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("webhook", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let deps = Deps {
        configuration: Arc::new(Configuration::new(stack.lake, "config/")),
        secrets: stack.secrets,
        store: Store::new(stack.table, bridge.clock(), Arc::new(SystemIds), Timing::default()),
        jobs: stack.jobs,
        metrics: bridge.metrics(),
    };
    bridge.serve(deps, handle).await
}
