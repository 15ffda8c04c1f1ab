use jiff::Timestamp;

use super::state::Told;
use super::*;

const NOON: &str = "2024-01-06T12:00:00Z";

fn now() -> Timestamp {
    NOON.parse().unwrap()
}

fn left(remaining: f64, seconds: i64) -> Left {
    let reset = now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    Left { remaining, limit: 100.0, reset, tracked: true }
}

fn two(a: Left, b: Left) -> Tokens {
    Tokens::new(vec![("a".to_owned(), vec![a]), ("b".to_owned(), vec![b])])
}

fn token(turn: Turn) -> String {
    match turn {
        Turn::Go { token, pause } if pause.is_zero() => token,
        other => format!("{other:?}"),
    }
}

#[test]
fn a_token_serves_until_it_is_spent_and_then_the_next() {
    let mut tokens = two(left(2.0, 60), left(1.0, 90));
    for expected in ["a", "a", "b"] {
        assert_eq!(token(tokens.turn(0, now(), |_| -1.0)), expected);
    }
    let wait = Duration::from_mins(1);
    assert_eq!(tokens.turn(0, now(), |_| -1.0), Turn::Spent { wait });
    tokens.reseed(vec![("a".to_owned(), vec![left(1.0, 9)]), ("b".to_owned(), vec![left(0.0, 9)])]);
    assert_eq!(token(tokens.turn(0, now(), |_| -1.0)), "a");
}

#[test]
fn the_last_calls_are_spread_over_the_time_that_is_left() {
    let mut tokens = two(left(3.0, 20), left(2.0, 20));
    let Turn::Go { pause, .. } = tokens.turn(0, now(), |_| 50.0) else { panic!("a turn") };
    assert_eq!(pause, Duration::from_secs(5));
}

#[test]
fn tokens_that_nobody_counts_take_turns() {
    let untracked = Left::untracked(now());
    let mut tokens = two(untracked, untracked);
    let turns: Vec<_> = (0..3).map(|_| token(tokens.turn(0, now(), |_| 50.0))).collect();
    assert_eq!(turns, ["a", "b", "a"]);
}

#[test]
fn answers_lower_a_count_and_a_later_reset_starts_a_new_one() {
    let mut tokens = two(left(9.0, 60), left(9.0, 60));
    tokens.heed(("a", 0), Told { remaining: Some(0.0), ..Told::default() }, true);
    assert!(tokens.has_another("a", 0) && !tokens.has_another("b", 0));
    assert_eq!(token(tokens.turn(0, now(), |_| -1.0)), "b");
    let reset = now().checked_add(jiff::SignedDuration::from_mins(9)).ok();
    tokens.heed(("a", 0), Told { reset, limit: Some(7.0), remaining: None }, false);
    assert!(!tokens.has_another("a", 0), "a has calls of its own again");
    let old = now().checked_sub(jiff::SignedDuration::from_mins(9)).ok();
    tokens.heed(("b", 0), Told { reset: old, limit: None, remaining: Some(0.0) }, false);
    assert!(!tokens.has_another("b", 0), "an answer of an older window does not count");
}
