//! What a lake answers, command by command: every output is JSON, every exit code is said.

#![expect(clippy::indexing_slicing, reason = "a test says by panicking what went wrong")]

use std::path::Path;

use serde_json::Value;

use super::{headwater, text};

/// The lines that a command writes, and how it ends.
fn asked(folder: &Path, args: &[&str]) -> (Vec<Value>, Option<i32>) {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let output = headwater(folder, &[args, &["--json", "--folder", config]].concat());
    let lines = text(&output.stdout);
    (lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), output.status.code())
}

/// The same of a command that ends well and has something to say.
#[track_caller]
fn told(folder: &Path, args: &[&str]) -> Vec<Value> {
    let (lines, code) = asked(folder, args);
    assert_eq!(code, Some(0), "{args:?}: {lines:?}");
    assert!(!lines.is_empty(), "{args:?} says nothing");
    lines
}

fn sum(lines: &[Value], field: &str) -> u64 {
    lines.iter().map(|line| line[field].as_u64().unwrap()).sum()
}

/// How many customers of a tenant there are, and the id of one of them.
fn customers(folder: &Path) -> (Value, String) {
    let sql = "SELECT count(*) AS n, min(id) AS id FROM model_customer WHERE _tenant = 'bluebird'";
    let row = told(folder, &["query", sql]).remove(0);
    (row["n"].clone(), row["id"].as_str().unwrap().to_owned())
}

/// What was refused, and how records differ from models.
pub(crate) fn refusals_and_differences(folder: &Path) {
    let refused = told(folder, &["quarantine", "ls", "--model", "order"]);
    assert!(refused.iter().all(|group| group["model"] == "order" && group["line"].is_u64()));
    let shown = told(folder, &["quarantine", "show", "--model", "order", "--limit", "1"]);
    let violation = &shown[0]["violations"][0];
    assert_eq!((shown.len(), violation["rule"].is_string()), (1, true), "{shown:?}");
    assert!(shown[0]["object"].as_str().unwrap().starts_with("landing/rutter/orders/"));
    let again = told(folder, &["quarantine", "retry", "--model", "order"]);
    assert_eq!(sum(&again, "refused"), sum(&again, "refused_before"), "the model is as it was");
    assert_eq!(
        sum(&told(folder, &["quarantine", "ls", "--model", "order"]), "count"),
        sum(&refused, "count")
    );
    let drifted = told(folder, &["drift", "--model", "order"]);
    assert_eq!(
        (&drifted[0]["source"], &drifted[0]["stream"]),
        (&"rutter".into(), &"orders".into())
    );
    let (lines, code) = asked(folder, &["drift", "--model", "ordre"]);
    assert_eq!(code, Some(2));
    assert!(lines[0]["error"].as_str().unwrap().contains("did you mean `order`?"), "{lines:?}");
}

/// A row's versions; rows made anew, compacted and copied are the rows that they were.
pub(crate) fn rows_and_copies(folder: &Path) {
    let before = customers(folder);
    let id = before.1.as_str();
    let shown = || {
        let versions = told(folder, &["why", "customer", id, "--tenant", "bluebird"]);
        let shown: Vec<_> = versions.into_iter().filter(|one| one["shown"] == true).collect();
        assert_eq!(shown.len(), 1, "{shown:?}");
        shown[0]["object"].clone()
    };
    let object = shown();
    let (lines, code) = asked(folder, &["why", "customer", "nobody at all"]);
    assert_eq!((code, lines[0]["ok"].as_bool()), (Some(2), Some(false)), "{lines:?}");
    let replayed = told(folder, &["replay", "--model", "customer", "--tenant", "bluebird"]);
    assert!(sum(&replayed, "commits") > 0, "{replayed:?}");
    let compacted = told(folder, &["compact", "customer", "--tenant", "bluebird"]);
    assert_eq!(sum(&compacted, "snapshots"), 1, "{compacted:?}");
    assert_eq!((shown(), customers(folder)), (object, before.clone()));
    let copied = told(folder, &["export", "--customer", "meadow"]);
    assert_eq!((copied[0]["customer"].as_str(), copied.len()), (Some("meadow"), 1));
    assert!(copied[0]["rows"].as_u64() > before.0.as_u64(), "{copied:?}");
    assert_eq!(asked(folder, &["export", "--customer", "nobody"]).1, Some(2));
}
