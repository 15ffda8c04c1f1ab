//! The shared call budget in real time: processes with 64 workers of three tenants, one of which
//! is killed, call a server that counts in a sliding window.
//!
//! `cargo xtask budget` starts an emulated DynamoDB and runs this; it is not part of a plain
//! `cargo test`, because its figures depend on what else the machine does. The guarantee itself is
//! tested in virtual time, by `store`.

#[path = "budget/server.rs"]
mod server;
#[path = "budget/worker.rs"]
mod worker;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use host::{SystemClock, SystemIds, Vars};
use ports::{Clock as _, Ids as _};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use server::{Facts, Server};
use worker::{Task, Written};

/// Tenant and workers of each process.
const PROCESSES: [(usize, usize); 4] = [(0, 16), (0, 16), (1, 16), (2, 16)];

/// The process that dies after a third of the time.
const DOOMED: usize = 1;

/// One process of workers, and what it says of its table.
struct Process {
    child: Child,
    written: JoinHandle<Written>,
}

impl Process {
    fn start(task: &Task) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(worker::TASK, serde_json::to_string(task).unwrap());
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        #[expect(clippy::disallowed_methods, reason = "the process is read while others run")]
        let written = tokio::spawn(async move {
            let mut last = Written::default();
            while let Ok(Some(line)) = lines.next_line().await {
                last = serde_json::from_str(&line).unwrap_or(last);
            }
            last
        });
        Self { child, written }
    }

    async fn kill(mut self) -> Written {
        self.child.kill().await.unwrap();
        self.written.await.unwrap()
    }
}

async fn live(table: &str, span: Duration) -> (Facts, Written) {
    let server = Server::start().await;
    let task = |number: usize| {
        let (tenant, workers) = PROCESSES[number];
        Task { server: server.url(), table: table.to_owned(), tenant, workers }
    };
    let mut processes: Vec<Process> =
        (0..PROCESSES.len()).map(|number| Process::start(&task(number))).collect();
    server.first_call().await;
    let third = span / 3;
    SystemClock.sleep(third).await;
    let mut written = processes.remove(DOOMED).kill().await;
    processes.push(Process::start(&task(DOOMED)));
    SystemClock.sleep(third * 2).await;
    let facts = server.facts();
    for process in processes {
        written = written + process.kill().await;
    }
    (facts, written)
}

/// The figures of one kind of table; whether they are as promised.
async fn prove(kind: &str, table: &str, span: Duration) -> bool {
    let (facts, written) = live(table, span).await;
    let count = |number: u64| f64::from(u32::try_from(number).unwrap());
    let calls_a_write = count(facts.calls) / count(written.writes);
    println!(
        "{kind}: {} calls in {span:?}, mean latency {:.2} s; {} answered \"too many\"; most in any \
         minute {} of {}; {:.1} % of the limit used, {:.1} % of the ideal; {calls_a_write:.1} calls a \
         write ({} writes, {} of them lost races; {} reads of {:.0} ms each); by tenant {:?}",
        facts.calls,
        facts.mean_latency,
        facts.refused,
        facts.most,
        server::CALLS,
        facts.used * 100.0,
        facts.share * 100.0,
        written.writes,
        written.lost,
        written.reads,
        count(written.waited) / count(written.reads),
        facts.by_tenant,
    );
    facts.refused == 0
        && facts.most <= server::CALLS as usize
        && facts.share >= 0.99
        && calls_a_write >= 20.0
}

#[tokio::main]
async fn main() {
    let vars = Vars::process();
    if let Some(task) = vars.get(worker::TASK) {
        return worker::work(&serde_json::from_str(&task).unwrap()).await;
    }
    let seconds: u64 = vars.parsed("BUDGET_SECONDS", 180).unwrap();
    let span = Duration::from_secs(seconds);
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Path::join(folder.path(), "state.sqlite");
    let mut kept = prove("SQLite", &format!("sqlite:{}", sqlite.display()), span).await;
    let endpoint = vars.required("AWS_ENDPOINT_URL_DYNAMODB");
    let dynamodb = endpoint.unwrap_or_else(|fault| panic!("{fault}: run `cargo xtask budget`"));
    let name = format!("budget-{}", SystemIds.fresh());
    let cloud = xtask::cloud::Cloud { dynamodb, moto: String::new(), sqs: String::new() };
    cloud.table(&name).unwrap();
    kept &= prove("DynamoDB Local", &format!("dynamodb:{name}"), span).await;
    assert!(kept, "the budget is not as promised");
}
