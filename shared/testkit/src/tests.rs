use std::collections::BTreeSet;

/// The clauses that sources define: public functions whose names are sentences.
fn defined(sources: &[&'static str]) -> BTreeSet<&'static str> {
    let lines = sources.iter().flat_map(|source| source.lines());
    let after = lines.filter_map(|line| line.strip_prefix("pub async fn "));
    after.filter_map(|rest| rest.split(['(', '<']).next()).collect()
}

/// The clauses that a macro makes tests of: the lines of its list.
fn listed(source: &'static str) -> BTreeSet<&'static str> {
    let body = source.split("macro_rules!").nth(1).unwrap();
    let body = body.split("$(\n").next().unwrap();
    let lines = body.lines().map(str::trim);
    lines.filter(|line| line.contains('_') && line.bytes().all(is_name)).collect()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

#[track_caller]
fn check(sources: &[&'static str]) {
    let (defined, listed) = (defined(sources), listed(sources[0]));
    assert!(defined.len() > 3, "{defined:?}");
    assert_eq!(defined, listed);
}

#[test]
fn every_clause_is_in_the_list_of_its_contract() {
    check(&[include_str!("object_store.rs")]);
    check(&[
        include_str!("table.rs"),
        include_str!("table/expiry.rs"),
        include_str!("table/limits.rs"),
        include_str!("table/query.rs"),
        include_str!("table/transact.rs"),
    ]);
    check(&[
        include_str!("queue.rs"),
        include_str!("queue/delivery.rs"),
        include_str!("queue/settling.rs"),
    ]);
    check(&[include_str!("secrets.rs")]);
    check(&[include_str!("scheduler.rs")]);
}
