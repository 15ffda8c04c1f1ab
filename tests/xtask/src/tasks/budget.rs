//! `cargo xtask budget`: the shared call budget over a day of virtual time, and in real time.

use crate::Fault;
use crate::emulators::Emulators;
use crate::machine::{cargo, run};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// 64 workers over a virtual day; then processes of workers over SQLite and an emulated DynamoDB,
/// for so many seconds each. Prints calls, the most in any window, the share of the ideal, and
/// calls a write.
pub fn budget(seconds: u32) -> Result<(), Fault> {
    let mut day = cargo();
    day.args(["test", "-p", "store", "--lib", "--", "--nocapture", "sixty_four_workers"]);
    run(day.env("BUDGET_MINUTES", DAY.to_string()))?;
    let tests = ["test", "-p", "system-tests", "--test", "budget", "--quiet"];
    run(cargo().args(tests).arg("--no-run"))?;
    let emulators = Emulators::start()?;
    let mut minutes = cargo();
    minutes.args(tests).envs(emulators.cloud().variables());
    run(minutes.env("BUDGET_SECONDS", seconds.to_string()))
}
