//! Lets the world go on: rows change, vanish, come back and appear.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::seeding::write;
use super::{World, WorldError, fact, population, set_fact};
use crate::account::{Account, Stream, accounts};
use crate::dice::Dice;
use crate::generate::{Draft, Population};
use crate::tick::Tick;

/// How many rows of one stream went which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose.
    pub account: &'static str,
    /// Of which stream.
    pub stream: &'static str,
    /// Changed in place.
    pub updated: usize,
    /// Gone without a trace.
    pub deleted: usize,
    /// Back under their old id.
    pub recreated: usize,
    /// New.
    pub added: usize,
}

/// What happens to one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Update,
    Delete,
    Recreate,
    Add,
}

type Plan = Vec<(Act, i64)>;

impl World {
    /// Takes one seeded step on the given streams: about one row in fifty changes, fewer vanish,
    /// half of those that had vanished come back, a few are new. Each change has an instant of
    /// its own, later than any read before it and not later than the present.
    pub fn mutate(
        &self,
        account: Option<&str>,
        stream: Option<Stream>,
    ) -> Result<Vec<Change>, WorldError> {
        let mut connection = self.lock();
        let all = connection.transaction()?;
        let step = fact(&all, "step")?.unwrap_or(0) + 1;
        let mut plans = Vec::new();
        for owner in accounts().iter().filter(|a| account.is_none_or(|name| a.name == name)) {
            for of in owner.streams.iter().filter(|of| stream.is_none_or(|s| **of == s)) {
                if !self.is_computed(owner, *of) {
                    plans.push((owner, *of, self.plan(&all, owner, *of, step)?));
                }
            }
        }
        let longest = plans.iter().map(|(_, _, plan)| plan.len()).max().unwrap_or(0);
        let first = self.room_for(&all, longest)?;
        let mut changes = Vec::new();
        for (owner, of, plan) in &plans {
            changes.push(self.carry_out(&all, (owner, *of), plan, first)?);
        }
        set_fact(&all, "step", step)?;
        set_fact(&all, "last_change", last_of(first, longest).raw())?;
        all.commit()?;
        Ok(changes)
    }

    /// Changes one row in place.
    pub fn touch(
        &self,
        account: &'static Account,
        stream: Stream,
        id: &str,
    ) -> Result<(), WorldError> {
        self.act_on(account, stream, id, Act::Update)
    }

    /// Makes one row vanish.
    pub fn delete(
        &self,
        account: &'static Account,
        stream: Stream,
        id: &str,
    ) -> Result<(), WorldError> {
        self.act_on(account, stream, id, Act::Delete)
    }

    /// Brings a row back that had vanished.
    pub fn recreate(
        &self,
        account: &'static Account,
        stream: Stream,
        id: &str,
    ) -> Result<(), WorldError> {
        self.act_on(account, stream, id, Act::Recreate)
    }

    fn act_on(
        &self,
        account: &'static Account,
        stream: Stream,
        id: &str,
        act: Act,
    ) -> Result<(), WorldError> {
        let mut connection = self.lock();
        let all = connection.transaction()?;
        let ordinal = all
            .prepare_cached(
                "SELECT ordinal FROM row
                 WHERE account = ?1 AND stream = ?2 AND id = ?3 AND deleted = ?4",
            )?
            .query_row(params![account.name, stream.name(), id, act == Act::Recreate], |r| r.get(0))
            .optional()?
            .ok_or_else(|| WorldError::Missing {
                account: account.name,
                stream,
                id: id.to_owned(),
            })?;
        let first = self.room_for(&all, 1)?;
        self.carry_out(&all, (account, stream), &vec![(act, ordinal)], first)?;
        set_fact(&all, "last_change", last_of(first, 1).raw())?;
        all.commit()?;
        Ok(())
    }

    fn plan(
        &self,
        connection: &Connection,
        account: &Account,
        stream: Stream,
        step: i64,
    ) -> Result<Plan, WorldError> {
        let mut dice = Dice::of(self.seed, &format!("{}/{stream}/step", account.name), &[step]);
        let mut live = ordinals(connection, account, stream, false)?;
        let mut gone = ordinals(connection, account, stream, true)?;
        let next = live.iter().chain(&gone).max().map_or(0, |last| last + 1);
        let share = |part: usize| (live.len() / part).max(1);
        let (updates, deletes, adds) = (share(50), share(200), share(100));
        let back = gone.len().div_ceil(2);
        let mut plan = Plan::new();
        plan.extend(draw(&mut gone, back, &mut dice).into_iter().map(|at| (Act::Recreate, at)));
        plan.extend(draw(&mut live, deletes, &mut dice).into_iter().map(|at| (Act::Delete, at)));
        plan.extend(draw(&mut live, updates, &mut dice).into_iter().map(|at| (Act::Update, at)));
        plan.extend((next..).take(adds).map(|at| (Act::Add, at)));
        Ok(plan)
    }

    /// The first instant of a run of changes, a millisecond each, that fits before the present.
    fn room_for(&self, connection: &Connection, changes: usize) -> Result<Tick, WorldError> {
        let last = fact(connection, "last_change")?.map_or(self.born, Tick::from_raw);
        let looked = Tick::from_raw(self.looked.load(std::sync::atomic::Ordering::SeqCst));
        let after = last.max(looked).whole_milli().plus_millis(1);
        // A millisecond more, so that what is finer than one fits too.
        let end = last_of(after, changes).plus_millis(1);
        let now = Tick::of(self.clock.now());
        if end > now {
            return Err(WorldError::TooSoon { wait: end.since(now) });
        }
        Ok(after)
    }

    fn carry_out(
        &self,
        connection: &Connection,
        (account, stream): (&'static Account, Stream),
        plan: &Plan,
        first: Tick,
    ) -> Result<Change, WorldError> {
        let people = population(connection, account)?;
        for ((act, ordinal), at) in plan.iter().zip(0..) {
            let stamp = self.stamp(account, first.plus_millis(at));
            self.apply(connection, (account, stream, *ordinal), *act, (stamp, &people))?;
        }
        let count = |wanted: Act| plan.iter().filter(|(act, _)| *act == wanted).count();
        Ok(Change {
            account: account.name,
            stream: stream.name(),
            updated: count(Act::Update),
            deleted: count(Act::Delete),
            recreated: count(Act::Recreate),
            added: count(Act::Add),
        })
    }

    fn stamp(&self, account: &Account, at: Tick) -> Tick {
        let mut dice = Dice::of(self.seed, account.name, &[at.raw()]);
        let fine = if account.source == "rutter" { 0 } else { dice.below(10_000) };
        at.plus_raw(fine)
    }

    fn apply(
        &self,
        connection: &Connection,
        (account, stream, ordinal): (&'static Account, Stream, i64),
        act: Act,
        (stamp, population): (Tick, &Population),
    ) -> Result<(), WorldError> {
        let place = params![account.name, stream.name(), ordinal];
        if act == Act::Delete {
            let sql =
                "UPDATE row SET deleted = 1 WHERE account = ?1 AND stream = ?2 AND ordinal = ?3";
            connection.prepare_cached(sql)?.execute(place)?;
            return Ok(());
        }
        let before = connection
            .prepare_cached(
                "SELECT revision, created FROM row
                 WHERE account = ?1 AND stream = ?2 AND ordinal = ?3",
            )?
            .query_row(place, |row| Ok((row.get::<_, i64>(0)?, Tick::from_raw(row.get(1)?))))
            .optional()?;
        let (revision, created) = before.map_or((1, stamp), |(revision, at)| (revision + 1, at));
        let draft = Draft {
            seed: self.seed,
            account,
            stream,
            ordinal,
            revision,
            created,
            updated: stamp,
            population,
        };
        write(connection, &draft)?;
        Ok(())
    }
}

fn ordinals(
    connection: &Connection,
    account: &Account,
    stream: Stream,
    deleted: bool,
) -> Result<Vec<i64>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT ordinal FROM row WHERE account = ?1 AND stream = ?2 AND deleted = ?3
             ORDER BY ordinal",
        )?
        .query_map(params![account.name, stream.name(), deleted], |row| row.get(0))?
        .collect()
}

/// Takes that many out of the list, by chance.
fn draw(from: &mut Vec<i64>, count: usize, dice: &mut Dice) -> Vec<i64> {
    (0..count.min(from.len()))
        .map(|_| {
            let end = i64::try_from(from.len()).unwrap_or(i64::MAX);
            from.swap_remove(usize::try_from(dice.below(end)).unwrap_or(0))
        })
        .collect()
}

fn last_of(first: Tick, changes: usize) -> Tick {
    first.plus_millis(i64::try_from(changes).unwrap_or(i64::MAX / 10_000))
}
