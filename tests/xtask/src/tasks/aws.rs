//! `cargo xtask aws`: emulated AWS with the resources of the templates, left running.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Fault;
use crate::cloud::{Cloud, exports};
use crate::emulators::{self, Emulators};
use crate::machine::{note, root, say, variable};
use crate::template::Stack;

/// Where the sample tenants find their providers.
const SANDBOX: &str = "127.0.0.1:7717";

/// Starts the emulators, makes the templates' resources and prints, for a shell to evaluate, the
/// variables of all functions.
pub fn up() -> Result<(), Fault> {
    let stack = Stack::load(&root())?;
    let cloud = if let Some(cloud) = emulators::running() {
        note("the emulators run already");
        cloud
    } else {
        let started = Emulators::start()?;
        let cloud = started.cloud().clone();
        cloud.provide(&stack)?;
        let prefix = stack.environments.values().find_map(|all| all.get("SECRETS_PREFIX"));
        secrets(&cloud, prefix.map_or("headwater", String::as_str))?;
        started.leave()?;
        cloud
    };
    let mut variables = Vec::new();
    for function in stack.environments.keys() {
        variables.extend(cloud.environment(&stack, function));
    }
    let bucket = variables.iter().find(|(name, _)| name == "LAKE_BUCKET").cloned();
    // `headwater config push` looks for it there.
    variables.extend(bucket.map(|(_, bucket)| ("HEADWATER_BUCKET".to_owned(), bucket)));
    variables.push(("HEADWATER_ALLOW_HOSTS".to_owned(), SANDBOX.to_owned()));
    variables.sort();
    variables.dedup();
    note("a shell takes these lines by: eval \"$(cargo xtask aws)\"; --down stops the emulators");
    say(exports(&variables).trim_end());
    Ok(())
}

/// Gives the emulated cloud the secrets of this machine: `<data>/secrets/<tenant>/<name>`, which
/// the demo writes for the sample tenants.
fn secrets(cloud: &Cloud, prefix: &str) -> Result<(), Fault> {
    let data = variable("HEADWATER_DATA").map_or_else(|| root().join(".headwater"), PathBuf::from);
    let folder = data.join("secrets");
    let mut given = 0;
    for tenant in files(&folder) {
        for file in files(&tenant) {
            let value = fs::read_to_string(&file).map_err(Fault::file(&file))?;
            let path = file.strip_prefix(&folder).unwrap_or(&file).display();
            cloud.secret(&format!("{prefix}/{path}"), value.trim_end())?;
            given += 1;
        }
    }
    note(format!("{given} secrets of {} are given to the emulated cloud", folder.display()));
    Ok(())
}

/// What a folder holds; nothing when there is none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// Stops the emulators.
pub fn down() -> Result<(), Fault> {
    let stopped = emulators::stop()?;
    note(format!("{stopped} emulators stopped"));
    Ok(())
}
