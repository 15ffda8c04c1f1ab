//! `headwater lake`: what statements can name, on a deployed stack.

use clap::Subcommand;
use handlers::deploy::{Deps, Done, Error, Place, deploy};
use serde_json::json;

use crate::console::Console;
use crate::failure::Failure;
use crate::stack::Stack;

/// What to do with the lake.
#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    /// Defines tables and views as the stack's configuration asks for them; what is there already
    /// stays untouched. Run it after `config push` of sources, models or tenants.
    Deploy {
        /// The stack. Region and credentials come from the environment: `AWS_REGION`,
        /// `AWS_ACCESS_KEY_ID` and so on.
        #[arg(long, value_name = "NAME")]
        stack: String,
    },
}

/// Runs one of them.
pub(crate) async fn run(command: Lake, console: Console) -> Result<(), Failure> {
    let Lake::Deploy { stack } = command;
    let stack = Stack::open(&stack).await?;
    let place = Place {
        database: stack.place.database.clone(),
        root: format!("s3://{}/", stack.place.bucket),
    };
    let deps = Deps {
        configuration: stack.configuration,
        lake: stack.lake,
        database: stack.athena,
        clock: stack.clock,
    };
    let deployed = deploy(&deps, &place).await?;
    for (name, done) in &deployed.relations {
        console.emit(&json!({"relation": name, "done": done}))?;
        let told = match done {
            Done::Created => "created",
            Done::Altered => "altered",
            Done::Replaced => "replaced",
            Done::Unchanged => continue,
        };
        console.say(format!("{told:<9} {name}"))?;
    }
    for name in &deployed.left {
        console.emit(&json!({"relation": name, "done": "left"}))?;
        console.say(format!("left      {name}: nothing asks for it any more"))?;
    }
    let unchanged = deployed.relations.iter().filter(|(_, done)| *done == Done::Unchanged).count();
    console.say(format!(
        "{} relations of `{}`, {unchanged} of them as they were; data since {}",
        deployed.relations.len(),
        place.database,
        deployed.first_month
    ))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Configuration(error) => error.into(),
            Error::Nobody => Self::Input(error.to_string()),
            error => Self::of("the lake is not deployed", error),
        }
    }
}
