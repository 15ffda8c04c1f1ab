//! Three inventories of hosts: `POST`, a token, and an error at the end.

use serde_json::Value;

use super::{Answer, Place, send};
use crate::Size;

impl Place {
    fn hosts(&self, path: &str) -> Answer {
        let token = [("token", "gorse-hosts-token-2b90")];
        send(self.running.address(), ("POST", &format!("/hosts/api/{path}")), &token, "")
    }

    fn names(&self, vendor: &str) -> Vec<String> {
        let truth = self.truth(&format!("gorse-{vendor}"), "hosts");
        truth.iter().map(|row| id(&serde_json::from_str(row).unwrap())).collect()
    }
}

fn id(row: &Value) -> String {
    row["_id"].to_string()
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn eighteen_sightings_are_there_from_the_beginning() {
    let place = Place::tiny();
    let counts = ["qualys", "crowdstrike", "tenable"].map(|vendor| place.names(vendor).len());
    assert_eq!(counts, [7, 7, 4]);
}

#[test]
fn a_page_has_two_hosts_at_most_and_the_last_of_seven_comes_alone() {
    let place = Place::tiny();
    assert_eq!(ids(&place.hosts("qualys/hosts/get?skip=0&limit=100").json()).len(), 2);
    let mut seen = Vec::new();
    for skip in [0, 2, 4] {
        let page = place.hosts(&format!("qualys/hosts/get?skip={skip}&limit=2"));
        seen.extend(ids(&page.json()));
    }
    let across = place.hosts("qualys/hosts/get?skip=6&limit=2");
    let text = "Error invalid skip/limit combo (>number of hosts)";
    assert_eq!((across.status, across.body.as_str()), (500, text));
    seen.extend(ids(&place.hosts("qualys/hosts/get?skip=6&limit=1").json()));
    assert_eq!(place.hosts("qualys/hosts/get?skip=7&limit=1").status, 500);
    assert_eq!(super::sorted(seen), super::sorted(place.names("qualys")));
}

#[test]
fn cursors_lead_to_all_assets_and_the_last_one_nowhere() {
    let place = Place::tiny();
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    let end = loop {
        let page = place.hosts(&format!("tenable/hosts/get?cursor={cursor}"));
        if page.status != 200 {
            break page;
        }
        seen.extend(ids(&page.json()["hosts"]));
        cursor = page.json()["cursor"].as_str().unwrap().to_owned();
    };
    assert_eq!(end.body, "Invalid cursor");
    assert_eq!(super::sorted(seen), super::sorted(place.names("tenable")));
}

#[test]
fn without_a_token_or_with_another_method_nothing_is_given() {
    let place = Place::tiny();
    let to = place.running.address();
    let path = "/hosts/api/qualys/hosts/get?skip=0&limit=1";
    let refused = send(to, ("POST", path), &[], "");
    assert_eq!((refused.status, refused.body.as_str()), (401, "Unauthorized"));
    assert_eq!(send(to, ("GET", path), &[("token", "gorse-hosts-token-2b90")], "").status, 404);
    assert_eq!(place.hosts("sophos/hosts/get?skip=0&limit=1").status, 404);
    assert_eq!(place.hosts("qualys/hosts/get?limit=1").status, 400);
}

#[test]
fn an_installation_may_end_in_empty_pages_and_give_more_at_once() {
    let place = Place::tiny();
    assert_eq!(place.admin("POST", "/hosts?cap=5&ends_in_error=false").status, 204);
    let count = |skip: i64| {
        ids(&place.hosts(&format!("crowdstrike/hosts/get?skip={skip}&limit=50")).json()).len()
    };
    assert_eq!([count(0), count(5), count(7)], [5, 2, 0]);
}

#[test]
fn what_is_observed_again_has_its_old_id_and_a_new_instant() {
    let place = Place::tiny();
    let find = || {
        let rows = place.truth("gorse-crowdstrike", "hosts");
        let rows = rows.iter().map(|row| serde_json::from_str::<Value>(row).unwrap());
        rows.into_iter().find(|row| row["hostname"] == "anna-mbp.lan").unwrap()
    };
    let before = find();
    let path = format!("/rows/gorse-crowdstrike/hosts/{}/touch", before["_id"].as_str().unwrap());
    assert_eq!(place.admin("POST", &path).status, 204);
    let after = find();
    assert_eq!(before["device_id"], after["device_id"]);
    assert!(before["last_seen"].as_str() < after["last_seen"].as_str());
    assert_ne!(before["agent_version"], after["agent_version"]);
}

#[test]
fn ten_thousand_machines_are_seen_by_two_vendors_each() {
    let place = Place::new(&Size::machines(10_000));
    let rows = place.admin("GET", "/world").json();
    let count = |vendor: &str| {
        let all = rows["accounts"].as_array().unwrap();
        let own = all.iter().find(|a| a["source"] == vendor).unwrap();
        own["rows"]["hosts"].as_u64().unwrap()
    };
    let counts = ["qualys", "crowdstrike", "tenable"].map(count);
    assert_eq!(counts.iter().sum::<u64>(), 20_018);
    assert!(counts.iter().all(|count| *count > 6_600), "{counts:?}");
}
