//! Which feeds are to be looked at.

use std::collections::BTreeSet;

use model::config::Schedule;
use model::{Cron, Timestamp};
use store::files::FeedKey;

use super::{Deps, Error, Outcome, enqueue};

/// Enqueues a look at each feed whose time has come.
pub(super) async fn sweep(deps: &Deps) -> Result<Outcome, Error> {
    let now = deps.store.now();
    let mut enqueued = 0;
    for listed in deps.feeds.list().await? {
        let head = deps.store.feed_head(&listed.key).await?;
        if head.last_look.is_none_or(|last| due(&listed.schedule, last) <= now) {
            enqueue(deps, &listed.key, None).await?;
            enqueued += 1;
        }
    }
    Ok(Outcome::Swept { enqueued })
}

/// When a feed that was last looked at then is looked at next. A sweep that comes a moment early
/// counts, or every other one would be missed.
fn due(schedule: &Schedule, last: Timestamp) -> Timestamp {
    match schedule {
        Schedule::Every { every } => {
            let early = every.mul_f64(0.95);
            last.checked_add(early).unwrap_or(Timestamp::MAX)
        }
        Schedule::Cron { cron, timezone } => {
            let zone = timezone.as_deref().unwrap_or("UTC");
            let next = Cron::parse(cron, zone).ok().and_then(|cron| cron.next_after(last));
            next.unwrap_or(Timestamp::MAX)
        }
    }
}

/// The feeds whose places these objects lie in; folders for what is done are none of them.
pub(super) async fn told(deps: &Deps, keys: &[String]) -> Result<BTreeSet<FeedKey>, Error> {
    let listed = deps.feeds.list().await?;
    let is_in = |prefix: &str| {
        let mut rest = keys.iter().filter_map(|key| key.strip_prefix(prefix));
        rest.any(|rest| !rest.contains('/'))
    };
    let told = listed.into_iter().filter(|feed| feed.prefix.as_deref().is_some_and(is_in));
    Ok(told.map(|feed| feed.key).collect())
}
