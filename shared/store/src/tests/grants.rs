use super::*;

fn key(origin: &str) -> GrantKey {
    let StreamKey { tenant, connection, .. } = stream("orders");
    GrantKey { tenant, connection, name: "grant".to_owned(), origin: origin.to_owned() }
}

fn tokens(number: u32) -> GrantTokens {
    GrantTokens {
        access: format!("a{number}"),
        refresh: Some(format!("r{number}")),
        expires: at("2026-03-01T01:00:00Z"),
    }
}

const MOST: Duration = Duration::from_mins(1);

#[tokio::test]
async fn one_caller_alone_may_refresh_a_grant() {
    let World { clock, store, .. } = world();
    let key = key("o");
    let claims = join_all((0..4).map(|_| store.claim_grant(&key, MOST))).await;
    let claims: Vec<_> = claims.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(claims.len(), 1);
    store.keep_grant(&key, &claims[0], &tokens(1)).await.unwrap();
    assert_eq!(store.grant(&key).await.unwrap(), Some(tokens(1)));
    let next = store.claim_grant(&key, MOST).await.unwrap().unwrap();
    assert_eq!(next.tokens, Some(tokens(1)));
    assert_eq!(store.claim_grant(&key, MOST).await.unwrap(), None);
    store.release_grant(&key, &next).await.unwrap();
    store.claim_grant(&key, MOST).await.unwrap().unwrap();
    clock.advance(MOST * 2);
    assert!(store.claim_grant(&key, MOST).await.unwrap().is_some(), "a dead claim ends");
}

#[tokio::test]
async fn tokens_are_not_replaced_by_those_of_a_refresh_that_came_late() {
    let World { clock, store, .. } = world();
    let key = key("o");
    let slow = store.claim_grant(&key, MOST).await.unwrap().unwrap();
    clock.advance(MOST * 2);
    let quick = store.claim_grant(&key, MOST).await.unwrap().unwrap();
    store.keep_grant(&key, &quick, &tokens(2)).await.unwrap();
    store.keep_grant(&key, &slow, &tokens(1)).await.unwrap();
    assert_eq!(store.grant(&key).await.unwrap(), Some(tokens(2)));
}

#[tokio::test]
async fn a_refresh_that_outlasted_its_claim_is_kept_when_nobody_else_has_refreshed() {
    let World { clock, store, .. } = world();
    let key = key("o");
    let slow = store.claim_grant(&key, MOST).await.unwrap().unwrap();
    clock.advance(MOST * 2);
    store.claim_grant(&key, MOST).await.unwrap().unwrap();
    store.keep_grant(&key, &slow, &tokens(1)).await.unwrap();
    assert_eq!(store.grant(&key).await.unwrap(), Some(tokens(1)));
    assert_eq!(store.claim_grant(&key, MOST).await.unwrap(), None, "the other claim stands");
}

#[tokio::test]
async fn a_refresh_token_that_the_owner_replaced_starts_anew() {
    let World { store, table, .. } = world();
    let claim = store.claim_grant(&key("old"), MOST).await.unwrap().unwrap();
    store.keep_grant(&key("old"), &claim, &tokens(1)).await.unwrap();
    assert_eq!(store.grant(&key("new")).await.unwrap(), None);
    let claim = store.claim_grant(&key("new"), MOST).await.unwrap().unwrap();
    store.keep_grant(&key("new"), &claim, &tokens(2)).await.unwrap();
    assert_eq!(store.grant(&key("new")).await.unwrap(), Some(tokens(2)));
    let rows: Vec<_> = table.items().into_iter().map(|item| item.body).collect();
    let row = r#"{"v":1,"origin":"new","tokens":{"access":"a2","refresh":"r2","expires":"2026-03-01T01:00:00Z"}}"#;
    assert_eq!(rows, [row]);
}
