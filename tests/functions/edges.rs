//! The functions at the edges: what providers tell, and what customers get.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::functions::{Function, Ground, failures};
use super::{cloud, fresh};
use sandbox::Account;

/// A notice as a function's URL hands it over, signed with a key.
fn notice(key: &str, event: &str) -> Value {
    let body = json!({"type": "ORDER", "code": event}).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, body.as_bytes()));
    json!({
        "version": "2.0",
        "rawPath": "/webhooks/bluebird/shop",
        "headers": {"x-rutter-signature": format!("sha256={signature}")},
        "requestContext": {"http": {"method": "POST", "path": "/webhooks/bluebird/shop"}},
        "body": body,
        "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn a_notice_that_is_signed_ends_in_a_job_that_extract_takes_up() {
    let ground = Ground::new();
    ground.configure("[orders]").await;
    let secrets = Account::of("bluebird", "shop").unwrap().secrets;
    let (_, key) = secrets.iter().find(|(name, _)| *name == "rutter-client-secret").unwrap();
    let mut webhook = Function::start("webhook", &ground.variables).await;
    let refused = webhook.invoke(notice("another", "ORDER_UPDATED")).await.unwrap();
    assert_eq!(refused["statusCode"], 401, "{refused}");
    for _ in 0..2 {
        let taken = webhook.invoke(notice(key, "ORDER_UPDATED")).await.unwrap();
        assert_eq!(taken["statusCode"], 202, "{taken}");
    }
    let batch = ground.batch().await;
    assert_eq!(batch["Records"].as_array().unwrap().len(), 1, "the second one waits for the first");
    let mut extract = Function::start("extract", &ground.variables).await;
    assert_eq!(failures(&extract.invoke(batch).await.unwrap()), 0);
    assert!(!ground.keys("commits/rutter/orders/").await.is_empty());
}

#[tokio::test]
async fn a_copy_for_a_customer_is_asked_for_and_its_manifest_comes_last() {
    let ground = Ground::new();
    ground.configure("[customers]").await;
    let customer =
        "tenants: [bluebird]\ntarget: customers/orchard\nrelations: [rutter_customers]\n";
    ground.put("config/customers/orchard.yaml", customer).await;
    let (name, known) = (fresh("workgroup"), ("ATHENA_WORKGROUP", "ATHENA_DATABASE"));
    cloud().workgroup(&name).unwrap();
    let mut variables = ground.variables.clone();
    variables.extend([(known.0.to_owned(), name), (known.1.to_owned(), "headwater".to_owned())]);
    let mut export = Function::start("export", &variables).await;
    let made = export.invoke(json!({"customer": "orchard"})).await.unwrap();
    // The emulated Athena writes no files.
    let told = (&made["exported"][0]["relations"], &made["exported"][0]["rows"]);
    assert_eq!(told, (&json!(1), &json!(0)), "{made}");
    let keys = ground.keys("customers/orchard/").await;
    assert!(keys.iter().any(|key| key.ends_with("/current.json")), "{keys:?}");
    let fault = export.invoke(json!({"customer": "nobody"})).await.unwrap_err();
    assert_eq!(fault["errorType"], "Permanent", "{fault}");
}
