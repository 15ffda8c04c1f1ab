//! `cargo xtask budget`: the shared call budget over a day of virtual time.

use crate::Fault;
use crate::machine::{cargo, run};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// 64 workers of five tenants over a virtual day. Prints calls, the most in any window, the share
/// of the ideal, calls a write, and the calls of each tenant.
pub fn budget() -> Result<(), Fault> {
    let mut day = cargo();
    day.args(["test", "-p", "store", "--lib", "--", "--nocapture", "sixty_four_workers"]);
    run(day.env("BUDGET_MINUTES", DAY.to_string()))
}
