//! What happens in a study, as told to those who watch.

use serde::{Deserialize, Serialize};

use crate::{Study, Trial, TrialId};

/// One thing that happened in a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A trial is new or has changed.
    Trial(Trial),
    /// Something is going on that changes no trial yet.
    Activity(Activity),
    /// The study itself has changed; watching ends when it no longer runs.
    Study(Study),
}

/// What is going on at the moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Activity {
    /// No agent offers a target that the study needs.
    WaitingForAgent {
        /// The target, as `tract/b1/t1/f32`.
        target: String,
    },
    /// An agent has taken a trial's network to measure.
    Measuring {
        /// The trial.
        trial: TrialId,
        /// Name of the agent.
        agent: String,
        /// The target.
        target: String,
    },
    /// An agent has taken a network that belongs to no trial, or a block, to learn the target from it.
    Sampling {
        /// Canonical string of its architecture, or the block's key.
        architecture: String,
        /// Name of the agent.
        agent: String,
        /// The target.
        target: String,
    },
    /// An epoch of training has ended.
    Training {
        /// The trial.
        trial: TrialId,
        /// Epochs done.
        epoch: u32,
        /// Epochs asked for.
        epochs: u32,
        /// Mean loss over the epoch.
        loss: f64,
        /// Held-out accuracy in per cent.
        accuracy_percent: f64,
    },
    /// An epoch of training weights that the networks of the space share has ended.
    SharedTraining {
        /// Epochs done.
        epoch: u32,
        /// Epochs asked for.
        epochs: u32,
        /// Mean loss over the epoch.
        loss: f64,
        /// What the learned distribution over networks comes to, where one is learned.
        distribution: Option<LearnedDistribution>,
    },
}

/// A distribution over the networks of a space that is being learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearnedDistribution {
    /// Expected latency in milliseconds, as the look-up table prices it.
    pub expected_latency_ms: f64,
    /// Mean entropy of the choices in bits.
    pub entropy_bits: f64,
}
