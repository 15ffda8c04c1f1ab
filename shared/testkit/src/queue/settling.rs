//! Clauses about ack, defer and dead letters.

use ports::{DELIVERY_LIMIT, QueueError, REASON};

use super::{LONG, QueuePair, Time, message, nothing, send, take, take_for};

/// An acked message does not come again, not even after its visibility.
pub async fn an_acked_message_does_not_come_again(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    let received = take_for(&*pair.queue, time, time.brief()).await;
    pair.queue.ack(&received).await.unwrap();
    time.pass_brief();
    let rest = pair.queue.receive(1, time.brief() * 2, LONG).await.unwrap();
    assert_eq!(rest, []);
    nothing(&*pair.dead).await;
}

/// An ack may be repeated.
pub async fn ack_repeats_harmlessly(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &["1", "2"].map(message)).await;
    let received = take(&*pair.queue, time).await;
    for _ in 0..3 {
        pair.queue.ack(&received).await.unwrap();
    }
    assert_ne!(take(&*pair.queue, time).await.body, received.body);
}

/// An ack after the message went to someone else is no error.
pub async fn a_late_ack_is_harmless(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    let first = take_for(&*pair.queue, time, time.brief()).await;
    time.pass_brief();
    let second = take(&*pair.queue, time).await;
    pair.queue.ack(&first).await.unwrap();
    pair.queue.ack(&second).await.unwrap();
    nothing(&*pair.queue).await;
}

/// A deferred message comes as a fresh one, once.
pub async fn defer_gives_a_fresh_copy_with_its_own_count(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    take_for(&*pair.queue, time, time.brief()).await;
    time.pass_brief();
    let second = take(&*pair.queue, time).await;
    assert_eq!(second.receives, 2);
    pair.queue.defer(&second, time.now()).await.unwrap();
    let copy = take(&*pair.queue, time).await;
    assert_eq!((copy.body.as_str(), copy.receives), ("1", 1));
    nothing(&*pair.queue).await;
}

/// A deferred message does not come before its time.
pub async fn defer_hides_until_then(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    let received = take(&*pair.queue, time).await;
    pair.queue.defer(&received, time.now() + time.brief() * 2).await.unwrap();
    nothing(&*pair.queue).await;
    time.pass_brief();
    time.pass_brief();
    assert_eq!(take(&*pair.queue, time).await.body, "1");
}

/// Waiting is not failing: no number of deferrals makes a dead letter.
pub async fn defer_never_leads_to_the_dead_letter_queue(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    for _ in 0..(DELIVERY_LIMIT * 2) {
        let received = take(&*pair.queue, time).await;
        assert_eq!(received.receives, 1);
        pair.queue.defer(&received, time.now()).await.unwrap();
    }
    assert_eq!(take(&*pair.queue, time).await.body, "1");
    nothing(&*pair.dead).await;
}

/// The copy has the group, the attributes, and the instant it waits for.
pub async fn defer_keeps_the_message_whole(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("1")]).await;
    let received = take(&*pair.queue, time).await;
    let until = time.now();
    pair.queue.defer(&received, until).await.unwrap();
    let copy = take(&*pair.queue, time).await;
    assert_eq!((&copy.group, &copy.attributes), (&received.group, &received.attributes));
    assert!(copy.not_before.is_none_or(|at| at == until), "{:?}", copy.not_before);
}

/// A dead letter is on the dead-letter queue, whole, with its reason, and nowhere else.
pub async fn a_dead_letter_carries_its_reason(pair: &QueuePair, time: &Time) {
    send(&*pair.queue, &[message("bad")]).await;
    let received = take(&*pair.queue, time).await;
    pair.queue.dead_letter(&received, "no such tenant: `acme`\nsee tenants/").await.unwrap();
    nothing(&*pair.queue).await;
    let dead = take(&*pair.dead, time).await;
    assert_eq!((dead.body.as_str(), dead.group.as_str()), ("bad", "acme"));
    assert_eq!(dead.attributes.get("traceparent"), received.attributes.get("traceparent"));
    let reason = dead.attributes.get(REASON).map(String::as_str);
    assert_eq!(reason, Some("no such tenant: `acme`\nsee tenants/"));
}

/// A reason that is too long, empty or not to be carried does not keep a letter from the queue.
pub async fn a_long_reason_is_carried_as_far_as_it_fits(pair: &QueuePair, time: &Time) {
    for reason in ["x".repeat(300 * 1024), String::new(), "\u{1}\u{ffff}".to_owned()] {
        send(&*pair.queue, &[message("bad")]).await;
        let received = take(&*pair.queue, time).await;
        let put: Result<(), QueueError> = pair.queue.dead_letter(&received, &reason).await;
        put.unwrap();
        assert_eq!(take(&*pair.dead, time).await.body, "bad");
        nothing(&*pair.queue).await;
    }
}
