//! The commands, one file each: `run` takes the arguments as typed, does the work and says how it ended.

pub mod agent;
pub mod bench;
pub mod data;
pub mod device;
pub mod export;
pub mod front;
pub mod graph;
pub mod lookup;
pub mod measure;
pub mod predictor;
pub mod score;
pub mod search;
pub mod serve;
pub mod space;
pub mod studies;
pub mod table;
pub mod verify;

use std::io::Write;

use anyhow::Context;

/// Prints data to stdout.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Prints a JSON value to stdout, indented.
fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Runs the asynchronous parts. What still computes when they have ended is not waited for: a training that was
/// interrupted goes on from its last whole epoch.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

/// Ends when the user presses Ctrl-C or the system asks the program to stop. Whoever asks a second time is not kept
/// waiting: the program ends at once.
pub async fn interrupted() {
    let mut signals = Signals::new();
    signals.next().await;
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(STOPPED);
    });
}

/// Status of a program that a signal has ended, as shells tell of SIGTERM.
const STOPPED: i32 = 128 + 15;

/// What asks a program to stop.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let handled = |kind| signal(kind).expect("signals can be handled");
        Self {
            interrupt: handled(SignalKind::interrupt()),
            terminate: handled(SignalKind::terminate()),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
