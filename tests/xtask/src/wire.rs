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
    let headers = signed(call, region);
    let Call { service, endpoint, method, path, body, .. } = call;
    send(&Request { service, endpoint, method, path, headers: &headers, body })
}

/// Emulators do not check signatures, but some read service and region from them.
fn signed(call: &Call<'_>, region: &str) -> String {
    let kind = match call.target {
        Some(target) => {
            format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\n")
        }
        None => String::new(),
    };
    format!(
        "{kind}Authorization: AWS4-HMAC-SHA256 \
         Credential=test/20260101/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n",
        service = call.service,
    )
}

/// A request to anything that runs on loopback.
pub(crate) struct Request<'r> {
    /// Who is asked, for faults.
    pub(crate) service: &'static str,
    /// `http://127.0.0.1:port`.
    pub(crate) endpoint: &'r str,
    /// Method.
    pub(crate) method: &'r str,
    /// Path and query.
    pub(crate) path: &'r str,
    /// Lines of further headers, each with its end of line.
    pub(crate) headers: &'r str,
    /// Body.
    pub(crate) body: &'r str,
}

/// Sends a request; gives the answer's body when its status says success.
pub(crate) fn send(request: &Request<'_>) -> Result<String, Fault> {
    let Request { service, endpoint, method, path, headers, body } = request;
    let fault = |reason: String| Fault::Emulator { service, reason };
    let host = endpoint.strip_prefix("http://").unwrap_or(endpoint).trim_end_matches('/');
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error| fault(format!("{host}: {error}")))?;
    let (status, body) = read(&answer);
    if status.starts_with('2') {
        return Ok(body);
    }
    Err(fault(format!("{method} {path} answered {status}: {body}")))
}

/// Status and body of a whole answer.
fn read(answer: &[u8]) -> (String, String) {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = answer.split_at_checked(end.unwrap_or(answer.len())).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let body = body.get(4..).unwrap_or_default();
    let is_chunked = head.lines().any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with("transfer-encoding:") && line.contains("chunked")
    });
    let body = if is_chunked { joined(body) } else { body.to_vec() };
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The content of a chunked body.
fn joined(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(end) = body.windows(2).position(|bytes| bytes == b"\r\n") {
        let (size, rest) = body.split_at(end);
        let size = String::from_utf8_lossy(size);
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        let Some(chunk) = rest.get(2..).and_then(|rest| rest.get(..size)) else { break };
        if size == 0 {
            break;
        }
        content.extend_from_slice(chunk);
        // The size's end of line, the chunk, its end of line.
        body = rest.get(size + 4..).unwrap_or_default();
    }
    content
}

/// The JSON of an answer.
pub(crate) fn json(service: &'static str, body: &str) -> Result<Value, Fault> {
    serde_json::from_str(body)
        .map_err(|error| Fault::Emulator { service, reason: format!("{error} in `{body}`") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_wherever_they_split_the_text() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      5;x=y\r\n{\"a\":\r\nc\r\n\"one\r\ntwo ü\r\n2\r\n\"}\r\n0\r\n\r\n";
        let (status, body) = read(answer.as_bytes());
        assert_eq!((status.as_str(), body.as_str()), ("200", "{\"a\":\"one\r\ntwo ü\"}"));
    }

    #[test]
    fn a_body_of_known_length_is_taken_as_it_is() {
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n3\r\na";
        assert_eq!(read(answer), ("404".to_owned(), "3\r\na".to_owned()));
    }
}
