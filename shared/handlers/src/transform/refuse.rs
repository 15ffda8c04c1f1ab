//! What is refused, and why: lines of a quarantine file.

use lake::curated::{Broken, Quarantined, Reason, Revision};
use lake::{Attempt, ReadError};
use model::{ModelName, ObjectKey, RunId, Timestamp};
use normalize::{Refusal, Violation};

/// Bytes of one quarantine file; what is refused beyond is counted alone.
const MOST: usize = 32 * 1024 * 1024;

/// The quarantine of one landing object and model.
#[derive(Debug)]
pub(super) struct Quarantine {
    entry: Quarantined,
    run: RunId,
    lines: Vec<u8>,
    untold: u64,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About<'a> {
    pub(super) line: Option<u64>,
    pub(super) place: Option<u32>,
    pub(super) run: Option<&'a str>,
    pub(super) key: Option<&'a str>,
}

impl Quarantine {
    pub(super) fn new(
        attempt: &Attempt,
        (model, revision): (&ModelName, &Revision),
        (object, run): (&ObjectKey, &RunId),
        at: Timestamp,
    ) -> Self {
        let entry = Quarantined {
            object: object.clone(),
            line: None,
            place: None,
            tenant: attempt.tenant.clone(),
            connection: attempt.connection.clone(),
            source: attempt.source.clone(),
            stream: attempt.stream.clone(),
            model: model.clone(),
            revision: revision.clone(),
            run: run.clone(),
            key: None,
            reason: Reason::Object,
            violations: Vec::new(),
            at,
        };
        Self { entry, run: run.clone(), lines: Vec::new(), untold: 0 }
    }

    /// Sets something aside.
    pub(super) fn add(&mut self, about: About<'_>, reason: Reason, violations: Vec<Broken>) {
        if self.lines.len() >= MOST {
            self.untold += 1;
            return;
        }
        let entry = &mut self.entry;
        (entry.line, entry.place) = (about.line, about.place);
        entry.run = about.run.and_then(|r| r.parse().ok()).unwrap_or_else(|| self.run.clone());
        entry.key = about.key.map(str::to_owned);
        (entry.reason, entry.violations) = (reason, violations);
        self.write();
    }

    /// Sets a record, or a row of it, aside.
    pub(super) fn refuse(&mut self, about: About<'_>, refusal: &Refusal) {
        let violations = refusal.violations.iter().map(broken).collect();
        self.add(About { place: refusal.place, ..about }, Reason::Contract, violations);
    }

    /// Tells of the object itself.
    pub(super) fn object(&mut self, rule: &str, found: String, accepted: &str) {
        self.add(About::default(), Reason::Object, vec![rule_of(rule, found, accepted)]);
    }

    fn write(&mut self) {
        let written = serde_json::to_writer(&mut self.lines, &self.entry);
        debug_assert!(written.is_ok(), "an entry is texts and numbers");
        self.lines.push(b'\n');
    }

    /// The file; none when nothing was refused.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        if self.untold > 0 {
            let found = format!("{} more entries", self.untold);
            let entry = &mut self.entry;
            (entry.line, entry.place, entry.key) = (None, None, None);
            entry.run = self.run.clone();
            entry.reason = Reason::Object;
            entry.violations = vec![rule_of("entries", found, "32 MiB of them")];
            self.write();
        }
        (!self.lines.is_empty()).then_some(self.lines)
    }
}

/// One rule that a whole line or object breaks.
pub(super) fn rule_of(rule: &str, found: String, accepted: &str) -> Broken {
    Broken {
        path: String::new(),
        field: None,
        rule: rule.to_owned(),
        found,
        accepted: accepted.to_owned(),
    }
}

fn broken(violation: &Violation) -> Broken {
    Broken {
        path: violation.path.clone(),
        field: violation.field.clone(),
        rule: violation.rule.as_str().to_owned(),
        found: violation.found.clone(),
        accepted: violation.accepted.clone(),
    }
}

/// Rule and finding of an object that cannot be read to its end.
pub(super) fn unreadable(error: &ReadError) -> (&'static str, String) {
    let rule = match error {
        ReadError::Content { .. } | ReadError::Line { .. } => "size",
        ReadError::Corrupt { .. } => "codec",
    };
    (rule, error.to_string())
}
