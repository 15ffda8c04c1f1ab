//! Deliveries of partners, before anybody reads them.

mod reading;

use std::collections::BTreeMap;
use std::io::Read;

use pgp::composed::{Deserializable, Message, SignedSecretKey};
use pgp::types::Password;
use serde_json::Value;

use super::Place;
use crate::partner::{Delivery, Fate, Landing, PartnerFile, SECRET_KEY, delivery};

fn find<'a>(made: &'a Delivery, name: &str) -> &'a PartnerFile {
    made.files.iter().find(|file| file.name.contains(name)).unwrap()
}

#[test]
fn the_same_seed_makes_the_same_delivery() {
    let bytes = |seed| {
        let made = delivery(seed, 60);
        let files = made.files.into_iter().map(|file| (file.name, file.bytes));
        (files.collect::<Vec<_>>(), made.customers)
    };
    assert_eq!(bytes(7), bytes(7));
    assert_ne!(bytes(7).0, bytes(8).0);
}

#[test]
fn names_are_taken_once_but_for_the_correction() {
    let mut names: BTreeMap<(Landing, String), Vec<u8>> = BTreeMap::new();
    for file in delivery(7, 60).files {
        names.entry((file.landing, file.name)).or_default().push(file.wave);
    }
    let twice: Vec<_> = names.into_iter().filter(|(_, waves)| waves.len() > 1).collect();
    let corrected = (Landing::Loyalty, "heron_USER_20260301120000_002.psv.gz".to_owned());
    assert_eq!(twice, [(corrected, vec![0, 1])]);
}

#[test]
fn every_row_of_an_accepted_file_has_one_end() {
    let made = delivery(7, 80);
    let mut bought = 0;
    for file in &made.files {
        let expected = &file.expected;
        let ends = expected.ok + expected.failed + expected.duplicate;
        assert_eq!(expected.rows, ends, "{}", file.name);
        assert_eq!(expected.fate == Fate::Accepted, expected.rows > 0, "{}", file.name);
        if expected.kind == Some("transaction") {
            bought += usize::try_from(expected.ok).unwrap();
        }
    }
    assert_eq!(bought, made.transactions.len());
    let ids: Vec<&Value> = made.customers.iter().map(|one| &one["external_id"]).collect();
    assert!(made.transactions.iter().all(|one| ids.contains(&&one["external_id"])));
}

#[test]
fn all_that_the_crm_can_say_is_expected_of_some_row() {
    let made = delivery(7, 60);
    let mut codes: Vec<&str> = made
        .files
        .iter()
        .flat_map(|file| &file.expected.failures)
        .map(|(_, code)| code.as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["3017", "3217", "624", "7742", "8008", "MALFORMED_BATCH"]);
    let again: u64 = made.files.iter().map(|file| file.expected.duplicate).sum();
    assert_eq!(again, 4);
}

#[test]
fn an_encrypted_file_opens_with_the_tenants_key_alone() {
    let made = delivery(7, 60);
    let (key, _) = SignedSecretKey::from_string(SECRET_KEY).unwrap();
    let open = |file: &PartnerFile| {
        let message = Message::from_bytes(&file.bytes[..]).ok()?;
        let mut message = message.decrypt(&Password::empty(), &key).ok()?;
        let mut text = String::new();
        message.read_to_string(&mut text).ok().map(|_| text)
    };
    let text = open(find(&made, "USER_20260301120000_005.csv.pgp")).unwrap();
    assert_eq!(text.lines().count(), 61);
    assert_eq!(open(find(&made, "031.csv.pgp")), None);
    assert_eq!(open(find(&made, "032.csv.pgp")), None);
}

#[test]
fn archives_hold_what_they_are_said_to_hold() {
    let made = delivery(7, 60);
    let slip = &find(&made, "035.csv.zip").bytes;
    let name = b"../../etc/cron.d/users.csv";
    assert!(slip.windows(name.len()).any(|bytes| bytes == name));
    for bomb in ["033.csv.zip", "034.csv.gz"] {
        assert!(find(&made, bomb).bytes.len() * 100 < 4 << 20, "{bomb}");
    }
    let marked = &find(&made, "003.tsv").bytes;
    assert_eq!(marked[..2], [0xff, 0xfe]);
    let till = &find(&made, "heron_TRX_20260301120000_001.csv");
    assert_eq!(till.landing, Landing::Loyalty);
}

#[test]
fn an_admin_reads_the_truth() {
    let place = Place::tiny();
    let listed = place.admin("GET", "/partner?rows=60").json();
    let made = delivery(7, 60);
    assert_eq!(listed["files"].as_array().unwrap().len(), made.files.len());
    let bomb =
        listed["files"].as_array().unwrap().iter().find(|file| file["expected"]["code"] == "BOMB");
    assert_eq!(bomb.unwrap()["expected"]["fate"], "rejected");
    let customers = place.admin("GET", "/partner/customers?rows=60").body;
    assert_eq!(customers.lines().count(), made.customers.len());
    let bytes = place.admin("GET", "/partner/loyalty/0/loyalty-export.csv?rows=60").body;
    assert_eq!(bytes.as_bytes(), find(&made, "loyalty-export.csv").bytes);
    assert_eq!(place.admin("GET", "/partner?rows=many").status, 400);
}
