//! Messages in a list.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{
    Clock, DELIVERY_LIMIT, Ids, LONGEST_DELAY, Message, Queue, QueueError, REASON, Received,
    carried_reason, check_message,
};

use crate::clock::{ManualClock, locked};

/// How long a waiting receive sleeps between looks.
const LOOK: Duration = Duration::from_secs(1);

/// A [`Queue`] in memory, with a dead-letter queue of its own. Groups are served fairly: the
/// next message is the oldest of the group that has the fewest in work.
#[derive(Debug)]
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    letters: Mutex<Letters>,
    dead: Option<Arc<Self>>,
    disorder: Option<(Arc<dyn Ids>, Duration)>,
}

#[derive(Debug, Default)]
struct Letters {
    waiting: BTreeMap<u64, Letter>,
    sent: u64,
}

#[derive(Debug, Clone)]
struct Letter {
    message: Message,
    visible: Timestamp,
    receives: u32,
}

impl MemoryQueue {
    /// An empty queue that hides and delays by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (dead_clock, disorder) = (Arc::clone(&clock), None);
        let dead = Self { clock: dead_clock, letters: Mutex::default(), dead: None, disorder };
        Self { clock, letters: Mutex::default(), dead: Some(Arc::new(dead)), disorder: None }
    }

    /// Hands out messages in any order, and each up to this much later.
    #[must_use]
    pub fn disorderly(mut self, ids: Arc<dyn Ids>, delay: Duration) -> Self {
        self.disorder = Some((ids, delay));
        self
    }

    /// Where its dead letters go; a dead-letter queue's own are its messages.
    pub fn dead_letters(&self) -> Option<Arc<Self>> {
        self.dead.clone()
    }

    /// All messages, hidden and delayed ones too, in the order in which they were sent.
    pub fn messages(&self) -> Vec<Message> {
        locked(&self.letters).waiting.values().map(|letter| letter.message.clone()).collect()
    }

    /// When the next message can be received; none when there is none.
    pub fn next_visible(&self) -> Option<Timestamp> {
        locked(&self.letters).waiting.values().map(|letter| letter.visible).min()
    }

    fn push(&self, message: Message) {
        let now = self.clock.now();
        let asked = message.not_before.unwrap_or(now);
        let delay = self.disorder.as_ref().map(|(ids, delay)| delay.mul_f64(ids.chance()));
        let visible = asked.clamp(now, now + LONGEST_DELAY) + delay.unwrap_or_default();
        let mut letters = locked(&self.letters);
        letters.sent += 1;
        let number = letters.sent;
        letters.waiting.insert(number, Letter { message, visible, receives: 0 });
    }

    fn take(&self, max: usize, visibility: Duration) -> Vec<Received> {
        let now = self.clock.now();
        let mut taken = Vec::new();
        let mut letters = locked(&self.letters);
        while taken.len() < max {
            let chance = self.disorder.as_ref().map(|(ids, _)| ids.chance());
            let Some(number) = letters.next(now, &taken, chance) else { break };
            let Some(letter) = letters.waiting.get_mut(&number) else { break };
            if letter.receives >= DELIVERY_LIMIT
                && let Some(dead) = &self.dead
            {
                dead.push(Message { not_before: None, ..letter.message.clone() });
                letters.waiting.remove(&number);
                continue;
            }
            letter.receives += 1;
            letter.visible = now + visibility;
            taken.push(received(number, letter));
        }
        taken
    }

    /// Removes the message if this delivery of it is the latest.
    fn remove(&self, message: &Received) {
        let mut letters = locked(&self.letters);
        let Ok(number) = message.id.parse() else { return };
        let current = letters.waiting.get(&number);
        if current.is_some_and(|letter| receipt(number, letter) == message.receipt) {
            letters.waiting.remove(&number);
        }
    }
}

impl Letters {
    /// The oldest visible message of the group that has the fewest in work, or any one.
    fn next(&self, now: Timestamp, taken: &[Received], chance: Option<f64>) -> Option<u64> {
        let mut in_work: BTreeMap<&str, usize> = BTreeMap::new();
        for letter in self.waiting.values().filter(|l| l.visible > now && l.receives > 0) {
            *in_work.entry(&letter.message.group).or_default() += 1;
        }
        let again = |number: u64| taken.iter().any(|each| each.id == number.to_string());
        let visible = self.waiting.iter().filter(|(n, l)| l.visible <= now && !again(**n));
        if let Some(chance) = chance {
            let numbers: Vec<u64> = visible.map(|(number, _)| *number).collect();
            return pick(&numbers, chance);
        }
        let load = |letter: &Letter| in_work.get(letter.message.group.as_str()).copied();
        visible.min_by_key(|(n, l)| (load(l).unwrap_or_default(), **n)).map(|(n, _)| *n)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a place in a short list"
)]
fn pick(numbers: &[u64], chance: f64) -> Option<u64> {
    numbers.get((chance * numbers.len() as f64) as usize).copied()
}

fn receipt(number: u64, letter: &Letter) -> String {
    format!("{number}-{}", letter.receives)
}

fn received(number: u64, letter: &Letter) -> Received {
    Received {
        id: number.to_string(),
        receipt: receipt(number, letter),
        body: letter.message.body.clone(),
        group: letter.message.group.clone(),
        attributes: letter.message.attributes.clone(),
        receives: letter.receives,
        not_before: letter.message.not_before,
    }
}

fn copy(received: &Received, not_before: Option<Timestamp>) -> Message {
    Message {
        body: received.body.clone(),
        group: received.group.clone(),
        attributes: received.attributes.clone(),
        not_before,
    }
}

impl Default for MemoryQueue {
    fn default() -> Self {
        Self::new(Arc::new(ManualClock::default()))
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let one = |message: &Message| {
            check_message(message)?;
            self.push(message.clone());
            Ok(())
        };
        Ok(messages.iter().map(one).collect())
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let mut left = wait;
        loop {
            let taken = self.take(max.clamp(1, 10), visibility);
            if !taken.is_empty() || left.is_zero() {
                return Ok(taken);
            }
            let nap = left.min(LOOK);
            self.clock.sleep(nap).await;
            left = left.saturating_sub(nap);
        }
    }

    async fn ack(&self, message: &Received) -> Result<(), QueueError> {
        self.remove(message);
        Ok(())
    }

    async fn defer(&self, message: &Received, until: Timestamp) -> Result<(), QueueError> {
        self.push(copy(message, Some(until)));
        self.remove(message);
        Ok(())
    }

    async fn dead_letter(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        let Some(dead) = &self.dead else {
            let reason = "a dead letter has nowhere else to go".to_owned();
            return Err(QueueError::Refused { reason });
        };
        let mut letter = copy(message, None);
        letter.attributes.insert(REASON.to_owned(), carried_reason(reason));
        dead.push(letter);
        self.remove(message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::QueuePair;

    mod contract {
        use super::*;

        crate::queue_contract!(clock => {
            let queue = MemoryQueue::new(clock);
            let dead = queue.dead_letters().unwrap();
            QueuePair::new(Arc::new(queue), dead)
        });
    }

    #[tokio::test]
    async fn a_noisy_group_does_not_starve_a_quiet_one() {
        let queue = MemoryQueue::default();
        let message = |group: &str, n: usize| Message {
            body: format!("{group}{n}"),
            group: group.to_owned(),
            attributes: BTreeMap::new(),
            not_before: None,
        };
        let noisy: Vec<Message> = (0..20).map(|n| message("noisy", n)).collect();
        queue.send(&noisy).await.unwrap();
        queue.send(&[message("quiet", 0)]).await.unwrap();
        let hidden = Duration::from_mins(1);
        let first = queue.receive(2, Duration::ZERO, hidden).await.unwrap();
        let bodies: Vec<&str> = first.iter().map(|received| received.body.as_str()).collect();
        assert_eq!(bodies, ["noisy0", "quiet0"]);
    }
}
