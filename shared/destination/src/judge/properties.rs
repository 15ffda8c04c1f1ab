//! Whatever an answer says, each item has one verdict and goes on in at most one batch.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::document::Document;
use ports::{HttpError, Response};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::{Answer, Attempt, Destination, Next, Sent};

static CRM: LazyLock<Destination> = LazyLock::new(|| {
    let file = include_str!("../../../../config/destinations/crm.yaml");
    let document = Document::parse("crm.yaml", file).unwrap();
    Destination::parse(&"crm".parse().unwrap(), &document).unwrap()
});

/// A result for some item, known or not, any number of times and in any order.
fn results() -> impl Strategy<Value = Vec<Json>> {
    let code = prop_oneof![
        Just(json!(200)),
        Just(json!(8006)),
        Just(json!(3217)),
        Just(json!(8015)),
        Just(json!(604)),
        Just(json!(521)),
        Just(json!(9999)),
        Just(json!(null)),
        Just(json!({"not": "a code"})),
    ];
    let result =
        (0_u8..14, code).prop_map(|(n, code)| json!({"ref": format!("f#{n}"), "status": code}));
    proptest::collection::vec(result, 0..30)
}

fn answers() -> impl Strategy<Value = Option<(u16, Vec<u8>)>> {
    let body = prop_oneof![
        6 => results().prop_map(|results| json!({"results": results}).to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => Just(b"{\"results\":{\"ref\":\"f#1\"}}".to_vec()),
    ];
    let status = prop_oneof![6 => Just(200_u16), 3 => 100_u16..600];
    proptest::option::weighted(0.9, (status, body))
}

fn attempts() -> impl Strategy<Value = Attempt> {
    (0_u32..8, 0_u32..3, 0_u32..12, any::<bool>()).prop_map(
        |(tries, reroutes, defers, refreshed)| Attempt { tries, reroutes, defers, refreshed },
    )
}

proptest! {
    #[test]
    fn no_item_is_lost_or_doubled(
        answer in answers(),
        attempt in attempts(),
        items in 1_usize..12,
        operation in prop_oneof![Just("ADD_CUST"), Just("UPD_CUST"), Just("ADD_TRX")],
        chance in 0.0_f64..1.0,
    ) {
        let crm = &*CRM;
        let config = json!({"base_url": "http://h", "on_missing": "add"});
        let session = crm.session(&config, "2026-01-02T03:04:05Z".parse().unwrap());
        let operation = crm.operation(&operation.parse().unwrap()).unwrap();
        let references: Vec<String> = (1..=items).map(|n| format!("f#{n}")).collect();
        let sent = Sent { references: &references, attempt: &attempt, chance };
        let gone = HttpError::TimedOut { host: "h".to_owned(), after: crm.timeout() };
        let response = answer.map(|(status, body)| Response { status, headers: vec![], body: body.into() });
        let answer: Answer<'_> = response.as_ref().ok_or(&gone);

        let judgement = crm.judge(operation, &session, &sent, answer);
        let children = crm.children(operation, &sent, &judgement);
        let mut goes_on: BTreeMap<&str, usize> = BTreeMap::new();
        for child in &children {
            let most = crm.operation(&child.operation).unwrap().limits().max_items.get();
            prop_assert!(!child.references.is_empty() && child.references.len() <= most);
            for reference in &child.references {
                *goes_on.entry(reference).or_default() += 1;
            }
        }
        match &judgement.next {
            Next::Settled(verdicts) => {
                let told: Vec<&String> = verdicts.iter().map(|verdict| &verdict.reference).collect();
                prop_assert_eq!(told, references.iter().collect::<Vec<_>>());
                for verdict in verdicts {
                    let batches = goes_on.get(verdict.reference.as_str()).copied().unwrap_or(0);
                    prop_assert_eq!(batches, usize::from(!verdict.action.is_final()));
                }
            }
            Next::Split => {
                prop_assert!(references.iter().all(|name| goes_on.get(name.as_str()) == Some(&1)));
                prop_assert!(children.len() == 2);
            }
            Next::Repeat { .. } | Next::Refresh { .. } | Next::Stop { .. } | Next::Job { .. } => {
                prop_assert!(children.is_empty());
            }
        }
    }
}
