//! The push function: sends accepted files and changed rows of models to APIs. Its work is
//! `handlers::push`.

use std::sync::Arc;

use aws::Resources;
use aws::lambda::{self, Bridge};
use handlers::configuration::Configuration;
use handlers::push::{Deps, Outside, handle};
use host::{SystemIds, Vars};
use http::{Client, Policy};
use store::budget::Budgets;
use store::{Store, Timing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("push", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let store = Store::new(stack.table, bridge.clock(), Arc::new(SystemIds), Timing::default());
    let hosts: Vec<String> = vars.list("HEADWATER_ALLOW_HOSTS");
    let outside = Outside {
        http: Arc::new(Client::new(Policy::with_local(&hosts))),
        secrets: stack.secrets,
        budgets: Budgets::new(store.clone()).measured(bridge.metrics()),
        memory: Arc::default(),
    };
    let deps = Deps {
        configuration: Arc::new(Configuration::new(Arc::clone(&stack.lake), "config/")),
        outside,
        lake: stack.lake,
        store,
        queue: stack.pushes,
        metrics: bridge.metrics(),
    };
    bridge.serve(deps, handle).await
}
