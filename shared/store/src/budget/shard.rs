//! One row of slots, as one process and one tenant see it.

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use futures_util::lock::Mutex;
use model::TenantId;
use ports::{Expect, Key, TableError, Write, WriteId};

use super::CallLimit;
use super::learnt::{self, Learnt};
use super::pool::{self, Appetite, Heard, Pool, Returned, Step, Ticket};
use super::slots::{Ask, Granted, Slots, Wait, free_after, instant, millis};
use crate::row::{decode, encode};
use crate::{Store, StoreError};

/// A pause that ends this little after the one that is known is not worth a write.
const ALIKE: i64 = 100;

/// Longest pause after the first meeting at the row; twice as long after each that follows.
const MEETING: Duration = Duration::from_millis(50);

/// So often the pause grows.
const MEETINGS: u32 = 4;

/// What is learnt is told again when it has changed by so many thousandths.
const MATERIAL: u32 = 30;

#[derive(Debug)]
pub(super) struct Shard {
    key: Key,
    tenant: String,
    pub(super) limit: CallLimit,
    pub(super) store: Store,
    pool: Lock<Pool>,
    refill: Mutex<()>,
}

/// What an answer brought for a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// Nobody calls before this instant.
    pub(super) pause: Option<i64>,
    /// Calls that the provider allows.
    pub(super) calls: Option<u32>,
    /// It was one call too many, and no number was named.
    pub(super) throttled: bool,
}

/// A slot in hand. Dropping it gives it back unused.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) shard: Arc<Shard>,
    pub(super) ticket: Ticket,
    /// Not before this instant could it carry another call, once it is used.
    used: Option<i64>,
}

impl Held {
    /// From here on a call is under way: should nobody tell of its end, it is over at the latest
    /// after the longest call.
    pub(super) fn begin(&mut self) {
        let now = self.shard.store.now();
        let last = crate::repository::later(now, self.shard.limit.timeout);
        self.used = Some(free_after(last, &self.shard.limit, self.shard.store.timing().skew));
    }

    /// The call is over.
    pub(super) fn end(&mut self) {
        let store = &self.shard.store;
        self.used = Some(free_after(store.now(), &self.shard.limit, store.timing().skew));
    }

    /// There was no call after all.
    pub(super) fn spare(&mut self) {
        self.used = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (ticket, used) = (&self.ticket, self.used);
        self.shard.pool(|pool| match used {
            Some(free) => pool.give_back(ticket, free),
            None => pool.unuse(ticket),
        });
    }
}

impl Shard {
    pub(super) fn new(key: Key, tenant: &TenantId, limit: CallLimit, store: Store) -> Self {
        let (pool, refill) = (Lock::new(Pool::new()), Mutex::new(()));
        Self { key, tenant: tenant.to_string(), limit, store, pool, refill }
    }

    pub(super) fn pool<R>(&self, act: impl FnOnce(&mut Pool) -> R) -> R {
        act(&mut self.pool.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Up to `wanted` slots that are free by an instant; or when to ask again.
    pub(super) async fn take(
        self: &Arc<Self>,
        wanted: usize,
        by: i64,
        appetite: Appetite,
    ) -> Result<Result<Vec<Held>, Wait>, StoreError> {
        loop {
            let now = instant(self.store.now());
            let tickets = match self.pool(|pool| pool.step(now, wanted, by)) {
                Step::Take(tickets) => tickets,
                Step::Wait(wait) => return Ok(Err(wait)),
                Step::Lease => {
                    self.pool(|pool| pool.wanted(wanted, 0));
                    let leased = self.refill(appetite).await;
                    self.pool(|pool| pool.wanted(0, wanted));
                    match leased? {
                        None => continue,
                        Some(wait) => return Ok(Err(wait)),
                    }
                }
            };
            let held = |ticket| Held { shard: Arc::clone(self), ticket, used: None };
            let held = tickets.into_iter().map(held).collect();
            if self.pool(|pool| pool.is_due(now, millis(self.limit.per))) {
                self.settle_due().await?;
            }
            return Ok(Ok(held));
        }
    }

    /// Settles what was used and leases anew, in one conditional write. When nothing is to be had
    /// it says when to ask again, and writes only what others have to know by now.
    async fn refill(&self, appetite: Appetite) -> Result<Option<Wait>, StoreError> {
        let _one_at_a_time = self.refill.lock().await;
        let now = instant(self.store.now());
        if self.pool(|pool| pool.has_slots(now)) {
            return Ok(None);
        }
        if let Some(wait) = self.pool(|pool| pool.quiet(now)) {
            return Ok(Some(wait));
        }
        let returned = self.pool(|pool| pool.wane(now));
        let wanted = self.pool(|pool| pool.appetite(appetite));
        let answer = self.ask(&returned, wanted).await;
        self.pool(|pool| match answer {
            Ok((Granted::Slots(grant), _)) => {
                pool.open(grant);
                Ok(None)
            }
            Ok((Granted::Wait(wait), settled)) => {
                if !settled {
                    pool.keep(returned);
                }
                pool.wait(wait);
                Ok(Some(wait))
            }
            // To settle twice changes nothing, so an unknown outcome may be repeated.
            Err(error) => {
                pool.keep(returned);
                Err(error)
            }
        })
    }

    /// The answer of the row, and whether what was returned is settled.
    async fn ask(&self, returned: &Returned, wanted: usize) -> Result<(Granted, bool), StoreError> {
        let id = self.store.write_id();
        let (mut slots, mut expect) = self.read().await?;
        let mut meetings = 0;
        loop {
            let now = instant(self.store.now());
            let skew = millis(self.store.timing().skew);
            let tenant = self.tenant.clone();
            let ask = Ask { id: id.0.clone(), tenant, want: wanted, now, skew };
            self.hear(&slots);
            settle(&mut slots, returned);
            let answer = slots.lease(&ask, &self.limit);
            if let Granted::Wait(wait) = answer {
                let due = pool::is_due(returned, now, millis(self.limit.per));
                let news = slots.note_waiting(&ask, &self.limit);
                if !due && !news {
                    return Ok((Granted::Wait(self.spread(wait, returned)), false));
                }
            }
            match self.write(&slots, expect, &id).await {
                Ok(()) => {
                    let answer = match answer {
                        Granted::Wait(wait) => Granted::Wait(self.spread(wait, returned)),
                        granted @ Granted::Slots(_) => granted,
                    };
                    return Ok((answer, true));
                }
                Err(StoreError::Table(TableError::Contended { current, .. })) => {
                    let current = current.map(|item| decode::<Slots>(&item)).transpose()?;
                    let is_ours = |slots: Slots| slots.leases.iter().any(|lease| lease.id == id.0);
                    if current.is_some_and(is_ours) {
                        return Ok((answer, true));
                    }
                    self.come_apart(meetings).await;
                    meetings += 1;
                    (slots, expect) = self.read().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Askers come apart; those that have something to settle come first.
    fn spread(&self, wait: Wait, returned: &Returned) -> Wait {
        let share = if returned.is_empty() { (0.25, 0.75) } else { (0.0, 0.25) };
        let part = share.0 + share.1 * self.store.ids().chance();
        #[expect(clippy::cast_possible_truncation, reason = "a part of less than a second")]
        #[expect(clippy::cast_precision_loss, reason = "a part of less than a second")]
        let later = (wait.spread as f64 * part) as i64;
        Wait { until: wait.until + later, ..wait }
    }

    /// Who met others at the row comes back a little later, at an instant of its own; the more
    /// often, the later, so that a slow table sees no crowd.
    async fn come_apart(&self, meetings: u32) {
        let most = MEETING.saturating_mul(1 << meetings.min(MEETINGS));
        self.store.clock().sleep(most.mul_f64(self.store.ids().chance())).await;
    }

    fn hear(&self, slots: &Slots) {
        let heard = Heard { paused: slots.paused, learnt: slots.learnt };
        self.pool(|pool| {
            let paused = heard.paused.max(pool.heard.paused);
            pool.heard = Heard { paused, ..heard };
        });
    }

    async fn read(&self) -> Result<(Slots, Expect), StoreError> {
        Ok(match self.store.row::<Slots>(&self.key).await? {
            Some((slots, version)) => (slots, Expect::Version(version)),
            None => (Slots::default(), Expect::Absent),
        })
    }

    async fn write(&self, slots: &Slots, expect: Expect, id: &WriteId) -> Result<(), StoreError> {
        let body = encode(&self.key, slots)?;
        let write = Write::Put { key: self.key.clone(), expect, body, expires: None };
        self.store.write(&[write], id).await?;
        Ok(())
    }

    /// Changes the row, whatever others do to it; writes nothing when there is nothing to change.
    async fn change(
        &self,
        act: impl Fn(&mut Slots) -> bool + Send + Sync,
    ) -> Result<(), StoreError> {
        loop {
            let (mut slots, expect) = self.read().await?;
            let changed = act(&mut slots);
            self.hear(&slots);
            if !changed {
                return Ok(());
            }
            match self.write(&slots, expect, &self.store.write_id()).await {
                Err(StoreError::Table(TableError::Contended { .. })) => {}
                other => return other,
            }
        }
    }

    /// Settles what was used while what is leased goes on being used.
    async fn settle_due(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.refill.lock().await;
        let returned = self.pool(Pool::take_returned);
        self.settle(returned, |_| ()).await
    }

    /// Settles what was used, and gives back what was not.
    pub(super) async fn put_back(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.refill.lock().await;
        let returned = self.pool(Pool::close);
        self.settle(returned, |slots| slots.turns.rest(&self.tenant)).await
    }

    async fn settle(
        &self,
        returned: Returned,
        also: impl Fn(&mut Slots) + Send + Sync,
    ) -> Result<(), StoreError> {
        if returned.is_empty() {
            return Ok(());
        }
        let put = |slots: &mut Slots| {
            settle(slots, &returned);
            also(slots);
            true
        };
        let done = self.change(put).await;
        if done.is_err() {
            self.pool(|pool| pool.keep(returned));
        }
        done
    }

    /// Lets everyone know what the provider said, unless they know.
    pub(super) async fn tell(&self, told: Told) -> Result<(), StoreError> {
        let now = instant(self.store.now());
        let heard = self.pool(|pool| {
            let known = pool.heard;
            pool.heard.paused = known.paused.max(told.pause);
            known
        });
        if self.news(told, heard, now) == heard {
            return Ok(());
        }
        self.change(|slots| {
            let known = Heard { paused: slots.paused, learnt: slots.learnt };
            let Heard { paused, learnt } = self.news(told, known, now);
            (slots.paused, slots.learnt) = (paused, learnt);
            slots.fit(&self.limit, now);
            Heard { paused, learnt } != known
        })
        .await
    }

    /// What is known after an answer.
    fn news(&self, told: Told, known: Heard, now: i64) -> Heard {
        let per = millis(self.limit.per);
        let share = learnt::in_force(known.learnt, now, per);
        let mut after = known;
        if told.pause.is_some_and(|until| until > known.paused.unwrap_or(now) + ALIKE) {
            after.paused = told.pause;
        }
        let said = told.calls.and_then(|c| Learnt::said(c, self.limit.calls.get(), now));
        if let Some(said) = said {
            if said.share + MATERIAL <= share {
                after.learnt = Some(said);
            }
        } else if told.throttled && told.calls.is_none() {
            // Many calls meet one refusal: it counts once.
            let incident = known.paused.is_none_or(|until| until <= now);
            after.learnt = if incident { Some(learnt::cut(share, now)) } else { known.learnt };
        }
        after
    }
}

fn settle(slots: &mut Slots, returned: &Returned) {
    for (lease, free) in returned {
        slots.settle(lease, free);
    }
}
