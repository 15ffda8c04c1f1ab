//! `cargo xtask pyairbyte`: the command as a local executable source of PyAirbyte.

use std::fs;
use std::process::Command;

use crate::Fault;
use crate::install::{self, program};
use crate::machine::{cargo, root, run, target};

/// Installs `PyAirbyte` from `PyPI`, and lets it read through the command.
pub fn pyairbyte() -> Result<(), Fault> {
    install::pyairbyte()?;
    run(cargo().args(["build", "--profile", "demo", "-p", "headwater"]))?;
    let home = target().join("pyairbyte");
    if home.exists() {
        fs::remove_dir_all(&home).map_err(Fault::file(&home))?;
    }
    let mut read = Command::new(program("pyairbyte", "python"));
    read.arg(root().join("tests").join("pyairbyte").join("read.py"));
    run(read.arg(target().join("demo").join("headwater")).arg(&home))
}
