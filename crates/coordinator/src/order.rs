//! What the fleet is asked to measure, and who can do it.

use bespoke_device::{AgentInfo, TargetFingerprint, TargetSpec};
use bespoke_graph::GraphHash;
use bespoke_measure::Protocol;

/// A network that is to be measured on a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Hash of the network in the file.
    pub graph: GraphHash,
    /// The target.
    pub target: TargetSpec,
    /// What the target must be, down to the machine and the runtime's version.
    pub fingerprint: TargetFingerprint,
    /// How to measure.
    pub protocol: Protocol,
    /// The network as an ONNX file.
    pub onnx: Vec<u8>,
    /// Whether what was measured without its energy is measured again.
    pub needs_energy: bool,
}

/// Orders with the same key ask for the same measurement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderKey {
    /// Hash of the network.
    pub graph: GraphHash,
    /// Fingerprint of the target.
    pub target: TargetFingerprint,
    /// The protocol's settings as one line.
    pub protocol: String,
}

// === impl Order ===

impl Order {
    /// Its key.
    pub fn key(&self) -> OrderKey {
        let (graph, target) = (self.graph, self.fingerprint);
        OrderKey {
            graph,
            target,
            protocol: self.protocol.key(),
        }
    }

    /// Seed of the input's values and of the statistics: the network's own, so that every study and every agent
    /// measures it in the same way.
    pub fn seed(&self) -> u64 {
        crate::seed::of_graph(self.graph)
    }
}

// === agents ===

/// What a target is on an agent: one fingerprint for each of its runtimes of that name.
pub(crate) fn fingerprints(
    agent: &AgentInfo,
    target: &TargetSpec,
) -> impl Iterator<Item = TargetFingerprint> {
    let machine = agent.machine.fingerprint();
    let named = agent
        .runtimes
        .iter()
        .filter(|runtime| runtime.name == target.runtime);
    named.map(move |runtime| TargetFingerprint::of(&machine, target, &runtime.version))
}

/// Whether an agent can measure for a target of that fingerprint.
pub(crate) fn serves(
    agent: &AgentInfo,
    target: &TargetSpec,
    fingerprint: &TargetFingerprint,
) -> bool {
    fingerprints(agent, target).any(|offered| offered == *fingerprint)
}
