//! Clauses about sending, receiving and hiding.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use ports::{Message, QueueError, Received};

use super::{LONG, QueuePair, Time, message, nothing, send, take, take_for};

/// Body, group and attributes arrive as they were sent; the first delivery counts one.
pub async fn a_message_arrives_whole(pair: &QueuePair, time: &Time) {
    let sent = Message {
        body: "{\"a\": \"Ünï\\u0000 \\n\", \"n\": 1.10,\n \"<&>\": '\"'}".to_owned(),
        group: "acme-2".to_owned(),
        attributes: BTreeMap::from([
            ("traceparent".to_owned(), "00-abc".to_owned()),
            ("x.y_Z-1".to_owned(), "ä".to_owned()),
        ]),
        not_before: None,
    };
    send(&*pair.queue, std::slice::from_ref(&sent)).await;
    let Received { body, group, attributes, receives, not_before, id, receipt } =
        take(&*pair.queue, time).await;
    assert_eq!(Message { body, group, attributes, not_before }, sent);
    assert_eq!(receives, 1);
    assert!(!id.is_empty() && !receipt.is_empty());
}

/// `send` takes any number of messages, answers each in its place, and all arrive.
pub async fn send_takes_more_messages_than_a_batch(pair: &QueuePair, time: &Time) {
    let messages: Vec<Message> = (0..25).map(|n| message(&format!("{n:02}"))).collect();
    assert_eq!(pair.queue.send(&messages).await.unwrap().len(), 25);
    let mut bodies = BTreeSet::new();
    while bodies.len() < 25 {
        let some = pair.queue.receive(10, time.patience(), LONG).await.unwrap();
        assert!(!some.is_empty(), "only {bodies:?} came");
        bodies.extend(some.into_iter().map(|received| received.body));
    }
}

/// A message that cannot be sent is refused in its place; its neighbours are sent.
pub async fn send_refuses_one_message_and_takes_the_others(pair: &QueuePair, time: &Time) {
    let mut misnamed = message("b");
    misnamed.attributes.insert("a name".to_owned(), "x".to_owned());
    let mut crowded = message("c");
    crowded.attributes = (0..8).map(|n| (format!("a{n}"), "x".to_owned())).collect();
    let large = message(&"x".repeat(256 * 1024));
    let results = pair.queue.send(&[large, misnamed, message("good"), crowded]).await.unwrap();
    let refused: Vec<bool> =
        results.iter().map(|sent| matches!(sent, Err(QueueError::Refused { .. }))).collect();
    assert_eq!(refused, [true, true, false, true], "{results:?}");
    assert_eq!(take(&*pair.queue, time).await.body, "good");
    nothing(&*pair.queue).await;
}

/// Sending nothing is no error.
pub async fn send_of_nothing_succeeds(pair: &QueuePair, _: &Time) {
    assert_eq!(pair.queue.send(&[]).await.unwrap().len(), 0);
    nothing(&*pair.queue).await;
}

/// A receive gives `max` messages at most.
pub async fn receive_gives_no_more_than_asked(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &["1", "2", "3", "4", "5"].map(message)).await;
    let some = pair.queue.receive(2, time.patience(), LONG).await.unwrap();
    assert!((1..=2).contains(&some.len()), "{} messages", some.len());
}

/// A receive from an empty queue gives nothing and comes back.
pub async fn receive_from_an_empty_queue_gives_nothing(pair: &QueuePair, _: &Time) {
    nothing(&*pair.queue).await;
    let waited = pair.queue.receive(1, Duration::from_secs(1), LONG).await.unwrap();
    assert_eq!(waited, []);
}

/// A received message is hidden from everyone for its visibility.
pub async fn a_received_message_is_hidden(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    take(&*pair.queue, time).await;
    nothing(&*pair.queue).await;
}

/// A message that is not acked in time comes again, as the same message, counted up.
pub async fn a_hidden_message_comes_back_and_counts_up(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    let first = take_for(&*pair.queue, time, time.brief()).await;
    time.pass_brief();
    let second = take(&*pair.queue, time).await;
    assert_eq!((&second.body, &second.id, second.receives), (&first.body, &first.id, 2));
}

/// Receivers at the same time get different messages.
pub async fn racing_receivers_never_hold_the_same_message(pair: &QueuePair, time: &Time) {
    let messages: Vec<Message> = (0..20).map(|n| message(&format!("{n}"))).collect();
    send(&*pair.queue, &messages).await;
    let receivers = (0..8).map(|_| pair.queue.receive(5, time.patience(), LONG));
    let mut seen = BTreeSet::new();
    for received in join_all(receivers).await.into_iter().flat_map(Result::unwrap) {
        assert!(seen.insert(received.body.clone()), "{} came twice", received.body);
    }
}

/// A message with `not_before` does not come before.
pub async fn a_message_may_ask_to_come_later(pair: &QueuePair, time: &Time) {
    let later = time.now() + time.brief() * 2;
    send(&*pair.queue, &[Message { not_before: Some(later), ..message("1") }]).await;
    nothing(&*pair.queue).await;
    time.pass_brief();
    time.pass_brief();
    let received = take(&*pair.queue, time).await;
    assert_eq!((received.body.as_str(), received.receives), ("1", 1));
}

/// A `not_before` that has passed holds nothing back.
pub async fn a_message_that_asks_for_the_past_comes_at_once(pair: &QueuePair, time: &Time) {
    let past = Some(time.now() - LONG);
    send(&*pair.queue, &[Message { not_before: past, ..message("1") }]).await;
    assert_eq!(take(&*pair.queue, time).await.body, "1");
}

/// Beyond the service's longest delay a message is still hidden, or comes early and says so.
pub async fn a_message_for_a_far_future_is_hidden_or_says_so(pair: &QueuePair, time: &Time) {
    let far = time.now() + Duration::from_hours(2);
    send(&*pair.queue, &[Message { not_before: Some(far), ..message("1") }]).await;
    nothing(&*pair.queue).await;
    let Time::Manual(clock) = time else { return };
    clock.advance(Duration::from_hours(1));
    for early in pair.queue.receive(1, Duration::ZERO, Duration::ZERO).await.unwrap() {
        assert_eq!((early.body.as_str(), early.not_before), ("1", Some(far)));
    }
    clock.advance(Duration::from_hours(1));
    assert_eq!(take(&*pair.queue, time).await.body, "1");
}

/// After the limit of deliveries the message is on the dead-letter queue, whole, and nowhere else.
pub async fn a_message_that_keeps_failing_ends_on_the_dead_letter_queue(
    pair: &QueuePair,
    time: &Time,
) {
    send(&*pair.queue, &[message("poison")]).await;
    for n in 1..=ports::DELIVERY_LIMIT {
        let received = take_for(&*pair.queue, time, Duration::ZERO).await;
        assert_eq!((received.body.as_str(), received.receives), ("poison", n));
    }
    nothing(&*pair.queue).await;
    let dead = take(&*pair.dead, time).await;
    assert_eq!((dead.body.as_str(), dead.group.as_str()), ("poison", "acme"));
    assert_eq!(dead.attributes.get("traceparent").map(String::as_str), Some("00-1-2-01"));
}
