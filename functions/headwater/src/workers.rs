//! The embedded host of extract: takes messages off the queue and hands them to the handler as
//! the very event that SQS would.

use std::sync::Arc;
use std::time::Duration;

use handlers::event::{SqsEvent, SqsRecord};
use handlers::extract::{self, Answer, Event};
use model::Timestamp;
use ports::{Deadline, Received};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::world::World;

/// Invocations side by side.
const SIDE_BY_SIDE: usize = 8;

/// Time of one invocation; what is left then goes on in the next.
const TIME: Duration = Duration::from_mins(5);

/// Longest wait for a message.
const WAIT: Duration = Duration::from_millis(500);

/// A message whose invocation died is seen again after this long.
const VISIBILITY: Duration = Duration::from_mins(1);

/// Pause after the queue did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Workers of this process.
#[derive(Debug)]
pub(crate) struct Workers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Starts them.
    pub(crate) fn start(world: &Arc<World>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for _ in 0..SIDE_BY_SIDE {
            tasks.spawn(work(Arc::clone(world), stopped.clone()));
        }
        Self { stop, tasks }
    }

    /// Lets each of them finish the message that it has.
    pub(crate) async fn stop(mut self) {
        // Workers that are gone already need not hear of it.
        let _heard = self.stop.send(true).is_ok();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn work(world: Arc<World>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let messages = tokio::select! {
            messages = world.jobs.receive(1, WAIT, VISIBILITY) => messages,
            _ = stopped.changed() => return,
        };
        match messages {
            Ok(messages) => all(&world, messages).await,
            Err(_) => world.clock.sleep(PAUSE).await,
        }
    }
}

async fn all(world: &World, messages: Vec<Received>) {
    for message in messages {
        if let Err(failure) = invoke(world, message).await {
            tracing::error!("{}", failure.chain());
        }
    }
}

/// One invocation: what the handler does not give back is done.
async fn invoke(world: &World, message: Received) -> Result<(), Failure> {
    let until = world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX);
    let batch = SqsEvent { records: vec![SqsRecord::from(message.clone())] };
    let answer = extract::handle(&world.extract, Event::Batch(batch), Deadline::at(until)).await;
    match answer.map_err(|error| Failure::of("an invocation failed", error))? {
        Answer::Batch(answer) if answer.batch_item_failures.is_empty() => {
            let done = world.jobs.ack(&message).await;
            done.map_err(|error| Failure::of("a message that is done comes again", error))
        }
        Answer::Batch(_) | Answer::Job(_) => Ok(()),
    }
}
