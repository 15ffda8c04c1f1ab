//! The `headwater` command: every function in one process, and operations.

mod args;
mod board;
mod commands;
mod console;
mod drive;
mod failure;
mod folder;
mod front;
mod progress;
mod stack;
mod workers;
mod world;

use std::process::ExitCode;

use clap::Parser;
use host::{Vars, init_logs};

use crate::args::Args;
use crate::console::Console;
use crate::failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    let console = Console::new(args.json);
    match run(args, console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => console.failed(&failure),
    }
}

fn run(args: Args, console: Console) -> Result<(), Failure> {
    init_logs(args.log_style(), &Vars::process())?;
    commands::run(args, console)
}
