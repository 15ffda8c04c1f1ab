//! What a file's name tells.

use crate::feed::{Feed, FormatKind, Unmatched};

/// What a file's name tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NameFacts {
    /// Group `client` of the feed's pattern.
    pub(crate) client: Option<String>,
    /// Group `entity`.
    pub(crate) entity: Option<String>,
    /// Group `seq`.
    pub(crate) seq: Option<String>,
    /// The layers around the content, the outermost first.
    pub(crate) layers: Vec<Layer>,
    /// How records are written, by the ending within the layers.
    pub(crate) format: Option<(FormatKind, Option<u8>)>,
}

/// What is around the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// OpenPGP.
    Pgp,
    /// gzip.
    Gzip,
    /// A zip archive of one file.
    Zip,
    /// Zstandard.
    Zstd,
}

/// How a name is read.
pub(crate) fn facts(feed: &Feed, name: &str) -> NameFacts {
    let mut facts = NameFacts::default();
    if let Some(found) = feed.pattern.as_ref().and_then(|pattern| pattern.captures(name)) {
        let group = |name: &str| found.name(name).map(|text| text.as_str().to_owned());
        facts.client = group("client");
        facts.entity = group("entity");
        facts.seq = group("seq");
    }
    let mut rest = name.to_ascii_lowercase();
    while let Some((stem, layer)) = layered(&rest) {
        facts.layers.push(layer);
        rest = stem;
    }
    facts.format = match rest.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv" | "txt") => Some((FormatKind::Csv, Some(b','))),
        Some("psv") => Some((FormatKind::Csv, Some(b'|'))),
        Some("tsv" | "tab") => Some((FormatKind::Csv, Some(b'\t'))),
        Some("json") => Some((FormatKind::Json, None)),
        Some("ndjson" | "jsonl") => Some((FormatKind::Ndjson, None)),
        _ => None,
    };
    facts
}

fn layered(name: &str) -> Option<(String, Layer)> {
    const ENDINGS: &[(&str, Layer)] = &[
        (".pgp", Layer::Pgp),
        (".gpg", Layer::Pgp),
        (".asc", Layer::Pgp),
        (".gz", Layer::Gzip),
        (".zip", Layer::Zip),
        (".zst", Layer::Zstd),
    ];
    let found = ENDINGS.iter().find_map(|(ending, layer)| {
        name.strip_suffix(ending).map(|stem| (stem.to_owned(), *layer))
    });
    found.filter(|(stem, _)| !stem.is_empty())
}

/// Whether a name is one that is never looked at.
pub(crate) fn is_ignored(feed: &Feed, name: &str) -> bool {
    feed.complete.ignore.iter().any(|pattern| matches(pattern, name))
        || feed.unmatched == Unmatched::Ignore
            && marker_of(feed, name).is_none()
            && feed.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(name))
}

/// A pattern in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        if let Some(before) = last.replace(piece) {
            let Some((_, behind)) = rest.split_once(before) else { return false };
            rest = behind;
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// The ending by which a name is a marker's, if it is one.
pub(crate) fn marker_of<'f>(feed: &'f Feed, name: &str) -> Option<&'f str> {
    let markers = feed.complete.markers.iter();
    let mut found = markers.filter(|marker| name.ends_with(marker.as_str()));
    found.next().map(String::as_str)
}

/// Whether a marker is about a file: its name with the ending behind it, or in place of its own.
pub(crate) fn is_about(feed: &Feed, marker: &str, file: &str) -> bool {
    let Some(stem) = marker_of(feed, marker).and_then(|ending| marker.strip_suffix(ending)) else {
        return false;
    };
    !stem.is_empty()
        && (stem == file || file.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("*.part", "users.csv.part", true),
            ("*.part", "users.csv", false),
            (".*", ".users.csv", true),
            (".*", "users.csv", false),
            ("*~", "users.csv~", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c", false),
            ("users.csv", "users.csv", true),
            ("users.csv", "users.csv.gz", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
