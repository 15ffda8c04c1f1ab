//! Fetches one file as the files function does, part by part, and says how long it took.
//!
//! `bench/sftp.py` runs it beside OpenSSH's own client:
//! `fetch <port> <user> <private key> <SHA256:…> <path> <target>`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program of one measurement")]

use std::io::Write as _;

use http::Policy;
use model::Secret;
use model::config::SftpPlace;
use ports::{Credential, Drops as _, Login};
use sftp::SftpDrops;

/// As much as is read for one part of an upload.
const PART: usize = 8 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [port, user, key, host_key, path, target] = given.try_into().unwrap();
    let (folder, name) = path.rsplit_once('/').unwrap();
    let place = SftpPlace {
        host: "127.0.0.1".to_owned(),
        port: port.parse().unwrap(),
        user,
        host_keys: vec![host_key],
        path: folder.to_owned(),
    };
    let key = Secret::new(std::fs::read_to_string(key).unwrap());
    let login = Login { place, credential: Credential::Key { key, passphrase: None } };
    let policy = Policy::with_local(&["127.0.0.1".to_owned()]);
    let drop = SftpDrops::new(policy).open(&login).await.unwrap();
    let size = drop.stat(name).await.unwrap().entry.size;
    let mut file = std::fs::File::create(target).unwrap();
    let mut offset = 0;
    while offset < size {
        let piece = drop.read(name, offset, PART).await.unwrap();
        assert!(!piece.is_empty(), "the file has become shorter");
        file.write_all(&piece).unwrap();
        offset += piece.len() as u64;
    }
    println!("{size} bytes");
}
