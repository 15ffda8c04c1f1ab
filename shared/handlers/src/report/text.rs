//! The report for a terminal.

use std::fmt::{self, Display, Formatter};

use super::{FileLine, PushLine, Report};

/// Most files that are listed.
const MOST: usize = 200;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Files and pushes, {} to {}", self.from, self.to)?;
        writeln!(f)?;
        let headings = ["file", "kind", "push", "outcome", "in", "ok", "failed", "dup", "open", ""];
        let mut rows: Vec<Vec<String>> = self.files.iter().take(MOST).map(row).collect();
        if self.files.len() > MOST {
            rows.push(vec![format!("… and {} more", self.files.len() - MOST)]);
        }
        table(f, &headings, &rows)?;
        let sums = &self.total;
        writeln!(
            f,
            "\n{} rows = {} ok + {} failed + {} duplicate + {} superseded + {} unknown + {} pending",
            sums.rows,
            sums.ok,
            sums.failed,
            sums.duplicate,
            sums.superseded,
            sums.unknown,
            sums.pending
        )?;
        if !self.codes.is_empty() {
            writeln!(f)?;
            let code = |line: &super::CodeLine| {
                let push = line.push.to_string();
                let records = line.records.to_string();
                vec![push, line.operation.clone(), line.code.clone(), line.verdict.clone(), records]
            };
            let rows: Vec<Vec<String>> = self.codes.iter().map(code).collect();
            table(f, &["push", "operation", "code", "became", "records"], &rows)?;
        }
        for push in &self.pushes {
            writeln!(f, "\n{}", calls(push))?;
        }
        if self.left_out > 0 {
            writeln!(f, "\n{} batches were not read: ask for fewer days", self.left_out)?;
        }
        Ok(())
    }
}

fn row(file: &FileLine) -> Vec<String> {
    let counts = &file.counts;
    let open = counts.pending + counts.unknown;
    let remark = match (&file.code, file.adds_up) {
        (Some(code), _) => code.clone(),
        (None, false) => "DOES NOT ADD UP".to_owned(),
        (None, true) => String::new(),
    };
    let push = file.push.as_ref().map(ToString::to_string);
    let mut row = vec![
        file.title(),
        file.kind.clone().unwrap_or_default(),
        push.unwrap_or_default(),
        file.outcome_word().to_owned(),
    ];
    let numbers =
        [counts.rows, counts.ok, counts.failed, counts.duplicate + counts.superseded, open];
    row.extend(numbers.iter().map(u64::to_string));
    row.push(remark);
    row
}

fn calls(push: &PushLine) -> String {
    let limit = push.limit.map_or_else(String::new, |limit| format!(" of {limit} allowed"));
    format!(
        "{}/{}: {} calls, at most {} in a minute{limit}; {} throttled, {} faults; \
         answers took {} ms (median), {} ms (95 of 100)",
        push.tenant,
        push.push,
        push.calls,
        push.most_in_a_minute,
        push.throttled,
        push.faults,
        push.p50_ms,
        push.p95_ms
    )
}

fn table(f: &mut Formatter<'_>, headings: &[&str], rows: &[Vec<String>]) -> fmt::Result {
    let cells = |n: usize| rows.iter().filter_map(move |row| row.get(n));
    let width = |(n, heading): (usize, &&str)| {
        cells(n).map(|cell| cell.chars().count()).chain([heading.chars().count()]).max()
    };
    let widths: Vec<usize> = headings.iter().enumerate().filter_map(width).collect();
    let mut line = |row: &mut dyn Iterator<Item = &str>| {
        let padded = row.zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let text = padded.collect::<Vec<_>>().join("  ");
        writeln!(f, "{}", text.trim_end())
    };
    line(&mut headings.iter().copied())?;
    rows.iter().try_for_each(|row| line(&mut row.iter().map(String::as_str)))
}
