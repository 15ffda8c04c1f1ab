//! Partners' files and pushes by the shipped command: over a folder, with the sandbox's CRM.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says by panicking what went wrong"
)]

#[path = "deliveries/shop.rs"]
mod shop;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use host::SystemClock;
use sandbox::{Running, Seed, Size, World, crm_accounts};
use serde_json::Value;
use shop::Shop;

const FEED: &str = r"
pattern: '^heron_(?P<entity>USER)_(?P<seq>\d{3})\.csv$'
kinds: {user: {entities: [USER], columns: [external_id, email]}}
complete: {stable_for: 0s}
";

const USERS: &str = "external_id,email,source\nu1,u1@example.com,INSTORE\n\
                     u2,u2@example.com,PIGEON\nu3,u3@example.com,INSTORE\n";

const MORE: &str = "external_id,email,source\nu4,u4@example.com,INSTORE\nu5,u5@example.com,CRM\n";

/// A folder with configuration, and a CRM.
struct Ground {
    folder: PathBuf,
    crm: Running,
}

impl Ground {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let sandbox = folder.join("sandbox");
        let world = World::open(&sandbox, Seed(7), &Size::tiny(), Arc::new(SystemClock)).unwrap();
        let ground = Self { folder, crm: Running::start(world, "127.0.0.1:0").unwrap() };
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/destinations/crm.yaml");
        let shipped = fs::read_to_string(shipped).unwrap().replace("linger: 2s", "linger: 0s");
        ground.put("config/destinations/crm.yaml", &shipped);
        ground.put("config/feeds/loyalty.yaml", FEED);
        ground.configure("fail");
        let account = crm_accounts().iter().find(|account| account.tenant == "heron").unwrap();
        for (name, value) in [("crm-secret", account.client_secret), ("crm-key", account.api_key)] {
            let file = ground.put(&format!(".headwater/secrets/heron/{name}"), value);
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        ground
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    /// Writes the tenant's file: customers are updated, and those that are missing are refused or
    /// added.
    fn configure(&self, on_missing: &str) {
        let account = crm_accounts().iter().find(|account| account.tenant == "heron").unwrap();
        let (url, client) = (self.crm.url(), account.client_id);
        let tenant = format!(
            "feeds: {{loyalty: {{from: {{s3: {{prefix: drop/heron/}}}}}}}}\n\
             pushes:\n  crm:\n    destination: crm\n    config:\n      base_url: {url}\n      \
             client_id: {client}\n      client_secret: {{secret: crm-secret}}\n      \
             api_key: {{secret: crm-key}}\n      on_missing: {on_missing}\n    \
             from: [{{feed: loyalty, operation: UPD_CUST}}]\n"
        );
        self.put("config/tenants/heron.yaml", &tenant);
    }

    /// Drops a file.
    fn drop(&self, name: &str, text: &str) {
        self.put(&format!(".headwater/lake/drop/heron/{name}"), text);
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_headwater"))
            .current_dir(&self.folder)
            .env_clear()
            .args(args)
            .args(["--allow-hosts", &self.crm.address().to_string()])
            .output()
            .unwrap()
    }

    /// The lines of a command that has to succeed.
    #[track_caller]
    fn lines(&self, args: &[&str]) -> Vec<Value> {
        let output = self.run(&[args, &["--json"]].concat());
        let (told, noted) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}\n{noted}");
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The text of a command that has to succeed.
    #[track_caller]
    fn told(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Names of files and what they came to, by name.
fn states(lines: &[Value]) -> BTreeSet<(String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    lines.iter().map(|line| (text(line, "name"), text(line, "state"))).collect()
}

fn pair(name: &str, state: &str) -> (String, String) {
    (name.to_owned(), state.to_owned())
}

const ONE: &str = "heron_USER_001.csv";

const TWO: &str = "heron_USER_002.csv";

#[test]
fn files_are_taken_in_pushed_looked_up_and_tried_once_more() {
    let ground = Ground::new("deliveries");
    ground.refuses_a_file_and_takes_it_in_when_its_feed_is_mended();
    ground.sends_records_and_says_what_became_of_each();
    ground.sends_once_more_what_failed_and_nothing_else();
    ground.shows_all_of_it();
    ground.erases_a_person();
}

impl Ground {
    fn refuses_a_file_and_takes_it_in_when_its_feed_is_mended(&self) {
        self.put("config/feeds/loyalty.yaml", &format!("{FEED}limits: {{max_records: 2}}\n"));
        self.drop(ONE, USERS);
        self.drop(TWO, MORE);
        let look = &self.lines(&["files", "scan"])[0]["look"];
        let number = |name: &str| look[name].as_u64().unwrap();
        assert_eq!((number("accepted"), number("rejected"), number("records")), (1, 1, 2));
        let listed = self.lines(&["files", "ls"]);
        assert_eq!(states(&listed), [pair(ONE, "REJECTED"), pair(TWO, "PENDING")].into());
        assert!(listed.iter().any(|line| line["code"] == "TOO_MANY_RECORDS"), "{listed:?}");
        let failed = self.lines(&["failed", "ls"]);
        assert_eq!((failed.len(), &failed[0]["refused"]["seen"]["path"]), (1, &ONE.into()));
        self.put("config/feeds/loyalty.yaml", FEED);
        let retried = self.lines(&["failed", "retry"]);
        assert_eq!(retried[0]["look"]["accepted"], 1, "{retried:?}");
    }

    fn sends_records_and_says_what_became_of_each(&self) {
        let pushed = self.lines(&["push"]);
        assert_eq!((&pushed[0]["items"], &pushed[0]["files"]), (&5.into(), &2.into()));
        let ended = [pair(TWO, "FAILED"), pair(ONE, "FAILED")].into();
        assert_eq!(states(&self.lines(&["files", "ls"])), ended);
        let codes = self.lines(&["outcomes", "--code", "3217"]);
        let [refused] = codes.as_slice() else { panic!("{codes:?}") };
        assert_eq!((&refused["name"], &refused["line"]), (&ONE.into(), &3.into()));
        assert_eq!(refused["became"], "failed");
        assert_eq!(self.lines(&["outcomes", "--file", TWO]).len(), 2);
        assert_eq!(self.lines(&["outcomes", "--limit", "0"]).len(), 5);
    }

    fn sends_once_more_what_failed_and_nothing_else(&self) {
        self.configure("add");
        let again = |lines: Vec<Value>| -> Vec<u64> {
            lines.iter().filter_map(|line| line["again"].as_u64()).collect()
        };
        assert_eq!(again(self.lines(&["failed", "retry"])).iter().sum::<u64>(), 5);
        self.lines(&["push"]);
        let mut listed = self.lines(&["files", "ls"]);
        listed.retain(|line| line["again"] == true);
        assert_eq!(states(&listed), [pair(TWO, "SUCCESS"), pair(ONE, "PARTIAL")].into());
        assert_eq!(again(self.lines(&["failed", "retry"])), [1], "one record failed twice");
        self.lines(&["push"]);
    }

    fn shows_all_of_it(&self) {
        let shown = self.lines(&["files", "show", ONE]);
        let count = |name: &str| shown.iter().filter(|line| !line[name].is_null()).count();
        assert_eq!((count("decision"), count("accepted"), count("ended")), (1, 1, 3));
        let is_final = |line: &&Value| {
            let verdict = &line["item"]["verdict"];
            verdict.is_string() && verdict != "again"
        };
        assert_eq!(shown.iter().filter(is_final).count(), 3 + 3 + 1);
        let told = self.told(&["files", "show", ONE]);
        assert!(told.contains("kept at archive/feed=loyalty/tenant=heron/"), "{told}");
        assert!(told.contains("3 records were tried once more"), "{told}");
        assert!(self.told(&["failed", "ls"]).contains("3217"));
        let report = self.lines(&["report"]);
        assert_eq!(report[0]["pushes"][0]["limit"], 1000);
        let files = report[0]["files"].as_array().unwrap();
        assert!(files.len() == 5 && files.iter().all(|line| line["adds_up"] == true));
    }
}

impl Ground {
    fn erases_a_person(&self) {
        let person = ["erase", "heron", "external_id=U2", "email=u2@example.com"];
        let counted = self.lines(&["report"])[0]["files"].clone();
        let told = self.told(&[&person[..], &["--dry-run"]].concat());
        assert!(told.contains("to be rewritten") && told.contains("nothing was changed"), "{told}");
        let erased = self.lines(&person);
        // Once in the file, once in each of its second tries.
        assert_eq!(erased[0]["erasure"]["records"], 3, "{erased:?}");
        assert_eq!(erased[0]["erasure"]["left"], Value::Array(Vec::new()));
        let proof = self.folder.join(".headwater/lake").join(erased[0]["proof"].as_str().unwrap());
        assert!(!fs::read_to_string(proof).unwrap().contains("u2@"));
        assert_eq!(self.lines(&["report"])[0]["files"], counted);
        assert!(!self.told(&["files", "show", ONE]).contains("kept at archive/"));
        assert!(self.told(&["files", "show", TWO]).contains("kept at archive/"));
        assert_eq!(self.lines(&person)[0]["erasure"]["changed"], Value::Array(Vec::new()));
        let empty = self.run(&["erase", "heron", "email="]);
        assert_eq!(empty.status.code(), Some(2), "{empty:?}");
    }
}

#[test]
fn of_a_thousand_customers_of_an_api_the_three_that_changed_are_pushed() {
    let (ground, shop) = (Ground::new("deliveries_model"), Shop::open(1_000));
    let account = crm_accounts().iter().find(|account| account.tenant == "heron").unwrap();
    ground.put("config/sources/shop.yaml", shop::MANIFEST);
    ground.put("config/models/customer.yaml", shop::MODEL);
    let tenant = format!(
        "connections: {{main: {{source: shop, config: {{base_url: \"{}\"}}}}}}\n\
         pushes:\n  crm:\n    destination: crm\n    config: {{base_url: {}, client_id: {}, \
         client_secret: {{secret: crm-secret}}, api_key: {{secret: crm-key}}, on_missing: add}}\n    \
         from: [{{model: customer, operation: UPD_CUST}}]\n",
        shop.url,
        ground.crm.url(),
        account.client_id,
    );
    ground.put("config/tenants/heron.yaml", &tenant);
    let host = shop.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    // Rows of the model, told by the event of their receipt, are all that `push` goes by.
    let pushed = || {
        ground.lines(&["sync", "heron/main", "--allow-hosts", &host]);
        ground.lines(&["push"]);
        let ended = ground.lines(&["outcomes", "--limit", "0"]);
        ended.iter().map(|line| (line["name"].clone(), line["became"].clone())).collect::<Vec<_>>()
    };
    let first = pushed();
    assert!(first.len() == 1_000 && first.iter().all(|(_, became)| became == "ok"), "{first:?}");
    for number in [3, 500, 999] {
        shop.moves(number);
    }
    let second = pushed();
    assert_eq!(second.len(), 1_003);
    assert!(second.iter().all(|(_, became)| became == "ok"), "{second:?}");
    assert_eq!(pushed().len(), 1_003, "nothing changed, and something was sent");
    let erased = ground.lines(&["erase", "heron", "external_id=c0500"]);
    assert_eq!(
        (&erased[0]["erasure"]["records"], &erased[0]["erasure"]["left"]),
        (&2.into(), &Value::Array(Vec::new()))
    );
}

#[test]
fn places_are_watched_until_somebody_stops_it() {
    let ground = Ground::new("deliveries_watched");
    ground.drop(ONE, USERS);
    let mut watching = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .current_dir(&ground.folder)
        .env_clear()
        .args(["files", "watch", "heron/loyalty", "--every", "1s", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut looks = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut accepted = || {
        let look: Value = serde_json::from_str(&looks.next().unwrap().unwrap()).unwrap();
        look["look"]["accepted"].as_u64().unwrap()
    };
    assert_eq!(accepted(), 1);
    ground.drop(TWO, MORE);
    // A look may have begun before the file was there.
    assert!(accepted() + accepted() == 1);
    let pid = watching.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(watching.wait().unwrap().code(), Some(0));
}

#[test]
fn names_that_are_not_there_are_refused_with_the_nearest_one() {
    let ground = Ground::new("deliveries_unknown");
    let check = |args: &[&str], expected: &str| {
        let output = ground.run(args);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(2), expected));
    };
    check(
        &["files", "scan", "heron/loyalti"],
        "error: there is no feed `loyalti`, did you mean `loyalty`?; there are: loyalty\n",
    );
    check(
        &["push", "heron/cmr"],
        "error: there is no push `cmr`, did you mean `crm`?; there are: crm\n",
    );
    check(
        &["files", "show", "nothing.csv"],
        "error: nothing was decided of a file `nothing.csv`; `files ls` lists files\n",
    );
    check(
        &["failed", "ls", "--since", "2020-01-01"],
        "error: a report has 1 to 92 days, from the earlier to the later\n",
    );
}
