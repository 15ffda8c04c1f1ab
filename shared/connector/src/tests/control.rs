use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;
use crate::Hosting;
use crate::protocol::Announced;

/// A place that the test can look at.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn new_tokens_are_told_with_the_whole_configuration_before_they_are_used() {
    let provider = Provider::answering([
        r#"{"access_token": "a1", "refresh_token": "r1", "expires_in": 60}"#,
        r#"{"orders": [{"id": 1}]}"#,
    ]);
    let authenticator = r"        authenticator:
          type: OAuthAuthenticator
          token_refresh_endpoint: https://auth.example.com/token
          client_id: id
          client_secret: secret
          refresh_token_updater: {access_token_config_path: [token]}
        url_base:";
    let manifest = ORDERS.replacen("        url_base:", authenticator, 1);
    let manifest = Manifest::parse("m.yaml", &manifest).unwrap();
    let config = json!({
        "base_url": "https://api.example.com", "token": "",
        "credentials": {"refresh_token": "r0", "token_expiry_date": ""},
    });
    let lines = Lines::default();
    let announced = Announced::new(config.clone(), lines.clone(), Arc::new(provider.clone()));
    let hosting = Hosting { grants: Some(Arc::new(announced)), ..Hosting::default() };
    let runtime = runtime(&provider);
    let source =
        Source::hosted(&manifest, &Overlay::default(), &config, (runtime, hosting)).await.unwrap();
    let mut out = Messages::new(lines.clone());
    let selected = Selected(vec!["orders".to_owned()]);
    read(&source, &selected, &States::new(), &mut out).await.unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let messages: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let kinds: Vec<_> = messages.iter().map(|m| m["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().position(|kind| *kind == "CONTROL"), Some(1), "{kinds:?}");
    assert_eq!(
        messages[1]["control"]["connectorConfig"]["config"],
        json!({
            "base_url": "https://api.example.com", "token": "a1",
            "credentials": {
                "refresh_token": "r1", "token_expiry_date": "2024-01-06T00:01:00+00:00",
            },
        })
    );
}
