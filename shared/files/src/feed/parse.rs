//! Reading the file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::config::{At, Decoder, parse_duration};
use model::document::{Document, Fault, NodeValue};
use regex::Regex;

use super::{
    After, ColumnRule, Complete, Corrections, Encryption, Expect, Feed, Format, FormatKind, Header,
    Kind, TextEncoding, Unmatched, Verify,
};

mod limits;

use limits::limits;

pub(super) const FIELDS: &[&str] = &[
    "description",
    "pattern",
    "unmatched",
    "kinds",
    "format",
    "columns",
    "complete",
    "limits",
    "expect",
    "encryption",
    "verify",
    "after",
    "corrections",
];
pub(super) const KIND: &[&str] = &["entities", "columns", "tags", "total"];
pub(super) const FORMAT: &[&str] =
    &["type", "encoding", "delimiter", "quote", "escape", "header", "nulls", "trim", "records"];
pub(super) const COLUMN: &[&str] = &["name", "required", "decimal", "date"];
pub(super) const COMPLETE: &[&str] =
    &["stable_for", "markers", "ignore", "marker_alone", "file_alone"];

const YEAR: Duration = Duration::from_hours(366 * 24);

impl Feed {
    /// Reads the file and compiles its pattern, or tells all that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let d = &mut decoder;
        let root = d.root(FIELDS);
        let unmatched = [("classify", Unmatched::Classify), ("ignore", Unmatched::Ignore)];
        let corrections = [("process", Corrections::Process), ("reject", Corrections::Reject)];
        let kinds = d.required(&root, "kinds").map(|at| kinds(d, &at)).unwrap_or_default();
        let feed = Self {
            description: root.field("description").and_then(|at| d.text(&at)),
            pattern: root.field("pattern").and_then(|at| pattern(d, &at)),
            unmatched: root
                .field("unmatched")
                .and_then(|at| d.word(&at, &unmatched))
                .unwrap_or(Unmatched::Classify),
            kinds,
            format: root.field("format").map(|at| format(d, &at)).unwrap_or_default(),
            columns: root.field("columns").map(|at| columns(d, &at)).unwrap_or_default(),
            complete: root.field("complete").map(|at| complete(d, &at)).unwrap_or_default(),
            limits: root.field("limits").map(|at| limits(d, &at)).unwrap_or_default(),
            expect: root.field("expect").and_then(|at| expect(d, &at)),
            encryption: root.field("encryption").map_or(Encryption::NONE, |at| encryption(d, &at)),
            verify: root.field("verify").map(|at| verify(d, &at)).unwrap_or_default(),
            after: root
                .field("after")
                .and_then(|at| after(d, &at))
                .unwrap_or_else(|| After::Move("processed".to_owned())),
            corrections: root
                .field("corrections")
                .and_then(|at| d.word(&at, &corrections))
                .unwrap_or(Corrections::Process),
        };
        decoder.finish(Some(feed))
    }
}

impl Encryption {
    const NONE: Self = Self { required: false, signed: false };
}

fn pattern(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Regex> {
    const MAX_PATTERN: usize = 1 << 20;
    let text = d.text(at)?;
    match regex::RegexBuilder::new(&text).size_limit(MAX_PATTERN).build() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            d.fault(at, format!("this is no regular expression: {reason}"));
            None
        }
    }
}

fn kinds(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<Kind> {
    let Some(entries) = at.node.entries().filter(|entries| !entries.is_empty()) else {
        d.fault(
            at,
            "accepted is a mapping of at least one kind, such as `user: {entities: [USER]}`",
        );
        return Vec::new();
    };
    let mut kinds = Vec::new();
    for (key, node) in entries {
        let at = At { node, path: at.below(&key.text) };
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if !(1..=64).contains(&key.text.len()) || !key.text.bytes().all(fits) {
            d.fault(
                &at,
                format!("`{}` is not a kind: use 1 to 64 of a-z, 0-9, `_` and `-`", key.text),
            );
        }
        d.names(&at, KIND);
        let kind = Kind {
            name: key.text.clone(),
            entities: at.field("entities").map(|at| texts(d, &at)).unwrap_or_default(),
            columns: at.field("columns").map(|at| texts(d, &at)).unwrap_or_default(),
            tags: at.field("tags").map(|at| tags(d, &at)).unwrap_or_default(),
            total: at.field("total").and_then(|at| d.text(&at)),
        };
        if kind.entities.is_empty() && kind.columns.is_empty() && kind.tags.is_empty() {
            d.fault(&at, "nothing tells files of this kind: say `entities`, `columns` or `tags`");
        }
        kinds.push(kind);
    }
    kinds
}

/// A list of texts, or one.
fn texts(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<String> {
    if at.node.items().is_none() {
        return d.text(at).into_iter().collect();
    }
    let items = d.list(at);
    items.iter().filter_map(|item| d.text(item)).collect()
}

fn tags(d: &mut Decoder<'_>, at: &At<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some(entries) = at.node.entries() else {
        d.fault(at, "accepted is a mapping of tags to their values");
        return tags;
    };
    for (key, node) in entries {
        let at = At { node, path: at.below(&key.text) };
        if let Some(value) = d.text(&at) {
            tags.insert(key.text.to_lowercase(), value);
        }
    }
    tags
}

fn format(d: &mut Decoder<'_>, at: &At<'_>) -> Format {
    let default = Format::default();
    if !d.names(at, FORMAT) {
        return default;
    }
    let kinds =
        [("csv", FormatKind::Csv), ("json", FormatKind::Json), ("ndjson", FormatKind::Ndjson)];
    let encodings = [
        ("utf-8", TextEncoding::Utf8),
        ("utf-16le", TextEncoding::Utf16Le),
        ("utf-16be", TextEncoding::Utf16Be),
        ("windows-1252", TextEncoding::Windows1252),
    ];
    Format {
        kind: at.field("type").and_then(|at| d.word(&at, &kinds)),
        encoding: at.field("encoding").and_then(|at| d.word(&at, &encodings)),
        delimiter: at.field("delimiter").and_then(|at| character(d, &at)),
        quote: match at.field("quote") {
            Some(at) if at.node.text() == Some("none") => None,
            Some(at) => character(d, &at),
            None => default.quote,
        },
        escape: at.field("escape").and_then(|at| character(d, &at)),
        header: at.field("header").map_or(default.header, |at| header(d, &at)),
        nulls: at.field("nulls").map_or(default.nulls, |at| nulls(d, &at)),
        trim: at.field("trim").and_then(|at| d.truth(&at)).unwrap_or(default.trim),
        records: at.field("records").map(|at| texts(d, &at)).unwrap_or_default(),
    }
}

/// One ASCII character; `tab` and `\x01` by their names.
fn character(d: &mut Decoder<'_>, at: &At<'_>) -> Option<u8> {
    let text = d.text(at)?;
    let byte = match text.as_str() {
        "tab" | "\\t" => Some(b'\t'),
        "\\x01" => Some(1),
        one => match one.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
            _ => None,
        },
    };
    if byte.is_none() {
        d.fault(at, "accepted is one ASCII character, `tab` or `\\x01`");
    }
    byte
}

/// `first_row`, or the columns' names.
fn header(d: &mut Decoder<'_>, at: &At<'_>) -> Header {
    if at.node.text() == Some("first_row") {
        return Header::FirstRow;
    }
    if at.node.items().is_none_or(<[_]>::is_empty) {
        d.fault(
            at,
            "accepted is `first_row`, or the list of the columns where files have no header",
        );
        return Header::FirstRow;
    }
    let columns = texts(d, at);
    let mut seen = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|name| !seen.insert(name.as_str())) {
        d.fault(at, format!("column `{twice}` is listed twice"));
    }
    Header::Columns(columns)
}

/// Texts that mean nothing; the empty text is one that YAML writes as `""`.
fn nulls(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<String> {
    let items = d.list(at);
    let text = |d: &mut Decoder<'_>, item: &At<'_>| match &item.node.value {
        NodeValue::String(text) => Some(text.clone()),
        NodeValue::Null => Some("NULL".to_owned()),
        _ => d.text(item),
    };
    items.iter().filter_map(|item| text(d, item)).collect()
}

fn columns(d: &mut Decoder<'_>, at: &At<'_>) -> BTreeMap<String, ColumnRule> {
    let mut columns = BTreeMap::new();
    let Some(entries) = at.node.entries() else {
        d.fault(at, "accepted is a mapping of the header's names to what is known of them");
        return columns;
    };
    for (key, node) in entries {
        let at = At { node, path: at.below(&key.text) };
        if at.node.text().is_some() {
            let rule = ColumnRule { name: d.text(&at), ..ColumnRule::default() };
            columns.insert(key.text.clone(), rule);
            continue;
        }
        d.names(&at, COLUMN);
        let decimals = [("point", false), ("comma", true)];
        let rule = ColumnRule {
            name: at.field("name").and_then(|at| d.text(&at)),
            required: at.field("required").and_then(|at| d.truth(&at)).unwrap_or_default(),
            decimal_comma: at
                .field("decimal")
                .and_then(|at| d.word(&at, &decimals))
                .unwrap_or_default(),
            date: at.field("date").and_then(|at| d.text(&at)),
        };
        columns.insert(key.text.clone(), rule);
    }
    columns
}

fn complete(d: &mut Decoder<'_>, at: &At<'_>) -> Complete {
    let default = Complete::default();
    if !d.names(at, COMPLETE) {
        return default;
    }
    let mut span = |name: &str, otherwise: Duration| {
        at.field(name).and_then(|at| span(d, &at)).unwrap_or(otherwise)
    };
    let stable_for = span("stable_for", default.stable_for);
    let marker_alone = span("marker_alone", default.marker_alone);
    let file_alone = span("file_alone", default.file_alone);
    let markers = at.field("markers").map(|at| texts(d, &at)).unwrap_or_default();
    if let Some(bad) = markers.iter().find(|marker| !marker.starts_with('.') || marker.len() < 2) {
        d.fault(at, format!("`{bad}` is not an ending of names: write it as `.done`"));
    }
    let ignore = at.field("ignore").map_or(default.ignore, |at| texts(d, &at));
    Complete { stable_for, markers, ignore, marker_alone, file_alone }
}

fn span(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Duration> {
    let text = d.text(at)?;
    let span = d.kept(at, parse_duration(&text))?;
    if span > YEAR {
        d.fault(at, "accepted is a span of at most 366d");
        return None;
    }
    Some(span)
}

fn expect(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Expect> {
    if !d.names(at, &["every", "late_after"]) {
        return None;
    }
    let every = d.required(at, "every").and_then(|at| span(d, &at));
    let late_after = at.field("late_after").map(|at| span(d, &at));
    Some(Expect { every: every?, late_after: late_after.unwrap_or(Some(Duration::ZERO))? })
}

fn encryption(d: &mut Decoder<'_>, at: &At<'_>) -> Encryption {
    if !d.names(at, &["pgp", "signed"]) {
        return Encryption::NONE;
    }
    let words = [("accepted", false), ("required", true)];
    Encryption {
        required: at.field("pgp").and_then(|at| d.word(&at, &words)).unwrap_or_default(),
        signed: at.field("signed").and_then(|at| d.truth(&at)).unwrap_or_default(),
    }
}

fn verify(d: &mut Decoder<'_>, at: &At<'_>) -> Verify {
    if !d.names(at, &["header", "trailer", "trailer_required"]) {
        return Verify::default();
    }
    let required = at.field("trailer_required").and_then(|at| d.truth(&at)).unwrap_or_default();
    let trailer = at.field("trailer").and_then(|at| d.text(&at));
    if required && trailer.is_none() {
        d.fault(at, "`trailer_required` goes with `trailer`: the first field of that record");
    }
    Verify {
        header: at.field("header").and_then(|at| d.text(&at)),
        trailer,
        trailer_required: required,
    }
}

fn after(d: &mut Decoder<'_>, at: &At<'_>) -> Option<After> {
    if at.node.text().is_some() {
        return match at.node.text() {
            Some("delete") => Some(After::Delete),
            Some("leave") => Some(After::Leave),
            _ => {
                d.fault(at, "accepted: delete, leave, or `{move: processed}`");
                None
            }
        };
    }
    if !d.names(at, &["move"]) {
        return None;
    }
    let folder = d.required(at, "move")?;
    let name = d.text(&folder)?;
    let name = name.trim_matches('/').to_owned();
    let fits = |name: &str| !name.is_empty() && name != "." && name != "..";
    if !name.split('/').all(fits) || name.chars().any(char::is_control) {
        d.fault(&folder, "accepted is the name of a folder of the drop, such as `processed`");
        return None;
    }
    Some(After::Move(name))
}
