use serde_json::{Value, json};

use super::{Messages, Selected, States, read, states};
use crate::tests::{FIRST, LAST, orders_source};

#[test]
fn states_come_one_a_stream_or_in_a_single_global_message() {
    let one = json!({"stream_descriptor": {"name": "orders"}, "stream_state": {"at": "1"}});
    for messages in [
        json!([{"type": "STREAM", "stream": one}]),
        json!([{"type": "STATE", "state": {"type": "STREAM", "stream": one}}]),
        json!([{"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": [one]}}]),
    ] {
        let known = states(&messages).unwrap();
        assert_eq!(known["orders"]["at"], "1", "{messages}");
    }
    assert_eq!(states(&Value::Null).unwrap(), States::new());
}

#[test]
fn a_state_that_would_be_lost_is_refused() {
    for messages in [
        json!({}),
        json!([{"type": "LEGACY", "data": {"orders": {"at": "1"}}}]),
        json!([{"type": "STREAM", "stream": {"stream_state": {"at": "1"}}}]),
        json!([{"type": "GLOBAL", "global": {"shared_state": {"a": 1}, "stream_states": []}}]),
    ] {
        assert!(states(&messages).is_err(), "{messages}");
    }
}

#[tokio::test]
async fn a_stream_that_the_source_does_not_have_is_incomplete_and_stops_no_other() {
    let source = orders_source([FIRST, LAST]);
    let selected = Selected(vec!["gone".to_owned(), "orders".to_owned()]);
    let mut out = Vec::new();
    let summary =
        read(&source, &selected, &States::new(), &mut Messages::new(&mut out)).await.unwrap();
    assert_eq!((summary.records["orders"], summary.failed), (3, vec!["gone".to_owned()]));
    let text = String::from_utf8(out).unwrap();
    let mut messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let error = messages.next().unwrap();
    assert_eq!(error["trace"]["error"]["failure_type"], "config_error");
    let status = messages.next().unwrap();
    assert_eq!(status["trace"]["stream_status"]["status"], "INCOMPLETE");
}
