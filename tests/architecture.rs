//! The house rules that a compiler does not check: who may see whom, which outside crate belongs
//! to whom, what stands at the top level, what the documents promise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Who may see whom among the workspace's own crates, in normal (not test) dependencies.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("ports", &["model"]),
    ("request", &["model", "ports"]),
    ("store", &["model", "ports"]),
    ("connector", &["model", "ports", "request"]),
    ("destination", &["model", "ports", "request"]),
    ("lake", &["model", "ports"]),
    ("normalize", &["model"]),
    ("files", &["model", "ports"]),
    (
        "handlers",
        &[
            "connector",
            "destination",
            "files",
            "lake",
            "model",
            "normalize",
            "ports",
            "request",
            "store",
        ],
    ),
    ("host", &["model", "ports"]),
    ("http", &["host", "model", "ports"]),
    ("aws", &["host", "model", "ports"]),
    ("local", &["host", "model", "ports"]),
    ("query", &["lake", "model", "ports"]),
    ("sftp", &["http", "model", "ports"]),
    ("testkit", &["model", "ports"]),
    ("sandbox", &["model", "ports"]),
    ("schedule", &["aws", "handlers", "host", "http", "model", "ports", "store"]),
    ("extract", &["aws", "handlers", "host", "http", "model", "ports", "store"]),
    ("intake", &["aws", "handlers", "host", "http", "ports", "sftp", "store"]),
    ("compact", &["aws", "handlers", "host", "model", "ports", "store"]),
    ("export", &["aws", "handlers", "host", "model", "ports"]),
    ("push", &["aws", "handlers", "host", "http", "store"]),
    ("report", &["aws", "handlers", "host"]),
    ("transform", &["aws", "handlers", "host", "model", "ports", "store"]),
    ("webhook", &["aws", "handlers", "host", "store"]),
    (
        "headwater",
        &[
            "aws",
            "connector",
            "destination",
            "files",
            "handlers",
            "host",
            "http",
            "lake",
            "local",
            "model",
            "normalize",
            "ports",
            "query",
            "request",
            "sandbox",
            "sftp",
            "store",
            "testkit",
        ],
    ),
    ("fuzz", &["connector", "model", "normalize", "ports", "request"]),
    ("system-tests", &[]),
    ("xtask", &[]),
];

/// Which outside crates belong to whom. Test dependencies are free.
const CONFINED: &[(&str, &[&str])] = &[
    ("lambda_runtime", &["aws"]),
    ("aws-config", &["aws"]),
    ("aws-sdk-", &["aws"]),
    ("aws-smithy-", &["aws"]),
    ("reqwest", &["http"]),
    ("rusqlite", &["local", "query", "sandbox"]),
    ("axum", &["sandbox", "headwater"]),
    (
        "tokio",
        &[
            "aws",
            "host",
            "http",
            "local",
            "query",
            "sandbox",
            "sftp",
            "schedule",
            "extract",
            "export",
            "push",
            "report",
            "transform",
            "webhook",
            "intake",
            "compact",
            "headwater",
        ],
    ),
    ("rand", &["host", "testkit", "sandbox"]),
    ("russh", &["sandbox", "sftp"]),
    ("russh-sftp", &["sandbox", "sftp"]),
    ("openssl-sys", &[]),
    ("native-tls", &[]),
    ("chrono", &[]),
    ("anyhow", &[]),
];

/// What the product is built on, in real code.
const IN_REAL_USE: &[(&str, &str)] = &[
    ("lambda_runtime", "lambda_runtime::"),
    ("aws-sdk-s3", "aws_sdk_s3::"),
    ("aws-sdk-sqs", "aws_sdk_sqs::"),
    ("aws-sdk-dynamodb", "aws_sdk_dynamodb::"),
    ("reqwest", "reqwest::"),
    ("serde", "serde::"),
    ("tokio", "tokio::"),
    ("tracing", "tracing::"),
];

/// The visible top level.
const TOP_LEVEL: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "bench",
    "config",
    "docs",
    "events",
    "functions",
    "infra",
    "samconfig.toml",
    "shared",
    "template.yaml",
    "tests",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Normal dependencies of every package of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let names = |package: &Value| {
        let normal = |d: &&Value| d["kind"].is_null();
        let dependencies = package["dependencies"].as_array().unwrap().iter().filter(normal);
        dependencies.map(|d| d["name"].as_str().unwrap().to_owned()).collect()
    };
    packages().iter().map(|p| (p["name"].as_str().unwrap().to_owned(), names(p))).collect()
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["shared", "functions", "tests"] {
        files(&root().join(folder), "rs", &mut found);
    }
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Names tracked by version control at the top level, dotfiles aside.
fn top_level() -> BTreeSet<String> {
    let output = Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let first = |line: &str| line.split('/').next().unwrap_or_default().to_owned();
    listed.lines().map(first).filter(|name| !name.starts_with('.')).collect()
}

#[test]
fn dependencies_point_inwards() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let dependencies = dependencies();
    let own: BTreeSet<_> = dependencies.keys().cloned().collect();
    let mut faults = Vec::new();
    for (package, needs) in &dependencies {
        let Some(may) = allowed.get(package.as_str()) else {
            faults.push(format!("{package} has no entry in ALLOWED"));
            continue;
        };
        let outwards = needs.intersection(&own).filter(|n| !may.contains(&n.as_str()));
        faults.extend(outwards.map(|n| format!("{package} -> {n}")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn outside_crates_stay_with_their_owners() {
    let mut faults = Vec::new();
    for (package, needs) in dependencies() {
        for (outside, owners) in CONFINED {
            let belongs = |need: &&String| {
                if outside.ends_with('-') { need.starts_with(outside) } else { need == outside }
            };
            if !owners.contains(&package.as_str()) {
                faults.extend(needs.iter().filter(belongs).map(|n| format!("{package} -> {n}")));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Catches what a dependency's dependency would let in.
#[test]
fn handlers_reach_no_adapter_through_others() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "handlers", "-e", "normal", "--prefix", "none", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    for outside in ["aws-sdk", "lambda_runtime", "reqwest", "rusqlite", "tokio "] {
        let found = tree.lines().find(|line| line.starts_with(outside));
        assert_eq!(found, None, "handlers must not reach {outside}");
    }
}

#[test]
fn the_named_packages_are_in_real_use() {
    let dependencies = dependencies();
    let sources = sources();
    for (package, path) in IN_REAL_USE {
        assert!(dependencies.values().any(|d| d.contains(*package)), "nobody depends on {package}");
        let used = sources
            .iter()
            .any(|(file, text)| !file.ends_with("architecture.rs") && text.contains(path));
        assert!(used, "no source names {path}");
    }
}

#[test]
fn the_top_level_is_as_drawn() {
    let drawn: BTreeSet<_> = TOP_LEVEL.iter().map(|s| (*s).to_owned()).collect();
    assert_eq!(top_level(), drawn);
}

#[test]
fn mains_are_hosts() {
    for (path, text) in sources() {
        if path.ends_with("src/main.rs") && path.starts_with(root().join("functions")) {
            assert!(
                text.lines().count() <= 40,
                "{} has {} lines",
                path.display(),
                text.lines().count()
            );
        }
    }
}

#[test]
fn libraries_open_with_their_purpose_and_hold_no_code() {
    for (path, text) in sources() {
        if path.ends_with("src/lib.rs") {
            assert!(text.starts_with("//! "), "{} opens without a purpose", path.display());
            let code = text.lines().find(|l| {
                l.starts_with("fn ") || l.starts_with("impl ") || l.starts_with("pub fn ")
            });
            assert_eq!(code, None, "{}", path.display());
        }
    }
}

#[test]
fn relative_links_of_documents_lead_somewhere() {
    let mut documents = Vec::new();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        documents.push(root().join(name));
    }
    files(&root().join("docs"), "md", &mut documents);
    files(&root().join("bench"), "md", &mut documents);
    let mut broken = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if !document.parent().unwrap().join(target).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn no_test_is_ignored() {
    for (path, text) in sources() {
        if !path.ends_with("architecture.rs") {
            assert!(!text.contains("#[ignore"), "{}", path.display());
        }
    }
}
