use super::*;

async fn world() -> World {
    let world = World::new(FEED);
    world.put("heron_TRX_001.csv", TRX).await;
    world.put("heron_USER_001.csv", USERS).await;
    world.put("heron_USER_002.csv", USERS).await;
    world.put("heron_TRX_002.csv", "trx_id,amount\nt1,1.50\nT,2,1.50\n").await;
    world
}

async fn check(world: &World, after: &str) {
    check_accepted(world, after).await;
    check_others(world, after).await;
}

async fn check_accepted(world: &World, after: &str) {
    let accepted = world.accepted().await;
    let files: Vec<&str> = accepted.iter().map(|file| file.kind.as_str()).collect();
    assert_eq!(files, ["user", "transaction"], "{after}");
    for file in &accepted {
        assert_eq!(world.records(file).await.len(), 2, "{after}");
        assert!(world.lake.head(file.archive.as_ref().unwrap()).await.is_ok(), "{after}");
    }
}

async fn check_others(world: &World, after: &str) {
    let verdicts: BTreeMap<String, FileVerdict> =
        world.facts().await.into_iter().map(|(path, (verdict, _))| (path, verdict)).collect();
    assert_eq!(verdicts["heron_TRX_002.csv"], FileVerdict::Rejected, "{after}");
    let users = [verdicts["heron_USER_001.csv"], verdicts["heron_USER_002.csv"]];
    assert!(users.contains(&FileVerdict::Accepted), "{after}");
    assert!(users.contains(&FileVerdict::Duplicate), "{after}");
    let paths = world.place.paths();
    let folders: Vec<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
    assert_eq!(folders, ["duplicate", "failed", "processed", "processed"], "{after}");
    let failed = world.lake.list_all("failed/").await.unwrap();
    assert_eq!(failed.len(), 2, "{after}: the original and its reason");
    assert_eq!(world.lake.list_all("archive/").await.unwrap().len(), 2, "{after}");
}

/// No file is lost and none counts twice, whichever call a worker dies at, on either side of it.
#[tokio::test]
async fn a_crash_at_any_call_loses_and_doubles_nothing() {
    let faults = Arc::new(Faults::none());
    let whole = world().await;
    whole.try_look(&faults).await.unwrap();
    check(&whole, "no crash").await;
    for call in 1..=faults.calls() {
        for side in [Side::Before, Side::After] {
            for fault in [Fault::Crash(call, side), Fault::Once(call, side)] {
                let world = world().await;
                let faults = Arc::new(Faults::of(fault));
                drop(world.try_look(&faults).await);
                // Whoever died holds the feed for a while.
                world.look().await;
                world.look().await;
                check(&world, &format!("{fault:?} {:?}", faults.log().last())).await;
            }
        }
    }
}
