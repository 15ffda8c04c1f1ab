//! Calls to an emulator: HTTP/1.1 over loopback, one call a connection, whole answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::Fault;

/// Longest wait for an emulator.
const PATIENCE: Duration = Duration::from_secs(30);

/// One call.
pub(crate) struct Call<'c> {
    /// The emulated service, as it signs requests.
    pub(crate) service: &'static str,
    /// `http://127.0.0.1:port`.
    pub(crate) endpoint: &'c str,
    /// Method.
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    /// `X-Amz-Target`, for the services that speak JSON.
    pub(crate) target: Option<&'static str>,
    /// Body.
    pub(crate) body: String,
}

/// Makes a call; gives the answer's body when its status says success.
pub(crate) fn call(call: &Call<'_>, region: &str) -> Result<String, Fault> {
    let fault = |reason: String| Fault::Emulator { service: call.service, reason };
    let host = call.endpoint.strip_prefix("http://").unwrap_or(call.endpoint).trim_end_matches('/');
    let exchange = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request(call, host, region).as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = exchange().map_err(|error| fault(format!("{host}: {error}")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        return Ok(body.to_owned());
    }
    Err(fault(format!("{} {} answered {status}: {body}", call.method, call.path)))
}

/// Emulators do not check signatures, but some read service and region from them.
fn request(call: &Call<'_>, host: &str, region: &str) -> String {
    let kind = match call.target {
        Some(target) => {
            format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\n")
        }
        None => String::new(),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{kind}\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\nContent-Length: {length}\r\n\r\n{body}",
        method = call.method,
        path = call.path,
        service = call.service,
        length = call.body.len(),
        body = call.body,
    )
}

/// The JSON of an answer.
pub(crate) fn json(service: &'static str, body: &str) -> Result<Value, Fault> {
    // Chunked answers hold the JSON between their chunk lines; it is one line in all emulators.
    let line = body.lines().find(|line| line.trim_start().starts_with('{')).unwrap_or(body);
    serde_json::from_str(line)
        .map_err(|error| Fault::Emulator { service, reason: format!("{error} in `{body}`") })
}
