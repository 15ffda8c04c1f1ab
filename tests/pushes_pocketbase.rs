//! Files reach a server that nobody here wrote, by the push function and the shipped file alone.
//!
//! `cargo xtask pocketbase` installs and starts `PocketBase` and runs this; it is not part of a plain
//! `cargo test`, and without the server's variable it fails and says so.

#[path = "pushes/ground.rs"]
mod ground;

use std::collections::BTreeMap;

use ground::{Ground, apply, failed, person, spoilt};
use host::Vars;
use lake::delivery::{FileEnd, Verdict};
use ports::Method;
use serde_json::{Value, json};
use testkit::ManualClock;

/// Who may do everything, as the task makes them.
const IDENTITY: &str = "proof@headwater.test";
const PASSWORD: &str = "proof-of-push-1";

/// The collection of people.
const PEOPLE: &str = "pushed";

/// The server, and a function that sends to it.
struct Place {
    url: String,
    token: String,
    ground: Ground,
}

impl Place {
    async fn new() -> Self {
        let url = Vars::process().get("POCKETBASE_URL").expect("run `cargo xtask pocketbase`");
        let clock = ManualClock::at("2026-01-02T03:00:00Z".parse().unwrap());
        let settings = json!({
            "base_url": url, "identity": IDENTITY, "password": PASSWORD, "collection": PEOPLE,
        });
        let ground = Ground::new(&clock, "pocketbase", settings, "password").await;
        let mut place = Self { url, token: String::new(), ground };
        let login = json!({"identity": IDENTITY, "password": PASSWORD});
        let path = "/api/collections/_superusers/auth-with-password";
        let answer = place.call(Method::Post, path, Some(login)).await;
        answer["token"].as_str().unwrap().clone_into(&mut place.token);
        let text = |name: &str| json!({"name": name, "type": "text"});
        let unique =
            |field: &str| format!("CREATE UNIQUE INDEX idx_{PEOPLE}_{field} ON {PEOPLE} ({field})");
        let collection = json!({
            "name": PEOPLE, "type": "base",
            "fields": [
                text("external_id"), {"name": "email", "type": "email", "required": true},
                text("first_name"), text("last_name"), {"name": "points", "type": "number"},
            ],
            "indexes": [unique("external_id"), unique("email")],
        });
        place.call(Method::Post, "/api/collections", Some(collection)).await;
        place
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.url);
        let answer = self.ground.call(method, &url, (&self.token, body)).await;
        serde_json::from_str(&answer).unwrap()
    }

    /// First names by e-mail address, as the server holds them.
    async fn names(&self) -> BTreeMap<String, String> {
        let path = format!("/api/collections/{PEOPLE}/records?perPage=500");
        let answer = self.call(Method::Get, &path, None).await;
        let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        let rows = answer["items"].as_array().unwrap().iter();
        rows.map(|row| (text(row, "email"), text(row, "first_name"))).collect()
    }
}

#[tokio::test]
async fn what_is_created_updated_and_in_conflict_is_told_as_the_server_holds_it() {
    let place = Place::new().await;
    let first: Vec<Value> =
        (0..40).map(|n| if n == 9 { spoilt(n, "first") } else { person(n, "first") }).collect();
    let (done, ends) = place.ground.push("user", "1.csv", &first).await;
    assert_eq!((done.outcome, failed(&ends)), (FileEnd::Partial, vec![11]));
    let mut held = BTreeMap::new();
    apply(&mut held, &first, &ends);
    assert_eq!(place.names().await, held);
    // Known ones change, new ones come, and two have the address of somebody else.
    let mut second: Vec<Value> = (20..60).map(|n| person(n, "second")).collect();
    second[5]["email"] = json!("p001@x.test");
    second[35]["email"] = json!("p002@x.test");
    let (done, ends) = place.ground.push("user", "2.csv", &second).await;
    assert_eq!((done.outcome, failed(&ends)), (FileEnd::Partial, vec![7, 37]));
    assert_eq!(ends[&7].0, Verdict::Failed);
    apply(&mut held, &second, &ends);
    let names = place.names().await;
    assert_eq!(names, held);
    assert_eq!((names["p025@x.test"].as_str(), names.len()), ("first", 58));
    place.ground.holds().await;
}
