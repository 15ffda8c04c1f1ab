//! Notices: what Rutter posts to an address when something has changed.

use std::io;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::account::{Account, Credentials};
use crate::tick::Tick;

/// Most notices of one request.
const MOST: u32 = 1_000;

/// How a notice is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Signing {
    /// As it should be.
    #[default]
    Good,
    /// With another key.
    Bad,
    /// Not at all.
    None,
}

/// A notice that is to be sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notice {
    /// Whose connection it is about.
    pub(crate) account: String,
    /// `ORDER_UPDATED`, `INITIAL_UPDATE`, …
    event: String,
    /// `127.0.0.1:7718/webhooks/bluebird/shop`.
    to: String,
    /// The row that it is about.
    #[serde(default)]
    id: Option<String>,
    /// How often it is sent.
    #[serde(default)]
    times: Option<u32>,
    #[serde(default)]
    signature: Signing,
}

impl Notice {
    /// Sends it, and gives the statuses that came back.
    pub(crate) async fn send(&self, account: &Account, now: Tick) -> io::Result<Vec<u16>> {
        let fault = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text.to_owned());
        let Credentials::Rutter { organisation, connection_id, .. } = account.credentials else {
            return Err(fault("only Rutter sends notices"));
        };
        let (host, path) = self.to.split_once('/').ok_or_else(|| fault("`to` has no path"))?;
        let address: SocketAddr = host.parse().map_err(|_| fault("`to` begins with no address"))?;
        if !address.ip().is_loopback() {
            return Err(fault("notices go to this machine alone"));
        }
        let kind = self.event.split('_').next().unwrap_or_default();
        let body = json!({"type": kind, "code": self.event, "connection_id": connection_id,
            "sent_at": now.millis_text(), kind.to_lowercase(): {"id": self.id}});
        let body = body.to_string();
        let signature = match self.signature {
            Signing::Good => signed(organisation.client_secret, &body),
            Signing::Bad => signed("another secret", &body),
            Signing::None => String::new(),
        };
        let request = format!(
            "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             {signature}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut statuses = Vec::new();
        for _ in 0..self.times.unwrap_or(1).min(MOST) {
            statuses.push(post(address, &request).await?);
        }
        Ok(statuses)
    }
}

/// The header of a signature.
fn signed(secret: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body.as_bytes());
    format!("x-rutter-signature: sha256={}\r\n", STANDARD.encode(mac.finalize().into_bytes()))
}

async fn post(to: SocketAddr, request: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is no HTTP"))
}
