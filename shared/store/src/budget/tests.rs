mod answers;
mod facts;
mod permits;
mod rows;
mod virtual_time;
mod worlds;

use super::*;

fn limit(calls: u32, per: u64) -> CallLimit {
    CallLimit {
        calls: calls.try_into().unwrap(),
        per: Duration::from_millis(per),
        timeout: Duration::from_secs(1),
    }
}
