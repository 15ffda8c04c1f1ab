//! `cargo xtask oracle`: the interpreter against the reference, over public manifests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Fault;
use crate::machine::{cargo, root, run, say, target, variable};

/// The variable that names the folder with the manifests.
pub(super) const FOLDER: &str = "HEADWATER_ORACLE";

/// Which manifests, and how their answers come.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those whose names hold this.
    pub name: Option<String>,
    /// First answers are 429, 500 and 503.
    pub faults: bool,
    /// How many of them, spread over all.
    pub share: Share,
}

/// How many of the manifests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Share {
    /// All, by the command as it ships.
    #[default]
    All,
    /// One in six, at least 20, by a command built for tests.
    Sample,
}

/// One manifest in this many is in the sample.
const SPREAD: usize = 6;

/// Least share of manifests, in percent, that must equal the reference.
const LEAST: usize = 97;

/// Most CPU seconds for `spec` and `discover` of every manifest, each in a process of its own.
const LOADING: &str = "5";

/// Compares; a fault when fewer pass than must, and when one that differs is not among the known
/// gaps of `ARCHITECTURE.md`.
pub fn oracle(selection: &Selection) -> Result<(), Fault> {
    let folder = folder()?;
    let headwater = built(selection.share)?;
    let report = home()?.join("report.jsonl");
    if report.exists() {
        fs::remove_file(&report).map_err(Fault::file(&report))?;
    }
    let mut compare = Command::new(folder.join("run.sh"));
    compare.arg(reading(&headwater));
    if let Some(name) = &selection.name {
        compare.args(["-k", name]);
    }
    if selection.faults {
        compare.arg("--faults");
    }
    if selection.share == Share::Sample {
        compare.arg("--list").arg(sample(&folder)?);
    }
    run(compare.env("ORACLE_DIR", cache()).env("REPORT", &report))?;
    judge(&report, selection)
}

/// States of the reference continue here, and states from here continue there.
pub fn interchange() -> Result<(), Fault> {
    let folder = folder()?;
    let headwater = built(Share::All)?;
    home()?;
    // Sets the folder's tools up and compares one manifest, so that they are known to work.
    let mut set_up = Command::new(folder.join("run.sh"));
    set_up.arg(reading(&headwater)).args(["-k", "shippo"]).env("ORACLE_DIR", cache());
    run(set_up.env("REPORT", target().join("oracle").join("set-up.jsonl")))?;
    let mut exchange = Command::new(cache().join("venv").join("bin").join("python"));
    exchange.arg(root().join("tests").join("reference").join("interchange.py"));
    run(exchange.arg(cache()).arg(reading(&headwater)))
}

/// Loads every manifest of the folder, for `spec` and for `discover`: each is read, or refused with
/// its place, and all of them within `LOADING`.
pub fn load() -> Result<(), Fault> {
    let folder = folder()?;
    let mut load = Command::new("python3");
    load.arg(root().join("bench").join("load.py")).arg(folder);
    run(load.arg(built(Share::All)?).arg(LOADING))
}

fn folder() -> Result<PathBuf, Fault> {
    variable(FOLDER).map(PathBuf::from).ok_or_else(|| {
        fault(format!(
            "{FOLDER} is not set: it names the folder that holds run.sh, the manifests and what \
             the reference did with them"
        ))
    })
}

fn fault(reason: String) -> Fault {
    Fault::Program { program: "oracle".to_owned(), reason }
}

fn home() -> Result<PathBuf, Fault> {
    let home = target().join("oracle");
    fs::create_dir_all(&home).map_err(Fault::file(&home))?;
    Ok(home)
}

/// Where the folder's tools are copied to and set up.
fn cache() -> PathBuf {
    target().join("oracle").join("cache")
}

/// The command: as it ships for all manifests, as tests build it for a sample.
fn built(share: Share) -> Result<PathBuf, Fault> {
    let profile = if share == Share::All { "demo" } else { "dev" };
    run(cargo().args(["build", "--quiet", "--profile", profile, "-p", "headwater"]))?;
    let folder = if share == Share::All { "demo" } else { "debug" };
    Ok(target().join(folder).join("headwater"))
}

/// The command as the oracle calls it.
fn reading(headwater: &Path) -> String {
    format!(
        "sh -c 'exec {} source read --manifest {{manifest}} --config {{config}} \
         --catalog {{catalog}} --state {{state}} --now \"$NOW\" --max-backoff 0s'",
        headwater.display()
    )
}

/// The list of the sample's names, written to a file.
fn sample(folder: &Path) -> Result<PathBuf, Fault> {
    let all = folder.join("valid.txt");
    let names = fs::read_to_string(&all).map_err(Fault::file(&all))?;
    let list = home()?.join("sample.txt");
    fs::write(&list, spread(&names)).map_err(Fault::file(&list))?;
    Ok(list)
}

fn spread(names: &str) -> String {
    let names = names.lines().filter(|name| !name.trim().is_empty());
    names.step_by(SPREAD).map(|name| format!("{name}\n")).collect::<Vec<_>>().concat()
}

fn judge(report: &Path, selection: &Selection) -> Result<(), Fault> {
    let text = fs::read_to_string(report).map_err(Fault::file(report))?;
    let map = root().join("ARCHITECTURE.md");
    let gaps = fs::read_to_string(&map).map_err(Fault::file(&map))?;
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    let mut unknown = Vec::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_default();
        let word = |field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
        let verdict = word("verdict").unwrap_or_else(|| "ERROR".to_owned());
        let name = word("name").unwrap_or_default();
        if verdict != "PASS" && !gaps.contains(&format!("`{name}`")) {
            unknown.push(name);
        }
        *tally.entry(verdict).or_default() += 1;
    }
    for (verdict, count) in &tally {
        say(format!("{count:>5}  {verdict}"));
    }
    let total: usize = tally.values().sum();
    let passed = tally.get("PASS").copied().unwrap_or(0);
    say(format!("{passed} of {total} manifests equal the reference"));
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        return Err(fault(format!("{names}: differs, and ARCHITECTURE.md does not say why")));
    }
    let least = if selection.name.is_some() { 0 } else { LEAST };
    if total > 0 && (passed * 100 >= least * total || selection.share == Share::Sample) {
        return Ok(());
    }
    Err(fault(format!("{passed} of {total} manifests equal the reference, {least} % must")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_all_names() {
        let names = (0..133).map(|i| format!("source-{i}\n")).collect::<Vec<_>>().concat();
        let sample = spread(&names);
        assert_eq!(sample.lines().count(), 23);
        assert_eq!(sample.lines().next_back(), Some("source-132"));
    }
}
