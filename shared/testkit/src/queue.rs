//! The clauses of [`Queue`].

#![expect(clippy::unwrap_used, reason = "a clause that does not hold panics")]

mod delivery;
mod settling;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ports::{Clock, Message, Queue, Received};

pub use delivery::*;
pub use settling::*;

use crate::ManualClock;

/// Tests an adapter of [`Queue`](ports::Queue): one `#[tokio::test]` a clause.
///
/// `clock => expression`: the expression, which may `await`, gives a fresh
/// [`QueuePair`](crate::QueuePair) of its own whose visibility and delays follow `clock`, an
/// `Arc<dyn Clock>` that moves only when a clause moves it (or someone sleeps on it).
/// `real expression`: the same for a service that keeps real time; its clauses hide messages
/// for a second at most and wait for them by long poll. Call it in a module of its own.
#[macro_export]
macro_rules! queue_contract {
    (real $new:expr) => {
        $crate::queue_contract!(@ clock, $crate::queue::Time::Real, $new);
    };
    ($clock:ident => $new:expr) => {
        $crate::queue_contract!(@ $clock, $crate::queue::Time::manual(), $new);
    };
    (@ $clock:ident, $time:expr, $new:expr) => {
        $crate::queue_contract!(@ $clock, $time, $new,
            a_message_arrives_whole
            send_takes_more_messages_than_a_batch
            send_refuses_one_message_and_takes_the_others
            send_of_nothing_succeeds
            receive_gives_no_more_than_asked
            receive_from_an_empty_queue_gives_nothing
            a_received_message_is_hidden
            a_hidden_message_comes_back_and_counts_up
            racing_receivers_never_hold_the_same_message
            a_message_may_ask_to_come_later
            a_message_that_asks_for_the_past_comes_at_once
            a_message_for_a_far_future_is_hidden_or_says_so
            a_message_that_keeps_failing_ends_on_the_dead_letter_queue
            an_acked_message_does_not_come_again
            ack_repeats_harmlessly
            a_late_ack_is_harmless
            defer_gives_a_fresh_copy_with_its_own_count
            defer_hides_until_then
            defer_never_leads_to_the_dead_letter_queue
            defer_keeps_the_message_whole
            a_dead_letter_carries_its_reason
            a_long_reason_is_carried_as_far_as_it_fits
        );
    };
    (@ $clock:ident, $time:expr, $new:expr, $($clause:ident)*) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let time = $time;
                let $clock = time.clock();
                let pair: $crate::QueuePair = $new;
                let _ = $clock;
                $crate::queue::$clause(&pair, &time).await;
            }
        )*
    };
}

/// A queue and its dead-letter queue, both fresh.
pub struct QueuePair {
    /// The queue under test.
    pub queue: Arc<dyn Queue>,
    /// Where its dead letters go, to be received like any others.
    pub dead: Arc<dyn Queue>,
    ground: Vec<Box<dyn Any + Send + Sync>>,
}

impl QueuePair {
    /// A queue and its dead-letter queue.
    pub fn new(queue: Arc<dyn Queue>, dead: Arc<dyn Queue>) -> Self {
        Self { queue, dead, ground: Vec::new() }
    }

    /// Keeps what they stand on: a temporary folder, a server.
    #[must_use]
    pub fn on(mut self, ground: impl Send + Sync + 'static) -> Self {
        self.ground.push(Box::new(ground));
        self
    }
}

impl fmt::Debug for QueuePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuePair").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// The time that a queue keeps.
#[derive(Debug)]
pub enum Time {
    /// Moved by the clauses.
    Manual(ManualClock),
    /// Passing by itself.
    Real,
}

impl Time {
    /// A time of its own, moved by the clauses.
    pub fn manual() -> Self {
        Self::Manual(ManualClock::default())
    }

    /// The clock of a queue that keeps this time.
    pub fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Manual(clock) => Arc::new(clock.clone()),
            Self::Real => Arc::new(ManualClock::at(real_now())),
        }
    }

    fn now(&self) -> Timestamp {
        match self {
            Self::Manual(clock) => clock.now(),
            Self::Real => real_now(),
        }
    }

    /// A visibility after which a clause wants the message back.
    fn brief(&self) -> Duration {
        match self {
            Self::Manual(_) => Duration::from_secs(30),
            Self::Real => Duration::from_secs(1),
        }
    }

    /// Lets a brief visibility pass: at once, or while the next receive polls.
    fn pass_brief(&self) {
        if let Self::Manual(clock) = self {
            clock.advance(self.brief());
        }
    }

    /// How long a receive waits for a message that must come.
    fn patience(&self) -> Duration {
        match self {
            Self::Manual(_) => Duration::ZERO,
            Self::Real => Duration::from_secs(5),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the service under test keeps real time")]
fn real_now() -> Timestamp {
    Timestamp::now()
}

const LONG: Duration = Duration::from_mins(5);

fn message(body: &str) -> Message {
    Message {
        body: body.to_owned(),
        group: "acme".to_owned(),
        attributes: [("traceparent".to_owned(), "00-1-2-01".to_owned())].into(),
        not_before: None,
    }
}

async fn send(queue: &dyn Queue, messages: &[Message]) {
    for sent in queue.send(messages).await.unwrap() {
        sent.unwrap();
    }
}

/// One message that must come, hidden for a long time.
async fn take(queue: &dyn Queue, time: &Time) -> Received {
    take_for(queue, time, LONG).await
}

async fn take_for(queue: &dyn Queue, time: &Time, visibility: Duration) -> Received {
    let mut received = queue.receive(1, time.patience(), visibility).await.unwrap();
    assert_eq!(received.len(), 1, "one message should come");
    received.remove(0)
}

/// That no message is to be had now.
async fn nothing(queue: &dyn Queue) {
    let received = queue.receive(10, Duration::ZERO, LONG).await.unwrap();
    assert_eq!(received, [], "no message should come");
}
