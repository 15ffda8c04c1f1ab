use std::time::Duration;

use ports::{Clock, Deadline, ObjectStoreExt};
use serde_json::Value;
use testkit::{ManualClock, MemoryMetrics};

use super::*;
use crate::report::publish::{self, Event, Outcome, handle};

async fn made(ground: &Ground, event: Event) -> Result<Outcome, publish::Error> {
    let clock = Arc::new(ManualClock::at(at(NOW)));
    let deadline = Deadline::at(clock.now() + Duration::from_mins(15));
    let Deps { configuration, lake } = &ground.deps;
    let deps = publish::Deps {
        facts: Deps { configuration: Arc::clone(configuration), lake: Arc::clone(lake) },
        clock,
        metrics: Arc::new(MemoryMetrics::default()),
    };
    handle(&deps, event, deadline).await
}

#[tokio::test]
async fn reports_stand_in_the_lake_a_tenant_and_day_and_are_made_anew_where_there_is_news() {
    let ground = ground().await;
    let first = made(&ground, Event::Due { due: true }).await.unwrap();
    let keys: Vec<&str> = first.made.iter().map(ObjectKey::as_str).collect();
    let folder = "reports/tenant=heron/date=2026-01-02";
    assert_eq!(keys, [format!("{folder}/report.html"), format!("{folder}/report.json")]);
    let page = ground.deps.lake.get(&first.made[0]).await.unwrap();
    assert_eq!(page.meta.attributes.content_type.as_deref(), Some("text/html; charset=utf-8"));
    let body = ground.deps.lake.get(&first.made[1]).await.unwrap().body;
    let json: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&json["total"]["in"], &json["pushes"][0]["limit"]), (&4.into(), &1000.into()));
    let again = made(&ground, Event::Due { due: true }).await.unwrap();
    assert_eq!((again.made.len(), again.unchanged), (0, 1));
    ground.accepted("more.csv", 1, 0).await;
    assert_eq!(made(&ground, Event::Due { due: true }).await.unwrap().made.len(), 2);
    let day = Event::Day { tenant: tenant(), day: "2025-06-01".parse().unwrap() };
    assert_eq!(made(&ground, day).await.unwrap(), Outcome::default(), "nothing happened then");
    assert_eq!(ground.deps.lake.list_all("reports/").await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_tenant_whose_file_is_faulty_costs_the_others_no_report() {
    let ground = ground().await;
    ground.put("config/tenants/aster.yaml", b"feeds: 7\n").await;
    let failed = made(&ground, Event::Due { due: true }).await.unwrap_err();
    assert_eq!(failed.to_string(), "no report for aster");
    assert_eq!(ground.deps.lake.list_all("reports/").await.unwrap().len(), 2);
}
