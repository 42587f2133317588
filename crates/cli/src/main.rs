//! The program `bespoke`: arguments become a command, a command runs, an error becomes one sentence.

mod arguments;
mod command;
mod local;
mod progress;
mod report;
mod sources;

use std::{
    io::{IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr(arguments.verbose);
    if let Some(library) = &arguments.onnxruntime {
        point_to_onnxruntime(library);
    }
    match run(arguments) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bespoke: {}", in_one_sentence(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let data_dir = arguments.data_dir;
    match arguments.command {
        Command::Search(search) => command::search::run(&search, &data_dir),
        Command::Serve(serve) => command::serve::run(&serve, &data_dir),
        Command::Agent(agent) => command::agent::run(&agent),
        Command::Measure(measure) => command::measure::run(&measure),
        Command::Device(device) => command::device::run(&device),
        Command::Space(space) => command::space::run(&space),
        Command::Graph(graph) => command::graph::run(&graph),
        Command::Score(score) => command::score::run(&score),
        Command::Export(export) => command::export::run(&export, &data_dir),
        Command::Studies(studies) => command::studies::run(&studies, &data_dir),
        Command::Front(front) => command::front::run(&front, &data_dir),
        Command::Data(data) => command::data::run(&data),
        Command::Predictor(predictor) => command::predictor::run(&predictor, &data_dir),
        Command::Lookup(lookup) => command::lookup::run(&lookup, &data_dir),
        Command::Table(table) => command::table::run(&table),
        Command::Bench(bench) => command::bench::run(&bench),
        Command::Verify(verify) => command::verify::run(&verify),
        Command::MeasureWorker => Ok(bespoke_agent::worker::main()),
    }
}

/// The library is named to this process and, as they inherit it, to those that measure.
#[expect(
    unsafe_code,
    reason = "changing the environment is unsafe beside other threads"
)]
fn point_to_onnxruntime(library: &Path) {
    let library = std::path::absolute(library).unwrap_or_else(|_| library.to_owned());
    // SAFETY: the program has only just begun and has no other thread.
    unsafe { std::env::set_var("ORT_DYLIB_PATH", library) }
}

/// Logs go to stderr so that stdout holds data alone. `BESPOKE_LOG` overrides the level, as in `BESPOKE_LOG=debug`.
fn log_to_stderr(verbose: bool) {
    let level = if verbose {
        "info,bespoke=debug"
    } else {
        "warn"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("BESPOKE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// The error and its causes, joined by colons; a cause that the error before it already told is left out.
fn in_one_sentence(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |told, cause| match told.as_str() {
            "" => cause,
            text if text.contains(&cause) => told,
            text => format!("{text}: {cause}"),
        })
}

/// Whether whoever read our output has gone, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
