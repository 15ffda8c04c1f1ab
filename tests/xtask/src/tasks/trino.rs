//! `cargo xtask trino`: the views on a real Trino, Athena's engine.

use crate::Fault;
use crate::machine::{Dice, cargo, run, say};
use crate::trino::Server;

/// Random histories as the views show them, against their fold.
pub fn trino(seed: Option<u64>) -> Result<(), Fault> {
    let seed = seed.unwrap_or_else(Dice::seed);
    say(format!("seed {seed}"));
    let tests = ["test", "--workspace", "--test", "trino", "--quiet"];
    run(cargo().args(tests).arg("--no-run"))?;
    let server = Server::start()?;
    run(cargo().args(tests).envs(server.variables()).env("SEED", seed.to_string()))
}
