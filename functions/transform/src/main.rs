//! The transform function: makes rows of models from what landed. Its work is
//! `handlers::transform`.

use std::sync::Arc;

use aws::Resources;
use aws::lambda::{self, Bridge};
use handlers::configuration::Configuration;
use handlers::transform::{Deps, handle};
use host::{SystemIds, Vars};
use store::{Store, Timing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("transform", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let store = Store::new(stack.table, bridge.clock(), Arc::new(SystemIds), Timing::default());
    let deps = Deps {
        configuration: Arc::new(Configuration::new(Arc::clone(&stack.lake), "config/")),
        lake: stack.lake,
        store,
        queue: stack.transforms,
        metrics: bridge.metrics(),
    };
    bridge.serve(deps, handle).await
}
