//! What the shipped command makes of bad input: faulty files, and a provider that says what it
//! should not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says by panicking what went wrong"
)]

#[path = "bad_input/provider.rs"]
mod provider;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use provider::{Provider, State, Trouble};
use serde_json::Value;

const TOKEN: &str = "s3cret-t0ken-51c2";

const MANIFEST: &str = r##"version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
definitions:
  requester:
    type: HttpRequester
    url_base: "{{ config['base_url'] }}"
    authenticator: {type: BearerAuthenticator, api_token: "{{ config['token'] }}"}
    request_parameters: {access_token: "{{ config['token'] }}"}
    error_handler:
      type: DefaultErrorHandler
      max_retries: 1
      response_filters:
        - type: HttpResponseFilter
          action: FAIL
          http_codes: [402]
          error_message: "they say {{ response['message'] }}"
  cursor:
    type: DatetimeBasedCursor
    cursor_field: updated
    datetime_format: "%Y-%m-%dT%H:%M:%SZ"
    start_datetime: "2024-01-01T00:00:00Z"
    start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
  facilities:
    type: DeclarativeStream
    name: facilities
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: facilities}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: orders}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [orders]}}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: cursor}
        pagination_strategy:
          type: CursorPagination
          cursor_value: "{{ response.get('next') }}"
          stop_condition: "{{ not response.get('next') }}"
    incremental_sync: {$ref: "#/definitions/cursor"}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: integer}}}}
  - type: DeclarativeStream
    name: plants
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: plants}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [plants]}}
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - type: ParentStreamConfig
            parent_key: id
            partition_field: facility
            request_option: {type: RequestOption, inject_into: request_parameter, field_name: facility}
            stream: {$ref: "#/definitions/facilities"}
    incremental_sync: {$ref: "#/definitions/cursor"}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: integer}}}}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [base_url, token]
    properties: {base_url: {type: string}, token: {type: string}}
"##;

const OVERLAY: &str = "
unsupported: [{status: 403}]
needs_list: true
reconcile: {every: 1 run}
";

/// A folder of configuration and data, and the provider that it names.
struct Shop {
    folder: PathBuf,
    provider: Provider,
}

impl Shop {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad_input").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let orders = (1..=5).map(|id| (id, format!("2024-02-0{id}T00:00:00Z"))).collect();
        let plants = vec![(1, 10), (1, 11), (2, 20)];
        let state = State { orders, plants, facilities: vec![1, 2], ..State::default() };
        let provider = Provider::start(state);
        let shop = Self { folder, provider };
        shop.put("config/sources/shop.yaml", MANIFEST);
        shop.put("config/sources/shop.headwater.yaml", OVERLAY);
        shop.put("config/headwater.yaml", "limits: {max_body: 65536}\n");
        let host = &shop.provider.host;
        let config = format!("{{base_url: \"http://{host}/\", token: {{secret: token}}}}");
        let tenant = format!("connections: {{main: {{source: shop, config: {config}}}}}\n");
        shop.put("config/tenants/bluebird.yaml", &tenant);
        shop.put(".headwater/secrets/bluebird/token", TOKEN);
        shop
    }

    fn put(&self, name: &str, text: &str) {
        let file = self.folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.folder.join(name)).unwrap();
        assert!(text.contains(from), "{from}");
        self.put(name, &text.replacen(from, to, 1));
    }

    fn headwater(&self, args: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_headwater"))
            .current_dir(&self.folder)
            .env_clear()
            .env("HEADWATER_ALLOW_HOSTS", &self.provider.host)
            .env("HEADWATER_LOG", "debug")
            .args(args)
            .output()
            .unwrap();
        assert!(!text(&output.stdout).contains(TOKEN), "the token is told");
        assert!(!text(&output.stderr).contains(TOKEN), "the token is logged");
        output
    }

    /// Brings a stream to the present: exit code, and what is said of it.
    fn sync(&self, stream: &str) -> (Option<i32>, Value) {
        let output = self.headwater(&["sync", &format!("bluebird/main/{stream}"), "--json"]);
        let said = text(&output.stdout);
        let line = said.lines().find(|line| line.contains("\"stream\"")).unwrap_or("null");
        (output.status.code(), serde_json::from_str(line).unwrap())
    }

    fn fine(&self, stream: &str) -> Value {
        let (code, said) = self.sync(stream);
        assert_eq!((code, said["status"].as_str()), (Some(0), Some("done")), "{said}");
        said
    }

    fn view(&self, stream: &str) -> Vec<u32> {
        let sql = format!("select id from shop_{stream} order by cast(id as integer)");
        let said = text(&self.headwater(&["query", "--json", &sql]).stdout);
        let id = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            row["id"].to_string().trim_matches('"').parse().unwrap()
        };
        said.lines().map(id).collect()
    }

    /// The latest run of a stream.
    fn run(&self, stream: &str) -> Value {
        let said = text(&self.headwater(&["runs", "--json"]).stdout);
        let runs = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        runs.into_iter().find(|run| run["stream"] == stream).unwrap()
    }

    fn trouble(&self, to: &str, status: u16, body: &str) {
        let trouble = Trouble { to: to.into(), status, location: None, body: body.into() };
        self.provider.now(|state| state.trouble = Some(trouble));
    }

    fn peace(&self) {
        self.provider.now(|state| state.trouble = None);
    }

    /// Files below the data folder, but for secrets and what the provider itself sent, that hold
    /// the token.
    fn leaks(&self) -> Vec<PathBuf> {
        let mut open = vec![self.folder.join(".headwater")];
        let mut leaks = Vec::new();
        while let Some(path) = open.pop() {
            if path.ends_with("secrets") || path.ends_with("landing") {
                continue;
            }
            if path.is_dir() {
                open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if fs::read(&path).unwrap().windows(TOKEN.len()).any(|w| w == TOKEN.as_bytes()) {
                leaks.push(path);
            }
        }
        leaks
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A shop whose second page of orders is bad fails by class and place; nothing moves, and once
/// the trouble is over the view is the truth again.
#[track_caller]
fn fails_and_recovers(name: &str, troubles: &[(u16, Option<&str>, &str, &str)]) {
    let shop = Shop::new(name);
    shop.fine("orders");
    for (n, (status, location, body, expected)) in (6..).zip(troubles) {
        let (view, before) = (shop.view("orders"), shop.run("orders"));
        shop.provider.now(|state| {
            state.orders.push((n, format!("2024-03-{n:02}T00:00:00Z")));
            let trouble = Trouble {
                to: "cursor=".into(),
                status: *status,
                location: location.map(str::to_owned),
                body: (*body).to_owned(),
            };
            state.trouble = Some(trouble);
        });
        let (code, said) = shop.sync("orders");
        assert_eq!((code, said["status"].as_str()), (Some(1), Some("failed")), "{said}");
        assert_eq!(said["stream"], "bluebird/main/orders");
        let reason = said["reason"].as_str().unwrap();
        assert!(reason.starts_with("stream `orders`, slice "), "{reason}");
        assert!(reason.contains(", page 1: ") && reason.contains(expected), "{reason}");
        let run = shop.run("orders");
        assert_eq!((run["status"].as_str(), &run["resume"]), (Some("failed"), &before["resume"]));
        assert!(!run["reason"]["class"].as_str().unwrap().is_empty(), "{run}");
        assert_eq!(shop.view("orders"), view);
        shop.peace();
        shop.fine("orders");
        assert_eq!(shop.view("orders"), shop.provider.orders());
    }
    assert_eq!(shop.leaks(), Vec::<PathBuf>::new());
}

#[test]
fn answers_that_are_no_pages_fail_the_run_and_move_nothing() {
    let echo = format!(r#"{{"error":"{TOKEN}"}}"#);
    fails_and_recovers(
        "no_pages",
        &[
            (200, None, "<html>busy</html>", "not JSON"),
            (200, None, r#"{"orders":[{"id":9,"upd"#, "cannot be read"),
            (200, None, "", "no list of records"),
            (200, None, r#"{"orders":"soon"}"#, "no list of records"),
            (200, None, r#"{"orders":7}"#, "no list of records"),
            (200, None, r#"{"orders":{"id":9}}"#, "no list of records"),
            (200, None, &echo, "no list of records"),
            (200, None, r#"{"orders":["x"]}"#, "expected records"),
        ],
    );
}

#[test]
fn answers_that_lead_astray_fail_the_run_and_move_nothing() {
    let huge = format!(r#"{{"orders":[{}]}}"#, r#"{"id":9},"#.repeat(10_000));
    let echo = format!(r#"{{"error":"who is {TOKEN}?","message":"{TOKEN}"}}"#);
    let metadata = format!("http://169.254.169.254/latest?access_token={TOKEN}");

    fails_and_recovers(
        "astray",
        &[
            (302, Some(&metadata), "", "169.254.169.254 is not allowed"),
            (302, Some("http://10.0.0.1/"), "", "10.0.0.1 is not allowed"),
            (302, Some("https://example.com/"), "", "example.com is not allowed"),
            (302, Some("http://127.0.0.1:9/"), "", "127.0.0.1 is not allowed"),
            (200, None, &huge, "larger than the 65536 bytes"),
            (402, None, &echo, "they say"),
            (401, None, &echo, "401"),
            (400, None, &echo, "400"),
        ],
    );
    let shop = Shop::new("circle");
    shop.trouble("cursor=", 200, r#"{"orders":[{"id":1},{"id":2}],"next":"0-2"}"#);
    let (code, said) = shop.sync("orders");
    assert!(said["reason"].as_str().unwrap().contains("was made before"), "{said}");
    assert_eq!((code, shop.view("orders")), (Some(1), Vec::new()));
    shop.peace();
    shop.fine("orders");
    assert_eq!(shop.view("orders"), shop.provider.orders());
}

#[test]
fn a_page_token_that_grew_old_begins_the_slice_again() {
    let shop = Shop::new("old_token");
    shop.trouble("cursor=0-4", 401, "");
    assert_eq!(shop.sync("orders").0, Some(1));
    shop.peace();
    shop.provider.now(|state| state.generation = 1);
    shop.provider.calls();
    shop.fine("orders");
    assert!(shop.provider.calls()[0].contains("cursor=0-"), "it went on where it stopped");
    assert_eq!(shop.view("orders"), shop.provider.orders());
}

#[test]
fn lost_permissions_hide_no_row() {
    let shop = Shop::new("lost_permissions");
    shop.fine("plants");
    let all = [10, 11, 20];
    assert_eq!(shop.view("plants"), all);
    for (to, status, body, expected) in [
        ("/plants", 403, "", "skipped"),
        ("facility=2", 403, "", "skipped"),
        ("/facilities", 403, "", "skipped"),
        ("/plants", 401, "", "failed"),
        ("/plants", 200, "{}", "failed"),
        ("/facilities", 200, "{}", "failed"),
        ("/facilities", 200, "", "failed"),
        ("/facilities", 200, "[]", "done"),
    ] {
        shop.trouble(to, status, body);
        let (_, said) = shop.sync("plants");
        assert_eq!(said["status"], expected, "{to} {status}: {said}");
        assert_eq!((said["counts"]["gone"].as_u64(), shop.view("plants")), (Some(0), all.into()));
        shop.peace();
        shop.fine("plants");
        assert_eq!(shop.view("plants"), all, "{to} {status}");
    }
    shop.provider.now(|state| state.plants.retain(|plant| plant.1 != 11));
    shop.fine("plants");
    assert_eq!(shop.view("plants"), [10, 20]);
}

#[test]
fn a_secret_that_cannot_be_had_is_said_before_any_call() {
    let shop = Shop::new("secrets");
    shop.put("config/tenants/harbor.yaml", "grants: {theirs: []}\nconnections: {}\n");
    shop.put(".headwater/secrets/harbor/theirs", TOKEN);
    for (name, expected) in [
        ("none", "there is no secret `bluebird/none`"),
        ("harbor/theirs", "belongs to another tenant and is not granted to `bluebird`"),
    ] {
        shop.edit("config/tenants/bluebird.yaml", "secret: token", &format!("secret: {name}"));
        let output = shop.headwater(&["sync", "bluebird"]);
        assert!(text(&output.stderr).contains(expected), "{output:?}");
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(shop.provider.calls(), Vec::<String>::new());
        assert!(!shop.folder.join(".headwater/state.sqlite").exists(), "something was started");
        shop.edit("config/tenants/bluebird.yaml", &format!("secret: {name}"), "secret: token");
    }
    shop.fine("orders");
}

#[test]
fn faulty_files_are_refused_by_place_and_nothing_is_started() {
    let (manifest, tenant) = ("config/sources/shop.yaml", "config/tenants/bluebird.yaml");
    let overlay = "config/sources/shop.headwater.yaml";
    let circle = "definitions:\n  a: {$ref: \"#/definitions/b\"}\n  b: {$ref: \"#/definitions/a\"}";
    for (n, (file, from, to, expected)) in [
        (manifest, "max_retries: 1", "max_retries: one", ":11:1: streams[0].retriever.requester.error_handler.max_retries: must be a whole number"),
        (manifest, "config['token'] }}", "config['token' }}", ": template cannot be read"),
        (manifest, "CursorPagination", "CustomPagination", ":45:17: streams[0].retriever.paginator.pagination_strategy: CustomPagination needs Python code"),
        (manifest,"definitions:",circle, "leads back to itself"),
        (manifest, "definitions:", "definitions: {", "shop.yaml:"),
        (overlay, "status: 403", "body: '(('", ": body: a pattern is no regular expression: unclosed group"),
        (overlay, "reconcile:", "reconcil:", ":4:1: reconcil: unknown field, did you mean `reconcile`?"),
        (tenant, "source: shop", "source: shpo", "there is no source `shpo`, did you mean `shop`?"),
        (tenant, "main: {", "main: {streams: [ordres], ", "there is no stream `ordres`, did you mean `orders`?"),
        (tenant, "main: {", "main: {schedule: {every: soon}, ", "`soon` is not a span of time"),
        (tenant, "main: {", "main: {parallel: many, ", "accepted is a whole number from 1 to 16"),
    ]
    .into_iter()
    .enumerate()
    {
        let shop = Shop::new(&format!("faulty_{n}"));
        shop.edit(file, from, to);
        for args in [&["config", "check"] as &[&str], &["sync", "bluebird"]] {
            let output = shop.headwater(args);
            let said = text(&output.stderr);
            assert!(said.contains(&format!("{file}:")) && said.contains(expected), "{said}");
            assert_eq!(output.status.code(), Some(2), "{said}");
        }
        assert_eq!(shop.provider.calls(), Vec::<String>::new());
        assert!(!shop.folder.join(".headwater/state.sqlite").exists(), "something was started");
    }
}
