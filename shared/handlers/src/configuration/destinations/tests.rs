use ports::{Attributes, ObjectStore};
use testkit::MemoryStore;

use super::*;

const SHOP: &str = r#"
spec:
  connection_specification:
    required: [base_url, token]
    properties: {base_url: {type: string}, token: {type: string, airbyte_secret: true}}
requester: {url_base: "{{ config.base_url }}"}
accepts: {user: ADD, customer: ADD}
operations:
  ADD: {path: /add, batch: {max_items: 10}}
"#;

async fn folder(files: &[(&str, &str)]) -> (Arc<MemoryStore>, Configuration) {
    let store = Arc::new(MemoryStore::default());
    for (name, text) in files {
        let key = format!("config/{name}").parse().unwrap();
        store.put(&key, (*text).to_owned().into(), &Attributes::default()).await.unwrap();
    }
    let configuration = Configuration::new(Arc::clone(&store) as Arc<dyn ObjectStore>, "config/");
    (store, configuration)
}

#[tokio::test]
async fn a_destination_is_compiled_again_when_its_file_changes_and_not_before() {
    let (store, configuration) = folder(&[("destinations/shop.yaml", SHOP)]).await;
    let name: DestinationName = "shop".parse().unwrap();
    let first = configuration.destination(&name).await.unwrap();
    assert!(Arc::ptr_eq(&first, &configuration.destination(&name).await.unwrap()));
    let key = "config/destinations/shop.yaml".parse().unwrap();
    let changed = SHOP.replace("max_items: 10", "max_items: 20");
    store.put(&key, changed.into(), &Attributes::default()).await.unwrap();
    let second = configuration.destination(&name).await.unwrap();
    let add = second.operation(&"ADD".parse().unwrap()).unwrap();
    assert_eq!(add.limits().max_items.get(), 20);
    assert_eq!(configuration.destinations().await.unwrap(), [name]);
}

#[tokio::test]
async fn a_destination_that_is_not_there_is_named_beside_those_that_are() {
    let (_, configuration) = folder(&[("destinations/shop.yaml", SHOP)]).await;
    let error = configuration.destination(&"shob".parse().unwrap()).await.unwrap_err();
    let expected = "there is no destination `shob`, did you mean `shop`?; there are: shop";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_check_tells_what_pushes_and_destinations_do_not_share() {
    let heron = r"
feeds:
  loyalty: {from: {s3: {prefix: drop/heron/}}}
  till: {from: {s3: {prefix: drop/till/}}}
pushes:
  first:
    destination: shob
    from: [{feed: loyalty}]
  second:
    destination: shop
    config: {base_url: http://x, tokn: x}
    from: [{feed: loyality}, {model: customer}, {model: custmer}, {feed: loyalty, operation: AD}, {feed: till}]
";
    let till = "
pattern: '^(?P<entity>USER|TRX)_'
kinds: {user: {entities: [USER]}, transaction: {entities: [TRX]}}
";
    let customer = "
version: 1
fields: {id: {type: string, required: true}}
identity: [id]
sources: {shop/customers: {fields: {id: id}}}
";
    let files = [
        ("destinations/shop.yaml", SHOP),
        ("tenants/heron.yaml", heron),
        ("models/customer.yaml", customer),
        ("feeds/till.yaml", till),
        ("destinations/broken.yaml", "operations: {}\n"),
    ];
    let (_, configuration) = folder(&files).await;
    let faults = configuration.check().await.unwrap();
    let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"));
}
