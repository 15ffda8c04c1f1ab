use testkit::{Fault, Faults, Side};

use super::*;

/// Two parts with a refusal and a tombstone, for two models.
async fn ground() -> (Ground, ObjectKey) {
    let ground = Ground::new(&[("order", ORDER), ("order_line", LINE)]).await;
    let attempt = attempt("p1");
    let first = [
        Landed::Record(r#"{"id":"a","total":1,"lines":[{"sku":"x"}],"colour":"red"}"#),
        Landed::Record(r#"{"id":"b","total":"many"}"#),
    ];
    let second =
        [Landed::Record(r#"{"id":"c","total":2,"lines":[]}"#), Landed::Gone(r#"{"id":"d"}"#)];
    let parts =
        vec![ground.land(&attempt, 1, &first).await, ground.land(&attempt, 2, &second).await];
    let commit = ground.commit(&attempt, parts).await;
    (ground, commit)
}

/// A body without the instant at which it was written.
fn timeless(body: &[u8]) -> Vec<u8> {
    let mark = b"\"at\":\"";
    let mut body = body.to_vec();
    let starts = body.windows(mark.len()).enumerate().filter(|(_, window)| window == mark);
    let starts: Vec<usize> = starts.map(|(at, _)| at + mark.len()).collect();
    for start in starts {
        body[start..start + 30].fill(b'x');
    }
    body
}

/// All that anybody can see of it, but when.
async fn state(ground: &Ground) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for layer in ["curated", "quarantine", "receipts", "underway"] {
        for key in ground.keys(&format!("{layer}/")).await {
            all.push((key.clone(), timeless(&ground.get(&key).await)));
        }
    }
    all
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_leaves_what_the_next_one_completes() {
    let (calm, commit) = ground().await;
    let faults = Arc::new(Faults::none());
    let event = || Event::Work(Work::Take(Take::new(commit.clone())));
    handle(&calm.behind(&faults), event(), calm.deadline()).await.unwrap();
    let (calls, expected) = (faults.calls(), state(&calm).await);
    assert_eq!(expected.len(), 2 + 2 + 1 + 2, "{expected:?}");
    for n in 1..=calls {
        for fault in [Fault::Crash(n, Side::Before), Fault::Crash(n, Side::After)] {
            let (ground, _) = ground().await;
            let faults = Arc::new(Faults::of(fault));
            let died = handle(&ground.behind(&faults), event(), ground.deadline()).await;
            let visible = !ground.keys("receipts/").await.is_empty();
            assert!(died.is_err() || visible, "{fault:?}");
            if visible {
                // What a receipt names is there before it.
                for receipt in ground.receipts("order").await {
                    for part in &receipt.parts {
                        let file = part.file.as_ref().unwrap();
                        assert!(ground.lake.head(file).await.is_ok(), "{fault:?}");
                    }
                }
            }
            handle(&ground.deps, event(), ground.deadline()).await.unwrap();
            assert!(state(&ground).await == expected, "{fault:?}: {:?}", faults.log().last());
        }
    }
}

#[tokio::test]
async fn commits_may_be_taken_in_in_any_order_and_at_once() {
    let mut seen = Vec::new();
    for order_of in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let ground = Ground::new(&[("order", ORDER)]).await;
        let mut commits = Vec::new();
        for plan in ["p1", "p2", "p3"] {
            commits.push(ground.landed(plan, &[Landed::Record(&order(plan, "1"))]).await);
        }
        for number in order_of {
            let twice = [ground.take(&commits[number]), ground.take(&commits[number])];
            for taken in futures_util::future::join_all(twice).await {
                taken.unwrap();
            }
        }
        seen.push(state(&ground).await);
    }
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
    assert_eq!(seen[0].len(), 6);
}
