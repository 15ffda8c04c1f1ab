//! APIs of other kinds, by their shipped files and answers as they give them.

use model::document::Document;
use ports::Response;
use serde_json::{Value as Json, json};

use crate::{
    Action, Attempt, Call, Destination, Item, ItemVerdict, Judgement, Next, Sent, Session,
};

struct World {
    destination: Destination,
    session: Session,
}

fn world(name: &str, file: &str, config: &Json) -> World {
    let document = Document::parse(name, file).unwrap();
    let destination = Destination::parse(&name.parse().unwrap(), &document);
    let destination = destination.unwrap_or_else(|faults| panic!("{faults:#?}"));
    let session = destination.session(config, "2026-01-02T03:04:05Z".parse().unwrap());
    World { destination, session }
}

fn response(status: u16, body: &Json) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into() }
}

impl World {
    fn render(&self, operation: &str, records: &[Json]) -> Call {
        let operation = self.destination.operation(&operation.parse().unwrap()).unwrap();
        let item = |(n, record): (u64, &Json)| {
            Item::read(&format!("f#{n}"), "f.csv", n, record.to_string().as_bytes()).unwrap()
        };
        let items: Vec<Item> = (1..).zip(records).map(item).collect();
        let rendered = self.destination.render(operation, &self.session, &items, 0).unwrap();
        rendered.ready().unwrap().call.unwrap()
    }

    fn judge(&self, operation: &str, call: &Call, answer: (u16, &Json)) -> Judgement {
        let operation = self.destination.operation(&operation.parse().unwrap()).unwrap();
        let attempt = Attempt::default();
        let sent = Sent { references: &call.references, attempt: &attempt, chance: 0.0 };
        self.destination.judge(operation, &self.session, &sent, Ok(&response(answer.0, answer.1)))
    }
}

fn settled(judgement: Judgement) -> Vec<ItemVerdict> {
    match judgement.next {
        Next::Settled(items) => items,
        other => panic!("{other:?}"),
    }
}

fn body(call: &Call) -> Json {
    serde_json::from_slice(call.body.as_deref().unwrap()).unwrap()
}

#[test]
fn a_multi_status_answer_names_its_failures_by_trace_id() {
    let file = include_str!("../../../../config/destinations/hubspot.yaml");
    let hubspot = world("hubspot", file, &json!({"access_token": "t"}));
    let records = [
        json!({"email": "a@x.org", "first_name": "Ada", "mobile": "0049"}),
        json!({"email": "b@x.org", "last_name": "B"}),
        json!({"email": "c@x.org"}),
    ];
    let call = hubspot.render("UPSERT", &records);
    assert_eq!(call.url, "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert");
    assert_eq!(
        body(&call)["inputs"][0],
        json!({"id": "a@x.org", "idProperty": "email", "objectWriteTraceId": "f#1",
               "properties": {"email": "a@x.org", "firstname": "Ada", "phone": "0049"}})
    );
    let answer = json!({
        "status": "COMPLETE", "numErrors": 1,
        "results": [
            {"id": "903", "objectWriteTraceId": "f#3", "new": true},
            {"id": "901", "objectWriteTraceId": "f#1", "new": false},
        ],
        "errors": [{"status": "error", "category": "VALIDATION_ERROR", "message": "bad e-mail",
                    "context": {"objectWriteTraceId": ["f#2"]}}],
    });
    let judgement = hubspot.judge("UPSERT", &call, (207, &answer));
    assert!(judgement.unknown.is_empty());
    let items = settled(judgement);
    let shown: Vec<_> = items
        .iter()
        .map(|item| (item.reference.as_str(), item.action.clone(), item.entity_id.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("f#1", Action::Succeed, Some("901")),
            ("f#2", Action::Fail, None),
            ("f#3", Action::Succeed, Some("903")),
        ]
    );
    assert_eq!(items[1].code.as_deref(), Some("VALIDATION_ERROR"));

    let daily = json!({"errorType": "RATE_LIMIT", "policyName": "DAILY"});
    let judgement = hubspot.judge("UPSERT", &call, (429, &daily));
    assert!(
        matches!(judgement.next, Next::Repeat { wait, pause: true, .. } if wait.as_secs() == 3600)
    );
    assert_eq!(judgement.alarms.len(), 1);
    let whole = json!({"category": "VALIDATION_ERROR", "message": "not unique"});
    assert_eq!(hubspot.judge("UPSERT", &call, (400, &whole)).next, Next::Split);
}

#[test]
fn indexed_errors_fail_their_own_items_and_no_others() {
    let file = include_str!("../../../../config/destinations/braze.yaml");
    let braze = world("braze", file, &json!({"base_url": "https://rest.example", "api_key": "k"}));
    let records = [1, 2, 3].map(|n| json!({"external_id": format!("u{n}")}));
    let call = braze.render("ATTRIBUTES", &records);
    assert_eq!(body(&call), json!({"attributes": records}));
    let answer = json!({
        "message": "success", "attributes_processed": 2,
        "errors": [
            {"type": "'email' is invalid", "input_array": "attributes", "index": 1},
            {"type": "other", "input_array": "events", "index": 0},
        ],
    });
    let judgement = braze.judge("ATTRIBUTES", &call, (201, &answer));
    assert_eq!((judgement.strays, judgement.unknown.len()), (0, 0));
    let items = settled(judgement);
    let actions: Vec<_> = items.iter().map(|item| item.action.clone()).collect();
    assert_eq!(actions, [Action::Succeed, Action::Fail, Action::Succeed]);
    assert_eq!(items[1].message.as_deref(), Some("'email' is invalid"));

    let queued = settled(braze.judge("ATTRIBUTES", &call, (202, &json!({"message": "queued"}))));
    assert!(queued.iter().all(|item| item.action == Action::Succeed));
    let fatal = json!({"message": "Valid data must be provided"});
    assert_eq!(braze.judge("ATTRIBUTES", &call, (201, &fatal)).next, Next::Split);

    // A purchase that may have counted is not sent again.
    let call = braze.render("PURCHASES", &[json!({"trx_id": "t", "amount": 1})]);
    let items = settled(braze.judge("PURCHASES", &call, (500, &json!({}))));
    assert_eq!(items[0].action, Action::Unknown);
}

#[test]
fn a_job_is_followed_until_its_pages_of_errors_are_read() {
    let file = include_str!("../../../../config/destinations/klaviyo.yaml");
    let klaviyo = world("klaviyo", file, &json!({"api_key": "k"}));
    let records = [1, 2, 3, 4].map(|n| json!({"external_id": format!("u{n}"), "phone": "1"}));
    let call = klaviyo.render("IMPORT", &records);
    assert_eq!(
        body(&call)["data"]["attributes"]["profiles"]["data"][3]["attributes"],
        json!({"external_id": "u4", "phone_number": "1"})
    );
    let destination = &klaviyo.destination;
    let import = destination.operation(&"IMPORT".parse().unwrap()).unwrap();
    let attempt = Attempt::default();
    let sent = Sent { references: &call.references, attempt: &attempt, chance: 0.0 };

    let taken = json!({"data": {"type": "profile-bulk-import-job", "id": "J1"}});
    let mut next = klaviyo.judge("IMPORT", &call, (202, &taken)).next;
    let state = |state: &str| json!({"data": {"attributes": {"status": state}}});
    let error = |at: u32, code: &str| {
        let pointer = format!("/data/attributes/profiles/data/{at}/attributes/phone_number");
        json!({"type": "import-error", "attributes": {"code": code, "detail": "bad number", "source": {"pointer": pointer}}})
    };
    let base = "https://a.klaviyo.com/api/profile-bulk-import-jobs/J1";
    let second = format!("{base}/import-errors?page%5Bcursor%5D=x");
    let pages = [
        (503, base.to_owned(), json!({})),
        (200, base.to_owned(), state("queued")),
        (200, base.to_owned(), state("complete")),
        (
            200,
            format!("{base}/import-errors"),
            json!({"data": [error(2, "invalid"), error(9, "stray")], "links": {"next": second}}),
        ),
        (200, second.clone(), json!({"data": [error(0, "duplicate")], "links": {"next": null}})),
    ];
    for (status, url, answer) in pages {
        let Next::Job { job, .. } = next else { panic!("{next:?}") };
        // What is kept between two calls is its stored form.
        let job = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
        let asked = destination.follow(import, &klaviyo.session, &job).unwrap();
        assert_eq!(asked.url, url);
        let answer = response(status, &answer);
        next = destination.judge_job(import, &klaviyo.session, &sent, (&job, Ok(&answer))).next;
    }
    let Next::Settled(items) = next else { panic!("{next:?}") };
    let shown: Vec<_> =
        items.iter().map(|item| (item.action.clone(), item.code.as_deref())).collect();
    assert_eq!(
        shown,
        [
            (Action::Fail, Some("duplicate")),
            (Action::Succeed, None),
            (Action::Fail, Some("invalid")),
            (Action::Succeed, None),
        ]
    );
}

#[test]
fn a_job_that_is_cancelled_or_takes_too_long_ends() {
    let file = include_str!("../../../../config/destinations/klaviyo.yaml");
    let klaviyo = world("klaviyo", file, &json!({"api_key": "k"}));
    let call = klaviyo.render("IMPORT", &[json!({"id": "u1"})]);
    let destination = &klaviyo.destination;
    let import = destination.operation(&"IMPORT".parse().unwrap()).unwrap();
    let attempt = Attempt::default();
    let sent = Sent { references: &call.references, attempt: &attempt, chance: 0.0 };
    let Next::Job { job, .. } =
        klaviyo.judge("IMPORT", &call, (202, &json!({"data": {"id": "J"}}))).next
    else {
        panic!()
    };
    let told = |state: &str, session: &Session| {
        let answer = response(200, &json!({"data": {"attributes": {"status": state}}}));
        let judgement = destination.judge_job(import, session, &sent, (&job, Ok(&answer)));
        (settled(judgement.clone()), judgement)
    };
    let (items, _) = told("cancelled", &klaviyo.session);
    assert!(matches!(items[0].action, Action::Retry { wait } if wait.as_secs() == 60));
    let (items, judgement) = told("exploded", &klaviyo.session);
    assert_eq!(
        (items[0].action.clone(), judgement.unknown),
        (Action::Fail, vec!["exploded".to_owned()])
    );
    let later = destination.session(&json!({}), "2026-01-03T04:00:00Z".parse().unwrap());
    let (items, _) = told("processing", &later);
    assert_eq!(items[0].action, Action::Unknown);
    // Without an id there is nothing to ask by.
    let items = settled(klaviyo.judge("IMPORT", &call, (202, &json!({}))));
    assert_eq!(items[0].action, Action::Unknown);
}

#[test]
fn pages_on_other_hosts_are_refused() {
    let file = include_str!("../../../../config/destinations/klaviyo.yaml");
    let klaviyo = world("klaviyo", file, &json!({"api_key": "k"}));
    let call = klaviyo.render("IMPORT", &[json!({"id": "u1"})]);
    let destination = &klaviyo.destination;
    let import = destination.operation(&"IMPORT".parse().unwrap()).unwrap();
    let attempt = Attempt::default();
    let sent = Sent { references: &call.references, attempt: &attempt, chance: 0.0 };
    let Next::Job { mut job, .. } =
        klaviyo.judge("IMPORT", &call, (202, &json!({"data": {"id": "J"}}))).next
    else {
        panic!()
    };
    let answers = [
        json!({"data": {"attributes": {"status": "complete"}}}),
        json!({"data": [], "links": {"next": "https://evil.example/x"}}),
    ];
    for answer in answers {
        let answer = response(200, &answer);
        let judgement = destination.judge_job(import, &klaviyo.session, &sent, (&job, Ok(&answer)));
        let Next::Job { job: next, .. } = judgement.next else { panic!() };
        job = next;
    }
    let refused = destination.follow(import, &klaviyo.session, &job).unwrap_err();
    assert!(refused.to_string().contains("evil.example"), "{refused}");
}

#[test]
fn a_value_that_is_not_unique_goes_on_as_an_update() {
    let file = include_str!("../../../../config/destinations/pocketbase.yaml");
    let config = json!({"base_url": "http://h", "collection": "people"});
    let pocketbase = world("pocketbase", file, &config);
    let call = pocketbase.render("CREATE", &[json!({"external_id": "a", "email": "a@x"})]);
    let refused =
        |data: &Json| json!({"data": data, "message": "Failed to create record.", "status": 400});
    let taken = refused(&json!({"id": {"code": "validation_not_unique", "message": "x"}}));
    let items = settled(pocketbase.judge("CREATE", &call, (400, &taken)));
    assert_eq!(items[0].action, Action::Reroute { to: "UPDATE".parse().unwrap() });
    let missing = refused(&json!({"external_id": {"code": "validation_required"}}));
    let items = settled(pocketbase.judge("CREATE", &call, (400, &missing)));
    assert_eq!(items[0].action, Action::Fail);
    assert_eq!(items[0].code.as_deref(), Some("validation_required"));
    // None with that id: another record has one of its values.
    let none =
        json!({"data": {}, "message": "The requested resource wasn't found.", "status": 404});
    let items = settled(pocketbase.judge("UPDATE", &call, (404, &none)));
    assert_eq!(items[0].action, Action::Fail);
    assert!(matches!(pocketbase.judge("CREATE", &call, (404, &none)).next, Next::Stop { .. }));
    let made = settled(pocketbase.judge("CREATE", &call, (200, &json!({"id": "x"}))));
    assert_eq!(made[0].action, Action::Succeed);
}
