//! The provider of a case: answers from its file, and a clock that waits take no time on.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use model::Timestamp;
use ports::{Clock, Http, HttpError, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

/// More requests than any case makes: a walk that does not end.
const TOO_MANY: usize = 10_000;

/// Whether waits move the clock on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// By their length.
    #[default]
    Moves,
    /// The clock stands.
    Stands,
}

/// An answer, and what is asked of the request that it is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    method: Option<String>,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body_contains: String,
    /// Only in this read.
    pass: Option<usize>,
    times: Option<u32>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    response_headers: BTreeMap<String, String>,
    json: Option<Value>,
    text: Option<String>,
    base64: Option<String>,
}

fn ok() -> u16 {
    200
}

/// A request as it is compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Method.
    pub method: String,
    /// Without its query, percent-decoded.
    pub url: String,
    /// Sorted.
    pub query: Vec<(String, String)>,
    /// By lower-case name, without those that any HTTP library adds.
    pub headers: BTreeMap<String, String>,
    /// `{"json"}`, `{"form"}`, `{"text"}` or `{"base64"}`.
    pub body: Option<Value>,
    /// How often.
    pub n: u32,
}

/// Answers, and remembers.
#[derive(Debug, Clone)]
pub struct Provider(Arc<Mutex<Desk>>);

#[derive(Debug)]
struct Desk {
    answers: Vec<Answer>,
    asked: Vec<(Asked, u16)>,
    clock: Moment,
    now: Timestamp,
    waits: Vec<f64>,
}

impl Provider {
    /// With the answers of a read; none: those of any.
    pub fn new(answers: &[Answer], pass: Option<usize>, clock: Moment, now: Timestamp) -> Self {
        let answers = answers.iter().filter(|a| a.pass.is_none() || a.pass == pass).cloned();
        let answers = answers.collect();
        Self(Arc::new(Mutex::new(Desk {
            answers,
            asked: Vec::new(),
            clock,
            now,
            waits: Vec::new(),
        })))
    }

    /// Each request that came, once, with its count. A GET that was answered well counts once:
    /// whether the reference has kept a parent's answer is chance.
    pub fn asked(&self) -> Vec<Asked> {
        let mut counted: Vec<Asked> = Vec::new();
        let mut fetched: Vec<&Asked> = Vec::new();
        for (asked, status) in &self.0.lock().unwrap().asked {
            let well = *status < 400;
            let again = asked.method == "GET" && well && fetched.contains(&asked);
            match counted.iter_mut().find(|known| Asked { n: 1, ..(*known).clone() } == *asked) {
                Some(known) => known.n += u32::from(!again),
                None => counted.push(asked.clone()),
            }
            fetched.extend(well.then_some(asked));
        }
        counted
    }

    /// Seconds of each wait, sorted.
    pub fn waits(&self) -> Vec<f64> {
        let mut waits = self.0.lock().unwrap().waits.clone();
        waits.sort_by(f64::total_cmp);
        waits
    }
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let url =
            Url::parse(&request.url).map_err(|_| HttpError::Url { url: request.url.clone() })?;
        let asked = asked(&request, &url);
        let mut desk = self.0.lock().unwrap();
        assert!(desk.asked.len() < TOO_MANY, "a walk that does not end: {asked:?}");
        let body = request.body.clone().unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let answer = desk.answers.iter_mut().find(|answer| answer.fits(&asked, &url, &body));
        let response = answer.map_or_else(nothing, |answer| {
            if let Some(times) = &mut answer.times {
                *times -= 1;
            }
            answer.response()
        });
        desk.asked.push((asked, response.status));
        Ok(response)
    }
}

fn nothing() -> Response {
    let body = json!({"error": "no such answer"}).to_string().into();
    Response { status: 404, headers: vec![typed()], body }
}

#[async_trait]
impl Clock for Provider {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    async fn sleep(&self, wait: Duration) {
        if !wait.is_zero() {
            let mut desk = self.0.lock().unwrap();
            desk.waits.push((wait.as_secs_f64() * 1000.0).round() / 1000.0);
            if desk.clock == Moment::Moves {
                desk.now += wait;
            }
        }
    }
}

fn typed() -> (String, String) {
    ("Content-Type".to_owned(), "application/json".to_owned())
}

impl Answer {
    fn fits(&self, asked: &Asked, url: &Url, body: &str) -> bool {
        self.times != Some(0)
            && self.method.as_ref().is_none_or(|method| *method == asked.method)
            && self.path == decoded(url.path())
            && self.query.iter().all(|(k, v)| asked.query.contains(&(k.clone(), v.clone())))
            && self.headers.iter().all(|(k, v)| asked.headers.get(&k.to_lowercase()) == Some(v))
            && body.contains(&self.body_contains)
    }

    /// As the real client gives it: content encoding removed.
    fn response(&self) -> Response {
        let mut body = match (&self.json, &self.base64, &self.text) {
            (Some(json), ..) => json.to_string().into_bytes(),
            (_, Some(base64), _) => STANDARD.decode(base64).unwrap(),
            (.., text) => text.clone().unwrap_or_default().into_bytes(),
        };
        let mut headers: Vec<(String, String)> = self.json.iter().map(|_| typed()).collect();
        for (name, value) in &self.response_headers {
            if name.eq_ignore_ascii_case("content-encoding") && value == "gzip" {
                let mut plain = Vec::new();
                MultiGzDecoder::new(body.as_slice()).read_to_end(&mut plain).unwrap();
                body = plain;
                continue;
            }
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        Response { status: self.status, headers, body: body.into() }
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn asked(request: &Request, url: &Url) -> Asked {
    let mut query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    query.sort();
    let mut headers: BTreeMap<String, String> =
        request.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    for (name, usual) in
        [("accept", "*/*"), ("accept-encoding", "gzip, deflate"), ("connection", "keep-alive")]
    {
        if headers.get(name).is_some_and(|value| value == usual) {
            headers.remove(name);
        }
    }
    headers.retain(|name, _| {
        !["host", "content-length", "transfer-encoding"].contains(&name.as_str())
    });
    if let Some(kind) = headers.get_mut("content-type") {
        *kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    }
    let body = request.body.as_ref().filter(|body| !body.is_empty());
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    Asked {
        method: request.method.as_str().to_owned(),
        url: format!("{}://{host}{}", url.scheme(), decoded(url.path())),
        query,
        body: body.map(|body| shaped(body, headers.get("content-type").map(String::as_str))),
        headers,
        n: 1,
    }
}

fn shaped(body: &[u8], kind: Option<&str>) -> Value {
    let Ok(text) = std::str::from_utf8(body) else {
        return json!({"base64": STANDARD.encode(body)});
    };
    if kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let mut pairs: Vec<_> = url::form_urlencoded::parse(body).into_owned().collect();
        pairs.sort();
        return json!({"form": pairs});
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) => json!({"json": value}),
        Err(_) => json!({"text": text}),
    }
}
