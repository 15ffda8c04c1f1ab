//! The machine's own time and chance: the one place that may ask for them.
#![expect(clippy::disallowed_methods, reason = "this is where the ambient ones become arguments")]

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Clock, Ids};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

/// The machine's source of randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn fresh(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }

    fn chance(&self) -> f64 {
        let [a, b, c, d, ..] = uuid::Uuid::new_v4().into_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_are_32_hexadecimal_digits_and_differ() {
        let (a, b) = (SystemIds.fresh(), SystemIds.fresh());
        assert_ne!(a, b);
        assert_eq!(a.len(), 32);
        assert!(a.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{a}");
    }

    #[test]
    fn chance_stays_below_one() {
        assert!((0..100).all(|_| (0.0..1.0).contains(&SystemIds.chance())));
    }
}
