//! The guarantee, over simulated workers: a provider that counts calls anywhere between sending
//! and completion never sees more than the limit in any window, whoever dies and however clocks
//! differ; and nearly all that it allows is used.
//!
//! `cargo xtask budget` sets `BUDGET_MINUTES` to live through a day.

use std::time::Duration;

use proptest::prelude::*;

use super::virtual_time::{Shape, live};

const MINUTE: Duration = Duration::from_mins(1);

#[expect(clippy::print_stdout, reason = "the figures are what a long run is for")]
fn say(figures: &dyn std::fmt::Display) {
    println!("{figures}");
}

/// How long the large worlds live.
#[expect(clippy::disallowed_methods, reason = "a test takes no variables from a host")]
fn minutes(default: u32) -> u32 {
    let given = std::env::var("BUDGET_MINUTES").ok();
    given.map_or(default, |text| text.parse().expect("BUDGET_MINUTES is a whole number"))
}

/// 64 workers of five tenants, one of which has most of them.
fn busy(minutes: u32) -> Shape {
    Shape {
        calls: 1_000,
        per: MINUTE,
        workers: vec![40, 12, 8, 3, 1],
        want: 64,
        latency: (0.05, 5.0),
        life: Some(Duration::from_hours(6)),
        idle: None,
        span: MINUTE * minutes,
        seed: 7,
    }
}

#[test]
fn sixty_four_workers_use_a_limit_fully_and_never_more() {
    let minutes = minutes(6);
    let facts = live(&busy(minutes));
    say(&facts);
    assert!(facts.most() <= 1_000, "{facts}");
    assert!(facts.share_of_ideal() >= 0.99, "{facts}");
    assert!(facts.calls_a_write() >= 20.0, "{facts}");
    assert!(facts.longest_idle() <= Duration::from_secs(2), "{facts}");
    let span = (minutes / 24).max(4);
    for from in (2..=minutes.saturating_sub(span)).step_by(span as usize) {
        let counts = facts.by_tenant(MINUTE * from, MINUTE * (from + span));
        let most = counts.iter().max().unwrap();
        say(&format!("minutes {from} to {}: {counts:?}", from + span));
        let fair = counts.iter().take(4).all(|count| count * 10 >= most * 8);
        assert!(fair, "calls of tenants from minute {from}: {counts:?}");
    }
}

#[test]
fn a_limit_of_several_rows_is_used_nearly_fully_and_never_more() {
    let shape = Shape { calls: 4_500, workers: vec![30, 20, 14], life: None, ..busy(4) };
    let facts = live(&shape);
    say(&facts);
    assert!(facts.most() <= 4_500, "{facts}");
    assert!(facts.share_of_ideal() >= 0.99, "{facts}");
    assert!(facts.calls_a_write() >= 20.0, "{facts}");
    let counts = facts.by_tenant(MINUTE, MINUTE * 4);
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(least * 10 >= most * 7, "calls of tenants: {counts:?}");
}

#[test]
fn what_an_idle_tenant_leaves_others_use() {
    let idle = Some((0, 2, 8));
    let shape = Shape { workers: vec![6, 6, 2], idle, calls: 300, ..busy(12) };
    let facts = live(&shape);
    say(&facts);
    let without = facts.by_tenant(MINUTE * 6, MINUTE * 8);
    let with = facts.by_tenant(MINUTE * 9, MINUTE * 12);
    assert_eq!(without[0], 0, "{without:?}");
    let total: usize = without.iter().sum();
    assert!(total >= 570, "only {without:?} while one was idle");
    let most = with.iter().max().unwrap();
    assert!(with.iter().all(|count| count * 10 >= most * 7), "{with:?} when it was back");
    assert!(facts.most() <= 300, "{facts}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_window_holds_more_calls_than_the_limit(
        calls in 1u32..120,
        per in 200u64..5_000,
        workers in proptest::collection::vec(1usize..6, 1..4),
        want in 1usize..20,
        life in proptest::option::of(2u64..60),
        seed: u64,
    ) {
        let shape = Shape {
            calls,
            per: Duration::from_millis(per),
            workers,
            want,
            latency: (0.01, 1.5),
            life: life.map(Duration::from_secs),
            idle: None,
            span: Duration::from_secs(40),
            seed,
        };
        let facts = live(&shape);
        prop_assert!(facts.most() <= calls as usize, "{facts}");
        prop_assert!(facts.calls.len() >= calls as usize, "{facts}");
    }
}
