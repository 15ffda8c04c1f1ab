//! `cargo xtask identity`: the same hosts in any order of arrival, on DynamoDB's local edition.

use crate::Fault;
use crate::emulators::Emulators;
use crate::machine::{cargo, run};

/// Orders of arrival, unless somebody asks for more or fewer.
pub const ORDERS: u32 = 1000;

/// So many random orders of arrival, some records twice, each must give the same hosts.
pub fn identity(orders: u32) -> Result<(), Fault> {
    let tests = ["test", "--workspace", "--test", "aws", "--quiet"];
    run(cargo().args(tests).arg("--no-run"))?;
    let emulators = Emulators::start()?;
    let mut all = cargo();
    all.args(tests).args(["--", "hosts_on_dynamodb"]).envs(emulators.cloud().variables());
    run(all.env("ORDERS", orders.to_string()))
}
