//! Fuzzes one target for some minutes; `cargo xtask fuzz` runs all of them.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for a person at a terminal: it watches real time and prints"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use fuzz::{Corpus, Mutator, Target, folder};

/// A text that takes longer hangs.
const PATIENCE: u64 = 20;

/// Fuzzes one target; a text that it dies of is in the file that `--last` names.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to fuzz.
    target: Target,
    /// For how long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seed, to repeat a run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where each text is written before it is taken; the slowest one lies beside it.
    #[arg(long)]
    last: PathBuf,
    /// Adds so many texts of which something new was said to the kept ones.
    #[arg(long, default_value_t = 0)]
    keep: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", arguments.target.name());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> std::io::Result<()> {
    let target = arguments.target;
    let mut corpus = Corpus::load(target)?;
    for text in corpus.texts.clone() {
        corpus.learn(&text, &target.take(&text));
    }
    let mut mutator = Mutator::new(arguments.seed, target.words());
    let start = Instant::now();
    let taken = watched(start);
    let mut slowest = Duration::ZERO;
    let (mut count, mut fresh) = (0_u64, Vec::new());
    while start.elapsed().as_secs_f64() < arguments.minutes * 60.0 {
        let text = mutator.text(&corpus.texts);
        fs::write(&arguments.last, &text)?;
        taken.store(start.elapsed().as_secs(), Ordering::Relaxed);
        let began = Instant::now();
        let said = target.take(&text);
        if began.elapsed() > slowest {
            slowest = began.elapsed();
            fs::write(arguments.last.with_extension("slowest"), &text)?;
        }
        count += 1;
        if corpus.learn(&text, &said) {
            fresh.push(text);
        }
    }
    for (n, text) in fresh.iter().filter(|text| text.len() < 2_000).take(arguments.keep).enumerate()
    {
        fs::write(folder(target).join(format!("found-{}-{n:03}", arguments.seed)), text)?;
    }
    println!(
        "{}: {count} texts in {:.0} s, {} of them new, slowest {:.2} s (seed {})",
        target.name(),
        start.elapsed().as_secs_f64(),
        fresh.len(),
        slowest.as_secs_f64(),
        arguments.seed,
    );
    Ok(())
}

/// Ends the process when a text takes too long; gives where to note when one was begun.
fn watched(start: Instant) -> Arc<AtomicU64> {
    let taken = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&taken);
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            if start.elapsed().as_secs() > seen.load(Ordering::Relaxed) + PATIENCE {
                eprintln!("a text takes longer than {PATIENCE} s");
                std::process::abort();
            }
        }
    });
    taken
}
