//! Facts in, report out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lake::delivery::{
    Accepted, BatchOutcome, FileCounts, FileDigest, FileFact, FileVerdict, Origin, Verdict,
};
use model::{PushId, TenantId, Timestamp};
use store::budget::most_in_any_window;

use super::span::{Times, minute};
use super::{CodeLine, FileLine, Minute, PushLine, Question, Report};

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Fold {
    files: BTreeMap<(TenantId, FileDigest, Option<PushId>), FileLine>,
    /// Sights of files that did not become accepted ones.
    others: Vec<FileLine>,
    codes: BTreeMap<(PushId, String, String, Verdict), u64>,
    pushes: BTreeMap<(TenantId, PushId), Calls>,
    limits: BTreeMap<(TenantId, PushId), u32>,
    batches: u64,
    left_out: u64,
}

#[derive(Debug, Default)]
struct Calls {
    sent: Vec<Timestamp>,
    throttled: u64,
    faults: u64,
    waited_ms: u64,
    times: Times,
    minutes: BTreeMap<Timestamp, Within>,
}

#[derive(Debug, Default)]
struct Within {
    calls: u64,
    faults: u64,
    records: u64,
    failed: u64,
    times: Times,
}

impl Fold {
    /// Calls that a push may make in a minute, where that is known.
    pub(super) fn limit(&mut self, push: (TenantId, PushId), calls: Option<u32>) {
        self.limits.extend(calls.map(|calls| (push, calls)));
    }

    /// A file whose records count, and where it goes.
    pub(super) fn accepted(&mut self, file: &Accepted, pushes: &BTreeSet<PushId>) {
        self.file(file, pushes, false);
    }

    /// Records that failed at a push and are tried once more there.
    pub(super) fn again(&mut self, file: &Accepted, push: PushId) {
        self.file(file, &BTreeSet::from([push]), true);
    }

    fn file(&mut self, file: &Accepted, pushes: &BTreeSet<PushId>, again: bool) {
        let refused = file.refused.as_ref().map_or(0, |refused| refused.rows);
        let rows = file.records + refused;
        let none = pushes.is_empty().then_some(None);
        for push in pushes.iter().cloned().map(Some).chain(none) {
            let pending = if push.is_some() { file.records } else { 0 };
            let ok = file.records - pending;
            let counts = FileCounts { rows, ok, failed: refused, pending, ..FileCounts::default() };
            let line = FileLine {
                tenant: file.tenant.clone(),
                origin: file.origin.clone(),
                push: push.clone(),
                name: file.name.clone(),
                again,
                file: Some(file.file.to_string()),
                kind: Some(file.kind.clone()),
                verdict: FileVerdict::Accepted,
                outcome: None,
                counts,
                adds_up: true,
                code: None,
                message: None,
                at: file.accepted.instant(),
            };
            self.files.insert((file.tenant.clone(), file.file.clone(), push), line);
        }
    }

    /// What was decided of a file that was seen. Accepted ones are told by their own objects.
    pub(super) fn fact(&mut self, fact: FileFact) {
        if fact.verdict == FileVerdict::Accepted {
            return;
        }
        let path = fact.seen.path;
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let rows = fact.records + fact.refused;
        let counts = match fact.verdict {
            FileVerdict::Duplicate => FileCounts { rows, duplicate: rows, ..FileCounts::default() },
            _ => FileCounts { rows, failed: rows, ..FileCounts::default() },
        };
        self.others.push(FileLine {
            tenant: fact.tenant,
            origin: Origin::Feed(fact.feed),
            push: None,
            name,
            again: false,
            file: fact.file.map(|file| file.to_string()),
            kind: fact.kind,
            verdict: fact.verdict,
            outcome: None,
            counts,
            adds_up: true,
            code: fact.code,
            message: fact.message,
            at: fact.at,
        });
    }

    /// What came of a round of a batch.
    pub(super) fn batch(&mut self, outcome: &BatchOutcome) {
        self.batches += 1;
        for item in &outcome.items {
            let code = item.code.clone().unwrap_or_else(|| "-".to_owned());
            let operation = outcome.operation.to_string();
            let key = (outcome.push.clone(), operation, code, item.verdict);
            *self.codes.entry(key).or_default() += 1;
            let file = (outcome.tenant.clone(), item.item.file.clone(), Some(outcome.push.clone()));
            if let Some(line) = self.files.get_mut(&file) {
                line.counts.settle(item.verdict);
            }
        }
        let calls = self.pushes.entry((outcome.tenant.clone(), outcome.push.clone())).or_default();
        calls.add(outcome);
    }

    /// How many batches it holds.
    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    /// Batches that are not read.
    pub(super) fn left_out(&mut self, batches: usize) {
        self.left_out += batches as u64;
    }

    /// The report.
    pub(super) fn finish(self, question: &Question) -> Report {
        let (whole, limits) = (self.left_out == 0, self.limits);
        let ended = |mut line: FileLine| {
            line.outcome = Some(line.counts.end());
            line.adds_up = line.counts.add_up() && whole;
            line
        };
        let mut files: Vec<FileLine> = self.files.into_values().map(ended).collect();
        files.extend(self.others);
        files.sort_by(|a, b| (a.at, &a.name, &a.push).cmp(&(b.at, &b.name, &b.push)));
        let mut total = FileCounts::default();
        for file in &files {
            total += file.counts;
        }
        let code = |((push, operation, code, verdict), records)| CodeLine {
            push,
            operation,
            code,
            verdict: word(verdict).to_owned(),
            records,
        };
        let calls = |(key, calls): ((TenantId, PushId), Calls)| {
            let limit = limits.get(&key).copied();
            calls.finish(key, limit)
        };
        Report {
            from: question.from,
            to: question.to,
            made: question.now,
            files,
            total,
            codes: self.codes.into_iter().map(code).collect(),
            pushes: self.pushes.into_iter().map(calls).collect(),
            left_out: self.left_out,
        }
    }
}

impl Calls {
    fn add(&mut self, outcome: &BatchOutcome) {
        let decided = outcome.items.iter().filter(|item| item.verdict.is_final());
        let failed = |v: Verdict| matches!(v, Verdict::Failed | Verdict::Unknown);
        let (mut records, mut refused) = (0, 0);
        for item in decided {
            records += 1;
            refused += u64::from(failed(item.verdict));
        }
        let sight = self.minutes.entry(minute(outcome.answered)).or_default();
        sight.records += records;
        sight.failed += refused;
        self.waited_ms += outcome.waited_ms;
        let Some(sent) = outcome.sent else { return };
        let took = outcome.answered.duration_since(sent).as_millis();
        let took = u64::try_from(took).unwrap_or(0);
        let throttled = outcome.status == Some(429);
        let fault = outcome.status.is_none_or(|status| status >= 500);
        self.sent.push(sent);
        self.throttled += u64::from(throttled);
        self.faults += u64::from(fault);
        self.times.add(took);
        let within = self.minutes.entry(minute(sent)).or_default();
        within.calls += 1;
        within.faults += u64::from(fault || throttled);
        within.times.add(took);
    }

    fn finish(self, (tenant, push): (TenantId, PushId), limit: Option<u32>) -> PushLine {
        let minute = |(at, within): (Timestamp, Within)| Minute {
            at,
            calls: within.calls,
            faults: within.faults,
            records: within.records,
            failed: within.failed,
            p50_ms: within.times.percentile(50),
            p95_ms: within.times.percentile(95),
        };
        PushLine {
            tenant,
            push,
            calls: self.sent.len() as u64,
            throttled: self.throttled,
            faults: self.faults,
            limit,
            most_in_a_minute: most_in_any_window(&self.sent, Duration::from_mins(1)),
            p50_ms: self.times.percentile(50),
            p95_ms: self.times.percentile(95),
            waited_ms: self.waited_ms,
            minutes: self.minutes.into_iter().map(minute).collect(),
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Duplicate => "duplicate",
        Verdict::Failed => "failed",
        Verdict::Superseded => "superseded",
        Verdict::Unknown => "unknown",
        Verdict::Again => "again",
    }
}
