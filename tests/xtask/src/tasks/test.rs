//! `cargo xtask test`: all that a change must pass, with the set-up that it needs.

use std::process::Command;
use std::thread;

use super::oracle::{FOLDER, Selection, Share, oracle};
use super::steps::Steps;
use crate::Fault;
use crate::cloud::Cloud;
use crate::emulators::Emulators;
use crate::install::{self, program};
use crate::machine::{cargo, root, run, say, target, variable};

/// The functions whose programs the tests on emulated AWS start.
const FUNCTIONS: [&str; 9] = [
    "schedule",
    "extract",
    "transform",
    "compact",
    "webhook",
    "export",
    "intake",
    "push",
    "report",
];

/// Formatting, lints, tests, documents, templates; then the contracts on emulated AWS.
pub fn test() -> Result<(), Fault> {
    let mut steps = Steps::new();
    // Installing waits for the network, compiling for the processor: they go side by side.
    let installing = thread::spawn(|| install::emulators().and(install::template_tools()));
    steps.step("formatting", || run(cargo().args(["fmt", "--all", "--check"])));
    steps.step("lints", || {
        run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        // With `--workspace` crates have the features that they had before: nothing is built twice.
        let apart = ["aws", "trino", "budget", "pushes_pocketbase"];
        let mut clippy = cargo();
        clippy
            .args(["clippy", "--workspace"])
            .args(apart.iter().flat_map(|name| ["--test", *name]));
        run(clippy.args(["--", "-D", "warnings"]))
    });
    steps.step("tests", || run(cargo().args(["test", "--workspace", "--quiet"])));
    steps.step("documents", || {
        let mut doc = cargo();
        doc.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-Dwarnings");
        run(&mut doc)
    });
    if variable(FOLDER).is_none() {
        say(format!("{FOLDER} is not set: manifests of the oracle are NOT part of this test"));
    } else {
        let sample = Selection { share: Share::Sample, ..Selection::default() };
        steps.step("sample of the oracle's manifests", || oracle(&sample));
    }
    steps.step("set-up of emulators and template tools", || {
        let gone = |_| Fault::Program {
            program: "set-up".to_owned(),
            reason: "ended without a word".to_owned(),
        };
        installing.join().map_err(gone)?
    });
    steps.step("templates", templates);
    steps.step("emulated AWS", || {
        let emulators = Emulators::start()?;
        on_aws(emulators.cloud())
    });
    steps.close("cargo xtask test")
}

/// The tests of `tests/aws.rs`, which nothing else runs. They start the functions' programs.
fn on_aws(cloud: &Cloud) -> Result<(), Fault> {
    let mut build = cargo();
    build.args(["build", "--workspace", "--quiet"]);
    run(build.args(FUNCTIONS.iter().flat_map(|function| ["--bin", function])))?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--test", "aws", "--quiet"]);
    run(tests.envs(cloud.variables()).env("HEADWATER_FUNCTIONS", target().join("debug")))
}

fn templates() -> Result<(), Fault> {
    let mut lint = Command::new(program("moto", "cfn-lint"));
    run(lint.current_dir(root()).args(["template.yaml", "infra/*.yaml"]))?;
    let mut validate = Command::new(program("sam", "sam"));
    validate.current_dir(root()).args(["validate", "--lint", "--region", crate::cloud::REGION]);
    run(validate.env("SAM_CLI_TELEMETRY", "0"))
}
