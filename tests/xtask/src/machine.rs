//! What tasks need of the machine: the project's folder, variables, programs, time.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks are typed by a person: they read the environment, time steps and print"
)]

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Fault;

/// The project's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where Cargo builds.
pub fn target() -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A variable, when it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What cargo tells a program that it runs of the package that this is.
const OF_A_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The `cargo` that runs this, as a shell would call it: build scripts that look at variables of
/// a package would otherwise run again, and half of all crates be built anew, each time that
/// builds by this program and by hand take turns.
pub fn cargo() -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    command.current_dir(root());
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| OF_A_PACKAGE.iter().any(|start| name.starts_with(start))) {
        command.env_remove(name);
    }
    command
}

/// Says something on stdout.
pub fn say(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// Says on stderr what goes on, away from results.
pub fn note(text: impl AsRef<str>) {
    eprintln!("xtask: {}", text.as_ref());
}

/// Runs a program to its end; a fault when it fails.
pub fn run(command: &mut Command) -> Result<(), Fault> {
    let program = shown(command);
    let fault = |reason: String| Fault::Program { program: program.clone(), reason };
    let status = command.status().map_err(|error| fault(missing(&error)))?;
    if status.success() { Ok(()) } else { Err(fault(format!("ended with {status}"))) }
}

/// Runs a program to its end; gives what it wrote to stdout.
pub fn output(command: &mut Command) -> Result<String, Fault> {
    let program = shown(command);
    let fault = |reason: String| Fault::Program { program: program.clone(), reason };
    let output = command.output().map_err(|error| fault(missing(&error)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(fault(format!("ended with {}: {said}", output.status)))
}

/// The program's name and first words, as a person would type them.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = command.get_args().take(3).map(|word| word.to_string_lossy().into_owned());
    let words: Vec<_> =
        std::iter::once(program.to_string_lossy().into_owned()).chain(words).collect();
    words.join(" ")
}

fn missing(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "not found: install it and put it on the PATH".to_owned(),
        _ => error.to_string(),
    }
}

/// Measures time.
#[derive(Debug, Clone, Copy)]
pub struct Watch(Instant);

impl Watch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since then.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Numbers that nobody foresees, from a seed that can be printed and given again.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A seed of its own.
    pub fn seed() -> u64 {
        RandomState::new().build_hasher().finish() >> 16
    }

    /// A number below `end` (xorshift).
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}
