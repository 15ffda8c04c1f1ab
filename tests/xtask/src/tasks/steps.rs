//! Steps of a task: each is run and timed, whatever became of the one before; a summary closes.

use std::time::Duration;

use crate::Fault;
use crate::machine::{Watch, note, say};

/// What was done so far.
#[derive(Debug)]
pub(super) struct Steps {
    done: Vec<(String, Result<(), Fault>, Duration)>,
    watch: Watch,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { done: Vec::new(), watch: Watch::start() }
    }

    /// Runs a step.
    pub(super) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<(), Fault>) {
        note(format!("— {name}"));
        let watch = Watch::start();
        let outcome = work();
        if let Err(fault) = &outcome {
            note(format!("{name}: {fault}"));
        }
        self.done.push((name.to_owned(), outcome, watch.elapsed()));
    }

    /// Prints the summary; a fault when a step failed.
    pub(super) fn close(self, task: &str) -> Result<(), Fault> {
        say("");
        for (name, outcome, took) in &self.done {
            let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
            say(format!("{verdict:>7}  {:>6.1} s  {name}", took.as_secs_f64()));
            if let Err(fault) = outcome {
                say(format!("                    {fault}"));
            }
        }
        let failed = self.done.iter().filter(|(_, outcome, _)| outcome.is_err()).count();
        let total = self.watch.elapsed().as_secs();
        let (steps, minutes, seconds) = (self.done.len(), total / 60, total % 60);
        if failed == 0 {
            say(format!("{task}: all {steps} steps passed in {minutes} min {seconds} s"));
            return Ok(());
        }
        let reason = format!("{failed} of {steps} steps failed in {minutes} min {seconds} s");
        Err(Fault::Program { program: task.to_owned(), reason })
    }
}
