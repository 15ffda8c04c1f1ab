use proptest::prelude::*;

use super::*;

pub(crate) fn attempt() -> Attempt {
    Attempt {
        source: "hub spot".parse().unwrap(),
        stream: "Contact/Search".parse().unwrap(),
        tenant: "bluebird".parse().unwrap(),
        connection: "main".parse().unwrap(),
        month: "2024-05".parse().unwrap(),
        plan: "0192f0c1".parse().unwrap(),
        partition: "e3b0c442".parse().unwrap(),
        slice: SliceStart::from("2024-05-01T07:15:22.123456789Z".parse::<Timestamp>().unwrap()),
        fence: 17,
    }
}

#[test]
fn landing_and_commit_keys_have_the_documented_layout() {
    let landing = attempt().part(1, Codec::Zstd).render().unwrap();
    assert_eq!(
        landing.as_str(),
        "landing/hub%20spot/Contact%2FSearch/tenant=bluebird/connection=main/month=2024-05/\
         0192f0c1.e3b0c442.20240501T071522123456789Z.f00000017.p00001.ndjson.zst"
    );
    let commit = CommitKey(attempt()).render().unwrap();
    assert_eq!(
        commit.as_str(),
        "commits/hub%20spot/Contact%2FSearch/tenant=bluebird/connection=main/month=2024-05/\
         0192f0c1.e3b0c442.20240501T071522123456789Z.f00000017.json"
    );
}

#[test]
fn a_key_in_another_spelling_is_not_a_key() {
    let good = attempt().part(1, Codec::Plain).render().unwrap().to_string();
    for (from, to) in [
        ("f00000017", "f17"),
        ("p00001", "p1"),
        (".ndjson", ".ndjson.zip"),
        ("month=2024-05", "month=2024-5"),
        ("month=2024-05", "month=2024-13"),
        ("tenant=bluebird", "tenant=Bluebird"),
        ("hub%20spot", "hub spot"),
        ("%2F", "%2f"),
        ("landing/", "commits/"),
        ("connection=main/", "connection=main/x/"),
        ("20240501T", "20240532T"),
    ] {
        let bad: ObjectKey = good.replace(from, to).parse().unwrap();
        assert!(LandingKey::parse(&bad).is_err(), "{bad}");
    }
}

#[test]
fn names_too_long_for_any_store_are_refused() {
    let long = Attempt { stream: "/".repeat(256).parse().unwrap(), ..attempt() };
    let long = Attempt { source: "/".repeat(256).parse().unwrap(), ..long };
    assert!(matches!(long.part(1, Codec::Plain).render(), Err(KeyFault::Length(_))));
}

prop_compose! {
    pub(crate) fn any_attempt()(
        source in "\\PC{1,24}",
        stream in "\\PC{1,24}",
        tenant in "[a-z0-9_-]{1,64}",
        connection in "[a-z0-9_-]{1,64}",
        at in -62_000_000_000i64..200_000_000_000,
        plan in "[a-z0-9_-]{1,64}",
        partition in "[a-z0-9]{1,64}",
        slice in prop::option::of((-62_135_596_800i64..253_000_000_000, 0i32..1_000_000_000)),
        fence: u64,
    ) -> Attempt {
        let start = slice.map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap());
        Attempt {
            source: source.parse().unwrap(),
            stream: stream.parse().unwrap(),
            tenant: tenant.parse().unwrap(),
            connection: connection.parse().unwrap(),
            month: Month::from(Timestamp::from_second(at).unwrap()),
            plan: plan.parse().unwrap(),
            partition: partition.parse().unwrap(),
            slice: SliceStart::from(start),
            fence,
        }
    }
}

proptest! {
    #[test]
    fn keys_read_back(attempt in any_attempt(), part: u32, codec in prop::sample::select(&Codec::ALL[..])) {
        let landing = attempt.clone().part(part, codec);
        prop_assert_eq!(LandingKey::parse(&landing.render().unwrap()).unwrap(), landing);
        let commit = CommitKey(attempt.clone());
        prop_assert_eq!(CommitKey::parse(&commit.render().unwrap()).unwrap(), commit);
        let prefix = landing_prefix(&attempt.source, &attempt.stream);
        let key = attempt.part(part, codec).render().unwrap();
        prop_assert!(key.as_str().starts_with(&prefix));
    }

    #[test]
    fn slice_starts_sort_as_text(a in 0i64..200_000_000_000, b in 0i64..200_000_000_000) {
        let (x, y) = (Timestamp::from_second(a).unwrap(), Timestamp::from_second(b).unwrap());
        let text = |at| SliceStart::from(at).to_string();
        prop_assert_eq!(x.cmp(&y), text(x).cmp(&text(y)));
    }

    #[test]
    fn any_text_parses_or_is_refused_without_harm(text in "(landing|commits)?(/?[\\PC]{0,12}){0,8}") {
        if let Ok(key) = text.parse::<ObjectKey>()
            && let Ok(landing) = LandingKey::parse(&key)
        {
            prop_assert_eq!(landing.render().unwrap(), key);
        }
    }
}
