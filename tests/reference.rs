//! The interpreter beside airbyte-cdk: what the reference did with each case in `reference/` is
//! recorded there, and the same requests, records and states must come from ours.
//!
//! `CASE=part-of-a-name cargo test -p system-tests --test reference` replays some of the cases.
//! How a case is written and recorded stands in `reference/README.md`.

#[path = "reference/case.rs"]
mod case;
#[path = "reference/provider.rs"]
mod provider;
#[path = "reference/verdict.rs"]
mod verdict;

use case::{Case, Got, Pass};

#[tokio::test]
async fn every_recorded_case_gives_what_the_reference_gave() {
    let only = host::Vars::process().get("CASE").unwrap_or_default();
    let mut faults = Vec::new();
    for case in Case::all().into_iter().filter(|case| case.name.contains(&only)) {
        let got = case.run().await;
        faults.extend(
            verdict::faults(&case, &got).into_iter().map(|f| format!("{}: {f}", case.name)),
        );
    }
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
}

#[tokio::test]
async fn a_case_that_differs_is_told() {
    let case = Case::named("trivial/pages");
    let got = case.run().await;
    let told = |change: fn(&mut Got)| {
        let mut changed = got.clone();
        change(&mut changed);
        verdict::faults(&case, &changed)
    };
    let first = |got: &mut Got, change: fn(&mut Pass)| change(&mut got.passes[0]);
    assert!(told(|_| {}).is_empty());
    for faults in [
        told(|got| got.check = "FAILED".to_owned()),
        told(|got| got.streams.clear()),
        told(|got| got.passes.truncate(1)),
    ] {
        assert_eq!(faults.len(), 1, "{faults:?}");
    }
    let blows: [fn(&mut Pass); 7] = [
        |pass| pass.records.clear(),
        |pass| drop(pass.files.insert("a".to_owned(), vec![serde_json::json!({})])),
        |pass| pass.states.clear(),
        |pass| pass.requests[0].n += 1,
        |pass| pass.requests[0].url.push('x'),
        |pass| pass.refused = Some("no".to_owned()),
        |pass| pass.controls.push(serde_json::Value::Null),
    ];
    for blow in blows {
        let mut changed = got.clone();
        first(&mut changed, blow);
        assert!(!verdict::faults(&case, &changed).is_empty());
    }
}
