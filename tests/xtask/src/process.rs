//! Programs that serve while a task runs: each with a log of its own, stopped when dropped.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Fault;
use crate::install::home;
use crate::machine::{Watch, note};

/// Programs that run; dropping it stops them.
#[derive(Debug, Default)]
pub(crate) struct Processes(Vec<(&'static str, Child)>);

impl Processes {
    /// Starts a program whose output goes to `<name>.log` beside the installations.
    pub(crate) fn launch(
        &mut self,
        name: &'static str,
        command: &mut Command,
    ) -> Result<(), Fault> {
        let path = home().join(format!("{name}.log"));
        let log = File::create(&path).map_err(Fault::file(&path))?;
        let again = log.try_clone().map_err(Fault::file(&path))?;
        let command = command.stdin(Stdio::null()).stdout(log).stderr(again).process_group(0);
        self.0.push((name, command.spawn().map_err(Fault::program(name))?));
        Ok(())
    }

    /// Waits until a program is ready; a fault when it ends before, or takes too long.
    pub(crate) fn wait_for(
        &mut self,
        name: &'static str,
        patience: Duration,
        is_ready: impl Fn() -> bool,
    ) -> Result<(), Fault> {
        let watch = Watch::start();
        let fault = |reason: String| Fault::Program { program: name.to_owned(), reason };
        let log = home().join(format!("{name}.log"));
        while watch.elapsed() < patience {
            if is_ready() {
                return Ok(());
            }
            let own = self.0.iter_mut().find(|(child, _)| *child == name);
            if let Some((_, child)) = own
                && let Ok(Some(status)) = child.try_wait()
            {
                return Err(fault(format!("ended with {status}: see {}", log.display())));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(fault(format!("does not answer: see {}", log.display())))
    }

    /// Lets them run on after this process; gives their ids.
    pub(crate) fn leave(mut self) -> Vec<u32> {
        self.0.drain(..).map(|(_, child)| child.id()).collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (name, child) in &mut self.0 {
            let stopped = child.kill().and_then(|()| child.wait());
            if let Err(error) = stopped {
                note(format!("{name} could not be stopped: {error}"));
            }
        }
    }
}

/// Free ports of loopback. Held until all are known, so that they differ.
pub(crate) fn ports<const N: usize>() -> Result<[u16; N], Fault> {
    let fault = Fault::program("loopback");
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let socket = TcpListener::bind("127.0.0.1:0").map_err(&fault)?;
        *port = socket.local_addr().map_err(&fault)?.port();
        held.push(socket);
    }
    Ok(ports)
}
