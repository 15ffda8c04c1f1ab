//! The views, row by row, beside what the provider has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ports::{Method, QueryEngine, Request};
use sandbox::Account;
use serde_json::{Value, json};

use crate::drive::{Driven, Ended};
use crate::failure::Failure;
use crate::world::World;

/// Most rows of one stream.
const ROWS: usize = 1_000_000;

/// Largest truth of one stream, in bytes.
const BYTES: u64 = 1 << 30;

/// Differences that are told of one stream.
const TOLD: usize = 3;

/// A stream, what was done for it, and how its view compares.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) driven: Driven,
    pub(super) source: String,
    pub(super) in_view: usize,
    pub(super) expected: usize,
    /// Rows that only the view has, and that only the provider has.
    surplus: Vec<String>,
    missing: Vec<String>,
}

impl Compared {
    /// Whether the view holds exactly the provider's rows.
    pub(super) fn is_equal(&self) -> bool {
        self.surplus.is_empty() && self.missing.is_empty()
    }

    /// The stream, with its connection.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.driven.key.connection, self.driven.key.stream)
    }

    /// As the last line of `--json` has it.
    pub(super) fn to_json(&self) -> Value {
        let Driven { key, counts, .. } = &self.driven;
        json!({"tenant": key.tenant, "connection": key.connection, "source": self.source,
            "stream": key.stream, "pages": counts.pages, "landed": counts.committed,
            "in_view": self.in_view, "expected": self.expected, "equal": self.is_equal()})
    }

    /// What differs, and what became of the run.
    pub(super) fn difference(&self) -> String {
        let ended = match &self.driven.ended {
            Ended::Done => String::new(),
            Ended::Skipped(reason) => format!(" (skipped: {reason})"),
            Ended::Failed(reason) => format!(" (failed: {reason})"),
            Ended::Unfinished => " (not finished in time)".to_owned(),
        };
        let (surplus, missing) = (self.surplus.len(), self.missing.len());
        let mut text = format!(
            "{}{ended}: {missing} rows are missing, {surplus} should not be there",
            self.driven.key
        );
        for (sign, rows) in [("-", &self.missing), ("+", &self.surplus)] {
            for row in rows.iter().take(TOLD) {
                let short: String = row.chars().take(160).collect();
                text = format!("{text}\n  {sign} {short}");
            }
        }
        text
    }
}

/// Compares every stream that was driven.
pub(super) async fn all(
    world: &Arc<World>,
    sandbox: &str,
    driven: &[Driven],
) -> Result<Vec<Compared>, Failure> {
    let engine = world.engine().await?;
    let mut compared = Vec::new();
    for one in driven {
        let key = &one.key;
        let found = Account::of(key.tenant.as_str(), key.connection.as_str());
        let Some(account) = found else { continue };
        let address = format!("{sandbox}/__admin/truth/{}/{}", account.name, key.stream);
        let truth = minified(&call(world, Method::Get, &address).await?);
        let described = world.sources.describe(key).await;
        let described =
            described.map_err(|error| Failure::of("the configuration cannot be used", error))?;
        let table = engine
            .tables()
            .iter()
            .find(|table| table.source == described.source && table.stream == key.stream)
            .ok_or_else(|| Failure::Input(format!("there is no view of {key}")))?;
        let sql = format!(
            "SELECT _record FROM {} WHERE _tenant = '{}' AND _connection = '{}'",
            table.name, key.tenant, key.connection
        );
        let rows = engine.run(&sql, ROWS).await;
        let rows = rows.map_err(|error| Failure::of(format!("the view of {key}"), error))?;
        let view: Vec<String> = rows.rows.into_iter().filter_map(record).collect();
        let (surplus, missing) = differences(&view, &truth);
        compared.push(Compared {
            driven: one.clone(),
            source: described.source.to_string(),
            in_view: view.len(),
            expected: truth.len(),
            surplus,
            missing,
        });
    }
    Ok(compared)
}

/// Calls an admin endpoint of the sandbox over HTTP.
pub(super) async fn call(world: &World, method: Method, url: &str) -> Result<Vec<u8>, Failure> {
    let request = Request {
        method,
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        timeout: Duration::from_secs(30),
        max_body: BYTES,
        redirect_hosts: Arc::new([]),
    };
    let answer = world.http.send(request).await;
    let answer = answer.map_err(|error| Failure::of("the sandbox does not answer", error))?;
    if matches!(answer.status, 200 | 204) {
        return Ok(answer.body.to_vec());
    }
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    Err(Failure::of(format!("the sandbox answers {}", answer.status), text))
}

/// The records, one a line, with only the whitespace taken out that the lake takes out.
fn minified(lines: &[u8]) -> Vec<String> {
    let minified = |line: &[u8]| {
        let mut record = Vec::with_capacity(line.len());
        model::json::minify_into(&mut record, line);
        String::from_utf8_lossy(&record).into_owned()
    };
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(minified).collect()
}

fn record(row: Vec<Value>) -> Option<String> {
    match row.into_iter().next()? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// Rows that only the first has, and that only the second has; each as often as it is there.
fn differences(view: &[String], truth: &[String]) -> (Vec<String>, Vec<String>) {
    let mut balance: BTreeMap<&str, i64> = BTreeMap::new();
    for row in view {
        *balance.entry(row).or_default() += 1;
    }
    for row in truth {
        *balance.entry(row).or_default() -= 1;
    }
    let mut differing = (Vec::new(), Vec::new());
    for (row, count) in balance {
        let side = if count > 0 { &mut differing.0 } else { &mut differing.1 };
        for _ in 0..count.unsigned_abs() {
            side.push(row.to_owned());
        }
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_too_many_and_a_row_too_few_are_both_seen() {
        let rows = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let (surplus, missing) = differences(&rows(&["a", "a", "b"]), &rows(&["a", "c"]));
        assert_eq!((surplus, missing), (rows(&["a", "b"]), rows(&["c"])));
    }
}
