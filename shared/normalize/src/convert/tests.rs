use super::*;

fn zoned(zone: &str) -> How {
    How { zone: Some(TimeZone::get(zone).unwrap()), ..How::default() }
}

fn by(word: &str) -> How {
    let step = STEPS.iter().find(|(name, _)| *name == word).unwrap().1;
    How { steps: vec![step], ..How::default() }
}

/// What a token becomes: the cell, with a `+` where the token says more.
fn cell(kind: Kind, token: &str, how: &How) -> String {
    match scalar(kind, token, how) {
        Ok(Reading { cell, whole }) => format!("{cell}{}", if whole { "" } else { "+" }),
        Err(problem) => problem.rule.to_string(),
    }
}

#[track_caller]
fn check(kind: Kind, how: &How, cases: &[(&str, &str)]) {
    for (token, expected) in cases {
        assert_eq!(cell(kind, token, how), *expected, "{token}");
    }
}

#[test]
fn instants_of_every_kind_are_read() {
    check(
        Kind::Timestamp,
        &How::default(),
        &[
            ("\"2022-05-25T00:00:00Z\"", "2022-05-25T00:00:00Z"),
            ("\"2022-05-25T00:00:00.000Z\"", "2022-05-25T00:00:00Z"),
            ("\"2026-02-08T07:06:00.0248461+00:00\"", "2026-02-08T07:06:00.0248461Z"),
            ("\"2022-05-23T10:27:24-07:00\"", "2022-05-23T17:27:24Z"),
            ("\"2022-06-01T10:00:00.123456789Z\"", "2022-06-01T10:00:00.123456789Z"),
            ("\"2022-06-01T10:00:00.1234567891Z\"", "2022-06-01T10:00:00.123456789Z+"),
            ("\"0001-01-01T00:00:00+00:00\"", "-+"),
            ("\"0001-01-01T00:00:00-08:00\"", "-+"),
            ("{\"$date\":\"2022-07-03T04:05:06.000Z\"}", "2022-07-03T04:05:06Z"),
            ("{\"$date\":1656900000000}", "2022-07-04T02:00:00Z"),
            ("{ \"$date\" : {\"$numberLong\":\"1656900000000\"} }", "2022-07-04T02:00:00Z"),
            ("{\"$date\":\"bad\"}", "type"),
            ("{\"$date\":\"2022-07-03T04:05:06Z\",\"x\":1}", "type"),
            ("\"2016-01-01T17:35:45.000\"", "type"),
            ("\"2016-01-01\"", "type"),
            ("\"2016-13-01T00:00:00Z\"", "type"),
            ("\"2016-01-01T00:00:00+99:00\"", "type"),
            ("\"\"", "type"),
            ("1656900000", "type"),
            ("true", "type"),
            ("[]", "type"),
        ],
    );
}

#[test]
fn times_without_a_zone_are_those_of_the_zone_that_is_meant() {
    check(
        Kind::Timestamp,
        &zoned("America/Los_Angeles"),
        &[
            ("\"2016-01-01T17:35:45.000\"", "2016-01-02T01:35:45Z"),
            ("\"2016-07-01\"", "2016-07-01T07:00:00Z"),
            ("\"2016-01-01T17:35:45Z\"", "2016-01-01T17:35:45Z"),
            ("\"2016-01-01T17:35:45+99:00\"", "type"),
            // The hour that comes twice is the first one, the hour that does not exist is moved.
            ("\"2016-11-06T01:30:00\"", "2016-11-06T08:30:00Z"),
            ("\"2016-03-13T02:30:00\"", "2016-03-13T10:30:00Z"),
        ],
    );
    let formats =
        How { formats: vec!["%d/%m/%Y %H:%M".to_owned(), "%d.%m.%Y".to_owned()], ..zoned("UTC") };
    check(
        Kind::Timestamp,
        &formats,
        &[
            ("\"25/05/2022 13:30\"", "2022-05-25T13:30:00Z"),
            ("\"25.05.2022\"", "2022-05-25T00:00:00Z"),
            ("\"2022-05-25T00:00:00Z\"", "type"),
        ],
    );
}

#[test]
fn counts_since_1970_are_instants_where_the_model_says_so() {
    let cases = [
        ("1653436800000", "2022-05-25T00:00:00Z"),
        ("\"1653523199999\"", "2022-05-25T23:59:59.999Z"),
        ("1e12", "2001-09-09T01:46:40Z"),
        ("1e40", "type"),
        ("\"x\"", "type"),
    ];
    check(Kind::Timestamp, &by("epoch_ms"), &cases);
    let cases = [
        ("1653436800", "2022-05-25T00:00:00Z"),
        ("1653436800.5", "2022-05-25T00:00:00.5Z"),
        ("-1", "1969-12-31T23:59:59Z"),
    ];
    check(Kind::Timestamp, &by("epoch_s"), &cases);
}

#[test]
fn days_are_as_written() {
    check(
        Kind::Date,
        &How::default(),
        &[
            ("\"2024-03-10\"", "2024-03-10"),
            ("\"2024-03-10T00:00:00.000Z\"", "2024-03-10"),
            ("\"2024-03-10T23:00:00-08:00\"", "2024-03-10+"),
            ("\"2024-03-10T23:00:00\"", "2024-03-10+"),
            ("\"0001-01-01\"", "-+"),
            ("\"2022-02-30\"", "type"),
            ("\"2024-03-10x\"", "type"),
            ("20240310", "type"),
        ],
    );
}

#[test]
fn numbers_are_exact_or_refused() {
    let price = Kind::Decimal { precision: 18, scale: 4 };
    check(
        price,
        &How::default(),
        &[
            ("250.00", "250.0000"),
            ("\"250.00\"", "250.0000"),
            ("25000e-2", "250.0000"),
            ("1.25E2", "125.0000"),
            ("-0.0", "0.0000"),
            ("0.1000000000000000000000000000000000000000", "0.1000"),
            ("0.00001", "overflow"),
            ("99999999999999.9999", "99999999999999.9999"),
            ("100000000000000", "overflow"),
            ("1e999999999999999999999", "overflow"),
            ("1e-999999999999999999999", "overflow"),
            ("0e999999999", "0.0000"),
            ("{\"$numberDecimal\":\"1.5\"}", "1.5000"),
            ("\"NaN\"", "type"),
            ("\"1,5\"", "type"),
            ("\"\"", "type"),
            ("\".\"", "type"),
            ("\"--1\"", "type"),
            ("true", "type"),
        ],
    );
    check(
        Kind::Integer,
        &How::default(),
        &[
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "overflow"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1e3", "1000"),
            ("5.0", "5"),
            ("5.5", "type"),
            ("\"7\"", "7"),
            ("{\"$numberLong\":\"8577331200\"}", "8577331200"),
            ("{\"$numberLong\":\"x\"}", "type"),
            ("{}", "type"),
        ],
    );
    let cases = [("true", "true"), ("\"False\"", "false"), ("1", "type"), ("\"yes\"", "type")];
    check(Kind::Boolean, &How::default(), &cases);
}

#[test]
fn texts_are_what_stands_between_the_quotes() {
    let cases = [
        ("\"a\\u00e9\\n\"", "aé\n"),
        ("12.50", "12.50"),
        ("true", "true"),
        ("\"\\ud800\"", "type"),
        ("[\"a\"]", "type"),
        ("{\"$oid\":\"5f\"}", "5f"),
    ];
    check(Kind::Text, &How::default(), &cases);
    check(Kind::Text, &by("trim"), &[("\" a\\t\"", "a")]);
    check(Kind::Text, &by("upper"), &[("\"straße\"", "STRASSE")]);
}

#[test]
fn machines_names_and_addresses_have_one_form() {
    let cases = [
        ("\"0A:1B:2C:3D:4E:5F\"", "0a:1b:2c:3d:4e:5f"),
        ("\"0a-1b-2c-3d-4e-5f\"", "0a:1b:2c:3d:4e:5f"),
        ("\"0a1b.2c3d.4e5f\"", "0a:1b:2c:3d:4e:5f"),
        ("\"00:00:00:00:00:00\"", "-+"),
        ("\"ff:ff:ff:ff:ff:ff\"", "-+"),
        ("\"0a:1b\"", "type"),
        ("\"0a:1b:2c:3d:4e:5f:60\"", "type"),
        ("\"hello\"", "type"),
    ];
    check(Kind::Text, &by("mac"), &cases);
    let cases = [
        ("\"fe80:0:0:0:81b:2cff:fe3d:4e5f\"", "fe80::81b:2cff:fe3d:4e5f"),
        ("\"::ffff:10.0.0.1\"", "10.0.0.1"),
        ("\"fe80::1%eth0\"", "fe80::1"),
        ("\"10.0.0\"", "type"),
    ];
    check(Kind::Text, &by("ip"), &cases);
    let private = [
        ("\"10.1.2.3\"", "10.1.2.3"),
        ("\"172.16.0.1\"", "172.16.0.1"),
        ("\"172.32.0.1\"", "-+"),
        ("\"192.168.0.1\"", "192.168.0.1"),
        ("\"100.64.0.1\"", "100.64.0.1"),
        ("\"fd00::1\"", "fd00::1"),
        ("\"127.0.0.1\"", "-+"),
        ("\"169.254.1.1\"", "-+"),
        ("\"fe80::1\"", "-+"),
    ];
    check(Kind::Text, &by("private_ip"), &private);
    let public = [
        ("\"203.0.113.10\"", "203.0.113.10"),
        ("\"172.32.0.1\"", "172.32.0.1"),
        ("\"10.1.2.3\"", "-+"),
        ("\"224.0.0.1\"", "-+"),
        ("\"0.0.0.0\"", "-+"),
        ("\"2001:db8::1\"", "2001:db8::1"),
    ];
    check(Kind::Text, &by("public_ip"), &public);
    let names = [
        ("\"WIN-A.WORKGROUP\"", "win-a+"),
        ("\" Host.example.COM. \"", "host.example.com+"),
        ("\"anna-mbp.local\"", "anna-mbp+"),
        ("\"ABC\"", "abc"),
        ("\".\"", "-+"),
    ];
    check(Kind::Text, &by("hostname"), &names);
}

#[test]
fn parts_other_words_and_words_for_nothing() {
    let how = How {
        none: vec!["None".to_owned()],
        split: Some(Split { pattern: Regex::new("^(.+?)[a-z]?$").unwrap(), group: 1 }),
        map: vec![("us-east-1".to_owned(), "USE1".to_owned())],
        ..How::default()
    };
    let cases =
        [("\"us-east-1a\"", "USE1+"), ("\"eu-1\"", "eu-1+"), ("\"None\"", "-+"), ("\"\"", "-+")];
    check(Kind::Text, &how, &cases);
    assert!(Step::EpochMillis.is_epoch() && !Step::Trim.is_epoch());
}
