//! A provider that hands out tokens and has orders.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What it hands out to who knows the refresh token.
pub(crate) const ACCESS: &str = "4cce55-t0ken/+=";

/// A provider on a port of its own.
pub(crate) struct Provider {
    /// `127.0.0.1:<port>`.
    pub(crate) host: String,
    calls: Arc<AtomicUsize>,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::Relaxed);
                // A caller that hangs up in the middle is none of the test's business.
                thread::spawn(move || serve(&stream).is_ok());
            }
        });
        Self { host, calls }
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let field = |name: &str| {
        let fields = head.iter().filter_map(|line| line.split_once(": "));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let length = field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let target = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let (status, answer) = answer(target, field("authorization"), &String::from_utf8_lossy(&body));
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\nset-cookie: id={ACCESS}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(answer.as_bytes())
}

fn answer(target: &str, authorization: Option<&str>, body: &str) -> (u16, String) {
    if target == "/token" {
        let known = body.contains("s3cret-of-the-client") && body.contains("r3fresh-me");
        let token = format!(r#"{{"access_token": "{ACCESS}", "expires_in": 3600}}"#);
        return if known { (200, token) } else { (401, "{}".to_owned()) };
    }
    if authorization != Some(&format!("Bearer {ACCESS}")) {
        return (401, r#"{"error": "who are you?"}"#.to_owned());
    }
    let body = match target {
        "/orders?limit=2" => {
            r#"{"orders": [{"id": 1, "total": 1.50, "by": "r3fresh-me"}, {"id": 2, "total": 2}], "next": "two"}"#
        }
        "/orders?limit=2&page=two" => r#"{"orders": [{"id": "3", "colour": "red"}], "next": null}"#,
        _ => return (404, "{}".to_owned()),
    };
    (200, body.to_owned())
}
