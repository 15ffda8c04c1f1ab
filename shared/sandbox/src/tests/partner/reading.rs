//! A delivery, read by the reader of feeds and pushed by hand: the truth holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use files::{Control, Decoded, Decoding, Feed, Keys, Plan, Refusal, Step};
use model::Secret;
use model::document::Document;
use serde_json::Value;

use super::super::crm::{Crm, batch};
use crate::partner::{Fate, PartnerFile, SECRET_KEY, delivery, sha256};

fn feed(file: &PartnerFile) -> Arc<Feed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/feeds");
    let name = format!("{}.yaml", file.landing.folder());
    let text = std::fs::read_to_string(folder.join(&name)).unwrap();
    Arc::new(Feed::parse(&Document::parse(&name, &text).unwrap()).unwrap())
}

/// The records of the file, or the code of its refusal.
fn read(file: &PartnerFile) -> Result<(Decoded, Vec<Value>), &'static str> {
    let feed = feed(file);
    let size = u64::try_from(file.bytes.len()).unwrap();
    if size < feed.limits.min_bytes {
        return Err("FILE_TOO_SMALL");
    }
    let beside = file.companions.iter().find(|(_, body)| !body.is_empty());
    let control = beside.map(|(name, body)| Control::parse(name, body).unwrap());
    let code = |refusal: Refusal| refusal.code.as_str();
    if let Some(control) = &control {
        control.check(&file.name, size, &sha256(&file.bytes)).map_err(code)?;
    }
    let keys = Keys { pgp_key: Some(Secret::new(SECRET_KEY.to_owned())), ..Keys::default() };
    let (name, tags) = (file.name.clone(), BTreeMap::new());
    let mut decoding = Decoding::start(Plan { feed, name, size, tags, control, keys }).unwrap();
    let mut chunks = file.bytes.chunks(64 * 1024);
    let mut records = Vec::new();
    loop {
        match decoding.step() {
            Step::Wants => match chunks.next() {
                Some(chunk) => decoding.feed(chunk.to_vec().into()),
                None => decoding.end(),
            },
            Step::Part(part) => {
                let read = part.rows().map(|row| serde_json::from_slice(row.record).unwrap());
                records.extend(read.collect::<Vec<Value>>());
            }
            Step::Done(done) => return done.map(|done| (*done, records)).map_err(code),
        }
    }
}

#[test]
fn every_file_is_read_as_expected() {
    for file in delivery(7, 60).files {
        let about = format!("{}/{} ({})", file.landing.folder(), file.name, file.special);
        let expected = &file.expected;
        match expected.fate {
            Fate::Rejected(code) => {
                assert_eq!(read(&file).map(|_| ()), Err(code), "{about}");
            }
            Fate::Accepted => {
                let (decoded, records) =
                    read(&file).unwrap_or_else(|code| panic!("{about}: {code}"));
                assert_eq!(Some(decoded.kind.as_str()), expected.kind, "{about}");
                let count = |length: usize| u64::try_from(length).unwrap();
                let refused = count(decoded.refused.len());
                let counts = (decoded.rows, count(records.len()), refused);
                let by_crm = count(expected.failures.len());
                let faulty = expected.failed - by_crm;
                assert_eq!(counts, (expected.rows, expected.rows - faulty, faulty), "{about}");
            }
            Fate::Duplicate | Fate::Waiting => {}
        }
    }
}

/// Results by position; a batch that is refused whole is halved until one item is left.
fn push(crm: &Crm, operation: &str, key: &str, items: &[Value]) -> Vec<String> {
    let answer = crm.fresh(operation, &batch(key, items));
    if answer.status == 400 && items.len() > 1 {
        let (left, right) = items.split_at(items.len() / 2);
        return [push(crm, operation, key, left), push(crm, operation, key, right)].concat();
    }
    let body = answer.json();
    if answer.status != 200 {
        return vec![body["code"].as_str().unwrap().to_owned()];
    }
    let mut results = body["results"].as_array().unwrap().clone();
    results.sort_by_key(|line| line["index"].as_u64());
    let code = |line: &Value| {
        let within = line.get("errors").map(|errors| errors[0]["code"].to_string());
        within.unwrap_or_else(|| line["status"].to_string())
    };
    results.iter().map(code).collect()
}

/// What the CRM says in the end: busy customers are sent again, known ones are updated.
fn settled(crm: &Crm, kind: &str, records: &[Value]) -> Vec<String> {
    let (operation, key) = match kind {
        "user" => ("customers:batchAdd", "customer"),
        _ => ("transactions:batchAdd", "transaction"),
    };
    let chunks = records.chunks(100).flat_map(|items| push(crm, operation, key, items));
    let mut said: Vec<String> = chunks.collect();
    for (code, record) in said.iter_mut().zip(records) {
        let alone = std::slice::from_ref(record);
        while code == "521" {
            *code = push(crm, operation, key, alone).remove(0);
        }
        if code == "8006" {
            *code = push(crm, "customers:batchUpdate", key, alone).remove(0);
        }
    }
    said
}

fn by_id(records: Vec<Value>, key: &str) -> BTreeMap<String, Value> {
    let id = |record: &Value| record[key].as_str().unwrap().to_owned();
    records.into_iter().map(|record| (id(&record), record)).collect()
}

#[test]
fn the_crm_holds_what_the_delivery_says_when_all_of_it_was_pushed() {
    let (crm, made) = (Crm::new(), delivery(7, 60));
    let mut files: Vec<&PartnerFile> =
        made.files.iter().filter(|file| file.expected.fate == Fate::Accepted).collect();
    files.sort_by_key(|file| (file.wave, file.expected.kind == Some("transaction")));
    for file in files {
        let (decoded, records) = read(file).unwrap();
        let said = settled(&crm, &decoded.kind, &records);
        let count = |code: &str| said.iter().filter(|said| *said == code).count();
        let counts = [count("200"), count("604")].map(|count| u64::try_from(count).unwrap());
        assert_eq!(counts, [file.expected.ok, file.expected.duplicate], "{}", file.name);
        for (_, code) in &file.expected.failures {
            assert!(said.contains(code), "{}: no {code} in {said:?}", file.name);
        }
    }
    let held = by_id(crm.held("customers"), "external_id");
    assert_eq!(held, by_id(made.customers, "external_id"));
    assert_eq!(by_id(crm.held("transactions"), "trx_id"), by_id(made.transactions, "trx_id"));
}
