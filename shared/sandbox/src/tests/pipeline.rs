//! The sample pipeline and the accounts agree.

use std::path::PathBuf;

use model::config::{Overlay, Streams, TenantFile};
use model::document::Document;

use crate::{Account, accounts};

fn read(path: &str) -> Document {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config").join(path);
    let text = std::fs::read_to_string(&file).unwrap();
    Document::parse(path, &text).unwrap()
}

fn tenant(name: &str) -> TenantFile {
    TenantFile::parse(&read(&format!("tenants/{name}.yaml")), &name.parse().unwrap()).unwrap()
}

#[test]
fn every_account_is_some_tenants_connection() {
    for account in accounts() {
        let file = tenant(account.tenant);
        let connection = &file.connections[&account.connection.parse().unwrap()];
        assert_eq!(connection.source.to_string(), account.source, "{}", account.name);
        let base = connection.config["base_url"].as_str().unwrap();
        assert_eq!(base, format!("http://127.0.0.1:7717{}", account.base_path));
        let dated = connection.config.contains_key("start_date");
        assert!(dated || account.base_path == "/hosts", "{}", account.name);
    }
}

#[test]
fn every_stream_that_a_tenant_names_is_there() {
    for account in accounts() {
        let file = tenant(account.tenant);
        let connection = &file.connections[&account.connection.parse().unwrap()];
        if let Streams::Listed(streams) = &connection.streams {
            for stream in streams {
                let known =
                    account.streams.iter().any(|known| known.name() == stream.name.as_str());
                assert!(known, "{} has no {}", account.name, stream.name);
            }
        }
    }
}

#[test]
fn every_secret_that_a_tenant_refers_to_is_some_accounts() {
    for account in accounts() {
        let file = tenant(account.tenant);
        for used in file.secrets.iter().filter(|u| u.of == account.connection) {
            let owner = used.reference.tenant().map_or(account.tenant, |owner| owner.as_str());
            let has = |of: &&Account| {
                of.tenant == owner
                    && of.secrets.iter().any(|(name, _)| *name == used.reference.name())
            };
            assert!(accounts().iter().any(|of| has(&of)), "{}", used.reference);
        }
    }
}

#[test]
fn every_source_has_a_manifest_with_its_streams_and_an_overlay() {
    for account in accounts() {
        Overlay::parse(&read(&format!("sources/{}.headwater.yaml", account.source))).unwrap();
        let manifest = read(&format!("sources/{}.yaml", account.source)).root.to_json();
        let streams = manifest["streams"].as_array().unwrap();
        for stream in account.streams {
            assert!(streams.iter().any(|known| known["name"] == stream.name()), "{stream}");
        }
    }
}
