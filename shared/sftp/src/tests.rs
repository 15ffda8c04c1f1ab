use std::fs;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::Policy;
use model::Secret;
use model::config::SftpPlace;
use ports::{Credential, DropError, Drops, FileDrop, Login};
use sandbox::{Access, LoginKey, SftpServer, Sshd};
use tempfile::TempDir;

use super::*;

/// A server, and a drop on it.
struct Hosted {
    opened: Arc<dyn FileDrop>,
    _server: SftpServer,
    _folder: TempDir,
}

impl Deref for Hosted {
    type Target = dyn FileDrop;

    fn deref(&self) -> &Self::Target {
        &*self.opened
    }
}

fn drops() -> SftpDrops {
    SftpDrops::new(Policy::with_local(&["127.0.0.1".to_owned()]))
}

fn started() -> (TempDir, SftpServer, Login) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("upload")).unwrap();
    let access =
        Access { user: "heron".into(), password: Some("feather".into()), ..Access::default() };
    let server = SftpServer::start(folder.path(), &access, "127.0.0.1:0").unwrap();
    let place = SftpPlace {
        host: "127.0.0.1".to_owned(),
        port: server.address().port(),
        user: "heron".to_owned(),
        host_keys: vec![server.fingerprint()],
        path: "upload".to_owned(),
    };
    let credential = Credential::Password(Secret::new("feather".to_owned()));
    (folder, server, Login { place, credential })
}

async fn hosted() -> Hosted {
    let (folder, server, login) = started();
    let opened = drops().open(&login).await.unwrap();
    Hosted { opened, _server: server, _folder: folder }
}

testkit::file_drop_contract!(hosted().await);

#[tokio::test]
async fn a_server_with_another_key_is_refused_and_its_key_is_told() {
    let (_folder, server, mut login) = started();
    login.place.host_keys = vec!["SHA256:uNiVztksCsDhcc0u9e8BrJQb2zJ5bW8O3vY1yQmJc1o".to_owned()];
    let refused = drops().open(&login).await.unwrap_err();
    let DropError::HostKey { seen, .. } = refused else { panic!("{refused}") };
    assert_eq!(seen, server.fingerprint());
}

#[tokio::test]
async fn a_credential_that_does_not_hold_is_refused_without_being_quoted() {
    let (_folder, _server, mut login) = started();
    login.credential = Credential::Password(Secret::new("plumage".to_owned()));
    let refused = drops().open(&login).await.unwrap_err();
    assert!(matches!(refused, DropError::Refused { .. }), "{refused}");
    assert!(!refused.to_string().contains("plumage"));
    let key = Secret::new("not a key".to_owned());
    login.credential = Credential::Key { key, passphrase: None };
    let refused = drops().open(&login).await.unwrap_err();
    assert!(matches!(refused, DropError::Refused { .. }), "{refused}");
    assert!(!refused.to_string().contains("not a key"));
}

#[tokio::test]
async fn loopback_is_refused_unless_it_is_listed() {
    let (_folder, _server, login) = started();
    let refused = SftpDrops::new(Policy::public()).open(&login).await.unwrap_err();
    let DropError::Refused { reason, .. } = refused else { panic!("{refused}") };
    assert!(reason.contains("loopback"), "{reason}");
}

#[tokio::test]
async fn no_path_leads_out_of_the_drop() {
    let place = hosted().await;
    for path in ["../a", "/etc/passwd", "a/../../b", "", "a//b"] {
        let refused = place.read(path, 0, 1).await.unwrap_err();
        assert!(matches!(refused, DropError::Refused { .. }), "{path}: {refused}");
    }
}

/// The machine's own OpenSSH, where there is one: a server that nobody here wrote.
#[tokio::test]
async fn openssh_lets_a_key_in_and_serves_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("upload")).unwrap();
    let key = LoginKey::fresh().unwrap();
    let keys = [key.public.clone()];
    let server = Sshd::start(&folder.path().join("work"), &root, &keys).unwrap();
    let Some(server) = server else {
        // Machines without an sshd show this with the server of the sandbox alone.
        assert!(!Sshd::is_installed());
        return;
    };
    let place = SftpPlace {
        host: "127.0.0.1".to_owned(),
        port: server.address().port(),
        user: server.user().to_owned(),
        host_keys: vec![server.fingerprint()],
        path: "upload".to_owned(),
    };
    let credential = Credential::Key { key: Secret::new(key.private), passphrase: None };
    let opened = drops().open(&Login { place, credential }).await.unwrap();
    let body: Bytes = (0..=255_u8).cycle().take(5_000_003).collect();
    opened.put("a b.csv", body.clone()).await.unwrap();
    assert!(fs::read(root.join("upload/a b.csv")).unwrap() == body);
    assert!(opened.read("a b.csv", 0, 6_000_000).await.unwrap() == body);
    assert_eq!(opened.list(10).await.unwrap()[0].size, 5_000_003);
    opened.rename("a b.csv", "processed/2026/a b.csv").await.unwrap();
    opened.put("a b.csv", Bytes::from_static(b"x")).await.unwrap();
    let exists = opened.rename("a b.csv", "processed/2026/a b.csv").await.unwrap_err();
    assert!(matches!(exists, DropError::Exists { .. }), "{exists}");
    assert!(matches!(opened.stat("z").await.unwrap_err(), DropError::NotFound { .. }));
}
