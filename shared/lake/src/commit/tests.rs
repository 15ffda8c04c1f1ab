use proptest::prelude::*;

use super::*;
use crate::digest::RecordsDigest;
use crate::key::tests::{any_attempt, attempt};
use crate::part::Codec;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn commit() -> Commit {
    let attempt = attempt();
    let part = Part {
        body: Bytes::from_static(b"{}\n"),
        rows: 1,
        sha256: Sha256Hex::of(b"{}\n"),
        records: RecordsDigest::default(),
    };
    let key = attempt.clone().part(1, Codec::Plain).render().unwrap();
    Commit {
        attempt,
        window: Some(
            Window::new(at("2024-05-01T07:15:22.123456789Z"), at("2024-05-02T00:00:00Z")).unwrap(),
        ),
        mode: Mode::FullRefresh,
        generation: Some(Generation { number: 4, slices: Some(2) }),
        started: at("2024-05-02T00:00:01Z"),
        parts: vec![PartRef::new(key, &part)],
        rows: 1,
        run: "r1".parse().unwrap(),
        at: at("2024-05-02T00:00:09.25Z"),
    }
}

#[test]
fn the_stored_form_is_pinned() {
    let stored = include_str!("golden/commit.json");
    assert_eq!(commit().to_json().unwrap(), stored.as_bytes());
    assert_eq!(Commit::from_json(stored.as_bytes()).unwrap(), commit());
}

#[test]
fn other_formats_are_refused() {
    let stored = include_str!("golden/commit.json").replace("\"format\":1", "\"format\":2");
    assert!(matches!(
        Commit::from_json(stored.as_bytes()),
        Err(CommitError::Format { found: 2, .. })
    ));
    assert!(matches!(Commit::from_json(b"{"), Err(CommitError::Malformed(_))));
}

proptest! {
    #[test]
    fn commits_read_back_from_one_line(
        attempt in any_attempt(),
        generation in prop::option::of((any::<u64>(), prop::option::of(any::<u64>()))),
        mode in prop::sample::select(&[Mode::Incremental, Mode::FullRefresh, Mode::Append][..]),
        started in 0i64..200_000_000_000,
    ) {
        let commit = Commit {
            attempt,
            mode,
            generation: generation.map(|(number, slices)| Generation { number, slices }),
            started: Timestamp::from_second(started).unwrap(),
            ..commit()
        };
        let stored = commit.to_json().unwrap();
        prop_assert_eq!(stored.split(|byte| *byte == b'\n').count(), 2);
        prop_assert_eq!(Commit::from_json(&stored).unwrap(), commit);
    }
}
