use super::*;
use crate::value::Value;

#[track_caller]
fn check(format: &str, text: &str, instant: &str) {
    let at = Format::new(format).parse_text(text).unwrap();
    assert_eq!(at.instant().unwrap(), instant.parse().unwrap());
}

#[test]
fn texts_are_read_by_their_format() {
    check("%Y-%m-%dT%H:%M:%S.%fZ", "2024-01-02T03:04:05.678Z", "2024-01-02T03:04:05.678Z");
    check("%Y-%m-%dT%H:%M:%S%z", "2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05Z");
    check("%Y-%m-%dT%H:%M:%S%z", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z");
    check("%Y-%m-%dT%H:%M:%S%z", "2024-01-02T03:04:05-0330", "2024-01-02T06:34:05Z");
    check("%Y-%m-%d", "2024-1-2", "2024-01-02T00:00:00Z");
    check("%d%m%Y", "1112024", "2024-01-11T00:00:00Z");
    check("%s", "1700000000", "2023-11-14T22:13:20Z");
    check("%ms", "1700000000123", "2023-11-14T22:13:20.123Z");
    check("%s_as_float", "1700000000.5", "2023-11-14T22:13:20.5Z");
    check("%epoch_microseconds", "1700000000123456", "2023-11-14T22:13:20.123456Z");
    check("%Y-%m-%dT%H:%M:%S.%_msZ", "2024-01-02T03:04:05.678Z", "2024-01-02T03:04:05.678Z");
    check("%b %d, %Y %I:%M %p", "jan 5, 2024 12:30 AM", "2024-01-05T00:30:00Z");
    check("%Y%j", "2024060", "2024-02-29T00:00:00Z");
}

#[test]
fn texts_of_another_format_are_refused() {
    for (format, text) in [
        ("%Y-%m-%d", "2024-02-30"),
        ("%Y-%m-%d", "2024-01-02T00:00:00Z"),
        ("%Y-%m-%dT%H:%M:%SZ", "2024-01-02T03:04:05.678Z"),
        ("%f", "1234567"),
        ("%s", "12.5"),
        ("%S", "60"),
        ("%q", "1"),
    ] {
        assert!(Format::new(format).parse_text(text).is_err(), "{format} {text}");
    }
}

#[test]
fn times_are_written_by_their_format() {
    let at = DateTime::utc("2024-01-02T03:04:05.678901Z".parse().unwrap());
    for (format, text) in [
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2024-01-02T03:04:05.678901+0000"),
        ("%s", "1704164645"),
        ("%ms", "1704164645678"),
        ("%s_as_float", "1704164645.678901"),
        ("%epoch_microseconds", "1704164645678901"),
        ("%S.%_ms", "05.678"),
        ("created_on:gt:%Y-%m-%dT%H:%M:%S%z", "created_on:gt:2024-01-02T03:04:05+0000"),
    ] {
        assert_eq!(Format::new(format).format(at), text);
    }
}

#[test]
fn months_follow_the_calendar() {
    let at = DateTime::utc("2023-10-31T00:00:00Z".parse().unwrap());
    let month = Period::parse("P1M").unwrap();
    assert_eq!(at.plus(month).unwrap().to_string(), "2023-11-30 00:00:00+00:00");
    let month_ago = at.minus(Period::parse("P1M1D").unwrap()).unwrap();
    assert_eq!(month_ago.to_string(), "2023-09-29 00:00:00+00:00");
    assert!(at.plus(Period::parse("P9000Y").unwrap()).is_err());
}

#[test]
fn formats_whose_texts_sort_are_told_apart() {
    assert!(Format::new("%Y-%m-%dT%H:%M:%S.%fZ").sorts());
    assert!(Format::new("%Y-%m-%d").sorts());
    assert!(!Format::new("%d/%m/%Y").sorts());
    assert!(!Format::new("%s").sorts());
    assert!(!Format::new("%Y-%m-%dT%H:%M:%S%z").sorts());
}

#[test]
fn the_first_format_that_fits_reads_a_value() {
    let formats = [Format::new("%Y-%m-%d"), Format::new("%ms")];
    let at = Format::parse_any(&formats, &Value::from(1_700_000_000_123)).unwrap();
    assert_eq!(at.microsecond(), 123_000);
    assert!(Format::parse_any(&formats, &Value::from("x")).is_err());
}

#[test]
fn iso_texts_are_read_whatever_their_digits_and_offset() {
    for (text, same) in [
        ("2026-02-08T07:06:00.0248461+00:00", "2026-02-08 07:06:00.024846+00:00"),
        ("2022-05-23T10:27:24-07:00", "2022-05-23 10:27:24-07:00"),
        ("0001-01-01T00:00:00+00:00", "0001-01-01 00:00:00+00:00"),
        ("2026-02-08T07:06:00", "2026-02-08 07:06:00+00:00"),
    ] {
        assert_eq!(Format::new("iso8601").parse_text(text).unwrap().to_string(), same);
    }
    assert!(Format::new("iso8601").parse_text("yesterday").is_err());
}

#[derive(serde::Deserialize)]
struct Golden {
    parse: Vec<(String, String, Option<String>)>,
    format: Vec<(String, String, String)>,
    iso: Vec<(String, Option<String>)>,
    duration: Vec<(String, Option<String>)>,
}

#[test]
fn times_are_read_and_written_as_the_reference_does() {
    let golden: Golden = serde_json::from_str(include_str!("../../golden/datetime.json")).unwrap();
    let mut wrong = Vec::new();
    let mut check = |what: String, found: Option<String>, expected: Option<String>| {
        if found != expected {
            wrong.push(format!("{what}: {found:?}, not {expected:?}"));
        }
    };
    let iso = |at: DateTime| at.isoformat("T", None);
    for (format, text, expected) in golden.parse {
        let found = Format::new(&format).parse_text(&text).ok().map(iso);
        check(format!("parse {format} {text}"), found, expected);
    }
    for (format, text, expected) in golden.format {
        let found = Format::new(&format).format(isoparse(&text).unwrap());
        check(format!("format {format} {text}"), Some(found), Some(expected));
    }
    for (text, expected) in golden.iso {
        check(format!("iso {text}"), isoparse(&text).ok().map(iso), expected);
    }
    for (text, expected) in golden.duration {
        let found = Period::parse(&text).ok().map(|period| period.to_string());
        check(format!("duration {text}"), found, expected);
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_directive_that_stands_twice_reads_nothing_however_long_the_format() {
    for format in ["%Y %Y".to_owned(), "%dT".repeat(5_000), "%d".repeat(60)] {
        let text = "1".repeat(format.len());
        assert!(Format::new(&format).parse_text(&text).is_err());
    }
    let long = "-".repeat(100_000);
    let read = Format::new(&format!("{long}%Y")).parse_text(&format!("{long}2024"));
    assert_eq!(read.unwrap().isoformat("T", None), "2024-01-01T00:00:00+00:00");
}

#[test]
fn durations_beyond_what_python_counts_are_refused_and_never_overflow() {
    for text in ["PT2H3333333333333333333333333333333333333333S", "P1000000001D", "P999999999DT48H"]
    {
        assert!(Period::parse(text).is_err(), "{text}");
    }
    let long =
        Period::parse("P999999999Y999999999DT23H").map(|p| (0..100).fold(p, |p, _| p.plus(p)));
    for period in [long, Period::parse("P999999999D").map(|p| p.times(1_000_000).unwrap())] {
        let period = period.unwrap();
        for period in [period, period.negated()] {
            let day = isoparse("2024-01-01").unwrap();
            assert!(day.plus(period).is_err() && day.minus(period).is_err());
            assert!(period.after_date(day.date()).is_err());
        }
    }
}
