//! The report function: tells what became of files and pushes. Its work is `handlers::report`.

use std::sync::Arc;

use aws::Resources;
use aws::lambda::{self, Bridge};
use handlers::configuration::Configuration;
use handlers::report;
use handlers::report::publish::{Deps, handle};
use host::Vars;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let vars = Vars::process();
    let bridge = Bridge::start("report", &vars)?;
    let stack = Resources::from_vars(&vars, &bridge.clock())?;
    let configuration = Arc::new(Configuration::new(Arc::clone(&stack.lake), "config/"));
    let deps = Deps {
        facts: report::Deps { configuration, lake: stack.lake },
        clock: bridge.clock(),
        metrics: bridge.metrics(),
    };
    bridge.serve(deps, handle).await
}
