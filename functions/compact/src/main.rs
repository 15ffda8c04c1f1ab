//! The compact function: keeps views of models cheap. Its work is `handlers::compact`.

use std::sync::Arc;

use aws::Resources;
use aws::lambda::{self, Bridge};
use handlers::compact::{Deps, Pace, handle};
use handlers::configuration::Configuration;
use host::{SystemIds, Vars};
use store::{Store, Timing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("compact", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let store = Store::new(stack.table, bridge.clock(), Arc::new(SystemIds), Timing::default());
    let deps = Deps {
        configuration: Arc::new(Configuration::new(Arc::clone(&stack.lake), "config/")),
        lake: stack.lake,
        store,
        transform: stack.transforms,
        metrics: bridge.metrics(),
        pace: Pace::default(),
    };
    bridge.serve(deps, handle).await
}
