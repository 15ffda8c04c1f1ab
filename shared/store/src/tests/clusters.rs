//! Clusters, with a shape small enough to see through: records are sets of letters and a number,
//! and those that share a letter are one entity unless their numbers differ.

use std::collections::{BTreeMap, BTreeSet};

use ports::{Expect, Table, Write, WriteId};
use serde::{Deserialize, Serialize};
use testkit::{Fault, Faults, Side};

use super::*;
use crate::cluster::{Derived, MAX_RECORDS, Observed, Overfull, Scope, Shape};

mod limits;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Letters {
    name: String,
    shared: BTreeSet<char>,
    number: Option<u32>,
    ballast: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    names: Vec<String>,
    rules: String,
    ballast: String,
}

#[derive(Debug, Clone, Default)]
struct Sharing {
    /// Letters that say nothing.
    ignored: BTreeSet<char>,
}

impl Sharing {
    fn linked(&self, a: &Letters, b: &Letters) -> bool {
        let shared = a.shared.intersection(&b.shared).any(|one| !self.ignored.contains(one));
        let differ = a.number.is_some() && b.number.is_some() && a.number != b.number;
        (shared && !differ) || (a.number.is_some() && a.number == b.number)
    }
}

impl Shape for Sharing {
    type Record = Letters;
    type Entity = Group;

    fn digest(&self) -> String {
        format!("{:?}", self.ignored)
    }

    fn name(&self, record: &Letters) -> String {
        record.name.clone()
    }

    fn keys(&self, record: &Letters) -> Vec<String> {
        let number = record.number.map(|number| format!("number {number}"));
        let says = record.shared.difference(&self.ignored);
        number.into_iter().chain(says.map(|one| format!("letter {one}"))).collect()
    }

    fn join(&self, one: &Letters, other: &Letters) -> Letters {
        let shared = one.shared.union(&other.shared).copied().collect();
        let number = one.number.max(other.number);
        let ballast = one.ballast.clone().max(other.ballast.clone());
        Letters { shared, number, ballast, ..one.clone() }
    }

    fn entities(&self, records: &[Letters]) -> Vec<Derived<Group>> {
        let mut sorted: Vec<&Letters> = records.iter().collect();
        sorted.sort_by_key(|record| &record.name);
        let mut groups: Vec<Vec<&Letters>> = Vec::new();
        for record in sorted {
            let fits = |group: &Vec<&Letters>| group.iter().all(|one| self.linked(one, record));
            match groups.iter_mut().find(|group| fits(group)) {
                Some(group) => group.push(record),
                None => groups.push(vec![record]),
            }
        }
        let derived = |group: Vec<&Letters>| {
            let names: Vec<String> = group.iter().map(|record| record.name.clone()).collect();
            let ballast = group.iter().map(|record| record.ballast.as_str()).collect();
            let entity = Group { names: names.clone(), rules: self.digest(), ballast };
            Derived {
                id: hex(&names[0]),
                former: names.iter().map(|n| hex(n)).collect(),
                records: names,
                entity,
            }
        };
        groups.into_iter().map(derived).collect()
    }
}

impl World {
    /// Another world with the same rows.
    async fn copied(&self) -> Self {
        let copy = world();
        for item in self.table.items() {
            let (expect, expires) = (Expect::Absent, item.expires);
            let put = Write::Put { key: item.key, expect, body: item.body, expires };
            copy.table.transact(&[put], &WriteId(item.version.0)).await.unwrap();
        }
        copy
    }

    /// A store whose table is behind these faults.
    fn behind(&self, faults: &Arc<Faults>) -> Store {
        let inner: Arc<dyn Table> = Arc::<MemoryTable>::clone(&self.table);
        let table = Arc::new(faults.around(inner));
        let ids = Arc::new(SeededIds::new(9));
        Store::new(table, Arc::new(self.clock.clone()), ids, Timing::default())
    }
}

fn hex(name: &str) -> String {
    name.bytes().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn scope() -> Scope {
    Scope { tenant: "acme".parse().unwrap(), model: "host".parse().unwrap() }
}

fn letters(name: &str, letters: &str, number: Option<u32>) -> Letters {
    let shared = letters.chars().collect();
    Letters { name: name.to_owned(), shared, number, ballast: String::new() }
}

async fn seen(store: &Store, new: &Letters) -> Observed<Letters> {
    store.clusters(&scope(), &Sharing::default()).observe(new).await.unwrap().unwrap()
}

/// All entities that there are, by id.
async fn entities(store: &Store) -> BTreeMap<String, Group> {
    let (scope, shape) = (scope(), Sharing::default());
    let clusters = store.clusters(&scope, &shape);
    let mut found = BTreeMap::new();
    for shard in 0..Store::shards() {
        let (page, next) = clusters.entities(shard, None).await.unwrap();
        assert_eq!(next, None);
        found.extend(page.into_iter().filter_map(|kept| Some((kept.id, kept.entity?))));
    }
    found
}

/// The names in each entity, by its id.
async fn groups(store: &Store) -> BTreeMap<String, Vec<String>> {
    entities(store).await.into_iter().map(|(id, group)| (id, group.names)).collect()
}

fn names(groups: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut all: Vec<String> = groups.values().map(|names| names.join("+")).collect();
    all.sort();
    all
}

#[tokio::test]
async fn records_that_share_a_key_become_one_and_others_stay_apart() {
    let World { store, .. } = world();
    let first = seen(&store, &letters("a", "x", None)).await;
    assert!(first.change.unwrap().alone);
    let second = seen(&store, &letters("b", "xy", None)).await.change.unwrap();
    assert_eq!((second.entity.as_str(), second.alone), ("61", false));
    seen(&store, &letters("c", "z", None)).await;
    assert_eq!(names(&groups(&store).await), ["a+b", "c"]);
}

#[tokio::test]
async fn clusters_that_a_record_connects_become_one_and_leave_a_redirect() {
    let World { store, .. } = world();
    for (name, text) in [("b", "x"), ("c", "y"), ("d", "z")] {
        seen(&store, &letters(name, text, None)).await;
    }
    let bridge = letters("a", "xyz", None);
    let change = seen(&store, &bridge).await.change.unwrap();
    // All share a letter with the bridge, none with another.
    assert_eq!(change.entity, hex("a"));
    assert_eq!(change.gone, BTreeMap::from([(hex("b"), hex("a"))]));
    assert_eq!(names(&groups(&store).await), ["a+b", "c", "d"]);
    let (scope, shape) = (scope(), Sharing::default());
    let moved = store.clusters(&scope, &shape).entity(&hex("b")).await.unwrap().unwrap();
    assert_eq!(
        (moved.id, moved.entity.unwrap().names),
        (hex("a"), vec!["a".to_owned(), "b".to_owned()])
    );
    // The old keys lead on.
    let late = seen(&store, &letters("e", "y", Some(1))).await;
    assert!(!late.change.unwrap().alone);
    assert_eq!(names(&groups(&store).await), ["a+b", "c+e", "d"]);
}

#[tokio::test]
async fn what_is_known_already_writes_nothing() {
    let world = world();
    let faults = Arc::new(Faults::none());
    let store = world.behind(&faults);
    seen(&store, &letters("a", "xyz", Some(1))).await;
    let before = faults.log().len();
    let again = seen(&store, &letters("a", "xyz", Some(1))).await;
    let older = seen(&store, &letters("a", "x", None)).await;
    assert_eq!((again.change, older.change), (None, None));
    let log = &faults.log()[before..];
    assert_eq!(log.iter().filter(|call| call.writes).count(), 0, "{log:?}");
    assert_eq!(log.len(), 6, "a key, a head and a record each");
    assert!(log.iter().all(|call| call.verb == "Table::get"), "{log:?}");
}

#[tokio::test]
async fn a_later_veto_takes_apart_what_looked_like_one() {
    let World { store, .. } = world();
    seen(&store, &letters("a", "x", Some(1))).await;
    seen(&store, &letters("b", "x", None)).await;
    assert_eq!(names(&groups(&store).await), ["a+b"]);
    let change = seen(&store, &letters("b", "", Some(2))).await.change.unwrap();
    assert_eq!((change.entity.as_str(), change.alone), (hex("b").as_str(), true));
    assert_eq!(names(&groups(&store).await), ["a", "b"]);
}

#[tokio::test]
async fn entities_of_an_older_shape_are_made_again_when_somebody_comes_by() {
    let World { store, .. } = world();
    seen(&store, &letters("a", "x", None)).await;
    seen(&store, &letters("b", "x", None)).await;
    let shape = Sharing { ignored: ['x'].into() };
    let again = store.clusters(&scope(), &shape).observe(&letters("a", "x", None)).await;
    assert_eq!(again.unwrap().unwrap().change.unwrap().changed.len(), 2);
    assert_eq!(names(&groups(&store).await), ["a", "b"]);
}

#[tokio::test]
async fn keys_of_new_rules_connect_what_was_known_before_them() {
    let World { store, .. } = world();
    let (old, new) = (Sharing { ignored: ['y'].into() }, Sharing::default());
    let [a, b, c] =
        [letters("a", "x", Some(1)), letters("b", "xy", Some(2)), letters("c", "y", None)];
    for record in [&a, &b, &c] {
        store.clusters(&scope(), &old).observe(record).await.unwrap().unwrap();
    }
    assert_eq!(names(&groups(&store).await), ["a", "b", "c"]);
    // The first is connected with the second, which gets its new key, too.
    for record in [&a, &c] {
        store.clusters(&scope(), &new).observe(record).await.unwrap().unwrap();
    }
    assert_eq!(names(&groups(&store).await), ["a", "b+c"]);
    let again = store.clusters(&scope(), &new).observe(&b).await.unwrap().unwrap();
    assert_eq!(again.change, None);
}

#[tokio::test]
async fn whoever_tells_others_of_changes_is_told_of_each() {
    let World { store, .. } = world();
    let (scope, shape) = (scope(), Sharing::default());
    let clusters = store.clusters(&scope, &shape);
    seen(&store, &letters("b", "x", None)).await;
    let first = clusters.changed(10).await.unwrap();
    assert_eq!(first.len(), 1);
    seen(&store, &letters("a", "x", None)).await;
    clusters.told(&first[0]).await.unwrap();
    let again = clusters.changed(10).await.unwrap();
    assert_eq!(again.len(), 1, "it changed after it was read");
    let things = clusters.things(&again[0]).await.unwrap();
    assert_eq!(things.gone, BTreeMap::from([(hex("b"), hex("a"))]));
    assert_eq!(things.entities.len(), 1);
    clusters.told(&again[0]).await.unwrap();
    assert_eq!(clusters.changed(10).await.unwrap(), []);
    seen(&store, &letters("a", "x", None)).await;
    assert_eq!(clusters.changed(10).await.unwrap(), [], "nothing new, nothing to tell");
}

#[tokio::test]
async fn scopes_know_nothing_of_each_other() {
    let World { store, .. } = world();
    seen(&store, &letters("a", "x", None)).await;
    let other = Scope { tenant: "other".parse().unwrap(), ..scope() };
    let shape = Sharing::default();
    let theirs = store.clusters(&other, &shape).observe(&letters("b", "x", None)).await.unwrap();
    assert!(theirs.unwrap().change.unwrap().alone);
    assert_eq!(names(&groups(&store).await), ["a"]);
}

/// Records that meet in every way: alone, joining, connecting, coming apart.
fn story() -> Vec<Letters> {
    vec![
        letters("b", "xy", None),
        letters("c", "z", Some(3)),
        letters("a", "z", None),
        letters("d", "yz", None),
        letters("b", "", Some(4)),
        letters("e", "w", None),
        letters("e", "wx", None),
    ]
}

async fn tell(store: &Store, all: &[Letters]) -> Result<(), StoreError> {
    let (scope, shape) = (scope(), Sharing::default());
    for new in all {
        store.clusters(&scope, &shape).observe(new).await?.unwrap();
    }
    Ok(())
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_what_the_next_touch_completes() {
    let calm = Arc::new(Faults::none());
    let undisturbed = world();
    tell(&undisturbed.behind(&calm), &story()).await.unwrap();
    let expected = entities(&undisturbed.store).await;
    assert!(calm.calls() > 50, "{}", calm.calls());
    for n in 1..=calm.calls() {
        let both = [Side::Before, Side::After];
        for fault in both
            .map(|side| Fault::Crash(n, side))
            .into_iter()
            .chain(both.map(|side| Fault::Once(n, side)))
        {
            let world = world();
            let faulty = world.behind(&Arc::new(Faults::of(fault)));
            // What was taken in is not sent again; the rest is.
            let mut left = story();
            while let Some(new) = left.first() {
                if tell(&faulty, std::slice::from_ref(new)).await.is_err() {
                    break;
                }
                left.remove(0);
            }
            tell(&world.store, &left).await.unwrap();
            assert_eq!(entities(&world.store).await, expected, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn stored_clusters_are_what_they_were() {
    let world = world();
    tell(&world.store, &story()[..2]).await.unwrap();
    tell(&world.store, &[letters("a", "xz", None)]).await.unwrap();
    insta::assert_snapshot!(dump(&world));
}
