//! `bespoke agent`: measures on this machine for a coordinator.

use std::process::ExitCode;

use bespoke_agent::{Agent, AgentConfig};

use super::{interrupted, tokio_runtime};
use crate::{arguments, local};

/// Works until it is asked to stop; the present measurement is finished first.
pub fn run(arguments: &arguments::Agent) -> anyhow::Result<ExitCode> {
    let agent = Agent::new(AgentConfig {
        name: arguments.name.clone().unwrap_or_else(local::host_name),
        coordinator: arguments.coordinator.clone(),
        worker: local::worker()?,
        quiet: None,
        limits: arguments.limits.resolve(),
    })?;
    tokio_runtime()?.block_on(agent.run(interrupted()))?;
    Ok(ExitCode::SUCCESS)
}
