use bytes::Bytes;

use super::*;
use crate::component::Faults;
use crate::value::Value;

fn build(json: serde_json::Value) -> ErrorHandler {
    let faults = Faults::default();
    let handler = ErrorHandler::build(&Component::new(json, "error_handler", 1, &faults));
    assert_eq!(faults.take(), []);
    handler
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Response { status, headers, body: Bytes::from(body.to_owned()) }
}

fn context() -> Context<'static> {
    let config = serde_json::json!({"name": "acme"});
    Context::new(Value::from(&config), "2024-01-06T12:00:00Z".parse().unwrap())
}

fn interpret(handler: &ErrorHandler, response: &Response) -> Resolution {
    handler.interpret(response, "https://h.example/x?key=s3cret", &context()).unwrap()
}

fn action(handler: &ErrorHandler, response: &Response) -> Action {
    interpret(handler, response).action
}

#[test]
fn statuses_have_their_usual_meaning() {
    let handler = ErrorHandler::default();
    for (status, expected) in [
        (200, Action::Success),
        (304, Action::Success),
        (400, Action::Fail),
        (404, Action::Fail),
        (408, Action::Retry),
        (418, Action::Retry),
        (429, Action::RateLimited),
        (503, Action::Retry),
    ] {
        assert_eq!(action(&handler, &answer(status, &[], "")), expected, "{status}");
    }
    assert_eq!(handler.max_attempts(), 6);
}

#[test]
fn the_first_filter_that_matches_decides() {
    let handler = build(serde_json::json!({
        "type": "DefaultErrorHandler", "max_retries": 2,
        "response_filters": [
            {"type": "HttpResponseFilter", "action": "IGNORE", "http_codes": [404]},
            {"action": "RETRY", "predicate": "{{ response.get('code') == 8 and not config.x }}"},
            {"action": "RATE_LIMITED", "predicate": "{{ 'X-Slow' in headers }}"},
            {"action": "FAIL", "failure_type": "config_error", "error_message_contains": "bad token",
             "error_message": "{{ config.name }}: {{ response.errors[0].message }} at {{ request_url }}"},
        ],
    }));
    assert_eq!(action(&handler, &answer(404, &[], "")), Action::Ignore);
    assert_eq!(action(&handler, &answer(200, &[], r#"{"code": 8}"#)), Action::Retry);
    assert_eq!(action(&handler, &answer(200, &[("x-slow", "1")], "{}")), Action::RateLimited);
    assert_eq!(action(&handler, &answer(200, &[], "not json")), Action::Success);
    let failed =
        interpret(&handler, &answer(200, &[], r#"{"errors": [{"message": "a bad token"}]}"#));
    assert_eq!((failed.action, failed.failure), (Action::Fail, Failure::Config));
    assert_eq!(failed.message, "acme: a bad token at https://h.example/x");
    assert_eq!(handler.max_attempts(), 3);
}

#[test]
fn failures_do_not_end_the_search_through_several_handlers() {
    let handler = build(serde_json::json!({
        "type": "CompositeErrorHandler",
        "error_handlers": [
            {"type": "DefaultErrorHandler", "response_filters": [{"action": "FAIL", "http_codes": [403]}]},
            {"type": "DefaultErrorHandler", "response_filters": [{"action": "IGNORE", "http_codes": [403, 429]}]},
        ],
    }));
    assert_eq!(action(&handler, &answer(403, &[], "")), Action::Ignore);
    assert_eq!(action(&handler, &answer(429, &[], "")), Action::Ignore);
    assert_eq!(action(&handler, &answer(404, &[], "")), Action::Fail);
    assert_eq!(action(&handler, &answer(200, &[], "")), Action::Success);
}

#[track_caller]
fn check_wait(strategies: &serde_json::Value, headers: &[(&str, &str)], expected: Wait) {
    let handler = build(serde_json::json!({"backoff_strategies": strategies}));
    let response = answer(429, headers, "");
    let now = "2024-01-06T12:00:00Z".parse().unwrap();
    assert_eq!(handler.wait(Some(&response), 2, now, &context()).unwrap(), expected);
}

#[test]
fn strategies_say_how_long_to_wait() {
    let seconds = |seconds| Wait::For(Duration::from_secs(seconds));
    check_wait(&serde_json::json!([]), &[("retry-after", "99")], seconds(2));
    let constant =
        serde_json::json!([{"type": "ConstantBackoffStrategy", "backoff_time_in_seconds": 5}]);
    check_wait(&constant, &[], seconds(6));
    let exponential = serde_json::json!([{"type": "ExponentialBackoffStrategy"}]);
    check_wait(&exponential, &[], seconds(21));
    let time = serde_json::json!([
        {"type": "WaitTimeFromHeader", "header": "Retry-After", "regex": "\\d+", "max_waiting_time_in_seconds": 60},
    ]);
    check_wait(&time, &[("retry-after", "30s")], seconds(31));
    check_wait(&time, &[], seconds(2));
    let too_long = Wait::TooLong { wait: Duration::from_mins(1), limit: Duration::from_mins(1) };
    check_wait(&time, &[("retry-after", "60")], too_long);
    let until = serde_json::json!([{"type": "WaitUntilTimeFromHeader", "header": "X-Reset", "min_wait": 10}]);
    check_wait(&until, &[("x-reset", "1704542430")], seconds(31));
    check_wait(&until, &[("x-reset", "1704542399")], seconds(11));
}

/// Always the same chance.
#[derive(Debug)]
struct Chance(f64);

impl ports::Ids for Chance {
    fn fresh(&self) -> String {
        String::new()
    }

    fn chance(&self) -> f64 {
        self.0
    }
}

#[test]
fn jitter_lengthens_a_wait_by_up_to_twice_its_range() {
    let now = "2024-01-06T12:00:00Z".parse().unwrap();
    let waited = |strategy: serde_json::Value, chance| {
        let handler = build(serde_json::json!({"backoff_strategies": [strategy]}));
        handler.wait(None, 1, now, &context().ids(&Chance(chance))).unwrap()
    };
    let constant = serde_json::json!({"type": "ConstantBackoffStrategy",
        "backoff_time_in_seconds": 3, "jitter_range_in_seconds": 2});
    let exponential = serde_json::json!({"type": "ExponentialBackoffStrategy",
        "factor": 2, "jitter_range_in_seconds": 0.5});
    for (strategy, chance, seconds) in [
        (&constant, 0.0, 4.0),
        (&constant, 0.5, 6.0),
        (&exponential, 0.0, 5.0),
        (&exponential, 0.5, 5.5),
    ] {
        let expected = Wait::For(Duration::from_secs_f64(seconds));
        assert_eq!(waited(strategy.clone(), chance), expected, "{strategy} {chance}");
    }
    let faults = Faults::default();
    let negative = serde_json::json!({"backoff_strategies": [
        {"type": "ExponentialBackoffStrategy", "jitter_range_in_seconds": -1}]});
    ErrorHandler::build(&Component::new(negative, "error_handler", 1, &faults));
    assert_eq!(faults.take().len(), 1);
}
