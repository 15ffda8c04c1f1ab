//! A shop whose customers can be asked for, on a port of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// The shop's manifest.
pub(crate) const MANIFEST: &str = r#"
version: 6.44.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [customers]}
streams:
  - type: DeclarativeStream
    name: customers
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "{{ config['base_url'] }}", path: customers}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [customers]}}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: string}}}}
"#;

/// The model of its customers.
pub(crate) const MODEL: &str = "
version: 1
fields:
  external_id: {type: string, required: true}
  email: string
  source: string
identity: [external_id]
sources:
  shop/customers: {fields: {external_id: id, email: mail, source: channel}}
";

/// A shop.
pub(crate) struct Shop {
    /// Where it is.
    pub(crate) url: String,
    customers: Arc<Mutex<Vec<Value>>>,
}

impl Shop {
    /// Opens it with so many customers.
    pub(crate) fn open(number: usize) -> Self {
        let customer = |n: usize| json!({"id": format!("c{n:04}"), "mail": format!("c{n:04}@x.example"), "channel": "INSTORE"});
        let customers = Arc::new(Mutex::new((0..number).map(customer).collect::<Vec<_>>()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let shared = Arc::clone(&customers);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A caller that hangs up in the middle is none of the test's business.
                answer(&stream, &shared).ok();
            }
        });
        Self { url, customers }
    }

    /// A customer moves to another address.
    pub(crate) fn moves(&self, number: usize) {
        let mut customers = self.customers.lock().unwrap();
        customers[number]["mail"] = json!(format!("c{number:04}@new.example"));
    }
}

fn answer(mut stream: &TcpStream, customers: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
    let body = json!({"customers": *customers.lock().unwrap()}).to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
