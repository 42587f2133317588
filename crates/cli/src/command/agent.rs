//! `bespoke agent`: measures on this machine for a coordinator.

use std::process::ExitCode;

use bespoke_agent::{Agent, AgentConfig};

use super::{block_on, interrupted};
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
    block_on(async { Ok(agent.run(interrupted()).await?) })?;
    Ok(ExitCode::SUCCESS)
}
