//! The measuring child as a program of its own, for programs that hold an agent and have no subcommand for it.

use std::process::ExitCode;

fn main() -> ExitCode {
    bespoke_agent::worker::main()
}
