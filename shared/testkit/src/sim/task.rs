//! The executor: polls what is ready in a drawn order, and lets time pass when nothing is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::kernel::Kernel;

/// Polls after which a world that stands still in time is taken for stuck.
const PATIENCE: u64 = 1_000_000;

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// The time given is over.
    TimeIsOver,
    /// No task is left that could ever go on.
    NothingLeft,
}

/// Makes a worker's future, at each start of it.
pub(super) type Life = Arc<dyn Fn(u64) -> BoxFuture<'static, ()> + Send + Sync>;

struct Task {
    id: u64,
    future: BoxFuture<'static, ()>,
    ready: Arc<Ready>,
    life: Option<Life>,
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// All tasks of a world.
#[derive(Default)]
pub(super) struct Tasks {
    tasks: Vec<Task>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("count", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Tasks {
    /// Starts a worker's life, after a wait.
    pub(super) fn start(&mut self, kernel: &Arc<Kernel>, life: Life, wait: Duration) {
        let (id, kernel) = (kernel.task_id(), Arc::clone(kernel));
        let begin = Arc::clone(&life);
        let future = Box::pin(async move {
            sleep(&kernel, wait).await;
            begin(id).await;
        });
        self.push(id, future, Some(life));
    }

    /// Adds a future that never crashes.
    fn add(&mut self, kernel: &Kernel, future: BoxFuture<'static, ()>) {
        self.push(kernel.task_id(), future, None);
    }

    /// Takes over others.
    pub(super) fn join(&mut self, mut others: Self) {
        others.tasks.append(&mut self.tasks);
        *self = others;
    }

    fn push(&mut self, id: u64, future: BoxFuture<'static, ()>, life: Option<Life>) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        self.tasks.push(Task { id, future, ready, life });
    }

    /// Runs until an instant, or until nothing is left to do, or until `done`.
    pub(super) fn run(
        &mut self,
        kernel: &Arc<Kernel>,
        until: Timestamp,
        done: &dyn Fn() -> bool,
    ) -> Quiet {
        let (mut polls, mut since) = (0_u64, kernel.now());
        while !done() {
            self.bury(kernel);
            for orphan in kernel.orphans() {
                self.add(kernel, orphan);
            }
            if self.poll_one(kernel) {
                polls = if kernel.now() == since { polls + 1 } else { 0 };
                since = kernel.now();
                assert!(polls < PATIENCE, "the world runs in a circle at {since}");
            } else if !kernel.advance(until) {
                kernel.pass(until);
                return if self.tasks.is_empty() { Quiet::NothingLeft } else { Quiet::TimeIsOver };
            }
        }
        Quiet::TimeIsOver
    }

    /// Polls one of the ready tasks; false when none is ready.
    fn poll_one(&mut self, kernel: &Kernel) -> bool {
        let is_ready = |task: &Task| task.ready.0.load(Ordering::SeqCst);
        let count = self.tasks.iter().filter(|task| is_ready(task)).count();
        let chosen = kernel.below(count);
        let mut ready = self.tasks.iter_mut().enumerate().filter(|(_, task)| is_ready(task));
        let Some((place, task)) = ready.nth(chosen) else { return false };
        task.ready.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&task.ready));
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.tasks.remove(place));
        }
        true
    }

    /// Drops the tasks that have crashed, and starts their lives again a little later.
    fn bury(&mut self, kernel: &Arc<Kernel>) {
        for dead in kernel.killed() {
            let Some(place) = self.tasks.iter().position(|task| task.id == dead) else { continue };
            let task = self.tasks.remove(place);
            if let Some(life) = task.life {
                self.start(kernel, life, kernel.span(Duration::from_mins(1)));
            }
        }
    }
}

/// Returns after this long, in virtual time.
pub(super) async fn sleep(kernel: &Arc<Kernel>, wait: Duration) {
    let until = kernel.now() + wait;
    Sleep { kernel: Arc::clone(kernel), until, timer: None }.await;
}

struct Sleep {
    kernel: Arc<Kernel>,
    until: Timestamp,
    timer: Option<(Timestamp, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = self.timer.take() {
            self.kernel.forget(timer);
        }
        if self.kernel.now() >= self.until {
            return Poll::Ready(());
        }
        self.timer = Some(self.kernel.wake_at(self.until, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.kernel.forget(timer);
        }
    }
}

/// Lets others go first, perhaps.
pub(super) async fn step_aside() {
    let mut stepped = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut stepped, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
