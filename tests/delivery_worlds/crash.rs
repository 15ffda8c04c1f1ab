//! The crash sweep: one worker fails at its n-th port call, for every n; others find what it left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{self, BoxFuture};
use handlers::{files, push};
use store::files::FeedKey;
use store::invariant::Violation;
use store::push::PushKey;
use testkit::crm::{Crm, Rules};
use testkit::sim::{Chaos, World};
use testkit::{Call, Faulty, Gate, Passage};

use crate::cast::{CALLS, Cast, Ground, Shape, deliver, people};
use crate::partner::Script;
use crate::rest;

/// What happens at the n-th call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The worker dies before it.
    DiesBefore,
    /// The worker dies after it happened.
    DiesAfter,
    /// It fails without having happened.
    FailsBefore,
    /// It happens, and its answer is lost.
    FailsAfter,
}

impl Blow {
    pub const ALL: [Self; 4] =
        [Self::DiesBefore, Self::DiesAfter, Self::FailsBefore, Self::FailsAfter];
}

#[derive(Debug)]
struct Nth {
    blow: Blow,
    at: usize,
    calls: Arc<AtomicUsize>,
}

#[async_trait]
impl Gate for Nth {
    async fn enter(&self, _: &Call) -> Passage {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call > self.at && matches!(self.blow, Blow::DiesBefore | Blow::DiesAfter) {
            future::pending::<()>().await;
        }
        match self.blow {
            _ if call != self.at => Passage::Through,
            Blow::DiesBefore => future::pending().await,
            Blow::DiesAfter => Passage::Through,
            Blow::FailsBefore => Passage::Before,
            Blow::FailsAfter => Passage::After,
        }
    }

    async fn leave(&self, _: &Call) {
        let died = self.blow == Blow::DiesAfter && self.calls.load(Ordering::Relaxed) >= self.at;
        if died {
            future::pending::<()>().await;
        }
    }

    fn postpone(&self, write: BoxFuture<'static, ()>) {
        drop(write);
    }
}

/// The same ports behind one more gate.
fn behind(ground: Ground, gate: &Arc<Nth>) -> Ground {
    let gate = || Arc::<Nth>::clone(gate) as Arc<dyn Gate>;
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
    let calls = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Nth { blow, at, calls: Arc::clone(&calls) });
    let victim = cast.clone();
    world.spawn("victim", move |worker| once(behind(victim.ground(&worker), &gate)));
    world.run_for(Duration::from_mins(2));
    let before = calls.load(Ordering::Relaxed);
    people(&world, &cast, 1);
    (before, rest(&world, &cast))
}
