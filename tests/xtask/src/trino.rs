//! Trino, the engine of Athena, over a folder of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Fault;
use crate::install;
use crate::machine::{Watch, note};
use crate::process::{Processes, ports};
use crate::wire::{Request, json, send};

/// Longest wait for the server to start.
const START: Duration = Duration::from_mins(4);

/// Longest wait for a statement.
const PATIENCE: Duration = Duration::from_mins(3);

/// Statements that read a file of one line: a server that has just started answers, but finds no
/// node to read files by until its own announcement has come round.
const PROBE: [&str; 3] = [
    "CREATE SCHEMA IF NOT EXISTS probe WITH (location = 'local:///metastore/probe')",
    "CREATE TABLE IF NOT EXISTS probe (line varchar) \
     WITH (format = 'TEXTFILE', external_location = 'local:///probe/')",
    "SELECT line FROM probe",
];

/// A server that answers.
#[derive(Debug, Clone)]
pub struct Trino {
    endpoint: String,
}

impl Trino {
    /// The server at `http://127.0.0.1:port`.
    pub fn at(endpoint: &str) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned() }
    }

    /// Runs a statement in the Hive catalog; gives its rows.
    pub fn run(&self, schema: &str, sql: &str) -> Result<Vec<Vec<Value>>, Fault> {
        let watch = Watch::start();
        let fault = |reason: String| Fault::Emulator { service: "trino", reason };
        let headers =
            format!("X-Trino-User: test\r\nX-Trino-Catalog: hive\r\nX-Trino-Schema: {schema}\r\n");
        let mut answer = self.ask("POST", "/v1/statement", &headers, sql)?;
        let mut rows = Vec::new();
        while watch.elapsed() < PATIENCE {
            if let Some(message) = answer.pointer("/error/message") {
                return Err(fault(format!("{message} to: {sql}")));
            }
            let data = answer.get("data").and_then(Value::as_array).into_iter().flatten();
            rows.extend(data.map(|row| row.as_array().cloned().unwrap_or_default()));
            let Some(next) = answer.get("nextUri").and_then(Value::as_str) else {
                return Ok(rows);
            };
            let path = next.strip_prefix(&self.endpoint).unwrap_or(next).to_owned();
            answer = self.ask("GET", &path, &headers, "")?;
        }
        Err(fault(format!("no end within {PATIENCE:?} of: {sql}")))
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<Value, Fault> {
        let (service, endpoint) = ("trino", self.endpoint.as_str());
        json(service, &send(&Request { service, endpoint, method, path, headers, body })?)
    }

    /// Whether it takes statements, which it does long after its port is open, and reads files.
    fn is_ready(&self) -> bool {
        let info = self.ask("GET", "/v1/info", "", "").unwrap_or_default();
        let mut rows = Vec::new();
        info.get("starting") == Some(&Value::Bool(false))
            && PROBE.iter().all(|sql| self.run("probe", sql).map(|read| rows = read).is_ok())
            && rows.len() == 1
    }
}

/// A server of our own; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    trino: Trino,
    lake: PathBuf,
    // Last: it is stopped when nothing else is left.
    _process: Processes,
}

impl Server {
    /// Installs what is missing and starts it over an empty folder.
    pub fn start() -> Result<Self, Fault> {
        let folder = install::trino()?;
        let java = install::java_for_trino()?;
        let lake = folder.join("data");
        if lake.exists() {
            fs::remove_dir_all(&lake).map_err(Fault::file(&lake))?;
        }
        for folder in ["metastore", "probe"] {
            fs::create_dir_all(lake.join(folder)).map_err(Fault::file(&lake))?;
        }
        fs::write(lake.join("probe/line"), "one\n").map_err(Fault::file(&lake))?;
        let [port] = ports()?;
        let settings = settings(&folder, &lake, port)?;
        note("starting Trino, which takes about a minute");
        let mut process = Processes::default();
        process.launch(
            "trino",
            Command::new(java).current_dir(&folder).args([
                "-Xmx1G",
                "-XX:TieredStopAtLevel=1",
                "-Djdk.attach.allowAttachSelf=true",
                &format!("-Dconfig={}", settings.display()),
                "-cp",
                install::TRINO_CLASSES,
                "io.trino.server.TrinoServer",
            ]),
        )?;
        let trino = Trino::at(&format!("http://127.0.0.1:{port}"));
        process.wait_for("trino", START, || trino.is_ready())?;
        Ok(Self { trino, lake, _process: process })
    }

    /// The variables by which tests find it: where it answers, and the folder that it reads as
    /// `local:///`.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("TRINO_URL", self.trino.endpoint.clone()),
            ("TRINO_FOLDER", self.lake.display().to_string()),
        ]
    }
}

/// Writes the settings: one node, one catalog over the folder.
fn settings(folder: &Path, lake: &Path, port: u16) -> Result<PathBuf, Fault> {
    let home = folder.join("etc");
    let catalogs = home.join("catalog");
    fs::create_dir_all(&catalogs).map_err(Fault::file(&catalogs))?;
    let server = format!(
        "node.id=one\nnode.environment=test\n\
         node.bind-ip=127.0.0.1\nnode.internal-address=127.0.0.1\n\
         coordinator=true\nnode-scheduler.include-coordinator=true\n\
         http-server.http.port={port}\ndiscovery.uri=http://127.0.0.1:{port}\n\
         plugin.dir={plugins}\ncatalog.config-dir={catalogs}\n\
         query.max-memory=200MB\nquery.max-memory-per-node=200MB\n\
         memory.heap-headroom-per-node=200MB\n",
        plugins = folder.join(install::TRINO_PLUGINS).display(),
        catalogs = catalogs.display(),
    );
    let hive = format!(
        "connector.name=hive\nhive.metastore=file\n\
         hive.metastore.catalog.dir=local:///metastore\n\
         fs.native-local.enabled=true\nlocal.location={}\n\
         hive.non-managed-table-writes-enabled=true\n\
         hive.hive-views.enabled=true\nhive.recursive-directories=true\n",
        lake.display()
    );
    let path = home.join("config.properties");
    fs::write(&path, server).map_err(Fault::file(&path))?;
    let catalog = catalogs.join("hive.properties");
    fs::write(&catalog, hive).map_err(Fault::file(&catalog))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_answer_is_not_ready() {
        let [port] = ports().unwrap();
        assert!(!Trino::at(&format!("http://127.0.0.1:{port}/")).is_ready());
    }
}
