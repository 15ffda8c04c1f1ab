//! `cargo xtask aws`: emulated AWS with the resources of the templates, left running.

use std::fmt::Write as _;

use crate::Fault;
use crate::cloud::exports;
use crate::emulators::{self, Emulators};
use crate::machine::{note, root, say};
use crate::template::Stack;

/// Starts the emulators, makes the templates' resources and prints, for a shell to evaluate, the
/// variables of all functions.
pub fn up() -> Result<(), Fault> {
    let stack = Stack::load(&root())?;
    let cloud = if let Some(cloud) = emulators::running() {
        note("the emulators run already");
        cloud
    } else {
        let started = Emulators::start()?;
        let cloud = started.cloud().clone();
        cloud.provide(&stack)?;
        started.leave()?;
        cloud
    };
    let mut variables = Vec::new();
    for function in stack.environments.keys() {
        variables.extend(cloud.environment(&stack, function));
    }
    variables.sort();
    variables.dedup();
    let mut help = String::from("evaluate these lines in a shell: eval \"$(cargo xtask aws)\"; ");
    // Writing to a text cannot fail.
    let _written = write!(help, "`cargo xtask aws --down` stops the emulators").is_ok();
    note(help);
    say(exports(&variables).trim_end());
    Ok(())
}

/// Stops the emulators.
pub fn down() -> Result<(), Fault> {
    let stopped = emulators::stop()?;
    note(format!("{stopped} emulators stopped"));
    Ok(())
}
