//! SFTP servers, seen by a client.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use russh::client::{Config, Handle, Handler, connect};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{OpenFlags, StatusCode};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::Folder;
use crate::{Access, SftpServer, Sshd};

/// Trusts the one host whose fingerprint it has.
struct Pinned(String);

impl Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                key.fingerprint(HashAlg::Sha256).to_string() == self.0
            }
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }
}

async fn reach(to: SocketAddr, fingerprint: &str) -> Result<Handle<Pinned>, russh::Error> {
    connect(Arc::new(Config::default()), to, Pinned(fingerprint.to_owned())).await
}

async fn files(connection: &Handle<Pinned>) -> SftpSession {
    let channel = connection.channel_open_session().await.unwrap();
    channel.request_subsystem(true, "sftp").await.unwrap();
    SftpSession::new(channel.into_stream()).await.unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).unwrap()
}

fn with_password() -> Access {
    Access { user: "heron".into(), password: Some("feather".into()), ..Access::default() }
}

fn place() -> Folder {
    let folder = Folder::new();
    fs::create_dir_all(folder.path().join("root/upload")).unwrap();
    folder
}

fn start(folder: &Folder, access: &Access) -> SftpServer {
    SftpServer::start(&folder.path().join("root"), access, "127.0.0.1:0").unwrap()
}

async fn entered(server: &SftpServer) -> (Handle<Pinned>, SftpSession) {
    let mut connection = reach(server.address(), &server.fingerprint()).await.unwrap();
    let entry = connection.authenticate_password("heron", "feather").await.unwrap();
    assert!(entry.success());
    let sftp = files(&connection).await;
    (connection, sftp)
}

fn said<T: std::fmt::Debug>(result: Result<T, Error>) -> StatusCode {
    match result.unwrap_err() {
        Error::Status(status) => status.status_code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn files_are_written_listed_read_from_an_offset_renamed_and_removed() {
    let folder = place();
    let server = start(&folder, &with_password());
    let (_connection, sftp) = entered(&server).await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut file = sftp.create("/upload/a.csv").await.unwrap();
    file.write_all(&bytes).await.unwrap();
    file.shutdown().await.unwrap();
    assert_eq!(fs::read(folder.path().join("root/upload/a.csv")).unwrap(), bytes);

    let entry = sftp.read_dir("upload").await.unwrap().next().unwrap();
    assert_eq!((entry.file_name().as_str(), entry.metadata().size), ("a.csv", Some(300_000)));
    assert!(entry.metadata().mtime.is_some());
    let mut file = sftp.open("/upload/a.csv").await.unwrap();
    file.seek(std::io::SeekFrom::Start(299_000)).await.unwrap();
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).await.unwrap();
    assert_eq!(tail, bytes[299_000..]);

    sftp.create_dir("/processed").await.unwrap();
    sftp.rename("/upload/a.csv", "/processed/a.csv").await.unwrap();
    assert_eq!(said(sftp.metadata("/upload/a.csv").await), StatusCode::NoSuchFile);
    sftp.remove_file("/processed/a.csv").await.unwrap();
    assert_eq!(sftp.canonicalize(".").await.unwrap(), "/");
}

#[tokio::test]
async fn a_rename_does_not_take_anothers_place() {
    let folder = place();
    for name in ["a", "b"] {
        fs::write(folder.path().join("root").join(name), name).unwrap();
    }
    let server = start(&folder, &with_password());
    let (_connection, sftp) = entered(&server).await;
    assert_eq!(said(sftp.rename("/a", "/b").await), StatusCode::Failure);
    assert_eq!(fs::read(folder.path().join("root/b")).unwrap(), b"b");
}

#[tokio::test]
async fn nothing_outside_the_folder_can_be_named() {
    let folder = place();
    fs::write(folder.path().join("secret"), "s").unwrap();
    let link = folder.path().join("root/link");
    std::os::unix::fs::symlink(folder.path(), link).unwrap();
    let server = start(&folder, &with_password());
    let (_connection, sftp) = entered(&server).await;
    for path in ["/../secret", "upload/../../secret", "/link/secret"] {
        assert_eq!(said(sftp.metadata(path).await), StatusCode::PermissionDenied, "{path}");
        let written = sftp.open_with_flags(path, OpenFlags::WRITE | OpenFlags::TRUNCATE).await;
        assert_eq!(said(written.map(|_| ())), StatusCode::PermissionDenied, "{path}");
    }
    assert!(sftp.metadata("/upload/../upload").await.is_ok());
    assert_eq!(fs::read(folder.path().join("secret")).unwrap(), b"s");
}

#[tokio::test]
async fn a_folder_to_read_from_takes_nothing() {
    let folder = place();
    fs::write(folder.path().join("root/a"), "a").unwrap();
    let server = start(&folder, &Access { read_only: true, ..with_password() });
    let (_connection, sftp) = entered(&server).await;
    assert_eq!(sftp.read("/a").await.unwrap(), b"a");
    assert_eq!(said(sftp.create("/b").await.map(|_| ())), StatusCode::PermissionDenied);
    assert_eq!(said(sftp.remove_file("/a").await), StatusCode::PermissionDenied);
    assert_eq!(said(sftp.rename("/a", "/b").await), StatusCode::PermissionDenied);
}

#[tokio::test]
async fn a_listing_of_many_files_is_whole() {
    let folder = place();
    for n in 0..1_234 {
        fs::write(folder.path().join(format!("root/upload/{n:04}.csv")), "").unwrap();
    }
    let server = start(&folder, &with_password());
    let (_connection, sftp) = entered(&server).await;
    let names: BTreeSet<String> =
        sftp.read_dir("/upload").await.unwrap().map(|entry| entry.file_name()).collect();
    let expected: BTreeSet<String> = (0..1_234).map(|n| format!("{n:04}.csv")).collect();
    assert_eq!(names, expected);
    assert_eq!(sftp.read_dir("/upload").await.unwrap().count(), 1_234);
}

#[tokio::test]
async fn a_password_or_a_key_opens_and_nothing_else_does() {
    let (folder, mine, other) = (place(), key(), key());
    let line = mine.public_key().to_openssh().unwrap();
    let server = start(&folder, &Access { keys: vec![line], ..with_password() });
    let enter = async |user: &str, key: &PrivateKey| {
        let mut connection = reach(server.address(), &server.fingerprint()).await.unwrap();
        let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), None);
        connection.authenticate_publickey(user, key).await.unwrap().success()
    };
    assert!(enter("heron", &mine).await);
    assert!(!enter("heron", &other).await && !enter("ibis", &mine).await);
    let mut connection = reach(server.address(), &server.fingerprint()).await.unwrap();
    for (user, password) in [("heron", "guess"), ("ibis", "feather"), ("heron", "")] {
        assert!(!connection.authenticate_password(user, password).await.unwrap().success());
    }
    assert!(server.host_key().starts_with("ssh-ed25519 "));
}

#[tokio::test]
async fn a_new_start_is_another_host() {
    let folder = place();
    let first = start(&folder, &with_password()).fingerprint();
    let server = start(&folder, &with_password());
    assert_ne!(first, server.fingerprint());
    assert!(reach(server.address(), &first).await.is_err());
}

async fn upload_and_read(sftp: &SftpSession, root: &Path) {
    let mut file = sftp.create("upload/a.csv").await.unwrap();
    file.write_all(b"1;2").await.unwrap();
    file.shutdown().await.unwrap();
    assert_eq!(fs::read(root.join("upload/a.csv")).unwrap(), b"1;2");
    assert_eq!(sftp.read("upload/a.csv").await.unwrap(), b"1;2");
}

#[tokio::test]
async fn the_machines_own_server_is_used_where_there_is_one() {
    let (folder, mine) = (place(), key());
    let root = folder.path().join("root");
    let line = mine.public_key().to_openssh().unwrap();
    let sshd = Sshd::start(&folder.path().join("sshd"), &root, &[line]).unwrap();
    assert_eq!(sshd.is_some(), Sshd::is_installed());
    if let Some(sshd) = sshd {
        let mut connection = reach(sshd.address(), &sshd.fingerprint()).await.unwrap();
        let key = PrivateKeyWithHashAlg::new(Arc::new(mine), None);
        assert!(connection.authenticate_publickey(sshd.user(), key).await.unwrap().success());
        upload_and_read(&files(&connection).await, &root).await;
    }
}
