//! `cargo xtask pocketbase`: a push to a server that nobody here wrote.

use crate::Fault;
use crate::machine::{cargo, run};
use crate::pocketbase::Server;

/// Records created, updated and conflicting, by a destination's file alone.
pub fn pocketbase() -> Result<(), Fault> {
    let tests = ["test", "-p", "destination", "--test", "pocketbase", "--quiet"];
    run(cargo().args(tests).arg("--no-run"))?;
    let server = Server::start()?;
    run(cargo().args(tests).envs(server.variables()))
}
