//! The sandbox over real HTTP.

mod apis;
mod crm;
mod destinations;
mod hosts;
mod metrc;
mod partner;
mod pipeline;
mod rutter;
mod sftp;
mod stashstock;
mod trouble;
mod world;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ports::Clock;
use serde_json::Value;

use crate::{Running, Seed, Size, World};

/// Time that goes on by a millisecond whenever someone looks at it.
#[derive(Debug)]
struct Glance(AtomicI64);

impl Glance {
    fn new() -> Arc<Self> {
        let start: Timestamp = "2026-03-10T15:30:00Z".parse().unwrap();
        Arc::new(Self(AtomicI64::new(start.as_millisecond())))
    }

    fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap() + 1;
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Glance {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Ordering::SeqCst)).unwrap()
    }

    async fn sleep(&self, wait: Duration) {
        self.pass(wait);
    }
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("sandbox-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind in the temporary folder does no harm.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running sandbox with a world of its own.
struct Place {
    running: Running,
    clock: Arc<Glance>,
    folder: Folder,
}

impl Place {
    fn new(size: &Size) -> Self {
        let (folder, clock) = (Folder::new(), Glance::new());
        let world =
            World::open(folder.path(), Seed(7), size, Arc::<Glance>::clone(&clock)).unwrap();
        Self { running: Running::start(world, "127.0.0.1:0").unwrap(), clock, folder }
    }

    fn tiny() -> Self {
        Self::new(&Size::tiny())
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        send(self.running.address(), ("GET", path), headers, "")
    }

    fn admin(&self, method: &str, path: &str) -> Answer {
        send(self.running.address(), (method, &format!("/__admin{path}")), &[], "")
    }

    fn fault(&self, switch: &str) {
        let answer = send(self.running.address(), ("POST", "/__admin/faults"), &[], switch);
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    fn truth(&self, account: &str, stream: &str) -> Vec<String> {
        let answer = self.admin("GET", &format!("/truth/{account}/{stream}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.lines().map(str::to_owned).collect()
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The rows of the list under that key, each in the very text that was sent.
    fn rows(&self, key: &str) -> Vec<String> {
        #[derive(serde::Deserialize)]
        struct Body<'a>(
            #[serde(borrow)] std::collections::HashMap<&'a str, &'a serde_json::value::RawValue>,
        );
        let body: Body<'_> = serde_json::from_str(&self.body).unwrap();
        let rows: Vec<&serde_json::value::RawValue> =
            serde_json::from_str(body.0[key].get()).unwrap();
        rows.into_iter().map(|row| row.get().to_owned()).collect()
    }
}

fn send(
    to: SocketAddr,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(to).unwrap();
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| {
            format!(
                "{name}: {value}
"
            )
        })
        .collect();
    let headers = headers.concat();
    let length = body.len();
    // In HTTP/1.0 the end of the connection is the end of the body.
    let text = format!(
        "{method} {path} HTTP/1.0\r\nhost: {to}\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, headers: head.to_owned(), body: body.to_owned() }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}
