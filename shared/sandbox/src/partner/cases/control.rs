//! A partner who says when a file is whole.

use super::till::cents;
use super::{label, name};
use crate::json::money;
use crate::partner::maker::{Depth, Maker, not_pushed, rejected};
use crate::partner::pack::sha256;
use crate::partner::text::{TRX, USER, rows};
use crate::partner::{Expected, Fate, Landing};

/// What a control file says.
struct Control {
    records: usize,
    cents: Option<i64>,
    sha256: String,
}

/// Adds its files.
pub(in crate::partner) fn control(maker: &mut Maker) {
    maker.begin();
    good(maker);
    wrong(maker);
    let name = name("USER", 27, ".csv");
    let alone = label(Landing::Control, format!("{name}.ctl"), "a control file without its file");
    let text = format!("file={name};records=1");
    maker.add(alone, text.into_bytes(), not_pushed(Fate::Waiting));
}

fn add(
    maker: &mut Maker,
    about: (String, &'static str),
    bytes: Vec<u8>,
    control: &Control,
    expected: Expected,
) {
    let (name, special) = about;
    let sum = control.cents.map(|cents| format!("amount_sum={};", money(cents)));
    let text = format!(
        "file={name};records={};{}sha256={};bytes={}",
        control.records,
        sum.unwrap_or_default(),
        control.sha256,
        bytes.len()
    );
    let companions = vec![(format!("{name}.ctl"), text.into_bytes())];
    maker.add_with(label(Landing::Control, name, special), bytes, companions, expected);
}

fn good(maker: &mut Maker) {
    let records = maker.users(maker.rows, Depth::Row);
    let bytes = rows(&records, USER, b',').into_bytes();
    let says = Control { records: records.len(), cents: None, sha256: sha256(&bytes) };
    let expected = maker.take_users(&records, 0);
    add(maker, (name("USER", 21, ".csv"), "a control file"), bytes, &says, expected);

    let records = maker.transactions(maker.rows, Depth::Row);
    let bytes = rows(&records, TRX, b',').into_bytes();
    let total = Some(cents(&records));
    let says = Control { records: records.len(), cents: total, sha256: sha256(&bytes) };
    let expected = maker.take_transactions(&records, 0);
    add(maker, (name("TRX", 21, ".csv"), "a control file with a sum"), bytes, &says, expected);

    for (sequence, ending) in [(24, ".done"), (25, ".ok")] {
        let records = maker.users(5, Depth::Row);
        let expected = maker.take_users(&records, 0);
        let name = name("USER", sequence, ".csv");
        let companions = vec![(format!("{name}{ending}"), Vec::new())];
        let bytes = rows(&records, USER, b',').into_bytes();
        let label = label(Landing::Control, name, "an empty marker");
        maker.add_with(label, bytes, companions, expected);
    }
    let bytes = rows(&maker.users(5, Depth::Row), USER, b',').into_bytes();
    let waits = label(Landing::Control, name("USER", 26, ".csv"), "no control file yet");
    maker.add(waits, bytes, not_pushed(Fate::Waiting));
}

fn wrong(maker: &mut Maker) {
    let records = maker.transactions(10, Depth::Row);
    let bytes = rows(&records, TRX, b',').into_bytes();
    let (count, total, digest) = (records.len(), Some(cents(&records)), sha256(&bytes));
    let about = |sequence, special| (name("TRX", sequence, ".csv"), special);
    // Each is another file, or the second would be the first under another name.
    let altered =
        |note: &str| String::from_utf8_lossy(&bytes).replace("REGULAR", note).into_bytes();
    let (first, second, third) = (altered("REGULAR"), altered("MIXED"), altered("RETURN"));

    let says = Control { records: count, cents: total, sha256: digest.replace(['0', '1'], "f") };
    let expected = rejected("CHECKSUM");
    add(maker, about(22, "the digest is another file's"), first, &says, expected);
    let says = Control { records: count + 2, cents: total, sha256: sha256(&second) };
    let expected = rejected("COUNT_MISMATCH");
    add(maker, about(23, "two records fewer than announced"), second, &says, expected);
    let off = total.map(|cents| cents - 100);
    let says = Control { records: count, cents: off, sha256: sha256(&third) };
    add(maker, about(28, "the sum is off"), third, &says, rejected("TOTAL_MISMATCH"));
}
