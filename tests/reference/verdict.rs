//! What differs between the two.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::case::{Case, Got, Pass};
use crate::provider::Asked;

/// What a case may differ in on purpose.
const ASPECTS: [&str; 12] = [
    "spec", "check", "streams", "refused", "failed", "records", "files", "states", "requests",
    "counts", "waits", "controls",
];

/// Rows by stream.
type Rows = BTreeMap<String, Vec<Value>>;

/// What differs, but for what the case says differs on purpose. What it says and is not so is a
/// fault as well.
pub fn faults(case: &Case, got: &Got) -> Vec<String> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let expected = &case.expected;
    if expected.check != got.check {
        found.push(("check", format!("`check` is {}, not {}", got.check, expected.check)));
    }
    if let Some(spec) = expected.spec.as_ref().filter(|spec| Some(*spec) != got.spec.as_ref()) {
        found.push(("spec", format!("`spec` says\n  {:?}\n  not\n  {spec:?}", got.spec)));
    }
    let why = expected.refused.as_deref().unwrap_or_default();
    let streams = streams(expected.streams.as_deref().unwrap_or_default(), &got.streams);
    found.extend(streams.map(|(aspect, text)| (aspect, format!("{text} {why}"))));
    for (i, pass) in expected.passes.iter().enumerate() {
        let Some(other) = got.passes.get(i) else {
            found.push(("refused", format!("pass {} is missing", i + 1)));
            continue;
        };
        let waits = case.options.waits;
        found.extend(
            passes(pass, other, waits).map(|(a, text)| (a, format!("pass {}: {text}", i + 1))),
        );
    }
    let on_purpose = &case.options.differs;
    let mut faults: Vec<String> = on_purpose
        .keys()
        .filter(|aspect| {
            !ASPECTS.contains(&aspect.as_str()) || !found.iter().any(|(a, _)| a == aspect)
        })
        .map(|aspect| format!("options.json says that `{aspect}` differs, and it does not"))
        .collect();
    faults.extend(
        found.into_iter().filter(|(a, _)| !on_purpose.contains_key(*a)).map(|(_, text)| text),
    );
    faults
}

fn streams(expected: &[Value], got: &[Value]) -> Option<(&'static str, String)> {
    let told = |streams: &[Value]| -> BTreeMap<String, Value> {
        let one = |stream: &Value| {
            let mut fields = bare(stream);
            // The reference writes it where it is false, too.
            if fields.get("is_file_based") == Some(&Value::Bool(false)) {
                fields.remove("is_file_based");
            }
            (stream["name"].as_str().unwrap_or_default().to_owned(), Value::Object(fields))
        };
        streams.iter().map(one).collect()
    };
    let (expected, got) = (told(expected), told(got));
    (expected != got)
        .then(|| ("streams", format!("`discover` finds\n  {got:?}\n  not\n  {expected:?}")))
}

fn passes(
    expected: &Pass,
    got: &Pass,
    waits: bool,
) -> impl Iterator<Item = (&'static str, String)> {
    let mut found = Vec::new();
    if expected.refused.is_some() != got.refused.is_some() {
        found.push(("refused", format!("refused: {:?}, not {:?}", got.refused, expected.refused)));
    }
    if !expected.failed.keys().eq(got.failed.keys()) {
        found.push(("failed", format!("failed: {:?}, not {:?}", got.failed, expected.failed)));
    }
    found.extend(rows("records", &expected.records, &got.records));
    found.extend(rows("files", &expected.files, &got.files));
    found.extend(states(expected, got));
    found.extend(requests(&expected.requests, &got.requests));
    if expected.controls != got.controls {
        let text = format!("controls: {:?}, not {:?}", got.controls, expected.controls);
        found.push(("controls", text));
    }
    if waits && expected.waits != got.waits {
        found.push(("waits", format!("waits: {:?}, not {:?}", got.waits, expected.waits)));
    }
    found.dedup();
    found.into_iter()
}

/// Records, or what else there is one of each.
fn rows(aspect: &'static str, expected: &Rows, got: &Rows) -> Vec<(&'static str, String)> {
    let names = expected.keys().chain(got.keys());
    let of = |rows: &Rows, name: &String| texts(rows.get(name).map_or(&[], Vec::as_slice));
    let differ = names.filter_map(|name| {
        let text = apart(&of(expected, name), &of(got, name))?;
        Some((aspect, format!("{aspect} of {name}: {text}")))
    });
    differ.collect()
}

/// The states of streams that were read whole.
fn states(expected: &Pass, got: &Pass) -> Vec<(&'static str, String)> {
    let names = expected.states.keys().chain(got.states.keys());
    let whole = names.filter(|name| !expected.failed.contains_key(*name));
    let of = |pass: &Pass, name: &String| {
        pass.states.get(name).cloned().map(Value::Object).map(|s| canonical(&s))
    };
    let differ = whole.filter_map(|name| {
        let (expected, got) = (of(expected, name), of(got, name));
        let show =
            |state: Option<Value>| state.map_or("none".to_owned(), |state| state.to_string());
        (expected != got).then(|| {
            ("states", format!("state of {name}:\n  {}\n  not\n  {}", show(got), show(expected)))
        })
    });
    differ.collect()
}

fn requests(expected: &[Asked], got: &[Asked]) -> Vec<(&'static str, String)> {
    let text = |asked: &Asked| format!("{:?}", Asked { n: 0, ..asked.clone() });
    let counted = |all: &[Asked]| -> BTreeMap<String, u32> {
        all.iter().map(|asked| (text(asked), asked.n)).collect()
    };
    let (expected, got) = (counted(expected), counted(got));
    let keys = |all: &BTreeMap<String, u32>| all.keys().cloned().collect::<Vec<_>>();
    let mut found = Vec::new();
    if let Some(text) = apart(&keys(&expected), &keys(&got)) {
        found.push(("requests", format!("requests: {text}")));
    }
    for (request, n) in &expected {
        if let Some(times) = got.get(request).filter(|times| *times != n) {
            found.push(("counts", format!("{times} times, not {n}: {request}")));
        }
    }
    found
}

/// Which of the lines are in one list only.
fn apart(expected: &[String], got: &[String]) -> Option<String> {
    let mut missing = expected.to_vec();
    let mut extra = Vec::new();
    for line in got {
        match missing.iter().position(|other| other == line) {
            Some(at) => drop(missing.remove(at)),
            None => extra.push(line.clone()),
        }
    }
    let list = |what: &str, lines: &[String]| {
        let shown: Vec<String> =
            lines.iter().take(3).map(|line| format!("\n  {what}: {line}")).collect();
        let shown = shown.concat();
        if lines.len() > 3 { format!("{shown}\n  … {} in all", lines.len()) } else { shown }
    };
    let differ = !missing.is_empty() || !extra.is_empty();
    differ.then(|| format!("{}{}", list("missing", &missing), list("too much", &extra)))
}

/// The fields that are not null: the reference leaves the others out when it writes.
fn bare(value: &Value) -> Map<String, Value> {
    let fields = value.as_object().cloned().unwrap_or_default();
    fields.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn texts(records: &[Value]) -> Vec<String> {
    records.iter().map(|record| keyed(&Value::Object(bare(record))).to_string()).collect()
}

/// With fields sorted.
fn keyed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, Value> =
                fields.iter().map(|(k, v)| (k, keyed(v))).collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(keyed).collect(),
        other => other.clone(),
    }
}

/// With fields and lists sorted, and without the look-back of a state by partition: it is how
/// long the read took.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let own =
                |key: &str| key == "lookback_window" && fields.contains_key("use_global_cursor");
            let kept = fields.iter().filter(|(key, _)| !own(key));
            keyed(&kept.map(|(key, value)| (key.clone(), canonical(value))).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}
