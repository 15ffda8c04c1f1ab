//! From an address to a session: policy, host key, login.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Policy;
use ports::{Credential, DropError, Login};
use russh::client::{
    AuthResult, Config, Handle, Handler, KeyboardInteractiveAuthResponse, connect,
};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh_sftp::client::RawSftpSession;
use tokio::time::timeout;

/// Longest time until a session stands.
const PROMPT: Duration = Duration::from_secs(20);

/// Longest time of one answer.
const ANSWER: u64 = 30;

/// A server that says nothing for so long is asked whether it is there.
const QUIET: Duration = Duration::from_secs(15);

/// What may be on the way at once: the product of a fast line's rate and its latency.
const WINDOW: u32 = 16 << 20;

/// Rounds of questions that a login may ask.
const ROUNDS: usize = 4;

/// A session, and the connection that carries it.
pub(crate) struct Session {
    pub(crate) sftp: RawSftpSession,
    /// Most bytes of one read.
    pub(crate) piece: u32,
    /// Ends the connection when it goes.
    _connection: Handle<Pinned>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("piece", &self.piece).finish_non_exhaustive()
    }
}

/// Trusts the hosts whose fingerprints it has, and remembers which it was shown.
struct Pinned {
    keys: Vec<String>,
    seen: Arc<Mutex<Option<String>>>,
}

impl Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let shown = key.fingerprint(HashAlg::Sha256).to_string();
        let known = self.keys.iter().any(|pin| pin.trim_end_matches('=') == shown);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(known)
    }
}

/// Connects, checks the host, logs in.
pub(crate) async fn session(policy: &Policy, login: &Login) -> Result<Session, DropError> {
    let place = &login.place;
    let host = format!("{}:{}", place.host, place.port);
    let late = |_| DropError::Unavailable {
        reason: format!("{host} did not let us in within {} s", PROMPT.as_secs()),
    };
    timeout(PROMPT, enter(policy, login, &host)).await.map_err(late)?
}

async fn enter(policy: &Policy, login: &Login, host: &str) -> Result<Session, DropError> {
    let place = &login.place;
    let forbidden = |error: http::Unresolved| match error {
        http::Unresolved::Forbidden(reason) => {
            DropError::Refused { what: format!("a connection to {host}"), reason }
        }
        http::Unresolved::Unknown(reason) => {
            DropError::Unavailable { reason: format!("{host}: {reason}") }
        }
    };
    let addresses = policy.resolve(&place.host, place.port).await.map_err(forbidden)?;
    let seen = Arc::new(Mutex::new(None));
    let pinned = Pinned { keys: place.host_keys.clone(), seen: Arc::clone(&seen) };
    let config = Config {
        window_size: WINDOW,
        keepalive_interval: Some(QUIET),
        nodelay: true,
        ..Config::default()
    };
    let connected = connect(Arc::new(config), addresses.as_slice(), pinned).await;
    let mut connection = connected.map_err(|error| {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (error, seen) {
            (russh::Error::UnknownKey, Some(seen)) => {
                DropError::HostKey { host: host.to_owned(), seen }
            }
            (error, _) => broken(host, &error),
        }
    })?;
    if !log_in(&mut connection, login, host).await? {
        let what = format!("the login of {} at {host}", place.user);
        return Err(DropError::Refused { what, reason: "the credential does not hold".to_owned() });
    }
    open(connection, host).await
}

fn broken(host: &str, error: &russh::Error) -> DropError {
    DropError::Unavailable { reason: format!("{host}: {error}") }
}

async fn log_in(
    connection: &mut Handle<Pinned>,
    login: &Login,
    host: &str,
) -> Result<bool, DropError> {
    let user = login.place.user.clone();
    let broken = |error: russh::Error| broken(host, &error);
    match &login.credential {
        Credential::Password(password) => {
            let word = password.expose();
            let entered = connection.authenticate_password(user.clone(), word).await;
            if entered.map_err(broken)?.success() {
                return Ok(true);
            }
            asked(connection, user, word).await.map_err(broken)
        }
        Credential::Key { key, passphrase } => {
            let word = passphrase.as_ref().map(|word| word.expose().as_str());
            // What the reader says may quote the key: it is not passed on.
            let unreadable = |_| DropError::Refused {
                what: format!("the private key for {host}"),
                reason: "it cannot be read: give it as OpenSSH or PEM writes it, and its \
                         passphrase when it has one"
                    .to_owned(),
            };
            let key = decode_secret_key(key.expose(), word).map_err(unreadable)?;
            let digest = if key.algorithm().is_rsa() {
                connection.best_supported_rsa_hash().await.map_err(broken)?.flatten()
            } else {
                None
            };
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), digest);
            let entered = connection.authenticate_publickey(user, key).await;
            Ok(matches!(entered.map_err(broken)?, AuthResult::Success))
        }
    }
}

/// Servers that take passwords as answers to a question only.
async fn asked(
    connection: &mut Handle<Pinned>,
    user: String,
    password: &str,
) -> Result<bool, russh::Error> {
    let mut reply = connection.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..ROUNDS {
        match reply {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts.iter().map(|_| password.to_owned()).collect();
                reply = connection.authenticate_keyboard_interactive_respond(answers).await?;
            }
        }
    }
    Ok(false)
}

async fn open(connection: Handle<Pinned>, host: &str) -> Result<Session, DropError> {
    let broken = |error: russh::Error| broken(host, &error);
    let channel = connection.channel_open_session().await.map_err(broken)?;
    channel.request_subsystem(true, "sftp").await.map_err(broken)?;
    let sftp = RawSftpSession::new(channel.into_stream());
    sftp.set_timeout(ANSWER);
    let away = |error| DropError::Unavailable { reason: format!("{host} speaks no SFTP: {error}") };
    let version = sftp.init().await.map_err(away)?;
    // A server that does not say takes what the protocol promises.
    let mut piece = PROMISED;
    if version.extensions.contains_key("limits@openssh.com")
        && let Ok(limits) = sftp.limits().await
    {
        piece = u32::try_from(limits.max_read_len).unwrap_or(MOST).clamp(PROMISED, MOST);
    }
    Ok(Session { sftp, piece, _connection: connection })
}

/// Bytes of a read that every server serves.
const PROMISED: u32 = 32 << 10;

/// More than that makes nothing faster; answers have to fit into a packet of 256 KiB.
const MOST: u32 = 128 << 10;
