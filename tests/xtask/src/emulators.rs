//! The emulators' processes: started on free loopback ports, stopped when dropped or by name.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::cloud::Cloud;
use crate::install::{self, home, program};
use crate::process::{Processes, ports};

/// Longest wait for an emulator to answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// Emulators that run; dropping it stops them.
#[derive(Debug)]
pub struct Emulators {
    processes: Processes,
    cloud: Cloud,
}

/// Emulators that were left running, as noted in `target/emulators/running.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Running {
    processes: Vec<u32>,
    cloud: Cloud,
}

impl Emulators {
    /// Installs what is missing and starts all of them.
    pub fn start() -> Result<Self, Fault> {
        install::emulators()?;
        let [moto, dynamodb, sqs] = ports()?;
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        let cloud = Cloud { moto: at(moto), dynamodb: at(dynamodb), sqs: at(sqs) };
        let mut processes = Processes::default();
        processes.launch(
            "moto",
            Command::new(program("moto", "moto_server")).args([
                "-H",
                "127.0.0.1",
                "-p",
                &moto.to_string(),
            ]),
        )?;
        processes.launch(
            "dynamodb",
            java().current_dir(home().join("dynamodb")).args([
                "-Djava.library.path=lib",
                "-cp",
                "lib/*",
                "software.amazon.dynamodb.services.local.main.ServerRunner",
                "-inMemory",
                "-sharedDb",
                "-disableTelemetry",
                "-port",
                &dynamodb.to_string(),
            ]),
        )?;
        let settings = elasticmq_settings(sqs)?;
        processes.launch(
            "elasticmq",
            java().current_dir(home().join("elasticmq")).args([
                &format!("-Dconfig.file={}", settings.display()),
                "-cp",
                "lib/*",
                "org.elasticmq.server.Main",
            ]),
        )?;
        for (name, port) in [("moto", moto), ("dynamodb", dynamodb), ("elasticmq", sqs)] {
            let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
            processes.wait_for(name, PATIENCE, answers)?;
        }
        Ok(Self { processes, cloud })
    }

    /// Where they answer.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// Lets them run on after this process; [`stop`] finds them again.
    pub fn leave(self) -> Result<(), Fault> {
        let running = Running { processes: self.processes.leave(), cloud: self.cloud };
        let noted = serde_json::json!(running).to_string();
        fs::write(note_file(), noted).map_err(Fault::file(note_file()))
    }
}

/// The emulators that were left running, when they still answer.
pub fn running() -> Option<Cloud> {
    let cloud = noted()?.cloud;
    let answers = |url: &str| TcpStream::connect(url.trim_start_matches("http://")).is_ok();
    let all = answers(&cloud.moto) && answers(&cloud.dynamodb) && answers(&cloud.sqs);
    all.then_some(cloud)
}

/// Stops the emulators that were left running; gives how many there were.
pub fn stop() -> Result<usize, Fault> {
    let Some(noted) = noted() else { return Ok(0) };
    let mut stopped = 0;
    for id in noted.processes {
        // An id may have gone to another program since: only ours is stopped.
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let folder = fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
        let ours = home().display().to_string();
        if !line.contains(&ours) && !folder.starts_with(home()) {
            continue;
        }
        crate::machine::run(Command::new("kill").arg(id.to_string()))?;
        stopped += 1;
    }
    fs::remove_file(note_file()).map_err(Fault::file(note_file()))?;
    Ok(stopped)
}

fn noted() -> Option<Running> {
    serde_json::from_str(&fs::read_to_string(note_file()).ok()?).ok()
}

fn note_file() -> PathBuf {
    home().join("running.json")
}

fn java() -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx256m", "-XX:TieredStopAtLevel=1"]);
    java
}

fn elasticmq_settings(port: u16) -> Result<PathBuf, Fault> {
    let path = home().join("elasticmq").join("elasticmq.conf");
    let text = format!(
        "include classpath(\"application.conf\")\n\
         generate-node-address = false\n\
         node-address {{ protocol = http, host = \"127.0.0.1\", port = {port}, context-path = \"\" }}\n\
         rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = \"127.0.0.1\", \
         sqs-limits = strict }}\n\
         rest-stats.enabled = false\n"
    );
    fs::write(&path, text).map_err(Fault::file(&path))?;
    Ok(path)
}
