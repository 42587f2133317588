//! Agents: who measures on a machine, and what they are given to do.

use std::{fmt, time::Duration};

use bespoke_measure::Protocol;

use crate::{Machine, TargetSpec};

/// An agent as it presents itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInfo {
    /// Its name, unique on a coordinator.
    pub name: String,
    /// Version of Bespoke that it runs.
    pub version: String,
    /// The machine it runs on.
    pub machine: Machine,
    /// The runtimes it offers.
    pub runtimes: Vec<RuntimeInfo>,
}

/// What can compile networks and run them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// Its name, for example `tract`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A network to measure, lent to an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Identifies the loan: heartbeats and the report name it.
    pub lease: LeaseId,
    /// The lease ends when no heartbeat came for this long.
    pub lease_timeout: Duration,
    /// What to measure on.
    pub target: TargetSpec,
    /// The network as an ONNX file.
    pub onnx: Vec<u8>,
    /// How to measure it.
    pub protocol: Protocol,
    /// Seed of the input's values and of the statistics.
    pub seed: u64,
}

/// Identifies a lease; never given twice by one coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

// === impl LeaseId ===

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
