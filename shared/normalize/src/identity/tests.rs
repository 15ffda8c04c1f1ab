use std::collections::BTreeSet;
use std::sync::LazyLock;

use model::Timestamp;
use model::config::{At, Decoder};
use model::document::Document;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

mod laws;
mod rules;
mod things;

pub(super) const FIELDS: &[&str] = &[
    "name",
    "aliases",
    "ips",
    "macs",
    "provider",
    "instance",
    "serial",
    "os",
    "kernel",
    "software",
    "first_seen",
    "last_seen",
    "domain",
    "vendor",
];

pub(super) const RULES: &str = "
identity:
  observed_at: last_seen
  facts:
    provider: {fields: [provider], form: lower}
    instance: {fields: [instance]}
    serial: {fields: [serial], form: lower, ignore: [none, '0']}
    mac: {fields: [macs], form: mac, ignore: ['02:42:*']}
    ip: {fields: [ips], form: ip}
    name: {fields: [name], form: hostname, ignore: [localhost]}
    short: {fields: [name, aliases], form: short_name}
    domain: {fields: [domain], form: hostname}
  tiers:
    - {name: instance, match: [[provider, instance]], veto: true}
    - {name: serial, match: [[serial]]}
    - {name: mac, match: [[mac, short], [mac, ip]]}
    - {name: address, match: [[name, ip]], within: 30d}
    - {name: domain, match: [[domain]], confidence: low}
merge:
  software: {take: union}
  aliases: {take: union}
  ips: {take: union}
  macs: {take: union}
  first_seen: {take: min}
  last_seen: {take: max}
  os: {prefer: [b, a]}
  vendor: {take: nothing}
";

pub(super) fn read(text: &str) -> Result<Rules, String> {
    let document = Document::parse("host.yaml", text).unwrap();
    let mut decoder = Decoder::new(&document);
    let root = At { node: &document.root, path: String::new() };
    let (identity, merge) = (root.field("identity").unwrap(), root.field("merge"));
    let rules = Rules::decode(&mut decoder, &identity, merge.as_ref(), FIELDS);
    decoder
        .finish(rules)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

static HOST: LazyLock<Rules> = LazyLock::new(|| read(RULES).unwrap());

pub(super) fn host_rules() -> Rules {
    HOST.clone()
}

pub(super) fn at(day: u32) -> Timestamp {
    format!("2026-03-{day:02}T00:00:00Z").parse().unwrap()
}

/// What a source said of a record on a day of March.
pub(super) fn observed(source: &str, id: &str, day: u32, fields: &Value) -> Observation {
    let mut fields: Map<String, Value> = fields.as_object().unwrap().clone();
    fields.insert("last_seen".to_owned(), json!(at(day).to_string()));
    Observation {
        source: source.parse().unwrap(),
        id: id.to_owned(),
        fetched: at(28),
        fields,
        raw: Raw {
            key: format!("landing/{source}/{id}.{day}").parse().unwrap(),
            line: 0,
            sha256: "00".to_owned(),
        },
    }
}

pub(super) fn record(source: &str, id: &str, day: u32, fields: &Value) -> Record {
    observed(source, id, day, fields).into_record(&host_rules()).unwrap()
}

/// The ids of the records of each thing.
pub(super) fn things(records: &[Record]) -> BTreeSet<Vec<String>> {
    let made = entities(&host_rules(), "acme/host", records);
    made.iter().map(|one| one.sources.iter().map(|member| member.id.clone()).collect()).collect()
}
