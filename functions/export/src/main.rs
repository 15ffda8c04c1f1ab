//! The export function: copies customers' rows out of the lake. Its work is `handlers::export`.

use std::sync::Arc;

use aws::lambda::{self, Bridge};
use aws::{Athena, Resources, Tools};
use handlers::configuration::Configuration;
use handlers::export::{Deps, Time, handle};
use host::{SystemIds, Vars};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("export", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let tools =
        Tools { clock: bridge.clock(), ids: Arc::new(SystemIds), metrics: bridge.metrics() };
    let deps = Deps {
        configuration: Arc::new(Configuration::new(Arc::clone(&stack.lake), "config/")),
        lake: stack.lake,
        engine: Arc::new(Athena::from_vars(&vars, tools)?),
        time: Time { clock: bridge.clock(), ids: Arc::new(SystemIds) },
        metrics: bridge.metrics(),
    };
    bridge.serve(deps, handle).await
}
