//! Stashstock groups Metrc's plants by facility.

use super::{Answer, Place, sorted};

impl Place {
    fn stash(&self, path: &str) -> Answer {
        let key = [("authorization", "Bearer elm-stash-key-7e44")];
        self.get(&format!("/stashstock/api/v1{path}"), &key)
    }
}

fn plants(answer: &Answer) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Item {
        plants: Vec<Box<serde_json::value::RawValue>>,
    }
    let items: Vec<Item> = serde_json::from_str(&answer.body).unwrap();
    items.into_iter().flat_map(|item| item.plants).map(|plant| plant.get().to_owned()).collect()
}

#[test]
fn links_lead_through_all_pages_of_all_facilities() {
    let place = Place::new(&crate::Size { plants: 120, ..crate::Size::tiny() });
    let mut path = "/ca/metrc/plants?lastModifiedStart=2026-01-01".to_owned();
    let (mut rows, mut pages) = (Vec::new(), 0);
    loop {
        let answer = place.stash(&path);
        assert_eq!(answer.json().as_array().unwrap().len(), 2);
        rows.extend(plants(&answer));
        pages += 1;
        let Some(link) = answer.header("link") else { break };
        let next = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
        path = next.split_once("/api/v1").unwrap().1.to_owned();
    }
    assert_eq!((pages, sorted(rows)), (3, sorted(place.truth("elm-grow", "plants"))));
}

#[test]
fn a_bare_date_begins_at_midnight_where_the_plants_grow() {
    let place = Place::new(&crate::Size { plants: 90, ..crate::Size::tiny() });
    let count = |start: &str| {
        let path = format!("/ca/metrc/plants?lastModifiedStart={start}");
        plants(&place.stash(&path)).len()
    };
    assert_eq!(count("2026-03-08"), count("2026-03-08T08:00:00Z"));
    assert!(count("2026-03-08") < count("2026-03-08T00:00:00Z"));
}

#[test]
fn the_start_is_inside() {
    let place = Place::tiny();
    let newest = place.truth("elm-grow", "plants").pop().unwrap();
    let row: serde_json::Value = serde_json::from_str(&newest).unwrap();
    let at = row["lastModified"].as_str().unwrap().replace('+', "%2B");
    let path = format!("/ca/metrc/plants?lastModifiedStart={at}");
    assert!(plants(&place.stash(&path)).contains(&newest));
}

#[test]
fn errors_have_codes() {
    let place = Place::tiny();
    let code = |answer: Answer| answer.json()["error"]["code"].as_str().unwrap().to_owned();
    let denied = place.get("/stashstock/api/v1/ca/metrc/plants", &[]);
    assert_eq!((denied.status, code(denied).as_str()), (401, "INVALID_KEY"));
    let foreign = place.stash("/nv/metrc/plants");
    assert_eq!((foreign.status, code(foreign).as_str()), (403, "STATE_NOT_ENABLED"));
    let date = place.stash("/ca/metrc/plants?lastModifiedStart=yesterday");
    assert_eq!((date.status, code(date).as_str()), (422, "BAD_DATE"));
    place.fault(r#"{"kind":"unavailable","times":1}"#);
    let upstream = place.stash("/ca/metrc/plants");
    assert_eq!((upstream.status, code(upstream).as_str()), (503, "METRC_UPSTREAM_UNAVAILABLE"));
    assert_eq!(place.stash("/ca/metrc/plants").status, 200);
}
