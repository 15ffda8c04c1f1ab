//! The crash sweep: one worker fails at its n-th port call, for every n; others find what it left.

use std::sync::Arc;
use std::time::Duration;

use handlers::schedule::{self, Event};
use testkit::sim::{Blow, Chaos, Struck, World};
use testkit::{Faulty, Gate};

use crate::cast::{Ground, JOBS, TENANTS, invoke, people, poison, target, timing};
use crate::source::Shape;
use crate::verdict::{is_done, verdict};
use crate::watch::Watched;

impl Ground {
    /// The same ports behind one more gate.
    fn behind(self, gate: &Arc<Struck>) -> Self {
        let gate = || Arc::<Struck>::clone(gate) as Arc<dyn Gate>;
        Self {
            table: Arc::new(Faulty::new(self.table, gate())),
            objects: Arc::new(Faulty::new(self.objects, gate())),
            jobs: Arc::new(Faulty::new(self.jobs, gate())),
            http: Arc::new(Faulty::new(self.http, gate())),
            ..self
        }
    }
}

/// A worker that schedules and extracts everything once.
async fn once(ground: Ground, shape: Shape) {
    let producer = ground.schedule(&shape);
    let event = Event::Fired(target(TENANTS[0]));
    schedule::handle(&producer, event, ground.deadline()).await.ok();
    let deps = ground.extract(&shape);
    for _ in 0..2 {
        let (wait, hidden) = (Duration::from_secs(1), Duration::from_mins(5));
        let Ok(messages) = ground.jobs.receive(10, wait, hidden).await else { continue };
        invoke(&deps, &ground, &messages).await;
    }
}

/// Lives through one blow; gives how many calls there were, and what was wrong.
pub fn live(blow: Blow, at: usize) -> (usize, Vec<store::invariant::Violation>) {
    let world = World::new(5, Chaos::none());
    let shape = Shape {
        parallel: 2,
        windows: 2,
        page: 4,
        part: 600,
        reconcile: None,
        limit: None,
        bug: None,
        interpreted: None,
    };
    let watched = Watched::new(&world);
    world.provider().stock(12, Duration::from_hours(48));
    let queue = world.queue(JOBS);
    world.block_on(poison(queue));
    let gate = blow.at(at);
    let counted = Arc::clone(&gate);
    let (seen, shaped) = (watched.clone(), shape.clone());
    world.spawn("victim", move |worker| {
        let ground = Ground::of(&worker, &seen, &shaped).behind(&gate);
        once(ground, shaped.clone())
    });
    world.run_for(Duration::from_mins(1));
    let before = counted.calls();
    people(&world, &watched, &shape, 1);
    let since = world.now() + timing().skew * 2;
    for _ in 0..24 {
        world.run_for(Duration::from_mins(15));
        if is_done(&world, &shape, since) {
            return (before, verdict(&world, &watched, &Chaos::none(), &shape));
        }
    }
    let stuck = store::invariant::Violation::new("liveness", "nobody goes on".to_owned());
    (before, vec![stuck])
}
