//! The machine's own OpenSSH server, on loopback and for its own user only.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;

use russh::keys::PublicKey;
use russh::keys::ssh_key::LineEnding;

use super::{fingerprint, new_key};

const PLACES: [&str; 4] =
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd", "/opt/homebrew/sbin/sshd"];

/// An `sshd` that serves SFTP and nothing else, to the user who started it. Dropping it stops it.
///
/// It knows no passwords: only who runs as root could check them. Relative paths begin at its
/// folder, absolute ones at the machine's root.
#[derive(Debug)]
pub struct Sshd {
    child: Child,
    log: Option<JoinHandle<()>>,
    address: SocketAddr,
    host_key: PublicKey,
    user: String,
}

impl Sshd {
    /// Whether this machine has an `sshd` to start.
    pub fn is_installed() -> bool {
        program().is_some()
    }

    /// Serves `root`, with its own files in `work`; none where no `sshd` is installed. `keys` are
    /// lines of `authorized_keys`.
    pub fn start(work: &Path, root: &Path, keys: &[String]) -> io::Result<Option<Self>> {
        let Some(program) = program() else { return Ok(None) };
        let root = root.canonicalize()?;
        if root.to_string_lossy().contains(char::is_whitespace) {
            let text = "sshd cannot begin in a folder whose name has spaces";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        fs::create_dir_all(work)?;
        let work = work.canonicalize()?;
        if fs::metadata(&work)?.uid() == 0 {
            // Run by root, sshd insists on this folder, which a start of the system would make.
            fs::create_dir_all("/run/sshd")?;
        }
        let key = new_key()?;
        let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
        write_own(&work.join("host_key"), &text)?;
        write_own(&work.join("authorized_keys"), &(keys.join("\n") + "\n"))?;
        let user = own_name()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        write_own(&work.join("sshd_config"), &settings(&work, &root, address))?;
        let mut child = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(work.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = match child.stderr.take().map(listening) {
            Some(Ok(log)) => log,
            Some(Err(error)) => {
                // It has ended, or is to end.
                _ = child.kill();
                child.wait()?;
                return Err(error);
            }
            None => return Err(io::Error::other("sshd has no log")),
        };
        let log = std::thread::Builder::new().name("sshd-log".to_owned()).spawn(move || {
            // Nobody reads what it says, but it must be able to say it.
            log.lines().map_while(Result::ok).for_each(drop);
        })?;
        let host_key = key.public_key().clone();
        Ok(Some(Self { child, log: Some(log), address, host_key, user }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The user whom it lets in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Its host key's fingerprint as OpenSSH prints it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.host_key)
    }

    /// Its host key as a line of `known_hosts` has it: `ssh-ed25519 AAAA…`.
    pub fn host_key(&self) -> String {
        self.host_key.to_openssh().unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // What has ended by itself needs no end.
        _ = self.child.kill();
        _ = self.child.wait();
        if let Some(log) = self.log.take() {
            // Sessions that are still open hold the log too: it ends with them.
            drop(log);
        }
    }
}

fn program() -> Option<&'static str> {
    PLACES.into_iter().find(|place| Path::new(place).is_file())
}

/// Reads the log up to the line that says that it listens.
fn listening(log: ChildStderr) -> io::Result<BufReader<ChildStderr>> {
    let mut log = BufReader::new(log);
    let mut said = String::new();
    loop {
        let from = said.len();
        if log.read_line(&mut said)? == 0 {
            return Err(io::Error::other(format!("sshd did not start: {}", said.trim())));
        }
        if said.get(from..).is_some_and(|line| line.contains("Server listening")) {
            return Ok(log);
        }
    }
}

/// A file that nobody else can read.
fn write_own(file: &PathBuf, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}

fn own_name() -> io::Result<String> {
    let output = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn settings(work: &Path, root: &Path, address: SocketAddr) -> String {
    let (work, root) = (work.display(), root.display());
    format!(
        "ListenAddress {address}\n\
         HostKey \"{work}/host_key\"\n\
         AuthorizedKeysFile \"{work}/authorized_keys\"\n\
         PidFile none\n\
         StrictModes no\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\n\
         AllowTcpForwarding no\n\
         AllowAgentForwarding no\n\
         X11Forwarding no\n\
         PermitTTY no\n\
         Subsystem sftp internal-sftp\n\
         ForceCommand internal-sftp -d {root}\n"
    )
}
