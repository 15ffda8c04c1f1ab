//! Which records are one thing, and what it is.

use super::*;

fn set(groups: &[&[&str]]) -> BTreeSet<Vec<String>> {
    groups.iter().map(|ids| ids.iter().map(ToString::to_string).collect()).collect()
}

fn made(records: &[Record]) -> Vec<Entity> {
    entities(&host_rules(), "acme/host", records)
}

#[test]
fn records_with_equal_facts_of_a_tier_are_one_thing() {
    let records = [
        record("a", "a1", 1, &json!({"provider": "AWS", "instance": "i-1"})),
        record("b", "b1", 2, &json!({"provider": "aws", "instance": "i-1", "serial": "S"})),
        record("c", "c1", 3, &json!({"serial": "s", "macs": ["0A-00-00-00-00-01"]})),
        record("a", "a2", 3, &json!({"macs": ["0a:00:00:00:00:01"], "ips": ["10.0.0.1"]})),
        record("b", "b2", 3, &json!({"macs": ["0a:00:00:00:00:01"], "ips": ["10.0.0.1"]})),
    ];
    assert_eq!(things(&records), set(&[&["a1", "b1", "c1"], &["a2", "b2"]]));
}

#[test]
fn an_address_and_a_name_that_were_recycled_stay_apart() {
    let name = json!({"name": "ip-10-1-2-3.ec2.internal", "ips": ["10.1.2.3"]});
    let with = |instance: &str| {
        let mut fields = name.clone();
        fields["provider"] = json!("AWS");
        fields["instance"] = json!(instance);
        fields
    };
    let records = [
        record("a", "old", 1, &with("i-aa")),
        record("b", "new", 2, &with("i-bb")),
        record("c", "same", 3, &name),
    ];
    // What names no instance belongs to the thing that was seen closest to it.
    assert_eq!(things(&records), set(&[&["old"], &["new", "same"]]));
    let made = made(&records);
    assert!(made.iter().all(|one| one.conflicts.len() == 1), "{made:?}");
    let conflict = &made[0].conflicts[0];
    assert_eq!((conflict.tier.as_str(), conflict.kind), ("address", ConflictKind::Vetoed));
    assert_eq!(conflict.with, made[1].id);
}

#[test]
fn names_and_addresses_far_apart_in_time_are_not_the_same_thing() {
    let fields = json!({"name": "box", "ips": ["10.1.2.3"]});
    let later = |day: u32| {
        let mut seen = observed("b", "b1", 1, &fields);
        seen.fields["last_seen"] = json!(format!("2026-04-{day:02}T00:00:00Z"));
        seen.fetched = "2026-05-01T00:00:00Z".parse().unwrap();
        seen.into_record(&host_rules()).unwrap()
    };
    let first = record("a", "a1", 1, &fields);
    assert_eq!(things(&[first.clone(), later(1)]).len(), 2);
    let first = record("a", "a1", 2, &fields);
    assert_eq!(things(&[first, later(1)]).len(), 1);
}

#[test]
fn generic_and_virtual_values_link_nothing() {
    let records = [
        record("a", "a1", 1, &json!({"name": "localhost", "ips": ["10.0.0.1"], "serial": "None"})),
        record("b", "b1", 1, &json!({"name": "localhost", "ips": ["10.0.0.1"], "serial": "None"})),
        record("a", "a2", 1, &json!({"macs": ["02:42:0a:00:00:01"], "ips": ["10.0.0.1"]})),
        record("b", "b2", 1, &json!({"macs": ["02:42:0a:00:00:01"], "ips": ["10.0.0.1"]})),
    ];
    assert_eq!(things(&records).len(), 4);
}

#[test]
fn a_tier_of_low_confidence_is_reported_and_followed_on_demand() {
    let records =
        ["a", "b"].map(|source| record(source, source, 1, &json!({"domain": "web.example.com"})));
    let apart = made(&records);
    assert_eq!(apart.len(), 2);
    assert_eq!(apart[0].conflicts[0].kind, ConflictKind::Unsure);
    let mut rules = host_rules();
    rules.merge_low_confidence = true;
    let one = entities(&rules, "acme/host", &records);
    assert_eq!((one.len(), one[0].confidence), (1, Confidence::Low));
}

#[test]
fn the_newest_value_wins_and_nothing_overwrites_something() {
    let both = json!({"provider": "aws", "instance": "i-1"});
    let with = |more: Value| {
        let mut fields = both.clone();
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let records = [
        record("a", "a1", 1, &with(json!({"os": "old", "kernel": "5", "first_seen": at(1)}))),
        record("b", "b1", 2, &with(json!({"os": "new", "kernel": "", "first_seen": at(2)}))),
    ];
    let one = &made(&records)[0];
    assert_eq!(one.fields["os"], "new");
    assert_eq!(one.fields["kernel"], "5");
    assert_eq!(one.fields["first_seen"], json!(at(1)));
    assert_eq!(one.fields["last_seen"], json!(at(2)));
    assert_eq!((one.origins["kernel"].source.as_str(), one.origins["kernel"].as_of), ("a", at(1)));
    let words: Vec<_> = one.sources.iter().map(|member| member.seen.raw.key.as_str()).collect();
    assert_eq!(words, ["landing/a/a1.1", "landing/b/b1.2"]);
}

#[test]
fn equally_new_values_are_told_apart_by_preference_and_then_by_name() {
    let with =
        |value: &str| json!({"provider": "aws", "instance": "i-1", "os": value, "kernel": value});
    let records = ["a", "b", "c"].map(|source| record(source, source, 1, &with(source)));
    let one = &made(&records)[0];
    assert_eq!((&one.fields["os"], &one.fields["kernel"]), (&json!("b"), &json!("a")));
}

#[test]
fn items_are_those_that_their_sources_still_report() {
    let with =
        |software: &[&str]| json!({"provider": "aws", "instance": "i-1", "software": software});
    let rules = host_rules();
    let a = record("a", "a1", 1, &with(&["curl", "vim"]));
    let a = a.join(&record("a", "a1", 2, &with(&["curl"])), &rules);
    let b = record("b", "b1", 1, &with(&["zsh", "curl"]));
    let one = &made(&[a, b])[0];
    assert_eq!(one.fields["software"], json!(["curl", "zsh"]));
    assert_eq!(one.items["software"], [vec![0, 1], vec![1]]);
}

#[test]
fn what_is_said_of_a_record_is_not_said_of_the_thing() {
    let made = made(&[record("a", "a1", 1, &json!({"serial": "s", "vendor": "a"}))]);
    assert_eq!(made[0].fields.keys().collect::<Vec<_>>(), ["last_seen", "serial"]);
}

#[test]
fn an_older_observation_fills_what_newer_ones_leave_open() {
    let rules = host_rules();
    let new = record("a", "a1", 5, &json!({"os": "new"}));
    let late = record("a", "a1", 3, &json!({"os": "old", "kernel": "5"}));
    let joined = new.join(&late, &rules);
    assert_eq!((&joined.fields["os"], &joined.fields["kernel"]), (&json!("new"), &json!("5")));
    let one = &made(std::slice::from_ref(&joined))[0];
    assert_eq!(one.origins["kernel"].raw.as_ref().unwrap().key.as_str(), "landing/a/a1.3");
    assert_eq!(joined.outcome(&late, Some(&new), true), Outcome::Updated);
    assert_eq!(joined.join(&late, &rules).outcome(&late, Some(&joined), true), Outcome::Stale);
}

#[test]
fn outcomes_say_what_an_observation_changed() {
    let rules = host_rules();
    let old = record("a", "a1", 1, &json!({"os": "x"}));
    let new = record("a", "a1", 2, &json!({"os": "y"}));
    let both = old.join(&new, &rules);
    assert_eq!(old.outcome(&old, None, true), Outcome::Inserted);
    assert_eq!(old.outcome(&old, None, false), Outcome::Updated);
    assert_eq!(both.outcome(&new, Some(&old), true), Outcome::Updated);
    assert_eq!(both.outcome(&new, Some(&both), true), Outcome::Unchanged);
    assert_eq!(both.outcome(&old, Some(&both), true), Outcome::Stale);
}

#[test]
fn a_thing_keeps_its_id_when_more_becomes_known() {
    let with = |serial: &str| json!({"serial": serial});
    let first = record("z", "z1", 1, &with("s"));
    let alone = made(std::slice::from_ref(&first));
    let joined = made(&[first, record("a", "a1", 2, &with("s"))]);
    assert_eq!(alone[0].id, joined[0].id);
    assert!(former_ids("acme/host", &joined[0]).contains(&alone[0].id));
    let other = entities(&host_rules(), "other/host", &[record("z", "z1", 1, &with("s"))]);
    assert_ne!(other[0].id, alone[0].id, "tenants share no ids");
}

#[test]
fn what_cannot_take_part_is_refused_with_a_reason() {
    let rules = host_rules();
    let nameless = observed("a", "", 1, &json!({})).into_record(&rules).unwrap_err();
    assert_eq!(nameless, Rejection::Nameless);
    let long = observed("a", &"x".repeat(600), 1, &json!({})).into_record(&rules).unwrap_err();
    assert_eq!(long, Rejection::Long { bytes: 600 });
    let many = |prefix: &str| (0..20).map(|n| format!("{prefix}{n:02}")).collect::<Vec<_>>();
    let fields = json!({"macs": many("0a:00:00:00:00:"), "ips": many("10.0.0.1"), "name": "n"});
    let wide = observed("a", "a1", 1, &fields).into_record(&rules).unwrap_err();
    assert_eq!(wide, Rejection::Keys { tier: "mac".to_owned() });
    assert!(wide.to_string().contains("more than 256 keys"), "{wide}");
}

#[test]
fn an_instant_far_ahead_of_the_request_does_not_count() {
    let mut bogus = observed("a", "a1", 1, &json!({}));
    bogus.fields["last_seen"] = json!("2099-01-01T00:00:00Z");
    assert_eq!(bogus.into_record(&host_rules()).unwrap().seen.at, at(28));
}

#[test]
fn a_value_cannot_pose_as_a_fact() {
    let record = record("a", "a1", 1, &json!({"provider": "aws/instance=i-1", "instance": "x%"}));
    let keys = record.keys(&host_rules());
    assert_eq!(keys[0], "instance/provider=aws%2Finstance=i-1/instance=x%25");
}
