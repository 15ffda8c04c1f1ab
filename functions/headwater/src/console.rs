//! What the command says: results on stdout, everything else on stderr.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use host::Vars;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Stdout and stderr, as text or as JSON lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    json: bool,
    terminal: bool,
    colours: bool,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let colours = terminal && Vars::process().get("NO_COLOR").is_none();
        Self { json, terminal, colours }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether somebody watches: progress is for terminals only.
    pub(crate) fn is_watched(self) -> bool {
        self.terminal && !self.json
    }

    /// Whether colours are wanted.
    pub(crate) fn has_colours(self) -> bool {
        self.colours
    }

    /// A line of the result, for people; nothing in JSON.
    pub(crate) fn say(self, text: impl AsRef<str>) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        Ok(writeln!(io::stdout().lock(), "{}", text.as_ref())?)
    }

    /// An object of the result, for machines; nothing in text.
    pub(crate) fn emit(self, value: &Value) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        Ok(writeln!(io::stdout().lock(), "{value}")?)
    }

    /// A remark on the way, for people.
    pub(crate) fn note(self, text: impl AsRef<str>) {
        if !self.json {
            error_line(text.as_ref());
        }
    }

    /// Rows under headings, columns aligned: texts to the left, numbers to the right.
    pub(crate) fn table(self, headings: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        let cells = |n: usize| rows.iter().filter_map(move |row| row.get(n));
        let width = |n: usize, heading: &str| {
            let widest = cells(n).map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(heading.chars().count())
        };
        let is_number = |cell: &String| cell.parse::<f64>().is_ok() || cell == "-";
        let columns: Vec<(usize, bool)> = headings
            .iter()
            .enumerate()
            .map(|(n, heading)| (width(n, heading), !rows.is_empty() && cells(n).all(is_number)))
            .collect();
        let line = |row: &[String]| {
            let padded = row.iter().zip(&columns).map(|(cell, (width, number))| {
                if *number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let heading: Vec<String> = headings.iter().map(|h| (*h).to_owned()).collect();
        self.say(line(&heading))?;
        rows.iter().try_for_each(|row| self.say(line(row)))
    }

    /// Tells why the command failed, and gives its exit code.
    pub(crate) fn failed(self, failure: &Failure) -> ExitCode {
        let code = failure.code();
        if code != 0 {
            self.tell(failure);
        }
        ExitCode::from(code)
    }

    fn tell(self, failure: &Failure) {
        let text = failure.chain();
        // What differs was the command's last line already.
        if self.json && !matches!(failure, Failure::Differs(_)) {
            let faults: Vec<Value> = failure
                .faults()
                .iter()
                .map(|f| {
                    json!({"file": f.file, "line": f.line, "column": f.column,
                        "field": f.field, "message": f.message})
                })
                .collect();
            let report = json!({"ok": false, "error": text, "faults": faults});
            // Nobody is left to be told when stdout is gone too.
            if writeln!(io::stdout().lock(), "{report}").is_ok() {
                return;
            }
        }
        for line in text.lines() {
            error_line(&format!("{} {line}", self.paint("error:", "1;31")));
        }
    }

    /// Good news, for stdout: green where it is a terminal with colours.
    pub(crate) fn good(self, text: &str) -> String {
        if io::stdout().is_terminal() { self.paint(text, "32") } else { text.to_owned() }
    }

    /// A text in a colour (an ANSI code), where colours are wanted.
    fn paint(self, text: &str, code: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn error_line(text: &str) {
    // A closed stderr is no reason to stop working.
    let _told = writeln!(io::stderr().lock(), "{text}").is_ok();
}
