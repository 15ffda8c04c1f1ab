//! Metrc keeps to its rules, the unwritten ones included.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Answer, Place, basic, sorted};

const NORTH: &str = "020-10012345678";
const DAY: Duration = Duration::from_hours(24);

impl Place {
    fn metrc(&self, path: &str) -> Answer {
        let delta = basic("vendor-key-headwater-6c1f", "delta-user-key-b31a");
        self.get(&format!("/metrc/or{path}"), &[("authorization", &delta)])
    }

    fn since(&self) -> jiff::Timestamp {
        self.admin("GET", "/world").json()["since"].as_str().unwrap().parse().unwrap()
    }

    /// All rows of a list at a facility, day by day and page by page.
    fn days(&self, list: &str, license: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for day in 0..11 {
            let from = self.since() + DAY * day;
            let window = format!("lastModifiedStart={from}&lastModifiedEnd={}", from + DAY);
            for page in 1.. {
                let path = format!(
                    "{list}?licenseNumber={license}&{window}&pageNumber={page}&pageSize=20"
                );
                let answer = self.metrc(&path);
                assert_eq!(answer.status, 200, "{}", answer.body);
                rows.extend(answer.rows("Data"));
                if answer.json()["TotalPages"].as_i64().unwrap() <= page {
                    break;
                }
            }
            self.clock.pass(Duration::from_secs(1));
        }
        rows
    }
}

fn first_day(place: &Place) -> String {
    let from = place.since();
    format!("licenseNumber={NORTH}&lastModifiedStart={from}&lastModifiedEnd={}", from + DAY)
}

#[test]
fn days_lists_and_pages_of_all_facilities_add_up_to_the_truth() {
    let place = Place::tiny();
    let facilities = place.metrc("/facilities/v2/").json();
    let growers = facilities
        .as_array()
        .unwrap()
        .iter()
        .filter(|facility| facility["FacilityType"]["CanGrowPlants"].as_bool().unwrap());
    let mut rows = BTreeSet::new();
    for facility in growers {
        let license = facility["License"]["Number"].as_str().unwrap();
        for list in ["vegetative", "flowering", "onhold", "inactive"] {
            rows.extend(place.days(&format!("/plants/v2/{list}"), license));
        }
    }
    let truth: BTreeSet<String> = place.truth("delta-farms", "plants").into_iter().collect();
    assert_eq!(rows, truth);
}

#[test]
fn pages_go_by_id_downwards_whatever_changed_last() {
    let place = Place::tiny();
    let rows = place.days("/packages/v2/active", NORTH);
    let page =
        place.metrc(&format!("/packages/v2/active?{}&pageNumber=1&pageSize=20", first_day(&place)));
    let ids: Vec<i64> =
        page.json()["Data"].as_array().unwrap().iter().map(|r| r["Id"].as_i64().unwrap()).collect();
    assert!(!rows.is_empty() && ids.is_sorted_by(|a, b| a > b), "{ids:?}");
}

#[test]
fn more_than_24_hours_are_refused_unless_the_personality_allows_them() {
    let place = Place::tiny();
    let from = place.since();
    let path = |hours: u64| {
        let until = from + Duration::from_secs(hours * 3_600);
        format!(
            "/plants/v2/flowering?licenseNumber={NORTH}&lastModifiedStart={from}&lastModifiedEnd={until}"
        )
    };
    assert_eq!(place.metrc(&path(24)).status, 200);
    let refused = place.metrc(&path(25));
    assert_eq!(refused.status, 400);
    assert!(refused.json()["Message"].as_str().unwrap().contains("24 hours"));
    place.admin("POST", "/metrc?limits_span=false");
    assert_eq!(place.metrc(&path(25)).status, 200);
}

#[test]
fn without_both_bounds_only_the_last_day_is_given_and_nothing_is_said() {
    let place = Place::tiny();
    let total = |query: &str| {
        let path = format!("/plants/v2/flowering?licenseNumber={NORTH}&pageNumber=1{query}");
        let answer = place.metrc(&path);
        assert_eq!(answer.status, 200);
        answer.json()["TotalRecords"].as_i64().unwrap()
    };
    let start = format!("&lastModifiedStart={}", place.since());
    assert_eq!(total(""), total(&start));
    assert!(total("") < i64::try_from(place.days("/plants/v2/flowering", NORTH).len()).unwrap());
}

#[test]
fn without_page_parameters_the_rest_of_the_rows_is_lost_in_silence() {
    let place = Place::new(&crate::Size { plants: 2_000, ..crate::Size::tiny() });
    let path = format!("/plants/v2/vegetative?{}", first_day(&place));
    let answer = place.metrc(&path).json();
    assert_eq!(
        (answer["RecordsOnPage"].as_i64(), answer["TotalPages"].as_i64()),
        (Some(20), Some(1))
    );
    place.admin("POST", "/metrc?unpaged_gives_all=true");
    assert!(place.metrc(&path).json()["RecordsOnPage"].as_i64().unwrap() > 20);
    assert_eq!(place.metrc(&format!("{path}&pageSize=21")).status, 400);
}

#[test]
fn a_plus_sign_has_to_be_escaped() {
    let place = Place::tiny();
    let path = |plus: &str| {
        let (a, b) =
            (format!("2026-03-01T00:00:00{plus}00:00"), format!("2026-03-02T00:00:00{plus}00:00"));
        format!(
            "/plants/v2/flowering?licenseNumber={NORTH}&lastModifiedStart={a}&lastModifiedEnd={b}"
        )
    };
    assert_eq!(place.metrc(&path("+")).status, 400);
    assert_eq!(place.metrc(&path("%2B")).status, 200);
}

#[test]
fn keys_open_their_own_facilities_and_what_the_licence_allows() {
    let place = Place::tiny();
    let window = "lastModifiedStart=2026-03-01&lastModifiedEnd=2026-03-02";
    let status = |path: &str| place.metrc(&format!("{path}&{window}")).status;
    assert_eq!(status("/plants/v2/flowering?licenseNumber=403R-00117"), 401);
    assert_eq!(status("/plants/v2/flowering?licenseNumber=050-10055500011"), 403);
    assert_eq!(status("/packages/v2/active?licenseNumber=050-10055500011"), 200);
    assert_eq!(status("/plants/v2/flowering?x=1"), 400);
    assert_eq!(status("/transfers/v2/incoming?licenseNumber=020-10012345678"), 404);
    let wrong = [("authorization", "Basic bm86bm8=")];
    assert_eq!(place.get("/metrc/or/facilities/v2/", &wrong).status, 401);
}

#[test]
fn a_facility_takes_50_calls_a_second() {
    let place = Place::tiny();
    let path = format!("/plants/v2/flowering?{}&pageNumber=1", first_day(&place));
    let answers: Vec<u16> = (0..51).map(|_| place.metrc(&path).status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 50);
    assert_eq!(answers.last(), Some(&429));
}

#[test]
fn instants_come_with_seven_digits_with_offsets_and_as_the_sentinel() {
    let place = Place::new(&crate::Size { plants: 400, ..crate::Size::tiny() });
    let rows = sorted(place.truth("delta-farms", "plants"));
    let some = |part: &str| rows.iter().any(|row| row.contains(part));
    assert!(some("-08:00\"}") && some(r#""LastModified":"0001-01-01T00:00:00+00:00""#));
    let seven = rows.iter().filter(|row| row.ends_with("+00:00\"}")).any(|row| {
        row.rsplit_once('.').is_some_and(|(_, tail)| tail.len() == "1234567+00:00\"}".len())
    });
    assert!(seven);
}
