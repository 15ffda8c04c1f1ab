//! What a model file may say.

use super::*;

#[track_caller]
fn refused(from: &str, to: &str, expected: &str) {
    assert!(RULES.contains(from), "{from}");
    let fault = read(&RULES.replacen(from, to, 1)).unwrap_err();
    assert!(fault.contains(expected), "{fault}");
}

#[test]
fn rules_are_read_and_named_by_their_content() {
    let rules = host_rules();
    assert_eq!(rules.tiers.len(), 5);
    assert_eq!(rules.of("software").take, Take::Union);
    assert_eq!(rules.of("kernel"), &FieldRule::default());
    assert_eq!(rules.digest(), host_rules().digest());
    assert_ne!(rules.digest(), read(&RULES.replace("30d", "31d")).unwrap().digest());
}

#[test]
fn a_pattern_covers_fields_that_have_no_rule_of_their_own() {
    let rules = read(&RULES.replace("os: {", "'os*': {take: max}\n  os: {")).unwrap();
    assert_eq!(rules.of("os").take, Take::Newest);
    assert_eq!(rules.of("os_build").take, Take::Max);
}

#[test]
fn faults_name_the_place_and_what_is_accepted() {
    refused("fields: [macs]", "fields: [mac]", "identity.facts.mac.fields[0]");
    refused("fields: [macs]", "fields: [mac]", "unknown field `mac`, did you mean `macs`?");
    refused("[[mac, short]", "[[mac, shirt]", "unknown fact `shirt`, did you mean `short`?");
    refused("form: mac", "form: imac", "did you mean `mac`?");
    refused("observed_at: last_seen", "observed_at: last", "unknown field `last`");
    refused("within: 30d", "within: 30", "not a span of time");
    refused("name: serial, match: [[serial]]", "name: serial, match: []", "lists of facts");
    refused("{name: serial,", "{name: instance,", "two tiers are named `instance`");
    refused("take: union", "take: onion", "did you mean `union`?");
    refused("  software: {", "  softwares: {", "did you mean `software`?");
    refused("veto: true", "vetoes: true", "did you mean `veto`?");
}
