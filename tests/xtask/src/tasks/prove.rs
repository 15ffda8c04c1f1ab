//! `cargo xtask prove`: what takes too long for every change.

use super::budget::budget;
use super::fuzz::fuzz;
use super::identity::{ORDERS, identity};
use super::kill::kill;
use super::oracle::{FOLDER, Selection, interchange, load, oracle};
use super::pocketbase::pocketbase;
use super::pyairbyte::pyairbyte;
use super::steps::Steps;
use super::trino::trino;
use crate::Fault;
use crate::machine::{Dice, cargo, run, say, variable};

/// Rounds of kills.
const ROUNDS: u32 = 50;

/// Minutes of fuzzing for each reader.
const MINUTES: f64 = 10.0;

/// Seconds of the call budget in real time, on each table.
const SECONDS: u32 = 180;

/// Worlds of the long simulation.
const WORLDS: u32 = 50_000;

/// Oracle, kills, views on Trino, the call budget, orders of arrival, and simulations from a
/// random seed that is printed.
pub fn prove() -> Result<(), Fault> {
    let mut steps = Steps::new();
    let faults = Selection { faults: true, ..Selection::default() };
    if variable(FOLDER).is_none() {
        say(format!("{FOLDER} is not set: the oracle is NOT part of this proof"));
    } else {
        steps.step("oracle", || oracle(&Selection::default()));
        steps.step("oracle, first answers faulty", || oracle(&faults));
        steps.step("states to and from the reference", interchange);
        steps.step("loading of all manifests", load);
    }
    steps.step("PyAirbyte", pyairbyte);
    steps.step("fuzzing", || fuzz(MINUTES, None, None));
    steps.step("kills", || kill(ROUNDS, None));
    steps.step("views on Trino", || trino(None));
    steps.step("a push to PocketBase", pocketbase);
    steps.step("call budget", || budget(SECONDS));
    steps.step("orders of arrival on DynamoDB", || identity(ORDERS));
    let seed = Dice::seed();
    for simulation in ["simulation", "delivery_worlds"] {
        steps.step(&format!("{simulation}: {WORLDS} worlds from SEED={seed}"), || {
            let mut worlds = cargo();
            worlds.args(["test", "--profile", "demo", "--workspace", "--test", simulation]);
            worlds.arg("two_thousand_worlds");
            run(worlds.env("SEED", seed.to_string()).env("WORLDS", WORLDS.to_string()))
        });
    }
    steps.close("cargo xtask prove")
}
