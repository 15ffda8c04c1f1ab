//! Files that other people's programs packed: `GnuPG` 2.2, the `zip` of Info-ZIP, the `zipfile` of Python.

use model::Secret;

use super::*;

const NAME: &str = "heron_USER_1.csv";
const SIGNED: &str = "encryption: {signed: true}\n";

macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!("../packed/", $name))
    };
}

/// What a tenant has to open files with.
fn keys() -> Keys {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Keys {
        pgp_key: Some(Secret::new(text(packed!("heron-secret.asc")))),
        pgp_passphrase: Some(Secret::new("a passphrase of a test".to_owned())),
        signer: Some(text(packed!("partner-public.asc"))),
    }
}

/// What becomes of a file whose name tells how it is packed.
fn opened(more: &str, suffix: &str, bytes: &[u8], keys: Keys) -> Result<Vec<String>, Refusal> {
    let name = format!("{NAME}.{suffix}");
    let (records, done) = run(Plan { keys, ..plan(more, &name, bytes) }, bytes, 50);
    done.map(|_| records.into_iter().map(|(_, text)| text).collect())
}

#[track_caller]
fn refused(more: &str, suffix: &str, bytes: &[u8], keys: Keys) -> (Code, String) {
    let refusal = opened(more, suffix, bytes, keys).unwrap_err();
    (refusal.code, refusal.message)
}

#[test]
fn what_gnupg_encrypted_is_opened_with_the_tenants_key() {
    let files: [&[u8]; 3] =
        [packed!("encrypted.gpg"), packed!("uncompressed.asc"), packed!("signed.gpg")];
    for bytes in files {
        assert_eq!(opened("", "gpg", bytes, keys()).unwrap(), [A.1, B.1]);
    }
}

#[test]
fn what_cannot_be_opened_is_refused_with_what_is_missing() {
    let bytes: &[u8] = packed!("encrypted.gpg");
    let (code, message) = refused("", "gpg", bytes, Keys::default());
    assert_eq!((code, message.contains("no `pgp_key`")), (Code::Decrypt, true), "{message}");
    let wrong = Keys { pgp_passphrase: None, ..keys() };
    assert_eq!(refused("", "gpg", bytes, wrong).0, Code::Decrypt);
    let (code, message) = refused("", "gpg", packed!("for-another.gpg"), keys());
    assert_eq!((code, message.contains("for another one")), (Code::Decrypt, true), "{message}");
}

#[test]
fn a_message_that_was_cut_off_or_changed_anywhere_is_never_accepted() {
    // A key without a passphrase: to try one takes long, as it should.
    let key = String::from_utf8(packed!("partner-secret.asc").to_vec()).unwrap();
    let open = |bytes: &[u8]| {
        let keys = Keys { pgp_key: Some(Secret::new(key.clone())), ..Keys::default() };
        opened("", "gpg", bytes, keys)
    };
    let whole: &[u8] = packed!("for-another.gpg");
    assert_eq!(open(whole).unwrap(), [A.1, B.1]);
    for end in 1..whole.len() {
        assert!(open(&whole[..end]).is_err(), "cut off at {end}");
    }
    for at in 100..whole.len() {
        let mut changed = whole.to_vec();
        changed[at] ^= 1;
        assert!(open(&changed).is_err(), "changed at {at}");
    }
}

#[test]
fn a_feed_that_takes_signed_files_only_takes_its_signers_only() {
    assert_eq!(opened(SIGNED, "gpg", packed!("signed.gpg"), keys()).unwrap(), [A.1, B.1]);
    let others: [&[u8]; 2] = [packed!("signed-by-a-stranger.gpg"), packed!("encrypted.gpg")];
    for bytes in others {
        assert_eq!(refused(SIGNED, "gpg", bytes, keys()).0, Code::Signature);
    }
    let nobody = Keys { signer: None, ..keys() };
    assert_eq!(refused(SIGNED, "gpg", packed!("signed.gpg"), nobody).0, Code::Signature);
}

#[test]
fn an_archive_of_one_file_is_unpacked_however_it_was_written() {
    let files: [&[u8]; 3] = [packed!("one.zip"), packed!("stored.zip"), packed!("streamed.zip")];
    for bytes in files {
        assert_eq!(opened("", "zip", bytes, Keys::default()).unwrap(), [A.1, B.1]);
    }
}

#[test]
fn an_archive_of_anything_else_is_refused() {
    let files: [&[u8]; 3] = [packed!("two.zip"), packed!("climbs.zip"), packed!("locked.zip")];
    for bytes in files {
        assert_eq!(refused("", "zip", bytes, Keys::default()).0, Code::ArchiveEntry);
    }
    let mut damaged = packed!("one.zip").to_vec();
    let (sum, ..) = damaged[14..].split_first_mut().unwrap();
    *sum ^= 1;
    assert_eq!(refused("", "zip", &damaged, Keys::default()).0, Code::Archive);
}
