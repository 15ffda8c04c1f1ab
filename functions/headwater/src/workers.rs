//! The embedded hosts of functions that work off queues: they take messages off a queue and hand them to
//! the handler as the very event that SQS would.

use std::sync::Arc;
use std::time::Duration;

use handlers::batch::{Answer, Event};
use handlers::event::{BatchResponse, SqsEvent, SqsRecord};
use handlers::report::publish;
use handlers::{compact, extract, files, push, transform};
use model::Timestamp;
use ports::{Deadline, Queue, Received};
use store::files::FeedKey;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::world::World;

/// Invocations of extract side by side.
const PULLS: usize = 8;

/// Invocations of transform side by side: they compute, they do not wait.
const TRANSFORMS: usize = 2;

/// Looks at drops side by side.
const LOOKS: usize = 4;

/// Invocations of push side by side; each makes many calls at once.
const PUSHES: usize = 4;

/// Time of one invocation; what is left then goes on in the next.
const TIME: Duration = Duration::from_mins(5);

/// Longest wait for a message.
const WAIT: Duration = Duration::from_millis(500);

/// After this long a message is seen again whose invocation died: somebody waits. One that comes
/// again while it is worked on is put off by a lease, or does what is done already.
const VISIBILITY: Duration = Duration::from_secs(20);

/// Pause after the queue did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Whose messages a worker takes.
#[derive(Debug, Clone, Copy)]
enum Function {
    Extract,
    Transform,
    Files,
    Push,
}

impl Function {
    /// A message whose invocation died is seen again after this long. Pushes go on until the time
    /// is up, and any number may work at one: a message that came again meanwhile would take
    /// workers from other tenants. What a process that died left of them is woken at the next start.
    fn visibility(self) -> Duration {
        match self {
            Self::Extract | Self::Transform | Self::Files => VISIBILITY,
            Self::Push => TIME + VISIBILITY,
        }
    }

    fn queue(self, world: &World) -> &dyn Queue {
        match self {
            Self::Extract => world.jobs.as_ref(),
            Self::Transform => world.transforms.as_ref(),
            Self::Files => world.files.queue.as_ref(),
            Self::Push => world.push.queue.as_ref(),
        }
    }
}

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
        let functions = [
            (Function::Extract, PULLS),
            (Function::Transform, TRANSFORMS),
            (Function::Files, LOOKS),
            (Function::Push, PUSHES),
        ];
        for (function, number) in functions {
            for _ in 0..number {
                tasks.spawn(work(Arc::clone(world), function, stopped.clone()));
            }
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

async fn work(world: Arc<World>, function: Function, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let messages = tokio::select! {
            messages = function.queue(&world).receive(1, WAIT, function.visibility()) => messages,
            _ = stopped.changed() => return,
        };
        match messages {
            Ok(messages) => all(&world, function, messages).await,
            Err(_) => world.clock.sleep(PAUSE).await,
        }
    }
}

async fn all(world: &World, function: Function, messages: Vec<Received>) {
    for message in messages {
        if let Err(failure) = invoke(world, function, message).await {
            tracing::error!("{}", failure.chain());
        }
    }
}

/// One invocation: what the handler does not give back is done.
async fn invoke(world: &World, function: Function, message: Received) -> Result<(), Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let batch = SqsEvent { records: vec![SqsRecord::from(message.clone())] };
    let answer = answer(world, function, batch, until).await?;
    if answer.is_none_or(|answer| answer.batch_item_failures.is_empty()) {
        let done = function.queue(world).ack(&message).await;
        done.map_err(|error| Failure::of("a message that is done comes again", error))?;
    }
    Ok(())
}

/// What the handler says to a batch; handlers answer batches as such.
async fn answer(
    world: &World,
    function: Function,
    batch: SqsEvent,
    until: Deadline,
) -> Result<Option<BatchResponse>, Failure> {
    fn told<O, E>(answer: Result<Answer<O>, E>) -> Result<Option<BatchResponse>, Failure>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        answer.map(Answer::batch).map_err(|error| Failure::of("an invocation failed", error))
    }
    match function {
        Function::Extract => {
            told(extract::handle(&world.extract, Event::Batch(batch), until).await)
        }
        Function::Transform => {
            told(transform::handle(&world.transform, Event::Batch(batch), until).await)
        }
        Function::Files => told(files::handle(&world.files, Event::Batch(batch), until).await),
        Function::Push => told(push::handle(&world.push, Event::Batch(batch), until).await),
    }
}

/// Looks at a drop, now.
pub(crate) async fn look(world: &World, feed: FeedKey) -> Result<files::Outcome, Failure> {
    files_work(world, files::Work::Look(feed)).await
}

/// Does one piece of work with files, now.
pub(crate) async fn files_work(
    world: &World,
    work: files::Work,
) -> Result<files::Outcome, Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let done = files::handle(&world.files, files::Event::Work(work), until).await;
    let answer = done.map_err(|error| Failure::of("files cannot be taken in", error))?;
    Ok(answer.work().unwrap_or(files::Outcome::Unknown))
}

/// Does one piece of work with pushes, now.
pub(crate) async fn push_work(world: &World, work: push::Work) -> Result<push::Outcome, Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let done = push::handle(&world.push, push::Event::Work(work), until).await;
    let answer = done.map_err(|error| Failure::of("records cannot be sent", error))?;
    Ok(answer.work().unwrap_or_default())
}

/// Takes the messages that wait for pushes at this moment, in this task; tells whether there were
/// any. What another process is at is its own.
pub(crate) async fn take_pushes(world: &World) -> Result<bool, Failure> {
    let unreachable = |error| Failure::of("a queue is out of reach", error);
    let depth = world.pushes.depth().await.map_err(unreachable)?;
    for _ in 0..depth.ready {
        let messages = world.pushes.receive(1, Duration::ZERO, VISIBILITY).await;
        all(world, Function::Push, messages.map_err(unreachable)?).await;
    }
    Ok(depth.ready > 0)
}

/// Enqueues looks at the drops whose time has come.
pub(crate) async fn look_around(world: &World) -> Result<(), Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let event = files::Event::Work(files::Work::Sweep { sweep: true });
    let looked = files::handle(&world.files, event, until).await;
    looked.map(|_| ()).map_err(|error| Failure::of("drops cannot be looked at", error))
}

/// Wakes every push, for what no event told of.
pub(crate) async fn wake_pushes(world: &World) -> Result<(), Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let event = push::Event::Work(push::Work::Sweep { sweep: true });
    let woken = push::handle(&world.push, event, until).await;
    woken.map(|_| ()).map_err(|error| Failure::of("pushes cannot be woken", error))
}

/// Makes the reports of the last days anew, where there is news.
pub(crate) async fn make_reports(world: &World) -> Result<(), Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let made = publish::handle(&world.reports, publish::Event::Due { due: true }, until).await;
    made.map(|_| ()).map_err(|error| Failure::of("reports cannot be made", error))
}

/// Enqueues what no event told the models of, and what changed ones make anew.
pub(crate) async fn sweep(world: &World) -> Result<(), Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let event = transform::Event::Work(transform::Work::Sweep { sweep: true });
    let swept = transform::handle(&world.transform, event, until).await;
    swept.map(|_| ()).map_err(|error| Failure::of("models cannot be brought to the present", error))
}

/// Makes snapshots of models' rows, and removes what they stand for at once: the engine of this
/// machine looks again when a file that it reads is gone.
pub(crate) async fn compact(
    world: &World,
    event: compact::Event,
) -> Result<compact::Outcome, Failure> {
    let until = Deadline::at(world.clock.now().checked_add(TIME).unwrap_or(Timestamp::MAX));
    let compacted = compact::handle(&world.compact, event, until).await;
    compacted.map_err(|error| Failure::of("rows cannot be compacted", error))
}

/// Lets models take in all that waits for them, in this task.
pub(crate) async fn take_in(world: &World) -> Result<(), Failure> {
    let unreachable = |error| Failure::of("a queue is out of reach", error);
    loop {
        let messages = world.transforms.receive(1, Duration::ZERO, VISIBILITY).await;
        let messages = messages.map_err(unreachable)?;
        if !messages.is_empty() {
            all(world, Function::Transform, messages).await;
            continue;
        }
        let depth = world.transforms.depth().await.map_err(unreachable)?;
        if depth.ready + depth.in_work == 0 {
            return Ok(());
        }
        world.clock.sleep(PAUSE).await;
    }
}
