//! What a page says of the walk that it belongs to, beside its records: whether there is more,
//! and how many there are.

use request::value::{Selection, Value};

use crate::slice::Position;

/// What a page says of its walk's completeness.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Records that the page held, filtered ones among them.
    pub found: u64,
    /// Records that a page can hold, where the manifest says so.
    pub limit: Option<u64>,
    /// Whether the page after it is asked for by the cursor value of its last record alone.
    pub by_cursor: bool,
    /// Whether the source says that there is more; on first and last pages.
    pub more: Option<bool>,
    /// How many records the source says that there are; on first and last pages.
    pub total: Option<u64>,
    /// On the last page of a walk that counts pages or records: the place behind the end.
    pub beyond: Option<Position>,
}

/// Where APIs put what they say of a list, when it does not stand beside the list.
const CONTAINERS: [&str; 12] = [
    "meta",
    "metadata",
    "_meta",
    "pagination",
    "paging",
    "page_info",
    "pageInfo",
    "page",
    "info",
    "result_info",
    "response_metadata",
    "links",
];

/// Names of the flag that there is more.
const MORE: [&str; 9] = [
    "has_more",
    "hasMore",
    "has_next",
    "hasNext",
    "hasNextPage",
    "has_next_page",
    "has_more_items",
    "more_items_in_collection",
    "moreItems",
];

/// Names of the number of all records.
const TOTALS: [&str; 12] = [
    "total",
    "total_count",
    "totalCount",
    "total_results",
    "totalResults",
    "total_records",
    "totalRecords",
    "total_items",
    "totalItems",
    "total_elements",
    "totalElements",
    "total_entries",
];

/// Headers with the number of all records.
const TOTAL_HEADERS: [&str; 4] = ["x-total-count", "x-total", "x-wp-total", "total-count"];

/// The parts of a body that tell, but for the field that leads to the records.
pub(crate) fn telling(records: Option<&str>) -> Selection {
    let mut selection = Selection::nothing();
    let beside = |name: &&str| Some(*name) != records;
    for name in MORE.iter().chain(&TOTALS).filter(|name| beside(name)) {
        selection.add(&[(*name).to_owned()]);
        for container in CONTAINERS.iter().filter(|container| beside(container)) {
            selection.add(&[(*container).to_owned(), (*name).to_owned()]);
        }
    }
    selection
}

/// Whether a body says that there is more.
pub(super) fn more(body: &Value) -> Option<bool> {
    said(body, &MORE, |value| match value {
        Value::Bool(more) => Some(*more),
        _ => None,
    })
}

/// How many records there are, as a body or the headers say.
pub(super) fn total(body: &Value, headers: &[(String, String)]) -> Option<u64> {
    let number = |value: &Value| match value {
        Value::Number(_) => u64::try_from(value.as_i64()?).ok(),
        _ => None,
    };
    let is_total =
        |name: &String| TOTAL_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let header = || headers.iter().find(|(name, _)| is_total(name))?.1.trim().parse().ok();
    said(body, &TOTALS, number).or_else(header)
}

/// What a body says under one of the names, or one of its containers does.
fn said<T>(body: &Value, names: &[&str], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    let within = |dict: &Value| names.iter().find_map(|name| read(dict.get(name)?));
    within(body).or_else(|| CONTAINERS.iter().find_map(|name| within(body.get(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Value {
        Value::select_json(text.as_bytes(), &telling(Some("data"))).unwrap()
    }

    #[test]
    fn bodies_tell_under_the_names_that_apis_use() {
        let told = body(r#"{"data":[],"meta":{"total":7,"page":1},"has_more":true}"#);
        assert_eq!((more(&told), total(&told, &[])), (Some(true), Some(7)));
        let told = body(r#"{"pageInfo":{"hasNextPage":false},"totalCount":"7"}"#);
        assert_eq!((more(&told), total(&told, &[])), (Some(false), None));
        let headers = [("X-Total-Count".to_owned(), "12".to_owned())];
        assert_eq!(total(&body("{}"), &headers), Some(12));
    }

    #[test]
    fn the_records_own_field_is_not_looked_into() {
        assert_eq!(telling(Some("meta")).field("meta"), None);
        assert!(telling(None).field("meta").is_some());
    }
}
