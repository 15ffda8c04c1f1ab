//! What answers say of limits.

use model::Timestamp;
use ports::Response;
use proptest::prelude::*;

use super::*;
use crate::budget::learnt::{Learnt, cut, in_force, part};
use crate::budget::word::Word;

fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn answer(status: u16, fields: &[(&str, &str)]) -> Response {
    let headers = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Response { status, headers: headers.collect(), body: bytes::Bytes::new() }
}

fn pause(status: u16, fields: &[(&str, &str)]) -> Option<u64> {
    Word::of(&answer(status, fields), now()).pause.map(|pause| pause.as_secs())
}

#[test]
fn a_provider_says_when_to_call_again_in_seconds_or_as_a_date_or_as_an_instant() {
    assert_eq!(pause(429, &[("Retry-After", "7")]), Some(7));
    assert_eq!(pause(503, &[("retry-after", "Sun, 01 Mar 2026 00:00:09 GMT")]), Some(9));
    assert_eq!(pause(429, &[("retry-after", "Sat, 28 Feb 2026 00:00:00 GMT")]), Some(0));
    let reset = (now().as_second() + 30).to_string();
    assert_eq!(pause(429, &[("X-RateLimit-Reset", &reset)]), Some(30));
    let spent = ("X-RateLimit-Remaining", "0");
    assert_eq!(pause(200, &[spent, ("X-RateLimit-Reset", &format!("{reset}000"))]), Some(30));
    assert_eq!(pause(200, &[("RateLimit", "limit=100, remaining=0, reset=5")]), Some(5));
    assert_eq!(pause(200, &[("RateLimit", "\"default\";r=0;t=6")]), Some(6));
    assert_eq!(pause(429, &[]), Some(1));
}

#[test]
fn an_answer_that_leaves_calls_is_no_pause() {
    assert_eq!(pause(200, &[("RateLimit", "limit=100, remaining=3, reset=5")]), None);
    assert_eq!(pause(503, &[]), None);
    assert_eq!(pause(200, &[("retry-after", "7")]), None);
    let day = [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "80000")];
    assert_eq!(pause(200, &day), None);
}

#[test]
fn limits_are_read_in_all_their_spellings() {
    let limits = |fields: &[(&str, &str)]| Word::of(&answer(200, fields), now()).limits;
    let minute = Some(Duration::from_mins(1));
    let second = Some(Duration::from_secs(1));
    assert_eq!(limits(&[("X-RateLimit-Limit", "1000")]), [(1000, None)]);
    assert_eq!(limits(&[("RateLimit-Limit", "10, 10;w=1, 90;w=60")]), [(10, second), (90, minute)]);
    assert_eq!(limits(&[("RateLimit-Policy", "100;w=60")]), [(100, minute)]);
    let policy = "\"burst\";q=10;w=1,\"steady\";q=90;w=60";
    assert_eq!(limits(&[("RateLimit-Policy", policy)]), [(10, second), (90, minute)]);
    assert_eq!(limits(&[("RateLimit", "limit=100, remaining=0, reset=5")]), [(100, None)]);
    assert_eq!(limits(&[("RateLimit-Limit", "soon")]), []);
}

#[test]
fn a_limit_is_about_its_window_or_the_smallest_that_it_undercuts() {
    let all = [(10, Duration::from_secs(1)), (150, Duration::from_mins(1))];
    let about = |fields: &[(&str, &str)]| {
        let word = Word::of(&answer(200, fields), now());
        [word.about(0, &all), word.about(1, &all)]
    };
    assert_eq!(about(&[("RateLimit-Policy", "8;w=1, 90;w=60")]), [Some(8), Some(90)]);
    assert_eq!(about(&[("X-RateLimit-Limit", "8")]), [Some(8), None]);
    assert_eq!(about(&[("X-RateLimit-Limit", "100")]), [None, Some(100)]);
    assert_eq!(about(&[("X-RateLimit-Limit", "5000")]), [None, None]);
    assert_eq!(about(&[("RateLimit-Policy", "8;w=3600")]), [None, None]);
}

#[test]
fn what_was_learnt_stays_a_window_and_comes_back_by_and_by() {
    let learnt = Learnt::said(600, 1000, 0);
    assert_eq!(in_force(learnt, 60_000, 60_000), 600);
    assert_eq!(in_force(learnt, 120_000, 60_000), 700);
    assert_eq!(in_force(learnt, 600_000, 60_000), 1000);
    assert_eq!(Learnt::said(1200, 1000, 0), None);
    assert_eq!(cut(1000, 5).share, 900);
}

proptest! {
    #[test]
    fn no_more_than_what_is_configured_is_ever_in_force(
        said: u32, configured in 1u32.., at in 0i64..1 << 40, now in 0i64..1 << 40, per in 1i64..1 << 30,
    ) {
        let share = in_force(Learnt::said(said, configured, at), now, per);
        prop_assert!((1..=configured).contains(&part(configured, share)));
        prop_assert!(cut(share, now).share <= 1000);
    }

    #[test]
    fn no_field_makes_a_reader_fail(name in "(x-)?ratelimit(-limit|-policy|-reset|-remaining)?|retry-after", value: String) {
        let word = Word::of(&answer(429, &[(&name, &value)]), now());
        prop_assert!(word.pause.is_some());
    }
}
