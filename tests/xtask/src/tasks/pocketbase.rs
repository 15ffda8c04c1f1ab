//! `cargo xtask pocketbase`: a push to a server that nobody here wrote.

use crate::Fault;
use crate::machine::{cargo, run};
use crate::pocketbase::Server;

/// Packages whose tests need the server, and the tests.
const TESTS: [(&str, &str); 2] =
    [("destination", "pocketbase"), ("system-tests", "pushes_pocketbase")];

/// Records created, updated and conflicting, by a destination's file alone: request by request,
/// and from a message to outcomes in the lake.
pub fn pocketbase() -> Result<(), Fault> {
    let test = |(package, name): (&'static str, &'static str)| {
        ["test", "-p", package, "--test", name, "--quiet"]
    };
    for one in TESTS {
        run(cargo().args(test(one)).arg("--no-run"))?;
    }
    let server = Server::start()?;
    TESTS.into_iter().try_for_each(|one| run(cargo().args(test(one)).envs(server.variables())))
}
