//! A delivery under construction.

use serde_json::Value;

use super::people::{self, Record};
use super::truth::{Said, Truth};
use super::{Delivery, Expected, Fate, Landing, PartnerFile};
use crate::dice::Dice;

/// Hands out customers and transactions that nobody has had, and keeps the truth.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) seed: u64,
    /// Rows of a large file.
    pub(super) rows: usize,
    pub(super) truth: Truth,
    files: Vec<PartnerFile>,
    /// Customers who may buy.
    buyers: Vec<String>,
    users: usize,
    transactions: usize,
}

/// How much of a record a format can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Row,
    Object,
}

/// What a file is called, and why it is there.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) landing: Landing,
    pub(super) wave: u8,
    pub(super) name: String,
    pub(super) special: &'static str,
}

impl Maker {
    pub(super) fn new(seed: u64, rows: usize) -> Self {
        let (truth, files, buyers) = (Truth::default(), Vec::new(), Vec::new());
        Self { seed, rows, truth, files, buyers, users: 0, transactions: 0 }
    }

    /// From here on only customers who are yet to come buy: what lands in one folder needs nothing
    /// of what lands in another.
    pub(super) fn begin(&mut self) {
        self.buyers.clear();
    }

    pub(super) fn dice(&self, name: &str) -> Dice {
        Dice::of(self.seed, name, &[])
    }

    /// Customers that nobody has had.
    pub(super) fn users(&mut self, count: usize, depth: Depth) -> Vec<Record> {
        let from = self.users;
        self.users += count;
        let make = match depth {
            Depth::Row => people::user,
            Depth::Object => people::rich_user,
        };
        (from..self.users).map(|number| make(self.seed, number)).collect()
    }

    /// Transactions that nobody has had.
    pub(super) fn transactions(&mut self, count: usize, depth: Depth) -> Vec<Record> {
        let from = self.transactions;
        self.transactions += count;
        let make = match depth {
            Depth::Row => people::transaction,
            Depth::Object => people::rich_transaction,
        };
        let known = &self.buyers;
        let mut dice = Dice::of(self.seed, "partner-buyers", &[as_i64(from)]);
        let mut buyer = || {
            let at = usize::try_from(dice.below(as_i64(known.len()))).unwrap_or(0);
            known.get(at).map_or("nobody", |id| id.as_str())
        };
        (from..self.transactions).map(|number| make(self.seed, number, buyer())).collect()
    }

    /// What the CRM is to say of a user file with so many faulty rows beside these records.
    pub(super) fn take_users(&mut self, records: &[Record], faulty: u64) -> Expected {
        let mut all = Vec::with_capacity(records.len());
        for record in records {
            let (id, said) = (id(record, "external_id"), self.truth.user(record));
            if said == Said::Ok {
                self.buyers.push(id.clone());
            }
            all.push((id, said));
        }
        counted("user", all, faulty)
    }

    /// What the CRM is to say of a transaction file.
    pub(super) fn take_transactions(&mut self, records: &[Record], faulty: u64) -> Expected {
        let truth = &mut self.truth;
        let said = records.iter().map(|record| (id(record, "trx_id"), truth.transaction(record)));
        counted("transaction", said.collect(), faulty)
    }

    pub(super) fn add(&mut self, label: Label, bytes: Vec<u8>, expected: Expected) {
        self.add_with(label, bytes, Vec::new(), expected);
    }

    pub(super) fn add_with(
        &mut self,
        label: Label,
        bytes: Vec<u8>,
        companions: Vec<(String, Vec<u8>)>,
        expected: Expected,
    ) {
        let Label { landing, wave, name, special } = label;
        self.files.push(PartnerFile { landing, wave, name, special, bytes, companions, expected });
    }

    /// The file of that name as it was added first.
    pub(super) fn file(&self, name: &str) -> Option<&PartnerFile> {
        self.files.iter().find(|file| file.name == name)
    }

    pub(super) fn close(self) -> Delivery {
        let values = |records: std::collections::BTreeMap<String, Record>| {
            records.into_values().map(Value::Object).collect()
        };
        let Truth { customers, transactions, .. } = self.truth;
        Delivery {
            files: self.files,
            customers: values(customers),
            transactions: values(transactions),
        }
    }
}

/// Nothing of the file is pushed.
pub(super) fn not_pushed(fate: Fate) -> Expected {
    let failures = Vec::new();
    Expected { fate, kind: None, rows: 0, ok: 0, failed: 0, duplicate: 0, failures }
}

pub(super) fn rejected(code: &'static str) -> Expected {
    not_pushed(Fate::Rejected(code))
}

fn counted(kind: &'static str, said: Vec<(String, Said)>, faulty: u64) -> Expected {
    let mut expected = Expected { kind: Some(kind), ..not_pushed(Fate::Accepted) };
    expected.failed = faulty;
    expected.rows = faulty;
    for (id, said) in said {
        expected.rows += 1;
        match said {
            Said::Ok => expected.ok += 1,
            Said::Duplicate => expected.duplicate += 1,
            Said::Failed(code) => {
                expected.failed += 1;
                expected.failures.push((id, code.to_owned()));
            }
        }
    }
    expected
}

fn id(record: &Record, key: &str) -> String {
    record.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
