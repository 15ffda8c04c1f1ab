//! What holds of erasing a person, wherever the functions run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use handlers::configuration::Configuration;
use handlers::erase::{Deps, Error, Person, Question, Wanted};
use lake::delivery::{Erasure, FileEnd};
use ports::{Attributes, ObjectStore};

use super::{Host, TENANT, arrive, configure, created, done, failures, keys, look, objects, put};

/// Whom it is about.
pub const ADA: &str = "u-ada-1815";

/// Users, one of them twice and once without a place that is known; and a row that is none.
fn people(other: &str) -> String {
    let mut rows = "external_id,email,source\nu-ada-1815,ada@x.example,INSTORE\n".to_owned();
    rows.extend((1..40).map(|n| format!("u-{other}-{n},{other}{n}@x.example,INSTORE\n")));
    rows.push_str("u-ada-1815,ada@x.example,NOWHERE\nu-ada-1815,ragged@x.example,INSTORE,more\n");
    rows
}

const PAID: &str = "trx_id,external_id,amount,bill_number,billing_date,currency\n\
                    t1,u-ada-1815,12.50,b1,2026-01-02T03:04:05Z,EUR\n\
                    t2,u-bob-1,3.00,b2,2026-01-02T03:04:05Z,EUR\nT,2\n";

/// Erases Ada from a lake.
pub async fn erase(
    host: &dyn Host,
    lake: Arc<dyn ObjectStore>,
    dry: bool,
) -> Result<Erasure, Error> {
    let wanted = [("external_id", ADA), ("email", "ada@x.example")];
    let wanted = wanted.into_iter().map(|(field, value)| Wanted::new(field, value)).collect();
    let deps = Deps {
        configuration: Arc::new(Configuration::new(host.lake(), "config/")),
        secrets: host.secrets(),
        lake,
        store: host.store(),
    };
    let question =
        Question { tenant: TENANT.parse().unwrap(), person: Person::new(wanted).unwrap(), dry };
    handlers::erase::erase(&deps, &question).await
}

/// All that the lake holds, unpacked, but the configuration.
pub async fn unpacked(lake: &dyn ObjectStore) -> BTreeMap<String, Vec<u8>> {
    let mut all = objects(lake).await;
    all.retain(|key, _| !key.starts_with("config/"));
    let read = |(key, body): (String, Bytes)| {
        let is = |end: &str| key.trim_end_matches("%2E").ends_with(end);
        let body = match () {
            () if key.contains("USER_009") => body.to_vec(),
            () if is(".zst") => zstd::decode_all(body.as_ref()).unwrap(),
            () if is(".gz") => {
                let mut text = Vec::new();
                MultiGzDecoder::new(body.as_ref()).read_to_end(&mut text).unwrap();
                text
            }
            () => body.to_vec(),
        };
        (key, body)
    };
    all.into_iter().map(read).collect()
}

/// Where something of somebody stands.
pub fn mentions(all: &BTreeMap<String, Vec<u8>>, text: &str) -> Vec<String> {
    let holds = |body: &Vec<u8>| String::from_utf8_lossy(body).contains(text);
    all.iter().filter(|(_, body)| holds(body)).map(|(key, _)| key.clone()).collect()
}

/// Ada stands in files that were pushed, refused, delivered twice and not pushed yet, in others
/// that nobody can read, and in all that became of them.
pub async fn deliver(host: &mut dyn Host) {
    configure(host).await;
    put(host, "drop/heron/heron_USER_001.csv", &people("bob")).await;
    put(host, "drop/heron/heron_TRX_002.csv", &PAID.replace("T,2", "T,3")).await;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(PAID.as_bytes()).unwrap();
    let key = "drop/heron/heron_TRX_001.csv.gz".parse().unwrap();
    let packed = Bytes::from(packed.finish().unwrap());
    host.lake().put(&key, packed, &Attributes::default()).await.unwrap();
    let torn = b"\x1f\x8b\x08\x00torn";
    let key = "drop/heron/heron_USER_009.csv.gz".parse().unwrap();
    host.lake().put(&key, Bytes::from_static(torn), &Attributes::default()).await.unwrap();
    look(host).await;
    arrive(host).await;
    put(host, "drop/heron/heron_USER_002.csv", &people("bob")).await;
    put(host, "drop/heron/heron_USER_003.csv", &people("eve")).await;
    look(host).await;
}

/// A person is erased from files as they came, their records, requests, answers and errors,
/// whatever became of the files; everybody else's stay, and every count.
pub async fn a_person_is_erased_and_everybody_else_stays(host: &mut dyn Host) {
    deliver(host).await;
    let ended = done(host).await;
    assert_eq!(ended.len(), 2, "{ended:?}");
    let before = unpacked(host.lake().as_ref()).await;
    let bobs = mentions(&before, "u-bob-1").len();
    let folders: BTreeSet<_> = mentions(&before, ADA)
        .iter()
        .filter_map(|key| Some(key.split_once('/')?.0.to_owned()))
        .collect();
    let expected = ["archive", "drop", "failed", "inbox", "outcomes"];
    assert!(folders.iter().eq(expected), "{folders:?}");

    let told = erase(host, host.lake(), true).await.unwrap();
    assert!(before == unpacked(host.lake().as_ref()).await, "to ask changes something");
    let proof = erase(host, host.lake(), false).await.unwrap();
    assert_eq!(told.changed.len(), proof.changed.len());
    // What nobody can read is left to a person, where it failed and where it was moved to.
    assert!(proof.ended && proof.left.len() == 2, "{proof:?}");
    assert!(proof.left.iter().all(|left| left.key.as_str().ends_with("USER_009.csv.gz")));
    let after = unpacked(host.lake().as_ref()).await;
    for text in [ADA, "ada@x.example", "ragged@x.example"] {
        assert_eq!(mentions(&after, text), Vec::<String>::new(), "{text}");
    }
    assert!(!mentions(&after, "u-bob-1").is_empty() && mentions(&after, "u-bob-1").len() <= bobs);
    let told = mentions(&after, "42,3217,erased");
    assert!(told.iter().any(|key| key.ends_with(".errors.csv")), "{told:?}");
    let archived =
        mentions(&after, "u-bob-1").into_iter().filter(|key| key.starts_with("archive/"));
    assert_eq!(archived.count(), 2, "{after:?}");
    assert_eq!(done(host).await, ended, "counts change");
    let key = proof.place().render().unwrap();
    let stored = host.lake().get(&key).await.unwrap().body;
    assert_eq!(Erasure::from_json(&stored).unwrap(), proof);

    let again = erase(host, host.lake(), false).await.unwrap();
    assert_eq!((again.records, again.changed.len()), (0, 0), "{again:?}");
    // What was not sent yet ends, as erased; nobody else waits for it.
    arrive(host).await;
    let late = done(host).await.remove("heron_USER_003.csv").unwrap();
    assert_eq!((late.outcome, late.codes.get("ERASED")), (FileEnd::Partial, Some(&2)), "{late:?}");
    assert_eq!(late.counts.ok, 39);
    assert_eq!(mentions(&unpacked(host.lake().as_ref()).await, ADA), Vec::<String>::new());
}

/// A file whose records are on their way is left as it is, and told of.
pub async fn what_is_on_its_way_is_not_erased(host: &mut dyn Host) {
    configure(host).await;
    put(host, "drop/heron/heron_TRX_001.csv", PAID).await;
    look(host).await;
    let accepted = keys(host, "inbox/files/").await;
    // The CRM knows no such customers yet: it is asked again later.
    assert_eq!(failures(&host.push(created(&accepted)).await), 0);
    let before = unpacked(host.lake().as_ref()).await;
    let proof = erase(host, host.lake(), false).await.unwrap();
    let left: BTreeSet<&str> =
        proof.left.iter().filter_map(|left| left.key.as_str().split('/').next()).collect();
    assert_eq!(left, BTreeSet::from(["archive", "drop", "inbox"]), "{proof:?}");
    assert!(proof.left.iter().all(|left| left.reason.contains("on their way")));
    assert_eq!(proof.changed, []);
    let mut after = unpacked(host.lake().as_ref()).await;
    after.retain(|key, _| !key.starts_with("erasures/"));
    assert!(before == after, "something was changed");
}
