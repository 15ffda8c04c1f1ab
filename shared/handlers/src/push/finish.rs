//! Ends groups: what became of each file, counted from what became of its batches.

use std::collections::BTreeMap;

use bytes::Bytes;
use lake::delivery::{
    Accepted, BatchOutcome, FailedKey, FileCounts, FileEnd, FileOutcome, RefusedLine, Verdict,
};
use lake::{Codec, Limits, LineReader};
use model::{Metric, ObjectKey, Timestamp};
use ports::{Attributes, ObjectError};
use store::push::{Done, Group};

use super::Error;
use super::round::Pass;
use super::verdict::verdict;

/// Rows of an error file; what is more is counted and stands with the batches.
const ERRORS: usize = 100_000;

/// A failed file of up to this many bytes is put beside its errors.
const BESIDE: u64 = 32 << 20;

/// Code of records that no operation of the destination takes.
pub(super) const NO_OPERATION: &str = "NO_OPERATION";

/// What became of a file so far.
struct Folded {
    counts: FileCounts,
    codes: BTreeMap<String, u64>,
    finished: Timestamp,
    errors: Errors,
}

/// Rows that need to be looked at.
#[derive(Debug, Default)]
struct Errors {
    rows: Vec<(u64, String, String)>,
    more: u64,
}

impl Errors {
    fn add(&mut self, line: u64, code: &str, message: &str) {
        if self.rows.len() < ERRORS {
            self.rows.push((line, code.to_owned(), message.to_owned()));
        } else {
            self.more += 1;
        }
    }

    /// The rows as a file for spreadsheets.
    fn render(mut self) -> Result<Bytes, csv::Error> {
        self.rows.sort();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["line", "code", "message"])?;
        for (line, code, message) in &self.rows {
            writer.write_record([&line.to_string(), &harmless(code), &harmless(message)])?;
        }
        if self.more > 0 {
            let rest = format!("{} rows more: see `outcomes/batches/`", self.more);
            writer.write_record(["", "MORE", &rest])?;
        }
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(Bytes::from(bytes))
    }
}

/// A text that no spreadsheet takes for a formula.
pub(super) fn harmless(text: &str) -> String {
    let starts = ['=', '+', '-', '@', '\t', '\r', '\n'];
    if text.trim_start_matches(' ').starts_with(starts) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Ends a group of which nothing is open any more; gives how many files it has. Doing it again
/// changes nothing.
pub(super) async fn finish(pass: &Pass<'_>, group: &Group) -> Result<u64, Error> {
    let lake = pass.deps.lake.as_ref();
    let mut folded = Vec::new();
    for file in &group.files {
        let accepted = pass.parts.accepted(lake, &file.accepted).await?;
        let begun = begun(pass, &accepted).await?;
        folded.push((accepted, begun));
    }
    let mut after: Option<String> = None;
    loop {
        let (key, from) = (&pass.opened.key, after.as_deref());
        let (page, next) = pass.deps.store.done_batches(key, &group.id, from).await?;
        for done in &page {
            for counted in &done.counts {
                let Some((_, file)) = folded.get_mut(counted.file as usize) else { continue };
                let verdict = verdict(&counted.verdict);
                (0..counted.items).for_each(|_| file.counts.settle(verdict));
                let code = counted.code.clone().unwrap_or_else(|| counted.verdict.clone());
                *file.codes.entry(code).or_default() += counted.items;
                file.finished = file.finished.max(done.at);
            }
            if done.counts.iter().any(|counted| bad(verdict(&counted.verdict))) {
                told(pass, done, &mut folded).await?;
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    let files = folded.len() as u64;
    for (accepted, folded) in folded {
        end(pass, group, &accepted, folded).await?;
    }
    pass.deps.store.close_group(&pass.opened.key, group).await?;
    Ok(files)
}

fn bad(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Failed | Verdict::Unknown)
}

/// What became of a file before anything of it was sent.
async fn begun(pass: &Pass<'_>, accepted: &Accepted) -> Result<Folded, Error> {
    let refused = accepted.refused.as_ref().map_or(0, |refused| refused.rows);
    let counts = FileCounts {
        rows: accepted.records + refused,
        failed: refused,
        pending: accepted.records,
        ..FileCounts::default()
    };
    let finished = accepted.accepted.instant();
    let mut folded = Folded { counts, codes: BTreeMap::new(), finished, errors: Errors::default() };
    if let Some(refused) = &accepted.refused {
        for row in rows(pass, &refused.key).await? {
            *folded.codes.entry(row.code.clone()).or_default() += 1;
            folded.errors.add(row.line, &row.code, &row.message);
        }
    }
    if pass.opened.operation_for(&accepted.origin, &accepted.kind).is_none() {
        (folded.counts.failed, folded.counts.pending) = (folded.counts.rows, 0);
        folded.codes.insert(NO_OPERATION.to_owned(), accepted.records);
        let message = format!("no operation of the destination takes `{}`", accepted.kind);
        folded.errors.add(0, NO_OPERATION, &message);
    }
    Ok(folded)
}

/// Rows of a file that are no records.
async fn rows(pass: &Pass<'_>, key: &ObjectKey) -> Result<Vec<RefusedLine>, Error> {
    let body = match pass.deps.lake.get(key).await {
        Ok(object) => object.body,
        Err(ObjectError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let unreadable = |source| Error::Part { key: key.clone(), source };
    let codec = Codec::of_key(key);
    let mut reader = LineReader::new(body, codec, Limits::default()).map_err(unreadable)?;
    let mut rows = Vec::new();
    while let Some(line) = reader.next_line().map_err(unreadable)? {
        let row = serde_json::from_slice(line);
        rows.push(row.map_err(|source| Error::Line { key: key.clone(), source })?);
    }
    Ok(rows)
}

/// Adds what a batch's outcome says of items that failed.
async fn told(
    pass: &Pass<'_>,
    done: &Done,
    folded: &mut [(std::sync::Arc<Accepted>, Folded)],
) -> Result<(), Error> {
    let object = pass.deps.lake.get(&done.outcome).await?;
    let outcome = BatchOutcome::from_json(&object.body)
        .map_err(|source| Error::Stored { key: done.outcome.clone(), source })?;
    for item in outcome.items.iter().filter(|item| bad(item.verdict)) {
        let of = |(accepted, _): &&mut (std::sync::Arc<Accepted>, Folded)| {
            accepted.file == item.item.file
        };
        let Some((_, file)) = folded.iter_mut().find(of) else { continue };
        let code = item.code.as_deref().unwrap_or(match item.verdict {
            Verdict::Unknown => "UNKNOWN",
            _ => "FAILED",
        });
        file.errors.add(item.item.line, code, item.message.as_deref().unwrap_or_default());
    }
    Ok(())
}

/// Writes what became of a file.
async fn end(
    pass: &Pass<'_>,
    group: &Group,
    accepted: &Accepted,
    folded: Folded,
) -> Result<(), Error> {
    let Folded { counts, codes, finished, errors } = folded;
    debug_assert!(counts.add_up(), "{counts:?}");
    let outcome = counts.end();
    let errors = if errors.rows.is_empty() {
        None
    } else {
        Some(failed(pass, accepted, errors, outcome).await?)
    };
    let ended = FileOutcome {
        file: accepted.file.clone(),
        name: accepted.name.clone(),
        kind: accepted.kind.clone(),
        tenant: accepted.tenant.clone(),
        push: pass.opened.key.push.clone(),
        group: group.id.parse()?,
        accepted: accepted.accepted,
        outcome,
        counts,
        codes,
        errors,
        finished,
    };
    let key = ended.place().render()?;
    let stored = ended.to_json().map_err(|source| Error::Stored { key: key.clone(), source })?;
    pass.deps.lake.put(&key, stored, &Attributes::default()).await?;
    tracing::info!(
        file = %ended.file, name = %ended.name, outcome = ?ended.outcome, rows = counts.rows,
        ok = counts.ok, failed = counts.failed, duplicate = counts.duplicate,
        superseded = counts.superseded, unknown = counts.unknown, "file pushed"
    );
    let metric = match outcome {
        FileEnd::Success => Metric::FilesPushed,
        FileEnd::Partial | FileEnd::Failed | FileEnd::Pending => Metric::FilesUnpushed,
    };
    pass.deps.metrics.count(metric, 1);
    Ok(())
}

/// Puts what needs to be looked at aside: the rows with their reasons, and beside them the file
/// as it came where nothing of it passed.
async fn failed(
    pass: &Pass<'_>,
    accepted: &Accepted,
    errors: Errors,
    outcome: FileEnd,
) -> Result<ObjectKey, Error> {
    let folder = accepted.place().folder();
    let name = format!("{}.errors.csv", accepted.name);
    let key = FailedKey { folder: folder.clone(), name }.render()?;
    let body = errors.render().map_err(|source| Error::Table { key: key.clone(), source })?;
    let text = Attributes { content_type: Some("text/csv".to_owned()), ..Attributes::default() };
    pass.deps.lake.put(&key, body, &text).await?;
    if outcome == FileEnd::Failed
        && accepted.bytes <= BESIDE
        && let Some(archive) = &accepted.archive
    {
        let original = match pass.deps.lake.get(archive).await {
            Ok(original) => original,
            Err(ObjectError::NotFound { .. }) => return Ok(key),
            Err(error) => return Err(error.into()),
        };
        let beside = FailedKey { folder, name: accepted.name.clone() }.render()?;
        pass.deps.lake.put(&beside, original.body, &Attributes::default()).await?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_an_error_file_are_no_formulas() {
        let mut errors = Errors::default();
        errors.add(9, "624", "=HYPERLINK(\"http://x\",\"y\")");
        errors.add(2, "-1", "a, \"b\"");
        errors.add(3, "3217", "  @SUM(A1)");
        let text = String::from_utf8(errors.render().unwrap().to_vec()).unwrap();
        let expected = "line,code,message\n2,'-1,\"a, \"\"b\"\"\"\n3,3217,'  @SUM(A1)\n\
                        9,624,\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_error_file_is_bounded_and_says_so() {
        let mut errors = Errors::default();
        (0..ERRORS as u64 + 3).for_each(|line| errors.add(line, "1", ""));
        let text = String::from_utf8(errors.render().unwrap().to_vec()).unwrap();
        assert_eq!(text.lines().count(), ERRORS + 2);
        assert!(text.ends_with(",MORE,3 rows more: see `outcomes/batches/`\n"));
    }
}
