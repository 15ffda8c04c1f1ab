//! A server that nobody here wrote: records are created, updated and refused as conflicts by the
//! shipped file alone.
//!
//! `cargo xtask pocketbase` installs and starts `PocketBase` and runs this; it is not part of a plain
//! `cargo test`, and without the server's variable every test here fails and says so.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says by panicking what is wrong"
)]
#![expect(clippy::indexing_slicing, reason = "a test says by panicking what is missing")]

#[path = "destinations/driver.rs"]
mod driver;

use std::sync::Arc;
use std::time::Duration;

use destination::Action;
use driver::Driver;
use host::Vars;
use http::{Client, Policy};
use ports::{Http, Method, Request};
use serde_json::{Value, json};

/// Who may do everything, as the task makes them.
const IDENTITY: &str = "proof@headwater.test";
const PASSWORD: &str = "proof-of-push-1";

struct Server {
    url: String,
    token: String,
    http: Client,
}

impl Server {
    async fn open() -> Self {
        let url = Vars::process().get("POCKETBASE_URL").expect("run `cargo xtask pocketbase`");
        let http = Client::new(Policy::with_local(&["127.0.0.1".to_owned()]));
        let mut server = Self { url, token: String::new(), http };
        let login = json!({"identity": IDENTITY, "password": PASSWORD});
        let path = "/api/collections/_superusers/auth-with-password";
        let answer = server.call(Method::Post, path, Some(login)).await;
        answer["token"].as_str().unwrap().clone_into(&mut server.token);
        server
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = Request {
            method,
            url: format!("{}{path}", self.url),
            headers: vec![
                ("Content-Type".to_owned(), "application/json".to_owned()),
                ("Authorization".to_owned(), self.token.clone()),
            ],
            body: body.map(|body| body.to_string().into()),
            timeout: Duration::from_secs(10),
            max_body: 1 << 24,
            redirect_hosts: Arc::from([]),
        };
        let answer = self.http.send(request).await.unwrap();
        assert!(answer.status < 300, "{path}: {}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// An empty collection of people whose keys and addresses are unique.
    async fn collection(&self, name: &str) -> Driver {
        let text = |name: &str| json!({"name": name, "type": "text"});
        let collection = json!({
            "name": name, "type": "base",
            "fields": [
                {"name": "external_id", "type": "text", "required": true},
                {"name": "email", "type": "email"},
                text("first_name"), text("last_name"),
                {"name": "points", "type": "number"},
            ],
            "indexes": [
                format!("CREATE UNIQUE INDEX idx_{name}_key ON {name} (external_id)"),
                format!("CREATE UNIQUE INDEX idx_{name}_email ON {name} (email) WHERE email != ''"),
            ],
        });
        self.call(Method::Post, "/api/collections", Some(collection)).await;
        let config = json!({
            "base_url": self.url, "identity": IDENTITY, "password": PASSWORD, "collection": name,
        });
        Driver::new("pocketbase", &config)
    }

    async fn records(&self, collection: &str) -> Vec<Value> {
        let path = format!("/api/collections/{collection}/records?perPage=500&sort=external_id");
        self.call(Method::Get, &path, None).await["items"].as_array().unwrap().clone()
    }
}

fn person(n: usize, points: u64) -> Value {
    json!({"external_id": format!("p-{n:03}"), "email": format!("p{n}@x.test"), "points": points})
}

#[tokio::test]
async fn records_are_created_updated_and_told_apart_from_conflicts() {
    let server = Server::open().await;
    let mut people = server.collection("people").await;
    let first: Vec<Value> = (0..40).map(|n| person(n, 1)).collect();
    let made = people.push("CREATE", &first).await;
    assert!(made.iter().all(|verdict| verdict.action == Action::Succeed), "{made:?}");
    assert_eq!(people.sent.len(), 40);

    let mut second: Vec<Value> = (30..60).map(|n| person(n, 2)).collect();
    second[25]["email"] = json!("p1@x.test");
    second[26]["email"] = json!("no address");
    second[27].as_object_mut().unwrap().remove("external_id");
    second[5]["email"] = json!("p2@x.test");
    let verdicts = people.push("CREATE", &second).await;
    let failed: Vec<usize> = (0..30).filter(|n| verdicts[*n].action != Action::Succeed).collect();
    assert_eq!(failed, [5, 25, 26, 27], "{verdicts:?}");
    assert!(verdicts.iter().all(|verdict| verdict.action.is_final()));
    assert!(people.unknown.is_empty());

    let held = server.records("people").await;
    assert_eq!(held.len(), 57);
    for (n, record) in held.iter().enumerate().take(55) {
        let points = if (30..55).contains(&n) && n != 35 { 2 } else { 1 };
        let expected = (json!(format!("p-{n:03}")), json!(points));
        assert_eq!((record["external_id"].clone(), record["points"].clone()), expected);
    }
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let server = Server::open().await;
    let mut people = server.collection("again").await;
    let records: Vec<Value> = (0..10).map(|n| person(n, 3)).collect();
    people.push("CREATE", &records).await;
    let before = server.records("again").await;
    let verdicts = people.push("CREATE", &records).await;
    assert!(verdicts.iter().all(|verdict| verdict.action == Action::Succeed));
    assert_eq!(server.records("again").await, before);
    assert!(people.sent.iter().any(|(operation, _)| operation == "UPDATE"));
}
