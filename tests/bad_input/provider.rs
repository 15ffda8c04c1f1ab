//! A provider of a shop and its plants that answers as a test tells it to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the provider says instead of the truth, to requests that begin so.
pub(crate) struct Trouble {
    /// What the target of the request contains.
    pub(crate) to: String,
    /// Status.
    pub(crate) status: u16,
    /// Where a redirect leads.
    pub(crate) location: Option<String>,
    /// Body.
    pub(crate) body: String,
}

/// Its rows, its trouble and its calls.
#[derive(Default)]
pub(crate) struct State {
    /// Orders: id and instant of change.
    pub(crate) orders: Vec<(u32, String)>,
    /// Plants: facility and id.
    pub(crate) plants: Vec<(u32, u32)>,
    /// Facilities.
    pub(crate) facilities: Vec<u32>,
    /// What goes wrong.
    pub(crate) trouble: Option<Trouble>,
    /// Tokens of pages hold for one generation.
    pub(crate) generation: u32,
    /// Every target that was asked for.
    pub(crate) calls: Vec<String>,
}

/// A provider on a port of its own.
pub(crate) struct Provider {
    /// `127.0.0.1:<port>`.
    pub(crate) host: String,
    state: Arc<Mutex<State>>,
}

impl Provider {
    /// Starts it.
    pub(crate) fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A caller that hangs up in the middle is none of the test's business.
                thread::spawn(move || serve(&stream, &shared).is_ok());
            }
        });
        Self { host, state }
    }

    /// Changes what it holds and says.
    pub(crate) fn now(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// Targets that were asked for since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// The ids of its orders, in order.
    pub(crate) fn orders(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.state.lock().unwrap().orders.iter().map(|o| o.0).collect();
        ids.sort_unstable();
        ids
    }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, location, body) = answer(&target, &mut state.lock().unwrap());
    let location = location.map(|to| format!("location: {to}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\n{location}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn answer(target: &str, state: &mut State) -> (u16, Option<String>, String) {
    state.calls.push(target.to_owned());
    if let Some(trouble) = state.trouble.as_ref().filter(|trouble| target.contains(&trouble.to)) {
        return (trouble.status, trouble.location.clone(), trouble.body.clone());
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let param =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let body = match path {
        "/facilities" => {
            let all = state.facilities.iter().map(|id| format!(r#"{{"id":{id}}}"#));
            format!("[{}]", all.collect::<Vec<_>>().join(","))
        }
        "/plants" => {
            let facility = param("facility").and_then(|id| id.parse().ok()).unwrap_or(0);
            let all = state.plants.iter().filter(|(of, _)| *of == facility);
            let all =
                all.map(|(_, id)| format!(r#"{{"id":{id},"updated":"2024-02-01T00:00:00Z"}}"#));
            format!(r#"{{"plants":[{}]}}"#, all.collect::<Vec<_>>().join(","))
        }
        _ => return orders(param("cursor"), param("since").unwrap_or_default(), state),
    };
    (200, None, body)
}

/// Two orders a page.
fn orders(cursor: Option<&str>, since: &str, state: &State) -> (u16, Option<String>, String) {
    let start = match cursor.and_then(|cursor| cursor.split_once('-')) {
        Some((generation, _)) if generation != state.generation.to_string() => {
            return (400, None, r#"{"error":"unknown cursor"}"#.to_owned());
        }
        Some((_, start)) => start.parse().unwrap_or(0),
        None => 0,
    };
    let since = since.replace("%3A", ":");
    let mut all: Vec<_> = state.orders.iter().filter(|order| order.1 >= since).collect();
    all.sort();
    let page = all.iter().skip(start).take(2);
    let page: Vec<String> =
        page.map(|(id, at)| format!(r#"{{"id":{id},"updated":"{at}"}}"#)).collect();
    let next = match start + 2 {
        next if next < all.len() => format!(r#""{}-{next}""#, state.generation),
        _ => "null".to_owned(),
    };
    (200, None, format!(r#"{{"orders":[{}],"next":{next}}}"#, page.join(",")))
}
