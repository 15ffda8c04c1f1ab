//! What a partner delivers, and what has to become of it.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use lake::Sha256Hex;
use ports::Ids;
use serde_json::{Value, json};

/// A row of a file that is a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Line of the file.
    pub line: u64,
    /// The record, as the file has it.
    pub record: Value,
}

impl Row {
    pub fn text(&self, name: &str) -> &str {
        self.record[name].as_str().unwrap_or_default()
    }

    /// Whether the CRM never takes it.
    pub fn is_bad(&self) -> bool {
        self.text("source") == "UNKNOWN"
            || self.text("note") == "poison"
            || self.text("email").starts_with("conflict")
    }
}

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Content {
    pub body: Bytes,
    pub sha256: Sha256Hex,
    pub is_user: bool,
    /// Its records.
    pub rows: Vec<Row>,
    /// Lines that are no records.
    pub ragged: Vec<u64>,
    /// Why nothing of it may count, if nothing may.
    pub refused: Option<&'static str>,
}

/// A file that is put into the drop.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// When, from the beginning on.
    pub after: Duration,
    pub path: String,
    /// Which of the contents.
    pub content: usize,
    /// How long half of it lies there before the whole does.
    pub half: Option<Duration>,
}

/// All that a partner does in a world.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub contents: Vec<Content>,
    /// In the order of time.
    pub deliveries: Vec<Delivery>,
}

/// A number below `bound`.
pub fn below(ids: &dyn Ids, bound: usize) -> usize {
    usize::from_str_radix(&ids.fresh()[..6], 16).unwrap() % bound
}

impl Script {
    /// Up to three drops of up to three files, some of them again under another name.
    pub fn drawn(ids: &dyn Ids) -> Self {
        let mut script = Self::default();
        for drop in 0..=below(ids, 3) {
            let minutes = Duration::from_mins((drop * 5 + below(ids, 5)) as u64);
            for number in 0..=below(ids, 3) {
                let is_user = number % 2 == 0;
                let entity = if is_user { "USER" } else { "TRX" };
                let content = script.contents.len();
                let name = format!("{drop}{number}");
                script.contents.push(if is_user { users(ids, &name) } else { bought(ids, &name) });
                let seconds = Duration::from_secs(below(ids, 40) as u64);
                let half = (below(ids, 4) == 0).then(|| Duration::from_secs(10) + seconds / 2);
                let after = minutes + seconds;
                let path = format!("heron_{entity}_0{name}.csv");
                script.deliveries.push(Delivery { after, path, content, half });
                if below(ids, 4) == 0 {
                    let after = after + Duration::from_secs(below(ids, 900) as u64);
                    let path = format!("heron_{entity}_9{name}.csv");
                    script.deliveries.push(Delivery { after, path, content, half: None });
                }
            }
        }
        script.deliveries.sort_by_key(|delivery| delivery.after);
        script
    }

    /// One file of users and one of what they bought, at once.
    pub fn plain(ids: &dyn Ids) -> Self {
        let contents = vec![users(ids, "00"), bought(ids, "01")];
        let deliver = |(content, path): (usize, &str)| Delivery {
            after: Duration::ZERO,
            path: path.to_owned(),
            content,
            half: None,
        };
        let paths = ["heron_USER_000.csv", "heron_TRX_001.csv"];
        Self { contents, deliveries: paths.into_iter().enumerate().map(deliver).collect() }
    }

    /// The contents that count.
    pub fn good(&self) -> impl Iterator<Item = &Content> {
        self.contents.iter().filter(|content| content.refused.is_none())
    }
}

fn customer(ids: &dyn Ids) -> String {
    match below(ids, 12) {
        0 => "lock-1".to_owned(),
        n => format!("c{}", n % 6),
    }
}

fn users(ids: &dyn Ids, name: &str) -> Content {
    let mut body = "external_id,email,source,note\n".to_owned();
    let (mut rows, mut ragged) = (Vec::new(), Vec::new());
    let count = 1 + below(ids, 9);
    for line in (2..).take(count) {
        if count > 3 && ragged.is_empty() && below(ids, 15) == 0 {
            body.push_str("cut off\n");
            ragged.push(line);
            continue;
        }
        let id = customer(ids);
        let email = if below(ids, 20) == 0 { "conflict@x.example" } else { "a@x.example" };
        let source = if below(ids, 12) == 0 { "UNKNOWN" } else { "INSTORE" };
        let note = if below(ids, 25) == 0 { "poison".to_owned() } else { format!("{name}-{line}") };
        writeln!(body, "{id},{email},{source},{note}").unwrap();
        let record = json!({"external_id": id, "email": email, "source": source, "note": note});
        rows.push(Row { line, record });
    }
    content(body, true, (rows, ragged), None)
}

/// Transactions, with a trailer that counts them; now and then it counts wrong.
fn bought(ids: &dyn Ids, name: &str) -> Content {
    let mut body = "trx_id,external_id,amount,note\n".to_owned();
    let mut rows = Vec::new();
    let count = 1 + below(ids, 9);
    for line in (2..).take(count) {
        let (trx, id) = (format!("t{}", below(ids, 30)), customer(ids));
        let note = format!("{name}-{line}");
        writeln!(body, "{trx},{id},1.10,{note}").unwrap();
        let record = json!({"trx_id": trx, "external_id": id, "amount": "1.10", "note": note});
        rows.push(Row { line, record });
    }
    let refused = (below(ids, 8) == 0).then_some("COUNT_MISMATCH");
    let told = count + usize::from(refused.is_some());
    writeln!(body, "T,{told}").unwrap();
    content(body, false, (rows, Vec::new()), refused)
}

fn content(
    body: String,
    is_user: bool,
    (rows, ragged): (Vec<Row>, Vec<u64>),
    refused: Option<&'static str>,
) -> Content {
    let sha256 = Sha256Hex::of(body.as_bytes());
    Content { body: body.into(), sha256, is_user, rows, ragged, refused }
}
