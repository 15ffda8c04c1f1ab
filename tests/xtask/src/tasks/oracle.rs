//! `cargo xtask oracle`: the interpreter against the reference, over public manifests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Fault;
use crate::machine::{cargo, run, say, target, variable};

/// Which manifests, and how their answers come.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those whose names hold this.
    pub name: Option<String>,
    /// First answers are 429, 500 and 503.
    pub faults: bool,
}

/// Least share of manifests, in percent, that must equal the reference over the whole corpus.
const LEAST: usize = 60;

/// Compares; a fault when fewer pass than must.
pub fn oracle(selection: &Selection) -> Result<(), Fault> {
    let folder = variable("HEADWATER_ORACLE").ok_or_else(|| Fault::Program {
        program: "oracle".to_owned(),
        reason:
            "HEADWATER_ORACLE is not set: it names the folder that holds run.sh, the manifests \
                 and what the reference did with them"
                .to_owned(),
    })?;
    run(cargo().args(["build", "--profile", "demo", "-p", "headwater"]))?;
    let home = target().join("oracle");
    fs::create_dir_all(&home).map_err(Fault::file(&home))?;
    let report = home.join("report.jsonl");
    if report.exists() {
        fs::remove_file(&report).map_err(Fault::file(&report))?;
    }
    let mut compare = Command::new(Path::new(&folder).join("run.sh"));
    compare.arg(reading(&target().join("demo").join("headwater")));
    if let Some(name) = &selection.name {
        compare.args(["-k", name]);
    }
    if selection.faults {
        compare.arg("--faults");
    }
    run(compare.env("ORACLE_DIR", home.join("cache")).env("REPORT", &report))?;
    judge(&report, selection)
}

/// The command as the oracle calls it.
fn reading(headwater: &Path) -> String {
    format!(
        "sh -c 'exec {} source read --manifest {{manifest}} --config {{config}} \
         --catalog {{catalog}} --state {{state}} --now \"$NOW\" --max-backoff 0s'",
        headwater.display()
    )
}

fn judge(report: &PathBuf, selection: &Selection) -> Result<(), Fault> {
    let text = fs::read_to_string(report).map_err(Fault::file(report))?;
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_default();
        let verdict = entry.get("verdict").and_then(Value::as_str).unwrap_or("ERROR");
        *tally.entry(verdict.to_owned()).or_default() += 1;
    }
    let total: usize = tally.values().sum();
    let passed = tally.get("PASS").copied().unwrap_or(0);
    for (verdict, count) in &tally {
        say(format!("{count:>5}  {verdict}"));
    }
    say(format!("{passed} of {total} manifests equal the reference"));
    let least = if selection.name.is_some() { 0 } else { LEAST };
    if total > 0 && passed * 100 >= least * total {
        return Ok(());
    }
    let reason = format!("{passed} of {total} manifests equal the reference, {least} % must");
    Err(Fault::Program { program: "oracle".to_owned(), reason })
}
