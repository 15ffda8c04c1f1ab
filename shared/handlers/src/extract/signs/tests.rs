use super::*;

#[test]
fn round_numbers_are_those_that_sources_stop_at() {
    for round in [500, 1000, 2000, 2500, 5000, 10_000, 25_000, 50_000, 100_000] {
        assert!(is_round(round), "{round}");
    }
    for other in [0, 50, 100, 250, 499, 750, 1001, 1200, 3000, 10_500, 12_000] {
        assert!(!is_round(other), "{other}");
    }
}

#[test]
fn usual_page_sizes_are_not_those_of_calendars() {
    assert!([10, 20, 25, 50, 64, 100, 256, 500, 1000].into_iter().all(is_usual));
    assert!(![7, 8, 12, 24, 30, 31, 60, 365].into_iter().any(is_usual));
}

#[test]
fn full_last_pages_are_suspected_when_there_are_too_many_of_them() {
    let ends = |full: u64, others: u64| Ends {
        lengths: BTreeMap::from([(17, others), (50, full)]),
        largest: 50,
        walks: full + others,
        ..Ends::default()
    };
    assert!(ends(22, 13).clipped().is_some());
    assert!(ends(1, 13).clipped().is_none() && ends(2, 30).clipped().is_none());
    let known = Ends { limit: Some(50), ..ends(2, 30) };
    assert!(known.clipped().is_none(), "two of 32 happen by accident");
    assert!(Ends { limit: Some(50), ..ends(2, 0) }.clipped().is_some());
}

#[test]
fn a_sign_that_comes_again_is_counted_with_its_first_example() {
    let mut signs = Signs::default();
    signs.add(Sign::Tie, || "one".to_owned());
    signs.add(Sign::Tie, || "two".to_owned());
    let expected = PossibleGap { sign: Sign::Tie, times: 2, example: "one".to_owned() };
    assert_eq!(signs.conclude(), [expected]);
}
