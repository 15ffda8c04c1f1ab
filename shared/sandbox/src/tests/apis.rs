//! The stand-ins, called as their vendors' documentation has it.

use serde_json::{Value, json};

use super::{Answer, Place, send};

impl Place {
    fn call(&self, call: (&str, &str), authorization: &str, body: &Value) -> Answer {
        let headers = [
            ("authorization", authorization),
            ("revision", "2025-10-15"),
            ("content-type", "application/vnd.api+json"),
        ];
        send(self.running.address(), call, &headers, &body.to_string())
    }

    fn contacts(&self, inputs: &Value) -> Answer {
        let path = "/hubspot/crm/v3/objects/contacts/batch/upsert";
        let body = json!({ "inputs": inputs });
        self.call(("POST", path), "Bearer heron-hubspot-token-8d20", &body)
    }

    fn track(&self, body: &Value) -> Answer {
        self.call(("POST", "/braze/users/track"), "Bearer heron-braze-key-6a17", body)
    }

    fn klaviyo(&self, call: (&str, &str), body: &Value) -> Answer {
        let path = format!("/klaviyo/api/profile-bulk-import-jobs{}", call.1);
        self.call((call.0, &path), "Klaviyo-API-Key heron-klaviyo-key-c5b9", body)
    }

    pub(super) fn stored(&self, api: &str) -> Vec<Value> {
        let body = self.admin("GET", &format!("/apis/{api}/stored")).body;
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn fail(&self, api: &str, switch: &Value) {
        let path = format!("/__admin/apis/{api}/faults");
        let answer = send(self.running.address(), ("POST", &path), &[], &switch.to_string());
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
}

fn contact(trace: &str, email: &str) -> Value {
    let properties = json!({ "email": email, "firstname": trace });
    json!({ "id": email, "idProperty": "email", "objectWriteTraceId": trace, "properties": properties })
}

#[test]
fn contacts_that_are_taken_and_errors_without_positions_come_in_one_answer() {
    let place = Place::tiny();
    let inputs =
        json!([contact("a", "a@x.test"), contact("b", "nobody"), contact("c", "c@x.test")]);
    let answer = place.contacts(&inputs);
    let body = answer.json();
    assert_eq!((answer.status, &body["numErrors"]), (207, &json!(1)));
    assert_eq!(body["errors"][0]["context"]["objectWriteTraceId"], json!(["b"]));
    let traces =
        body["results"].as_array().unwrap().iter().map(|one| one["objectWriteTraceId"].clone());
    assert_eq!(traces.collect::<Vec<_>>(), ["c", "a"]);
    let again = place.contacts(&json!([contact("d", "A@x.test")]));
    assert_eq!((again.status, &again.json()["results"][0]["new"]), (200, &json!(false)));
    assert_eq!(place.stored("hubspot").len(), 2);
}

#[test]
fn a_batch_of_contacts_that_makes_no_sense_is_refused_whole() {
    let place = Place::tiny();
    let twice = json!([contact("a", "a@x.test"), contact("b", "a@x.test")]);
    assert_eq!(place.contacts(&twice).status, 400);
    let many: Vec<Value> = (0..101).map(|n| contact("t", &format!("{n}@x.test"))).collect();
    assert_eq!(place.contacts(&json!(many)).status, 400);
    let busy = json!([contact("a", "busy-1@x.test")]);
    let answers = [(); 3].map(|()| place.contacts(&busy).status);
    assert_eq!(answers, [207, 207, 200]);
}

#[test]
fn errors_of_tracked_users_name_array_and_place() {
    let place = Place::tiny();
    let purchase = |price: Value| json!({ "external_id": "u1", "product_id": "p", "currency": "EUR", "time": "2026-01-01T00:00:00Z", "price": price });
    let body = json!({
        "attributes": [{ "external_id": "u1", "first_name": "Ada" }, { "first_name": "Nobody" }],
        "purchases": [purchase(json!(1.5)), purchase(json!("much"))],
    });
    let answer = place.track(&body);
    let said = answer.json();
    assert_eq!((answer.status, &said["message"]), (201, &json!("success")));
    assert_eq!(
        (&said["attributes_processed"], &said["purchases_processed"]),
        (&json!(1), &json!(1))
    );
    let places: Vec<_> = said["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["input_array"].clone(), e["index"].clone()))
        .collect();
    assert_eq!(places, [(json!("attributes"), json!(1)), (json!("purchases"), json!(1))]);
    let many: Vec<Value> = (0..76).map(|n| json!({ "external_id": n.to_string() })).collect();
    assert_eq!(place.track(&json!({ "attributes": many })).status, 400);
    assert_eq!(place.track(&json!({})).status, 400);
    assert_eq!(place.stored("braze").len(), 2);
}

fn profiles(emails: &[String]) -> Value {
    let profile = |email: &String| json!({ "type": "profile", "attributes": { "email": email } });
    let all: Vec<Value> = emails.iter().map(profile).collect();
    json!({ "data": { "type": "profile-bulk-import-job", "attributes": { "profiles": { "data": all } } } })
}

#[test]
fn a_job_is_done_later_and_its_errors_come_in_pages() {
    let place = Place::tiny();
    let email =
        |n: usize| if n.is_multiple_of(2) { format!("{n}@x.test") } else { format!("bad {n}") };
    let emails: Vec<String> = (0..50).map(email).collect();
    let taken = place.klaviyo(("POST", ""), &profiles(&emails));
    assert_eq!(
        (taken.status, &taken.json()["data"]["attributes"]["status"]),
        (202, &json!("queued"))
    );
    let id = taken.json()["data"]["id"].as_str().unwrap().to_owned();
    let asked = || place.klaviyo(("GET", &format!("/{id}")), &json!({})).json();
    assert_eq!(asked()["data"]["attributes"]["status"], "processing");
    assert_eq!(asked()["data"]["attributes"]["failed_count"], 25);
    let first = place.klaviyo(("GET", &format!("/{id}/import-errors")), &json!({})).json();
    let next = first["links"]["next"].as_str().unwrap();
    let (from, rest) = next.split_once("/import-errors").unwrap();
    assert!(from.starts_with("http://"), "{next}");
    let second = place.klaviyo(("GET", &format!("/{id}/import-errors{rest}")), &json!({})).json();
    let pages = [&first, &second].map(|page| page["data"].as_array().unwrap().len());
    assert_eq!((pages, &second["links"]["next"]), ([20, 5], &Value::Null));
    let pointer = &first["data"][0]["attributes"]["source"]["pointer"];
    assert_eq!(pointer, "/data/attributes/profiles/data/1/attributes/email");
    assert_eq!(place.stored("klaviyo").len(), 25);
}

#[test]
fn a_job_may_be_cancelled_and_calls_without_a_revision_are_refused() {
    let place = Place::tiny();
    let profile = json!({ "type": "profile", "attributes": { "external_id": "cancel-1" } });
    let body = json!({ "data": { "attributes": { "profiles": { "data": [profile] } } } });
    place.klaviyo(("POST", ""), &body);
    let asked = [(); 2].map(|()| place.klaviyo(("GET", "/1"), &json!({})).json());
    assert_eq!(asked[1]["data"]["attributes"]["status"], "cancelled");
    assert!(place.stored("klaviyo").is_empty());
    let path = "/klaviyo/api/profile-bulk-import-jobs/1";
    let headers = [("authorization", "Klaviyo-API-Key heron-klaviyo-key-c5b9")];
    assert_eq!(place.get(path, &headers).status, 400);
    assert_eq!(place.klaviyo(("GET", "/9"), &json!({})).status, 404);
}

#[test]
fn stand_ins_keep_to_their_limits_and_fail_when_told_to() {
    let place = Place::tiny();
    let ask = || place.klaviyo(("GET", "/9"), &json!({}));
    let answers: Vec<Answer> = (0..11).map(|_| ask()).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses[..10], [404; 10]);
    assert_eq!((statuses[10], answers[10].header("retry-after")), (429, Some("1")));
    assert_eq!(place.admin("POST", "/apis/klaviyo/limits?enforced=false").status, 204);
    assert_eq!(ask().status, 404);

    place.fail("hubspot", &json!({ "status": 500, "times": 1, "committed": true }));
    place.fail("hubspot", &json!({ "status": 429, "times": 1, "retry_after": 3 }));
    let inputs = json!([contact("a", "a@x.test")]);
    assert_eq!(place.contacts(&inputs).status, 500);
    assert_eq!(place.contacts(&inputs).header("retry-after"), Some("3"));
    assert_eq!(place.stored("hubspot").len(), 1);
    let seen = place.admin("GET", "/apis/hubspot").json();
    assert_eq!(seen["calls"]["statuses"], json!({ "429": 1, "500": 1 }));
    place.admin("DELETE", "/apis/hubspot");
    assert!(place.stored("hubspot").is_empty());
    assert_eq!(place.contacts(&inputs).status, 200);
}
