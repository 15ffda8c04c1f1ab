//! Files that must not be pushed, or not all of them.

use super::{label, name};
use crate::partner::maker::{Depth, Maker, not_pushed, rejected};
use crate::partner::pack::{Recipient, encrypted, gzip, zip};
use crate::partner::text::{USER, rows};
use crate::partner::{Fate, Landing};

/// More than a hundred times as large as what it is packed into.
const BOMB: usize = 4 << 20;

pub(super) fn broken(maker: &mut Maker) {
    ragged(maker);
    let good = rows(&maker.users(10, Depth::Row), USER, b',');
    let text = good.as_bytes();
    let half = |bytes: Vec<u8>| {
        let end = bytes.len() / 2;
        bytes.into_iter().take(end).collect::<Vec<u8>>()
    };
    let user = |sequence, rest: &str| name("USER", sequence, rest);
    let foreign = encrypted(text, Recipient::SomebodyElse, &maker.dice("pgp-foreign"));
    let torn = half(encrypted(text, Recipient::Tenant, &maker.dice("pgp-torn")));
    let bomb = zip("users.csv", &vec![b'0'; BOMB]);
    let slip = zip("../../etc/cron.d/users.csv", text);
    let refused = [
        (user(31, ".csv.pgp"), "encrypted for somebody else", "DECRYPT", foreign),
        (user(32, ".csv.pgp"), "encrypted, cut off", "DECRYPT", torn),
        (user(33, ".csv.zip"), "unpacks to far more than it is", "BOMB", bomb),
        (user(34, ".csv.gz"), "unpacks to far more than it is", "BOMB", gzip(&vec![b'0'; BOMB])),
        (user(35, ".csv.zip"), "packs a name that leads elsewhere", "ARCHIVE_ENTRY", slip),
        (user(36, ".csv.gz"), "cut off", "ARCHIVE", half(gzip(text))),
        (user(37, ".csv"), "empty", "FILE_TOO_SMALL", Vec::new()),
        ("minutes-of-march.csv".to_owned(), "neither", "UNCLASSIFIED", b"a,b\n1,2\n".to_vec()),
    ];
    for (name, special, code, bytes) in refused {
        maker.add(label(Landing::Loyalty, name, special), bytes, rejected(code));
    }
    let under_way = label(Landing::Loyalty, user(38, ".csv.part"), "still under way");
    maker.add(under_way, text.to_vec(), not_pushed(Fate::Waiting));
}

/// Rows with a field too many: few of them are refused one by one, many refuse the file.
fn ragged(maker: &mut Maker) {
    let spoilt = |text: &str, every: usize| {
        let spoil = |(at, line): (usize, &str)| {
            let more = if at > 0 && at % every == 0 { ",surplus" } else { "" };
            format!("{line}{more}\n")
        };
        text.lines().enumerate().map(spoil).collect::<String>()
    };
    let mut records = maker.users(120, Depth::Row);
    let text = spoilt(&rows(&records, USER, b','), 50);
    let faulty = [49, 99];
    let mut at = 0;
    records.retain(|_| {
        at += 1;
        !faulty.contains(&(at - 1))
    });
    let expected = maker.take_users(&records, 2);
    let few = label(Landing::Loyalty, name("USER", 6, ".csv"), "two rows have a field too many");
    maker.add(few, text.into_bytes(), expected);

    let text = spoilt(&rows(&maker.users(60, Depth::Row), USER, b','), 6);
    let many = label(Landing::Loyalty, name("USER", 7, ".csv"), "a tenth of the rows is faulty");
    maker.add(many, text.into_bytes(), rejected("TOO_MANY_ERRORS"));
}
