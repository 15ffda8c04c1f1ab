//! `docs/components.md`: each component type of the language, whether it runs, and the case in
//! which it is compared with airbyte-cdk.
//!
//! `WRITE=1 cargo test -p system-tests --test components` writes the document anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use connector::Manifest;
use host::Vars;

/// Cases named for a component; the others are counted.
const SHOWN: usize = 3;

/// Fields of which only some values are components: the manifest's check looks into them by itself.
const CHECKED_APART: &[(&str, &str)] = &[
    ("HttpRequester", "request_parameters"),
    ("QueryProperties", "property_list"),
    ("SelectiveAuthenticator", "authenticators"),
];

/// Components of which a part does not run everywhere.
const LIMITED: &[(&str, &str)] = &[(
    "DeclarativeStream",
    "runs; `file_uploader` in `headwater source read` (`files/named`, `files/unnamed`), \
     refused in the lake",
)];

/// Parts of others that the language describes in place.
const IN_PLACE: [&str; 2] = ["ConfigNormalizationRules", "FileUploader"];

const INTRODUCTION: &str = "\
# Components

Every component type of airbyte-cdk 7.39.1's `declarative_component_schema.yaml`: what runs, with the case in which it is compared with the reference, and what is refused by name, with file, line and path, before anything runs.
This table is written and checked by `tests/components.rs`; the cases are in [`tests/reference/`](../tests/reference/).

| component | | compared in |
| --- | --- | --- |
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The component types of the language; those without a `type`, with the fields that hold them.
fn language() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(root().join("tests/reference/language.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The texts of the cases' manifests by name.
fn cases() -> BTreeMap<String, String> {
    let home = root().join("tests/reference");
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let all = folders(&home).into_iter().flat_map(|topic| folders(&topic));
    all.filter_map(|case| {
        let name = case.strip_prefix(&home).unwrap().display().to_string();
        Some((name, fs::read_to_string(case.join("manifest.yaml")).ok()?))
    })
    .collect()
}

/// Whether a manifest's text has a component of a type.
fn has_type(text: &str, name: &str) -> bool {
    let types = text.split("type:").skip(1).map(|rest| {
        let rest = rest.trim_start_matches([' ', '"', '\'']);
        rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()
    });
    types.into_iter().any(|kind| kind == name)
}

/// Whether a manifest's text has a field of a component: `Type.field`.
fn has_field(text: &str, place: &str) -> bool {
    let (owner, field) = place.split_once('.').unwrap();
    has_type(text, owner) && text.contains(&format!("{field}:"))
}

/// How a component stands: it runs, or why it does not.
#[derive(Debug, PartialEq)]
enum Standing {
    Runs { without: Vec<&'static str> },
    Refused(&'static str),
}

/// The components that run, each with its fields that are refused.
fn known() -> BTreeMap<&'static str, Vec<&'static str>> {
    let refused = |fields: Vec<(&'static str, bool)>| {
        fields.into_iter().filter(|(_, runs)| !runs).map(|(field, _)| field).collect()
    };
    Manifest::vocabulary().map(|(name, fields)| (name, refused(fields))).collect()
}

fn standing(name: &str, places: &[String], known: &BTreeMap<&str, Vec<&'static str>>) -> Standing {
    if let Some(without) = known.get(name) {
        return Standing::Runs { without: without.clone() };
    }
    let open = |place: &String| {
        let (owner, field) = place.split_once('.').unwrap();
        known.get(owner).is_some_and(|refused| !refused.contains(&field))
    };
    if places.iter().any(open) {
        return Standing::Runs { without: Vec::new() };
    }
    let python = name.starts_with("Custom");
    Standing::Refused(if python { "refused: it needs Python code" } else { "refused" })
}

/// The document, and the components that run and stand in no case.
fn document() -> (String, BTreeSet<String>) {
    let known = known();
    let cases = cases();
    let (mut text, mut untested) = (INTRODUCTION.to_owned(), BTreeSet::new());
    for (name, places) in language() {
        let standing = standing(&name, &places, &known);
        let holds =
            |text: &str| has_type(text, &name) || places.iter().any(|place| has_field(text, place));
        let compared: Vec<&String> =
            cases.iter().filter(|(_, text)| holds(text)).map(|(name, _)| name).collect();
        let (word, compared) = match standing {
            Standing::Refused(why) => (why.to_owned(), String::new()),
            Standing::Runs { without } => {
                if compared.is_empty() {
                    untested.insert(name.clone());
                }
                let limited = LIMITED.iter().find(|(limited, _)| *limited == name);
                let word = limited.map(|(_, word)| (*word).to_owned());
                (word.unwrap_or_else(|| runs(&without, &places)), listed(&compared))
            }
        };
        writeln!(text, "| `{name}` | {word} | {compared} |").unwrap();
    }
    (text, untested)
}

fn runs(without: &[&str], places: &[String]) -> String {
    let quoted = |names: Vec<&str>| {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    match (without, places) {
        ([], []) => "runs".to_owned(),
        ([], _) => format!("runs, in {}", quoted(places.iter().map(String::as_str).collect())),
        _ => format!("runs; refused: {}", quoted(without.to_vec())),
    }
}

fn listed(cases: &[&String]) -> String {
    let shown: Vec<String> = cases.iter().take(SHOWN).map(|case| format!("`{case}`")).collect();
    let more = cases.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    shown.join(", ") + &more
}

#[test]
fn the_table_of_components_is_as_the_code_is() {
    let path = root().join("docs/components.md");
    let (text, _) = document();
    if Vars::process().get("WRITE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        written == text,
        "docs/components.md is out of date: {differs:?}; \
         run `WRITE=1 cargo test -p system-tests --test components`"
    );
}

#[test]
fn every_component_that_runs_is_compared_with_the_reference() {
    let (_, untested) = document();
    assert!(untested.is_empty(), "no case in tests/reference/ has {untested:?}");
}

#[test]
fn the_vocabulary_has_only_components_of_the_language() {
    let language = language();
    let unknown: Vec<&str> = Manifest::vocabulary()
        .map(|(name, _)| name)
        .filter(|name| !IN_PLACE.contains(name))
        .filter(|name| !language.contains_key(*name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn no_component_is_passed_over_in_silence() {
    let text = fs::read_to_string(root().join("tests/reference/places.json")).unwrap();
    let places: BTreeMap<String, Vec<String>> = serde_json::from_str(&text).unwrap();
    let mut silent = Vec::new();
    for (name, fields) in Manifest::vocabulary() {
        let known = |field: &String| {
            fields.iter().any(|(known, _)| known == field)
                || CHECKED_APART.contains(&(name, field.as_str()))
        };
        let of_language = places.get(name).into_iter().flatten();
        silent.extend(of_language.filter(|field| !known(field)).map(|f| format!("{name}.{f}")));
    }
    assert!(silent.is_empty(), "components in {silent:?} are neither run nor refused");
}
