//! What a row says: a pure function of the seed, its place in its stream and its revision.

mod cannabis;
mod commerce;
pub(crate) mod hosts;
mod people;

use crate::account::{Account, Stream};
use crate::dice::Dice;
use crate::tick::Tick;

/// How many rows the streams that others refer to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Population {
    pub(crate) orders: i64,
    pub(crate) customers: i64,
    pub(crate) products: i64,
}

/// A row that is about to be written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) seed: u64,
    pub(crate) account: &'static Account,
    pub(crate) stream: Stream,
    /// Its place in the stream, from 0.
    pub(crate) ordinal: i64,
    /// How often it has changed.
    pub(crate) revision: i64,
    pub(crate) created: Tick,
    pub(crate) updated: Tick,
    pub(crate) population: &'a Population,
}

impl Draft<'_> {
    /// Chance for what never changes about the row.
    pub(crate) fn dice(&self) -> Dice {
        self.dice_of(self.stream, self.ordinal)
    }

    /// Chance for what each revision draws anew.
    fn dice_now(&self) -> Dice {
        let name = format!("{}/{}/revision", self.account.name, self.stream);
        Dice::of(self.seed, &name, &[self.ordinal, self.revision])
    }

    fn dice_of(&self, stream: Stream, ordinal: i64) -> Dice {
        Dice::of(self.seed, &format!("{}/{stream}", self.account.name), &[ordinal])
    }

    /// The UUID of another row of the same account.
    fn id_of(&self, stream: Stream, ordinal: i64) -> String {
        self.dice_of(stream, ordinal).uuid()
    }
}

/// A row as a provider gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) id: String,
    /// The id where it is a number; the place in the stream where it is not.
    pub(crate) number: i64,
    /// License of the facility; empty where there is none.
    pub(crate) facility: &'static str,
    /// The list it is on; empty where there are none.
    pub(crate) list: &'static str,
    pub(crate) body: String,
}

/// Writes the row down.
pub(crate) fn render(draft: &Draft<'_>) -> Rendered {
    match draft.stream {
        Stream::Orders => commerce::order(draft),
        Stream::Customers => commerce::customer(draft),
        Stream::Products => commerce::product(draft),
        Stream::Transactions => commerce::transaction(draft),
        Stream::Invoices => commerce::invoice(draft),
        Stream::Hosts => hosts::render(draft),
        Stream::Plants | Stream::Packages | Stream::Harvests => cannabis::render(draft),
    }
}
