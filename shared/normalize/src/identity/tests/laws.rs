//! Laws that make order and repetition not matter.

use super::*;

fn fields() -> impl Strategy<Value = Value> {
    let some = |values: &'static [&'static str]| {
        proptest::option::weighted(0.6, proptest::sample::select(values))
    };
    let list =
        |values: &'static [&'static str]| proptest::sample::subsequence(values, 0..=values.len());
    let names = (some(&["web", "db", "web.local", "localhost"]), some(&["i-1", "i-2"]));
    let facts = (some(&["s1", "s2"]), some(&["linux", "windows", ""]), some(&["5", "6"]));
    let lists = (
        list(&["10.0.0.1", "10.0.0.2"]),
        list(&["0a:00:00:00:00:01", "0a:00:00:00:00:02"]),
        list(&["curl", "vim"]),
    );
    (names, facts, lists, 1..4u32).prop_map(
        |((name, instance), (serial, os, kernel), lists, day)| {
            let (ips, macs, software) = lists;
            json!({
                "name": name, "provider": "aws", "instance": instance, "serial": serial, "os": os,
                "kernel": kernel, "ips": ips, "macs": macs, "software": software,
                "first_seen": at(day),
            })
        },
    )
}

fn observations() -> impl Strategy<Value = Vec<Observation>> {
    let one = ("[abc]", "[12]", 1..6u32, fields(), 0..2u64);
    let one = one.prop_map(|(source, id, day, fields, line)| {
        let mut one = observed(&source, &id, day, &fields);
        one.raw.line = line;
        one
    });
    proptest::collection::vec(one, 1..12)
}

/// The records that observations make, in the order of their arrival.
fn folded(observations: &[Observation]) -> Vec<Record> {
    let rules = host_rules();
    let mut records: Vec<Record> = Vec::new();
    for new in observations {
        let new = new.clone().into_record(&rules).unwrap();
        match records.iter_mut().find(|record| record.name() == new.name()) {
            Some(record) => *record = record.join(&new, &rules),
            None => records.push(new),
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn things_do_not_depend_on_the_order_or_number_of_observations(
        (observations, shuffled, again) in observations().prop_flat_map(|all| {
            let again = proptest::sample::subsequence(all.clone(), 0..=all.len());
            (Just(all.clone()), Just(all).prop_shuffle(), again)
        })
    ) {
        let rules = host_rules();
        let expected = entities(&rules, "s", &folded(&observations));
        let arrivals: Vec<_> = shuffled.into_iter().chain(again).collect();
        prop_assert_eq!(entities(&rules, "s", &folded(&arrivals)), expected);
    }

    #[test]
    fn records_are_joined_in_any_grouping(
        parts in proptest::collection::vec((1..4u32, fields(), 0..2u64), 3)
    ) {
        let rules = host_rules();
        let one = |(day, fields, line): &(u32, Value, u64)| {
            let mut one = observed("a", "1", *day, fields);
            one.raw.line = *line;
            one.into_record(&rules).unwrap()
        };
        let [a, b, c] = [&parts[0], &parts[1], &parts[2]].map(one);
        let join = |a: &Record, b: &Record| a.join(b, &rules);
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&a, &a), a.clone());
        let all = join(&join(&a, &b), &c);
        prop_assert_eq!(join(&all, &b), all);
    }

    #[test]
    fn things_that_share_no_key_do_not_change_each_other(observations in observations()) {
        let rules = host_rules();
        let records = folded(&observations);
        let mut strangers = records.clone();
        strangers.push(record("z", "z", 1, &json!({"serial": "of nobody else"})));
        let mut made = entities(&rules, "s", &strangers);
        made.retain(|one| one.sources[0].source.as_str() != "z");
        prop_assert_eq!(made, entities(&rules, "s", &records));
    }

    #[test]
    fn no_thing_holds_two_instances(observations in observations()) {
        for one in entities(&host_rules(), "s", &folded(&observations)) {
            let said: BTreeSet<_> = folded(&observations)
                .into_iter()
                .filter(|record| one.sources.iter().any(|m| (&m.source, &m.id) == (&record.source, &record.id)))
                .filter_map(|record| record.fields.get("instance").cloned())
                .map(|value| value.to_string())
                .collect();
            prop_assert!(said.len() <= 1, "{:?}", said);
        }
    }
}
