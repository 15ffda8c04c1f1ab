//! Lets a new world grow.

use rusqlite::{Connection, Transaction, params};

use super::{Size, population, set_fact};
use crate::account::{Account, Stream, Weight, accounts};
use crate::dice::Dice;
use crate::generate::{Draft, hosts, render};
use crate::tick::Tick;

const DAY: i64 = 86_400_000;
const DAYS: i64 = 10;

/// Midnight, ten whole days before the world began.
pub(super) fn since(born: Tick) -> Tick {
    let midnight = born.millis().div_euclid(DAY) * DAY;
    Tick::from_millis(midnight - DAYS * DAY)
}

pub(super) fn seed(
    all: &Transaction<'_>,
    seed: u64,
    born: Tick,
    size: &Size,
) -> Result<(), rusqlite::Error> {
    set_fact(all, "seed", seed.cast_signed())?;
    set_fact(all, "born", born.raw())?;
    set_fact(all, "last_change", born.raw())?;
    set_fact(all, "computed_orders", size.computed_orders.map_or(0, i64::from))?;
    for account in accounts() {
        for stream in account.streams {
            let name = format!("seeded/{}/{stream}", account.name);
            set_fact(all, &name, rows_of(account, *stream, size))?;
        }
        for stream in account.streams {
            let computed = account.weight == Weight::Large
                && *stream == Stream::Orders
                && size.computed_orders.is_some();
            if !computed {
                fill(all, seed, born, (account, *stream, size))?;
            }
        }
    }
    Ok(())
}

fn rows_of(account: &Account, stream: Stream, size: &Size) -> i64 {
    let orders = i64::from(match account.weight {
        Weight::Large => size.large,
        Weight::Small => size.small,
    });
    let places = i64::try_from(account.facilities.len()).unwrap_or(1);
    match stream {
        Stream::Orders | Stream::Transactions | Stream::Invoices => orders,
        Stream::Customers => (orders / 4).max(5),
        Stream::Products => (orders / 12).max(5),
        Stream::Plants => i64::from(size.plants) * places,
        Stream::Packages => i64::from(size.plants) * places / 2,
        Stream::Harvests => i64::from(size.plants) * places / 8,
        Stream::Hosts => hosts::rows(account, size.machines),
    }
}

fn fill(
    all: &Transaction<'_>,
    seed: u64,
    born: Tick,
    (account, stream, size): (&'static Account, Stream, &Size),
) -> Result<(), rusqlite::Error> {
    let population = population(all, account)?;
    for ordinal in 0..rows_of(account, stream, size) {
        let (created, updated) = instants(seed, born, account, (stream, ordinal));
        let draft = Draft {
            seed,
            account,
            stream,
            ordinal,
            revision: 0,
            created,
            updated,
            population: &population,
        };
        write(all, &draft)?;
    }
    Ok(())
}

/// When a row was made and last changed. Some lie on the very edges of days and of their thirds,
/// and some share an instant with their neighbours.
fn instants(
    seed: u64,
    born: Tick,
    account: &Account,
    (stream, ordinal): (Stream, i64),
) -> (Tick, Tick) {
    if stream == Stream::Hosts
        && let Some(known) = hosts::instants(account, ordinal, born)
    {
        return known;
    }
    let from = since(born).millis();
    let span = born.millis() - from;
    let bulk = ordinal % 20 < 3;
    let chance = if bulk { ordinal / 20 * 20 } else { ordinal };
    let mut dice = Dice::of(seed, &format!("{}/{stream}/instants", account.name), &[chance]);
    let anywhere = from + dice.below(span);
    let updated = if dice.permille(60) {
        let edge = anywhere.div_euclid(DAY / 3) * (DAY / 3);
        (edge - dice.below(2)).max(from)
    } else {
        anywhere
    };
    let created = updated - dice.below(updated - from + 1) / 3;
    // Only Metrc's instants are finer than a millisecond.
    let fine = if account.source == "rutter" { 0 } else { dice.below(10_000) };
    (Tick::from_millis(created), Tick::from_millis(updated).plus_raw(fine).min(born))
}

/// Writes a row as its draft has it, over whatever was there.
pub(super) fn write(connection: &Connection, draft: &Draft<'_>) -> Result<(), rusqlite::Error> {
    let row = render(draft);
    let sql = "INSERT OR REPLACE INTO row (account, stream, ordinal, id, number, facility, list,
                   revision, deleted, created, updated, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        draft.account.name,
        draft.stream.name(),
        draft.ordinal,
        row.id,
        row.number,
        row.facility,
        row.list,
        draft.revision,
        draft.created.raw(),
        draft.updated.raw(),
        row.body,
    ])?;
    Ok(())
}
