//! `REQUIREMENTS.md` beside this file: one line a requirement, and no proof that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The parts of the checklist that are listed, with the number of their last line.
const PARTS: [(&str, usize); 4] = [("S0", 28), ("S1", 29), ("S2", 55), ("S4", 44)];

/// Commands that a line may name instead of tests.
const COMMANDS: [&str; 3] = ["cargo headwater ", "cargo xtask ", "sam "];

struct Line {
    id: String,
    proofs: Vec<String>,
}

fn lines() -> Vec<Line> {
    let text = include_str!("REQUIREMENTS.md");
    let listed = text.lines().filter(|line| PARTS.iter().any(|(part, _)| line.starts_with(part)));
    let line = |line: &str| {
        let fields: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        let [id, proofs, note] = fields[..] else { panic!("not `ID | proof | note`: {line}") };
        assert!(!note.is_empty(), "{id} has no note");
        let proofs = proofs.split(", ").map(|proof| proof.trim_matches('`').to_owned());
        Line { id: id.to_owned(), proofs: proofs.collect() }
    };
    listed.map(line).collect()
}

/// The names of all functions under a folder that are tests.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
                if let Some((name, _)) = name.and_then(|name| name.split_once('(')) {
                    if is_test {
                        found.insert(name.to_owned());
                    }
                    is_test = false;
                } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                }
            }
        }
    }
}

#[test]
fn every_requirement_is_listed_once() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines() {
        *counts.entry(line.id).or_default() += 1;
    }
    let wanted = PARTS
        .iter()
        .flat_map(|(part, last)| (1..=*last).map(move |number| (format!("{part}-{number:02}"), 1)));
    assert_eq!(counts, wanted.collect());
}

#[test]
fn every_named_test_exists() {
    let mut found = BTreeSet::new();
    let root = xtask::machine::root();
    for folder in ["tests", "shared", "functions"] {
        tests(&root.join(folder), &mut found);
    }
    let is_command = |proof: &str| COMMANDS.iter().any(|command| proof.starts_with(command));
    let missing: Vec<String> = lines()
        .into_iter()
        .flat_map(|line| line.proofs.into_iter().map(move |proof| (line.id.clone(), proof)))
        .filter(|(_, proof)| !is_command(proof) && !found.contains(proof))
        .map(|(id, proof)| format!("{id}: there is no test `{proof}`"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
