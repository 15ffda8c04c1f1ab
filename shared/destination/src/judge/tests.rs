//! The action table of the CRM, row by row, by its shipped file.

use std::time::Duration;

use model::document::Document;
use ports::{HttpError, Response};
use serde_json::{Value as Json, json};

use super::*;
use crate::verdict::{Action, ItemVerdict};

struct World {
    crm: Destination,
    session: Session,
}

fn world() -> World {
    let file = include_str!("../../../../config/destinations/crm.yaml");
    let crm =
        Destination::parse(&"crm".parse().unwrap(), &Document::parse("crm.yaml", file).unwrap());
    let crm = crm.unwrap_or_else(|faults| panic!("{faults:#?}"));
    let config = json!({
        "base_url": "http://127.0.0.1:9", "client_id": "c", "client_secret": "s", "api_key": "k",
    });
    let session = crm.session(&config, "2026-01-02T03:04:05Z".parse().unwrap());
    World { crm, session }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &Json) -> Response {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Response { status, headers, body: body.to_string().into() }
}

fn timed_out() -> HttpError {
    HttpError::TimedOut { host: "crm".to_owned(), after: Duration::from_secs(30) }
}

impl World {
    fn judge(
        &self,
        operation: &str,
        items: usize,
        attempt: &Attempt,
        answer: Answer<'_>,
    ) -> Judgement {
        let operation = self.crm.operation(&operation.parse().unwrap()).unwrap();
        let references: Vec<String> = (1..=items).map(|n| format!("f#{n}")).collect();
        let sent = Sent { references: &references, attempt, chance: 0.0 };
        self.crm.judge(operation, &self.session, &sent, answer)
    }

    /// The verdict of a single item whose result is this.
    fn item(&self, operation: &str, result: Json) -> (ItemVerdict, Judgement) {
        let mut result = result;
        result["ref"] = json!("f#1");
        let response = answer(200, &[], &json!({"status": "PARTIAL", "results": [result]}));
        let judgement = self.judge(operation, 1, &Attempt::default(), Ok(&response));
        let Next::Settled(items) = &judgement.next else { panic!("{judgement:?}") };
        (items[0].clone(), judgement)
    }
}

fn settled(judgement: &Judgement) -> Vec<Action> {
    match &judgement.next {
        Next::Settled(items) => items.iter().map(|item| item.action.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

const OPERATIONS: [&str; 3] = ["ADD_CUST", "UPD_CUST", "ADD_TRX"];
const RETRY: Action = Action::Retry { wait: Duration::from_secs(1) };

fn reroute(to: &str) -> Action {
    Action::Reroute { to: to.parse().unwrap() }
}

#[test]
fn each_code_of_an_item_has_its_action_by_operation() {
    let defer = Action::Defer { wait: Duration::from_secs(30) };
    let fail = || Action::Fail;
    let same = |action: Action| [action.clone(), action.clone(), action];
    let table = [
        (json!(200), same(Action::Succeed)),
        (json!(600), same(Action::Succeed)),
        (json!(8006), [reroute("UPD_CUST"), fail(), fail()]),
        (json!(3217), same(Action::Fail)),
        (json!(8007), same(Action::Fail)),
        (json!(8008), same(Action::Fail)),
        (json!("CONFLICTING_PROFILE"), same(Action::Fail)),
        (json!(8015), [fail(), fail(), defer]),
        (json!(8026), same(Action::Fail)),
        (json!(624), [fail(), fail(), fail()]),
        (json!(604), [fail(), fail(), Action::Duplicate]),
        (json!(521), same(RETRY)),
        (json!(461), same(RETRY)),
        (json!(9999), same(Action::Fail)),
    ];
    let world = world();
    for (status, actions) in table {
        for (operation, action) in OPERATIONS.iter().zip(actions) {
            let (item, _) = world.item(operation, json!({"status": status, "message": "why"}));
            assert_eq!(item.action, action, "{operation} {status}");
            assert_eq!(item.message.as_deref(), Some("why"));
        }
    }
}

#[test]
fn a_code_that_no_rule_knows_fails_and_is_told() {
    let world = world();
    let (item, judgement) = world.item("ADD_CUST", json!({"status": 9999}));
    assert_eq!((item.action, judgement.unknown), (Action::Fail, vec!["9999".to_owned()]));
    let (_, known) = world.item("ADD_CUST", json!({"status": 3217}));
    assert!(known.unknown.is_empty());
    let teapot = answer(418, &[], &json!({}));
    let judgement = world.judge("ADD_CUST", 2, &Attempt::default(), Ok(&teapot));
    assert_eq!(settled(&judgement), [Action::Fail, Action::Fail]);
    assert_eq!(judgement.unknown, ["418"]);
}

#[test]
fn errors_beside_a_status_of_success_are_failures() {
    let world = world();
    let errors =
        json!({"status": 200, "errors": [{"code": 8008, "message": "Conflicting profile"}]});
    let (item, _) = world.item("UPD_CUST", errors);
    assert_eq!(item.action, Action::Fail);
    assert_eq!(item.code.as_deref(), Some("8008"));
    let (item, judgement) =
        world.item("UPD_CUST", json!({"status": 200, "errors": [{"message": "x"}]}));
    assert_eq!((item.action, judgement.unknown.len()), (Action::Fail, 0));
    let (item, _) = world.item("UPD_CUST", json!({"status": 200, "errors": []}));
    assert_eq!(item.action, Action::Succeed);
}

#[test]
fn a_conflict_told_only_by_its_message_fails_as_known() {
    let (item, judgement) =
        world().item("UPD_CUST", json!({"status": 8999, "message": "Conflicting profile error"}));
    assert_eq!((item.action, judgement.unknown.len()), (Action::Fail, 0));
}

#[test]
fn warnings_and_entity_ids_are_kept() {
    let result = json!({"status": 200, "entity_id": 77, "warnings": ["w", {"code": 9601}]});
    let (item, _) = world().item("ADD_CUST", result);
    assert_eq!(item.entity_id.as_deref(), Some("77"));
    assert_eq!(item.warnings, ["w", r#"{"code":9601}"#]);
}

#[test]
fn an_update_of_nobody_is_added_where_the_configuration_wants_it() {
    let mut world = world();
    let config = json!({"base_url": "http://h", "on_missing": "add"});
    world.session = world.crm.session(&config, world.session.now);
    let (item, _) = world.item("UPD_CUST", json!({"status": 8015}));
    assert_eq!(item.action, reroute("ADD_CUST"));
}

#[test]
fn an_item_is_sent_on_once() {
    let world = world();
    let rerouted = Attempt { reroutes: 1, ..Attempt::default() };
    let body = json!({"results": [{"ref": "f#1", "status": 8006, "message": "exists"}]});
    let response = answer(200, &[], &body);
    let judgement = world.judge("ADD_CUST", 1, &rerouted, Ok(&response));
    let Next::Settled(items) = judgement.next else { panic!() };
    assert_eq!(items[0].action, Action::Fail);
    assert_eq!(
        items[0].message.as_deref(),
        Some("exists (not sent on to UPD_CUST: it was sent on before)")
    );
}

#[test]
fn an_item_without_a_result_goes_again() {
    let world = world();
    let response = answer(
        200,
        &[],
        &json!({"results": [
            {"ref": "f#3", "status": 3217}, {"ref": "else#1", "status": 200}, {"ref": "f#1", "status": 200},
        ]}),
    );
    let judgement = world.judge("ADD_CUST", 3, &Attempt::default(), Ok(&response));
    assert_eq!(settled(&judgement), [Action::Succeed, RETRY, Action::Fail]);
    assert_eq!(judgement.strays, 1);
    let response = Response { status: 200, headers: vec![], body: "<html>".into() };
    let judgement = world.judge("ADD_CUST", 2, &Attempt::default(), Ok(&response));
    assert_eq!(settled(&judgement), [RETRY, RETRY]);
}

#[test]
fn each_status_of_a_request_has_its_action() {
    let world = world();
    let judge = |status: u16, headers: &[(&str, &str)], items: usize| {
        let response = answer(status, headers, &json!({"code": "X", "message": "why"}));
        world.judge("ADD_CUST", items, &Attempt::default(), Ok(&response))
    };
    for status in [400, 415, 413] {
        assert_eq!(judge(status, &[], 2).next, Next::Split, "{status}");
        assert_eq!(settled(&judge(status, &[], 1)), [Action::Fail], "{status}");
    }
    for status in [403, 404, 405] {
        let judgement = judge(status, &[], 2);
        let reason = "ADD_CUST was answered with X: why".to_owned();
        assert_eq!(judgement.next, Next::Stop { reason: reason.clone() }, "{status}");
        assert_eq!(judgement.alarms, [reason], "{status}");
    }
    let refreshed = Attempt { refreshed: true, ..Attempt::default() };
    assert_eq!(judge(401, &[], 2).next, Next::Refresh { attempt: refreshed.clone() });
    let expired = answer(401, &[], &json!({"code": "TOKEN_EXPIRED"}));
    let again = world.judge("ADD_CUST", 2, &refreshed, Ok(&expired));
    assert!(matches!(again.next, Next::Stop { .. }));

    let judgement = judge(409, &[], 2);
    assert_eq!(settled(&judgement), [Action::Fail, Action::Fail]);
    assert_eq!((judgement.alarms.len(), judgement.unknown.len()), (1, 0));
}

#[test]
fn too_many_items_are_told_by_code_too() {
    let response = answer(400, &[], &json!({"code": 1060}));
    let judgement = world().judge("ADD_CUST", 101, &Attempt::default(), Ok(&response));
    assert_eq!(judgement.next, Next::Split);
}

#[test]
fn too_many_calls_wait_as_asked_and_count_nothing() {
    let world = world();
    let attempt = Attempt { tries: 6, ..Attempt::default() };
    let wait = |headers: &[(&str, &str)]| {
        let response = answer(429, headers, &json!({}));
        match world.judge("ADD_CUST", 2, &attempt, Ok(&response)).next {
            Next::Repeat { wait, known: true, pause: true, attempt } if attempt.tries == 6 => {
                wait.as_secs()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(&[("Retry-After", "17")]), 17);
    assert_eq!(wait(&[("Retry-After", "Fri, 02 Jan 2026 03:05:05 GMT")]), 60);
    let reset = (world.session.now.as_second() + 9).to_string();
    assert_eq!(wait(&[("X-RateLimit-Remaining", "0"), ("x-ratelimit-reset", &reset)]), 9);
    assert_eq!(wait(&[]), 5);
}

#[test]
fn an_unknown_outcome_goes_again_under_the_same_key_up_to_a_bound() {
    let world = world();
    let error = timed_out();
    let seen = [500, 502, 503, 504, 408].map(|status| answer(status, &[], &json!({})));
    let mut answers: Vec<Answer<'_>> = seen.iter().map(Ok).collect();
    answers.push(Err(&error));
    for answer in answers {
        let mut attempt = Attempt::default();
        let mut waits = Vec::new();
        let last = loop {
            match world.judge("ADD_CUST", 2, &attempt, answer).next {
                Next::Repeat { wait, known: false, pause: false, attempt: next } => {
                    waits.push(wait.as_secs());
                    attempt = next;
                }
                other => break other,
            }
        };
        assert_eq!(waits, [1, 2, 4, 8, 16, 32]);
        let Next::Settled(items) = last else { panic!("{last:?}") };
        assert!(items.iter().all(|item| item.action == Action::Unknown));
    }
}

#[test]
fn waits_are_shortened_by_chance_and_capped() {
    let world = world();
    let add = world.crm.operation(&"ADD_CUST".parse().unwrap()).unwrap();
    let error = timed_out();
    let references = ["a".to_owned()];
    let wait = |tries: u32, chance: f64| {
        let attempt = Attempt { tries, ..Attempt::default() };
        let sent = Sent { references: &references, attempt: &attempt, chance };
        match world.crm.judge(add, &world.session, &sent, Err(&error)).next {
            Next::Repeat { wait, .. } => wait.as_secs_f64(),
            other => panic!("{other:?}"),
        }
    };
    assert!((wait(2, 0.5) - 3.0).abs() < 1e-9);
    assert!((wait(5, 0.0) - 32.0).abs() < 1e-9);
}

#[test]
fn what_policy_refuses_stops_the_destination() {
    let refused = HttpError::Refused { host: "h".to_owned(), reason: "private".to_owned() };
    let judgement = world().judge("ADD_CUST", 1, &Attempt::default(), Err(&refused));
    assert!(matches!(judgement.next, Next::Stop { .. }));
}

#[test]
fn items_go_on_in_batches_of_their_kind() {
    let world = world();
    let add = world.crm.operation(&"ADD_CUST".parse().unwrap()).unwrap();
    let references: Vec<String> = (1..=6).map(|n| format!("f#{n}")).collect();
    let attempt = Attempt { tries: 1, ..Attempt::default() };
    let sent = Sent { references: &references, attempt: &attempt, chance: 0.0 };
    let statuses = [200, 8006, 521, 8006, 3217];
    let results: Vec<Json> = references
        .iter()
        .zip(statuses)
        .map(|(reference, status)| json!({"ref": reference, "status": status}))
        .collect();
    let response = answer(200, &[], &json!({"results": results}));
    let judgement = world.crm.judge(add, &world.session, &sent, Ok(&response));
    let children = world.crm.children(add, &sent, &judgement);
    let shown: Vec<_> = children
        .iter()
        .map(|c| {
            (c.operation.as_str(), c.references.join(" "), c.attempt.tries, c.attempt.reroutes)
        })
        .collect();
    assert_eq!(
        shown,
        [("UPD_CUST", "f#2 f#4".to_owned(), 0, 1), ("ADD_CUST", "f#3 f#6".to_owned(), 2, 0),]
    );
}

#[test]
fn halves_find_one_bad_item_among_a_hundred() {
    let world = world();
    let add = world.crm.operation(&"ADD_CUST".parse().unwrap()).unwrap();
    let mut open = vec![(1..=100).map(|n| format!("f#{n}")).collect::<Vec<String>>()];
    let (mut succeeded, mut failed, mut calls) = (0, Vec::new(), 0);
    while let Some(references) = open.pop() {
        calls += 1;
        let attempt = Attempt::default();
        let sent = Sent { references: &references, attempt: &attempt, chance: 0.0 };
        let results: Vec<Json> =
            references.iter().map(|name| json!({"ref": name, "status": 200})).collect();
        let response = if references.contains(&"f#37".to_owned()) {
            answer(400, &[], &json!({"code": "MALFORMED"}))
        } else {
            answer(200, &[], &json!({"results": results}))
        };
        let judgement = world.crm.judge(add, &world.session, &sent, Ok(&response));
        open.extend(world.crm.children(add, &sent, &judgement).into_iter().map(|c| c.references));
        if let Next::Settled(items) = judgement.next {
            succeeded += items.iter().filter(|item| item.action == Action::Succeed).count();
            failed.extend(items.into_iter().filter(|item| item.action == Action::Fail));
        }
    }
    assert_eq!((succeeded, failed.len()), (99, 1));
    assert_eq!(failed[0].reference, "f#37");
    assert!(calls <= 15, "{calls}");
}
