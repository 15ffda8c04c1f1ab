//! `cargo xtask kill`: the real `headwater demo`, killed at random moments and run again until it
//! is through, must end in the provider's truth every time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Fault;
use crate::machine::{Dice, Watch, cargo, run, say, target};

/// What is killed.
const DEMO: &str = "headwater demo --json";

/// Most kills of one round, before the run is let through.
const KILLS: u64 = 4;

/// Longest that a run may take that nobody kills.
const PATIENCE: Duration = Duration::from_mins(3);

/// Rounds of kills; a fault at the first whose views differ.
pub fn kill(times: u32, seed: Option<u64>) -> Result<(), Fault> {
    run(cargo().args(["build", "--profile", "demo", "-p", "headwater"]))?;
    let home = target().join("kill");
    if home.exists() {
        fs::remove_dir_all(&home).map_err(Fault::file(&home))?;
    }
    let seed = seed.unwrap_or_else(Dice::seed);
    say(format!("seed {seed}"));
    let mut dice = Dice::seeded(seed);
    let undisturbed = Watch::start();
    Demo::new(home.join("undisturbed"))?.through()?;
    let usual = undisturbed.elapsed();
    say(format!("a run that nobody kills takes {:.1} s", usual.as_secs_f64()));
    for round in 1..=times {
        let demo = Demo::new(home.join(round.to_string()))?;
        let kills = 1 + dice.below(KILLS);
        let mut moments = Vec::new();
        for _ in 0..kills {
            let span = u64::try_from(usual.as_millis()).unwrap_or(u64::MAX);
            let moment = Duration::from_millis(dice.below(span));
            demo.killed_after(moment)?;
            moments.push(format!("{:.2} s", moment.as_secs_f64()));
        }
        let streams = demo.through()?;
        let moments = moments.join(", ");
        say(format!("{round}/{times}: killed after {moments}; {streams} views equal the truth"));
        fs::remove_dir_all(&demo.data).map_err(Fault::file(&demo.data))?;
    }
    say(format!("{times} rounds of kills, all views equal the truth (seed {seed})"));
    Ok(())
}

/// One data folder, and the command over it.
struct Demo {
    data: PathBuf,
}

impl Demo {
    fn new(data: PathBuf) -> Result<Self, Fault> {
        fs::create_dir_all(&data).map_err(Fault::file(&data))?;
        Ok(Self { data })
    }

    fn start(&self, output: &Path) -> Result<Child, Fault> {
        let file = File::create(output).map_err(Fault::file(output))?;
        let errors = self.data.join("stderr.log");
        let errors = File::create(&errors).map_err(Fault::file(errors))?;
        let mut demo = Command::new(target().join("demo").join("headwater"));
        demo.args(["demo", "--json"]).current_dir(crate::machine::root());
        demo.env("HEADWATER_DATA", self.data.join("lake"));
        demo.stdin(Stdio::null()).stdout(file).stderr(errors).spawn().map_err(Fault::program(DEMO))
    }

    /// Starts it and kills it after a while, unless it is through before.
    fn killed_after(&self, moment: Duration) -> Result<(), Fault> {
        let mut child = self.start(&self.data.join("killed.log"))?;
        std::thread::sleep(moment);
        if child.try_wait().map_err(Fault::program(DEMO))?.is_none() {
            child.kill().map_err(Fault::program(DEMO))?;
        }
        child.wait().map_err(Fault::program(DEMO)).map(drop)
    }

    /// Runs it to its end; gives the number of views, all of which must equal the truth.
    fn through(&self) -> Result<usize, Fault> {
        let output = self.data.join("stdout.log");
        let mut child = self.start(&output)?;
        let watch = Watch::start();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(Fault::program(DEMO))? {
                break status;
            }
            if watch.elapsed() > PATIENCE {
                child.kill().map_err(Fault::program(DEMO))?;
                return Err(self.wrong(&format!("not through after {PATIENCE:?}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let text = fs::read_to_string(&output).map_err(Fault::file(&output))?;
        let last: Value = text
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_default();
        let streams = last.get("streams").and_then(Value::as_array).map_or(0, Vec::len);
        if status.success() && last.get("ok") == Some(&Value::Bool(true)) && streams > 0 {
            return Ok(streams);
        }
        Err(self.wrong(&format!("ended with {status} and `{last}`")))
    }

    fn wrong(&self, what: &str) -> Fault {
        let reason = format!("{what}; its data is kept in {}", self.data.display());
        Fault::Program { program: DEMO.to_owned(), reason }
    }
}
