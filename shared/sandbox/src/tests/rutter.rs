//! Rutter keeps to its published contract.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Answer, Place, basic, sorted};
use crate::Size;

const BLUEBIRD: &str = "/rutter/versioned/orders?access_token=bluebird-shop-token-51c2";
const FERN: &str = "/rutter/orders?access_token=fern-shop-token-66b8";

impl Place {
    pub(super) fn rutter(&self, path: &str) -> Answer {
        let harbor = basic("harbor-client-2f41", "harbor-secret-93be70");
        self.get(path, &[("authorization", &harbor), ("x-rutter-version", "2024-08-31")])
    }

    fn legacy(&self, path: &str) -> Answer {
        self.get(path, &[("authorization", &basic("grove-client-77a0", "grove-secret-1d52c4"))])
    }

    /// Follows the cursors to the end.
    pub(super) fn walk(&self, path: &str, key: &str) -> Vec<String> {
        let (mut rows, mut address) = (Vec::new(), path.to_owned());
        loop {
            let page = self.rutter(&address);
            assert_eq!(page.status, 200, "{}", page.body);
            rows.extend(page.rows(key));
            match page.json()["next_cursor"].as_str() {
                Some(cursor) => address = format!("{path}&cursor={cursor}"),
                None => return rows,
            }
        }
    }
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error_code"].as_str().unwrap().to_owned())
}

#[test]
fn a_walk_gives_every_row_once_newest_first_in_the_text_of_the_truth() {
    let place = Place::tiny();
    for limit in [1, 7, 50, 500] {
        let rows = place.walk(&format!("{BLUEBIRD}&limit={limit}"), "orders");
        let updated: Vec<String> = rows
            .iter()
            .map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap())
            .map(|row| row["updated_at"].as_str().unwrap().to_owned())
            .collect();
        assert!(updated.is_sorted_by(|a, b| a >= b));
        assert_eq!(sorted(rows), sorted(place.truth("bluebird-shop", "orders")));
    }
}

#[test]
fn both_roots_serve_and_only_the_versioned_one_wants_the_header() {
    let place = Place::tiny();
    let harbor = basic("harbor-client-2f41", "harbor-secret-93be70");
    assert_eq!(place.legacy(FERN).status, 200);
    let bare = place.get(BLUEBIRD, &[("authorization", &harbor)]);
    assert_eq!(code(&bare), (400, "MISSING_FIELDS".to_owned()));
    let wrong = [("authorization", harbor.as_str()), ("x-rutter-version", "1999-01-01")];
    assert_eq!(code(&place.get(BLUEBIRD, &wrong)), (400, "INVALID_PARAMETERS".to_owned()));
}

#[test]
fn organisation_and_token_must_belong_together() {
    let place = Place::tiny();
    let denied = (401, "INVALID_CREDENTIALS".to_owned());
    assert_eq!(code(&place.get(FERN, &[])), denied);
    assert_eq!(code(&place.legacy("/rutter/orders?access_token=bluebird-shop-token-51c2")), denied);
    assert_eq!(code(&place.legacy("/rutter/orders")), (400, "MISSING_FIELDS".to_owned()));
}

#[test]
fn both_ends_of_a_window_are_inside() {
    let place = Place::tiny();
    let row = &place.rutter(&format!("{BLUEBIRD}&limit=1")).json()["orders"][0];
    let millis = |field: &str| {
        row[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
    };
    for (field, at) in [("updated_at", millis("updated_at")), ("created_at", millis("created_at"))]
    {
        let ids = |from: i64, to: i64| -> BTreeSet<String> {
            let window = format!("{BLUEBIRD}&{field}_min={from}&{field}_max={to}&limit=500");
            let orders = place.rutter(&window).json()["orders"].as_array().unwrap().clone();
            orders.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        let id = row["id"].as_str().unwrap();
        assert!(ids(at, at).contains(id));
        assert!(!ids(at + 1, at + 9).contains(id) && !ids(at - 9, at - 1).contains(id));
    }
}

#[test]
fn customers_know_no_window_of_creation() {
    let place = Place::tiny();
    let all = "/rutter/versioned/customers?access_token=bluebird-shop-token-51c2&limit=500";
    let rows = place.rutter(&format!("{all}&created_at_min=9999999999999"));
    assert_eq!(rows.rows("customers").len(), place.truth("bluebird-shop", "customers").len());
}

#[test]
fn a_page_has_50_rows_unless_it_is_told_and_never_more_than_500() {
    let place = Place::tiny();
    assert_eq!(place.rutter(BLUEBIRD).rows("orders").len(), 50);
    for bad in ["0", "501", "many"] {
        let answer = place.rutter(&format!("{BLUEBIRD}&limit={bad}"));
        assert_eq!(code(&answer), (400, "INVALID_PARAMETERS".to_owned()));
    }
}

#[test]
fn a_cursor_is_the_instant_and_id_of_the_next_row() {
    let place = Place::tiny();
    let page = place.rutter(&format!("{BLUEBIRD}&limit=2")).json();
    let text = STANDARD.decode(page["next_cursor"].as_str().unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let third = place.rutter(&format!("{BLUEBIRD}&limit=3")).json()["orders"][2].clone();
    let (millis, id) = text.split_once('|').unwrap();
    let at: jiff::Timestamp = third["updated_at"].as_str().unwrap().parse().unwrap();
    assert_eq!((millis.parse(), id), (Ok(at.as_millisecond()), third["id"].as_str().unwrap()));
    let bad = place.rutter(&format!("{BLUEBIRD}&cursor=zzz"));
    assert_eq!(code(&bad), (400, "INVALID_PARAMETERS".to_owned()));
}

#[test]
fn a_first_sync_is_refused_by_code_until_it_ends_unless_forced() {
    let place = Place::tiny();
    place.admin("POST", "/ready/bluebird-shop?ready=false");
    assert_eq!(code(&place.rutter(BLUEBIRD)), (409, "PRODUCT_NOT_READY".to_owned()));
    let status = "/rutter/versioned/connections/status?access_token=bluebird-shop-token-51c2";
    assert_eq!(place.rutter(status).json()["status"]["is_ready"], false);
    let forced = place.walk(&format!("{BLUEBIRD}&force_fetch=true"), "orders").len();
    let all = place.truth("bluebird-shop", "orders").len();
    assert!(0 < forced && forced < all, "{forced} of {all}");
    place.admin("POST", "/ready/bluebird-shop");
    assert_eq!(place.walk(BLUEBIRD, "orders").len(), all);
}

#[test]
fn an_endpoint_that_the_platform_does_not_have_is_not_found() {
    let place = Place::tiny();
    let books = place.legacy("/rutter/orders?access_token=fern-books-token-9d03");
    assert_eq!(books.status, 404);
    let path = "/rutter/accounting/invoices?access_token=fern-books-token-9d03";
    assert_eq!(place.legacy(path).rows("invoices").len(), 40);
}

#[test]
fn five_hundred_calls_in_ten_seconds_are_enough_for_the_whole_organisation() {
    let place = Place::tiny();
    let cedar = BLUEBIRD.replace("bluebird-shop-token-51c2", "cedar-shop-token-a0d7");
    for at in 0..500 {
        let path = if at % 2 == 0 { BLUEBIRD } else { &cedar };
        assert_eq!(place.rutter(&format!("{path}&limit=1")).status, 200, "call {at}");
    }
    let refused = place.rutter(&cedar);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    place.clock.pass(Duration::from_secs(10));
    assert_eq!(place.rutter(&cedar).status, 200);
    let summary = place.admin("GET", "/requests").json()["summary"].clone();
    assert_eq!(summary["most_in_any_10_seconds"]["harbor-client-2f41"], 501);
    assert_eq!(summary["statuses"]["429"], 1);
}

#[test]
fn expand_and_properties_shape_orders_without_touching_a_digit() {
    let place = Place::tiny();
    let plain = place.rutter(&format!("{BLUEBIRD}&limit=1")).rows("orders").remove(0);
    let wide = place.rutter(&format!("{BLUEBIRD}&limit=1&expand=transactions"));
    let wide = wide.rows("orders").remove(0);
    let body = plain.strip_suffix('}').unwrap();
    assert!(wide.starts_with(&format!("{body},\"transactions\":[")), "{wide}");
    let narrow = place.rutter(&format!("{BLUEBIRD}&limit=1&properties=id,total_shipping"));
    let narrow = narrow.rows("orders").remove(0);
    assert!(narrow.ends_with(r#","total_shipping":5.00}"#), "{narrow}");
}

#[test]
fn one_row_is_given_by_id_and_gone_once_deleted() {
    let place = Place::tiny();
    let row = place.rutter(&format!("{BLUEBIRD}&limit=1")).json()["orders"][0].clone();
    let id = row["id"].as_str().unwrap();
    let path = BLUEBIRD.replace("orders?", &format!("orders/{id}?"));
    assert_eq!(place.rutter(&path).json()["order"], row);
    assert_eq!(place.admin("DELETE", &format!("/rows/bluebird-shop/orders/{id}")).status, 204);
    assert_eq!(place.rutter(&path).status, 410);
}

#[test]
fn connections_are_listed_by_status() {
    let place = Place::tiny();
    place.admin("POST", "/ready/cedar-shop?ready=false");
    let count = |query: &str| {
        let list = place.rutter(&format!("/rutter/versioned/connections{query}")).json();
        list["connections"].as_array().unwrap().len()
    };
    assert_eq!((count(""), count("?status=not_ready"), count("?status=disabled")), (2, 1, 0));
}

#[test]
fn a_million_computed_orders_page_like_stored_ones() {
    let place = Place::new(&Size::huge(1_000_000));
    place.admin("POST", "/limits?enforced=false");
    let first = place.rutter(&format!("{BLUEBIRD}&limit=500"));
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    let second = place.rutter(&format!("{BLUEBIRD}&limit=500&cursor={cursor}"));
    let mut ids: BTreeSet<String> = first.rows("orders").into_iter().collect();
    ids.extend(second.rows("orders"));
    assert_eq!(ids.len(), 1_000);
    let since = place.admin("GET", "/world").json()["since"].as_str().unwrap().to_owned();
    let from = since.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let window = format!("{BLUEBIRD}&updated_at_min={from}&updated_at_max={}", from + 59_999);
    let minute = place.walk(&format!("{window}&limit=10"), "orders").len();
    assert!((65..75).contains(&minute), "{minute} orders in the first minute");
}
