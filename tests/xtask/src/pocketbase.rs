//! `PocketBase`, a server that nobody here wrote, over an empty folder.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::Fault;
use crate::install;
use crate::machine::{note, run};
use crate::process::{Processes, ports};
use crate::wire::{Request, send};

/// Longest wait for the server to start.
const START: Duration = Duration::from_mins(1);

/// Who may do everything; the tests log in as them.
const SUPERUSER: [&str; 2] = ["proof@headwater.test", "proof-of-push-1"];

/// A server of our own; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: String,
    _process: Processes,
}

impl Server {
    /// Installs what is missing and starts it over an empty folder.
    pub(crate) fn start() -> Result<Self, Fault> {
        let program = install::pocketbase()?;
        let data = install::home().join("pocketbase").join("data");
        if data.exists() {
            fs::remove_dir_all(&data).map_err(Fault::file(&data))?;
        }
        let folder = format!("--dir={}", data.display());
        run(Command::new(&program).args(["superuser", "upsert"]).args(SUPERUSER).arg(&folder))?;
        let [port] = ports()?;
        note("starting PocketBase");
        let mut process = Processes::default();
        let address = format!("--http=127.0.0.1:{port}");
        // Else it would write its collections down, and make them before the next proof does.
        let serve = ["serve", &address, &folder, "--automigrate=false"];
        process.launch("pocketbase", Command::new(&program).args(serve))?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let service = "pocketbase";
        let health = Request {
            service,
            endpoint: &endpoint,
            method: "GET",
            path: "/api/health",
            headers: "",
            body: "",
        };
        process.wait_for(service, START, || send(&health).is_ok())?;
        Ok(Self { endpoint, _process: process })
    }

    /// What tests find it by.
    pub(crate) fn variables(&self) -> [(&'static str, String); 1] {
        [("POCKETBASE_URL", self.endpoint.clone())]
    }
}
