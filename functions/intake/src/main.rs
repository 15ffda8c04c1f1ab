//! The intake function: takes partners' files in. Its work is `handlers::files`.

use std::sync::Arc;

use aws::Resources;
use aws::lambda::{self, Bridge};
use handlers::configuration::Configuration;
use handlers::files::{ConfiguredFeeds, Deps, handle};
use host::{SystemIds, Vars};
use http::Policy;
use sftp::SftpDrops;
use store::{Store, Timing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("intake", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let policy = Policy::with_local(&vars.list("HEADWATER_ALLOW_HOSTS"));
    let feeds = ConfiguredFeeds {
        configuration: Arc::new(Configuration::new(stack.lake, "config/")),
        secrets: stack.secrets,
        drops: Arc::new(SftpDrops::new(policy)),
        lake: Arc::clone(&stack.uploads),
    };
    let deps = Deps {
        feeds: Arc::new(feeds),
        lake: stack.uploads,
        store: Store::new(stack.table, bridge.clock(), Arc::new(SystemIds), Timing::default()),
        queue: stack.files,
        metrics: bridge.metrics(),
    };
    bridge.serve(deps, handle).await
}
