//! `cargo xtask fuzz`: what reads the texts of strangers, fed with texts that nobody would write.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Fault;
use crate::machine::{Dice, cargo, run, say, target};

/// What is fuzzed.
const TARGETS: [&str; 6] = ["manifest", "interpolation", "datetime", "dpath", "state", "model"];

/// Fuzzes each target, or one, for so many minutes; a fault when one dies or hangs, with the file
/// of the text that it died of.
pub fn fuzz(minutes: f64, seed: Option<u64>, only: Option<&str>) -> Result<(), Fault> {
    // A build for tests: an overflow is a failure.
    run(cargo().args(["build", "--quiet", "-p", "fuzz"]))?;
    let home = target().join("fuzz");
    fs::create_dir_all(&home).map_err(Fault::file(&home))?;
    let seed = seed.unwrap_or_else(Dice::seed);
    say(format!("seed {seed}"));
    for name in TARGETS.iter().filter(|name| only.is_none_or(|only| only == **name)) {
        one(name, minutes, seed, &home)?;
    }
    Ok(())
}

fn one(name: &str, minutes: f64, seed: u64, home: &Path) -> Result<(), Fault> {
    let last = home.join(format!("{name}.txt"));
    let mut fuzz = Command::new(target().join("debug").join("fuzz"));
    fuzz.args([name, "--minutes", &minutes.to_string(), "--seed", &seed.to_string()]);
    run(fuzz.arg("--last").arg(&last)).map_err(|fault| Fault::Program {
        program: format!("fuzz {name}"),
        reason: format!(
            "{fault}; seed {seed}; the text is in {}: put it into tests/fuzz/corpus/{name}/",
            last.display()
        ),
    })
}
