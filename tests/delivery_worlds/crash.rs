//! The crash sweep: one worker fails at its n-th port call, for every n; others find what it left.

use std::sync::Arc;
use std::time::Duration;

use handlers::{files, push};
use store::files::FeedKey;
use store::invariant::Violation;
use store::push::PushKey;
use testkit::crm::{Crm, Rules};
use testkit::sim::{Blow, Chaos, Struck, World};
use testkit::{Faulty, Gate};

use crate::cast::{CALLS, Cast, Ground, Shape, deliver, people};
use crate::partner::Script;
use crate::rest;

/// The same ports behind one more gate.
fn behind(ground: Ground, gate: &Arc<Struck>) -> Ground {
    let gate = || Arc::<Struck>::clone(gate) as Arc<dyn Gate>;
    Ground {
        table: Arc::new(Faulty::new(ground.table, gate())),
        objects: Arc::new(Faulty::new(ground.objects, gate())),
        place: Arc::new(Faulty::new(ground.place, gate())),
        http: Arc::new(Faulty::new(ground.http, gate())),
        looks: Arc::new(Faulty::new(ground.looks, gate())),
        pushes: Arc::new(Faulty::new(ground.pushes, gate())),
        secrets: Arc::new(Faulty::new(ground.secrets, gate())),
        ..ground
    }
}

/// A worker that takes everything in and pushes it, once.
async fn once(ground: Ground) {
    let tenant: model::TenantId = "heron".parse().unwrap();
    let feed = FeedKey { tenant: tenant.clone(), feed: "loyalty".parse().unwrap() };
    let look = files::Event::Work(files::Work::Look(feed));
    files::handle(&ground.files(), look, ground.deadline()).await.ok();
    let push = push::Work::Push { push: PushKey { tenant, push: "crm".parse().unwrap() } };
    push::handle(&ground.push(), push::Event::Work(push), ground.deadline()).await.ok();
}

/// Lives through one blow; gives how many calls there were, and what was wrong.
pub fn live(blow: Blow, at: usize) -> (usize, Vec<Violation>) {
    let world = World::new(5, Chaos::none());
    let rules = Rules { calls: CALLS, ..Rules::default() };
    let crm = Arc::new(Crm::new(world.clock(), Arc::new(world.ids()), rules));
    let shape = Shape { after: "{move: processed}", stable: "0s", bug: None };
    let cast = Cast::new(&world, &crm, Script::plain(&world.ids()), shape);
    deliver(&world, &cast);
    world.run_for(Duration::from_secs(5));
    let gate = blow.at(at);
    let counted = Arc::clone(&gate);
    let victim = cast.clone();
    world.spawn("victim", move |worker| once(behind(victim.ground(&worker), &gate)));
    world.run_for(Duration::from_mins(2));
    let before = counted.calls();
    people(&world, &cast, 1);
    (before, rest(&world, &cast))
}
