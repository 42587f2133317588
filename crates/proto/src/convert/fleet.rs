//! Machines, agents, the work they are given and the measurements they report.

mod measurement;
mod messages;

use bespoke_device::{AgentInfo, LeaseId, Machine, RuntimeInfo, Work};

use super::{ConvertError, bytes, duration, each, parsed, required, text, to_duration};
use crate::fleet::v1 as wire;

// === Machine ===

impl From<Machine> for wire::Machine {
    fn from(machine: Machine) -> Self {
        Self {
            architecture: machine.architecture,
            os: machine.os,
            cpu_model: machine.cpu_model,
            logical_cores: machine.logical_cores,
            memory_bytes: machine.memory_bytes,
        }
    }
}

impl TryFrom<wire::Machine> for Machine {
    type Error = ConvertError;

    fn try_from(message: wire::Machine) -> Result<Self, Self::Error> {
        Ok(Self {
            architecture: text("architecture", message.architecture)?,
            os: text("os", message.os)?,
            // Not every machine tells its model or its memory.
            cpu_model: message.cpu_model,
            logical_cores: match message.logical_cores {
                0 => return Err(ConvertError::new("logical_cores", "must be at least 1")),
                cores => cores,
            },
            memory_bytes: message.memory_bytes,
        })
    }
}

// === AgentInfo ===

impl From<RuntimeInfo> for wire::Runtime {
    fn from(runtime: RuntimeInfo) -> Self {
        let RuntimeInfo { name, version } = runtime;
        Self { name, version }
    }
}

impl TryFrom<wire::Runtime> for RuntimeInfo {
    type Error = ConvertError;

    fn try_from(message: wire::Runtime) -> Result<Self, Self::Error> {
        Ok(Self {
            name: text("name", message.name)?,
            version: text("version", message.version)?,
        })
    }
}

impl From<AgentInfo> for wire::Agent {
    fn from(agent: AgentInfo) -> Self {
        Self {
            name: agent.name,
            version: agent.version,
            machine: Some(agent.machine.into()),
            runtimes: agent.runtimes.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::Agent> for AgentInfo {
    type Error = ConvertError;

    fn try_from(message: wire::Agent) -> Result<Self, Self::Error> {
        Ok(Self {
            name: text("name", message.name)?,
            version: text("version", message.version)?,
            machine: required("machine", message.machine)?,
            runtimes: each("runtimes", message.runtimes)?,
        })
    }
}

// === Work ===

impl From<Work> for wire::Work {
    fn from(work: Work) -> Self {
        Self {
            lease_id: work.lease.0,
            lease_timeout: Some(to_duration(work.lease_timeout)),
            target: work.target.to_string(),
            onnx: work.onnx,
            protocol: Some(work.protocol.into()),
            seed: work.seed,
        }
    }
}

impl TryFrom<wire::Work> for Work {
    type Error = ConvertError;

    fn try_from(message: wire::Work) -> Result<Self, Self::Error> {
        let lease_timeout = duration("lease_timeout", message.lease_timeout)?;
        if lease_timeout.is_zero() {
            return Err(ConvertError::new("lease_timeout", "must not be zero"));
        }
        Ok(Self {
            lease: LeaseId(message.lease_id),
            lease_timeout,
            target: parsed("target", &message.target)?,
            onnx: bytes("onnx", message.onnx)?,
            protocol: required("protocol", message.protocol)?,
            seed: message.seed,
        })
    }
}

#[cfg(test)]
mod tests;
