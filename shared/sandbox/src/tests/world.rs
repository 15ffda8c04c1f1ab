//! The world outlives its process and goes on only when told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Folder, Glance, Place};
use crate::{Account, Seed, Size, Stream, World, WorldError, accounts};

fn by_id(rows: &[String], key: &str) -> BTreeMap<String, Value> {
    let parsed = rows.iter().map(|row| serde_json::from_str::<Value>(row).unwrap());
    parsed.map(|row| (row[key].to_string(), row)).collect()
}

fn open(folder: &Folder, seed: u64) -> Result<World, WorldError> {
    World::open(folder.path(), Seed(seed), &Size::tiny(), Glance::new())
}

#[test]
fn worlds_of_one_seed_are_equal_and_of_another_are_not() {
    let truth = |seed: u64| {
        let folder = Folder::new();
        let running = crate::Running::start(open(&folder, seed).unwrap(), "127.0.0.1:0").unwrap();
        let all = accounts().iter().flat_map(|a| a.streams.iter().map(move |s| (a.name, s.name())));
        let to = running.address();
        let dump = |(account, stream): (&str, &str)| {
            super::send(to, ("GET", &format!("/__admin/truth/{account}/{stream}")), &[], "").body
        };
        all.map(dump).collect::<Vec<_>>()
    };
    assert_eq!(truth(7), truth(7));
    assert_ne!(truth(7), truth(8));
}

#[test]
fn a_world_is_found_as_it_was_left() {
    let place = Place::tiny();
    place.admin("POST", "/mutate");
    place.admin("POST", "/ready/fern-shop?ready=false");
    let truth = place.truth("bluebird-shop", "orders");
    let Place { running, clock, folder } = place;
    drop(running);
    let size = Size::demo();
    let world = World::open(folder.path(), Seed(7), &size, Arc::<Glance>::clone(&clock)).unwrap();
    assert!(!world.is_ready(Account::named("fern-shop").unwrap()).unwrap());
    let running = crate::Running::start(world, "127.0.0.1:0").unwrap();
    let place = Place { running, clock, folder };
    assert_eq!(place.truth("bluebird-shop", "orders"), truth);
}

#[test]
fn a_world_refuses_another_seed() {
    let folder = Folder::new();
    drop(open(&folder, 1).unwrap());
    assert!(matches!(open(&folder, 2), Err(WorldError::Seed { found: 1, wanted: 2 })));
}

#[test]
fn all_data_lies_between_since_and_the_present() {
    let place = Place::tiny();
    let since = place.admin("GET", "/world").json()["since"].as_str().unwrap().to_owned();
    assert_eq!(since, "2026-02-28T00:00:00Z");
    for row in by_id(&place.truth("bluebird-shop", "orders"), "id").values() {
        let at = |field: &str| row[field].as_str().unwrap().to_owned();
        assert!(at("created_at") <= at("updated_at"));
        assert!(at("created_at").as_str() >= "2026-02-28T00:00:00.000Z");
        assert!(at("updated_at").as_str() <= "2026-03-10T15:30:00.000Z");
    }
}

#[test]
fn steps_change_delete_recreate_and_add_with_instants_that_only_grow() {
    let place = Place::tiny();
    let mut seen = by_id(&place.truth("bluebird-shop", "orders"), "id");
    let mut newest = "2026-03-10T15:30:00.000Z".to_owned();
    let mut gone = BTreeSet::<String>::new();
    let mut back = 0;
    for _ in 0..4 {
        assert_eq!(place.admin("POST", "/mutate").status, 200);
        let now = by_id(&place.truth("bluebird-shop", "orders"), "id");
        let changed: Vec<&Value> =
            now.iter().filter(|(id, row)| seen.get(*id) != Some(row)).map(|(_, row)| row).collect();
        let stamps: BTreeSet<&str> =
            changed.iter().map(|row| row["updated_at"].as_str().unwrap()).collect();
        assert_eq!(stamps.len(), changed.len());
        assert!(stamps.first().unwrap() > &newest.as_str());
        newest = (*stamps.last().unwrap()).to_owned();
        back += gone.iter().filter(|id| now.contains_key(*id) && !seen.contains_key(*id)).count();
        gone.extend(seen.keys().filter(|id| !now.contains_key(*id)).cloned());
        seen = now;
    }
    assert!(back > 0 && gone.iter().any(|id| !seen.contains_key(id)));
}

#[test]
fn rows_move_down_their_lists_as_they_change() {
    let place = Place::tiny();
    let phase = |row: &Value| row["GrowthPhase"].as_str().unwrap().to_owned();
    let before = by_id(&place.truth("delta-farms", "plants"), "Id");
    let (id, row) = before.iter().find(|(_, row)| phase(row) == "Vegetative").unwrap();
    let touch = format!("/rows/delta-farms/plants/{id}/touch");
    for _ in 0..3 {
        assert_eq!(place.admin("POST", &touch).status, 204);
    }
    let after = by_id(&place.truth("delta-farms", "plants"), "Id");
    assert_eq!(
        (row["State"].as_str(), after[id]["State"].as_str()),
        (Some("Tracked"), Some("Destroyed"))
    );
    assert_eq!(before.len(), after.len());
}

#[test]
fn a_recreated_row_has_its_old_id_and_a_new_instant() {
    let place = Place::tiny();
    let rows = place.truth("elm-grow", "plants");
    let row: Value = serde_json::from_str(&rows[0]).unwrap();
    let path = format!("/rows/elm-grow/plants/{}", row["id"]);
    assert_eq!(place.admin("DELETE", &path).status, 204);
    assert_eq!(place.admin("DELETE", &path).status, 404);
    assert_eq!(place.truth("elm-grow", "plants").len(), rows.len() - 1);
    assert_eq!(place.admin("POST", &format!("{path}/recreate")).status, 204);
    let again = by_id(&place.truth("elm-grow", "plants"), "id")[&row["id"].to_string()].clone();
    assert_ne!(again["lastModified"], row["lastModified"]);
}

#[test]
fn names_that_stand_for_nothing_are_answered_with_those_that_do() {
    let place = Place::tiny();
    let answer = place.admin("GET", "/truth/bluebird-shop/plants");
    assert_eq!(answer.status, 404);
    let error = "plant".parse::<Stream>().unwrap_err().to_string();
    assert!(error.contains("`plant` is not known") && error.contains("plants"), "{error}");
}
