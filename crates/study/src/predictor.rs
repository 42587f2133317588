//! Predictors of latency: what is asked of them, and what is told of them.

use std::{fmt, num::NonZeroU32, time::SystemTime};

use bespoke_device::{TargetFingerprint, TargetSpec};
use bespoke_measure::{Estimate, Protocol};
use serde::{Deserialize, Serialize};

use crate::Source;

/// How many networks are measured to learn a target: from 2 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SampleCount(u32);

/// What a study asks of predictors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// How many networks are measured to learn each target.
    pub samples: SampleCount,
    /// A candidate is expected to keep each bound on latency with at least this probability: above 0 and below 1.
    pub confidence: f64,
}

/// A number of samples that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the number of samples must be from 2 to 100, got {0}")]
pub struct SampleCountError(u32);

/// A search space as whoever asks knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpaceSource {
    /// One that is shipped, by its name.
    Shipped(String),
    /// A file of one's own.
    File(Source),
}

/// A search space as a predictor remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceId {
    /// Its name.
    pub name: String,
    /// Hash of its file's text, 32 hexadecimal digits.
    pub file_hash: String,
}

/// A network to price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkInput {
    /// An ONNX file; its weights do not matter.
    Onnx(Vec<u8>),
    /// Canonical string of an architecture.
    Architecture(String),
}

/// Networks to price on one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceBatch {
    /// The target.
    pub target: TargetFingerprint,
    /// The space that architectures are of; that of the target's predictor if none is given.
    pub space: Option<SpaceSource>,
    /// The networks.
    pub networks: Vec<NetworkInput>,
}

/// A question for the networks that tell most about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest {
    /// The space that they are of.
    pub space: SpaceSource,
    /// How many.
    pub samples: SampleCount,
    /// Draws the networks to choose from.
    pub seed: u64,
}

/// A wish for the next version of a target's predictor.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptRequest {
    /// The space that it shall price.
    pub space: SpaceSource,
    /// The target.
    pub target: TargetSpec,
    /// How many networks to measure.
    pub samples: SampleCount,
    /// How to measure them.
    pub protocol: Protocol,
}

/// A network and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencySample {
    /// Canonical string of its architecture.
    pub architecture: String,
    /// Its measured latency.
    pub latency: Estimate,
}

/// One version of a target's predictor, without what it takes to price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictorInfo {
    /// What the target is, down to the machine and the runtime's version.
    pub fingerprint: TargetFingerprint,
    /// Counted from 1 for each target.
    pub version: NonZeroU32,
    /// The target.
    pub target: TargetSpec,
    /// The space that it prices.
    pub space: SpaceId,
    /// Names of the devices that its prior was learned from.
    pub sources: Vec<String>,
    /// How its samples were measured.
    pub protocol: Protocol,
    /// What it has learned the target from, in the order in which it was planned.
    pub samples: Vec<LatencySample>,
    /// When it was adapted.
    pub adapted_at: SystemTime,
}

/// What happens while a predictor is adapted.
#[derive(Debug, Clone, PartialEq)]
pub enum AdaptEvent {
    /// No agent can take a network at the moment.
    Waiting {
        /// Canonical string of its architecture.
        architecture: String,
    },
    /// An agent has taken a network.
    Measuring {
        /// Canonical string of its architecture.
        architecture: String,
        /// Name of the agent.
        agent: String,
    },
    /// A network was measured, or its measurement was known.
    Measured(LatencySample),
    /// A network could not be measured; another takes its place.
    Unmeasured {
        /// Canonical string of its architecture.
        architecture: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// The new predictor; always the last event.
    Adapted(Box<PredictorInfo>),
}

// === impl SampleCount ===

impl SampleCount {
    /// The number as such.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for SampleCount {
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u32> for SampleCount {
    type Error = SampleCountError;

    fn try_from(count: u32) -> Result<Self, Self::Error> {
        if (2..=100).contains(&count) {
            Ok(Self(count))
        } else {
            Err(SampleCountError(count))
        }
    }
}

impl From<SampleCount> for u32 {
    fn from(count: SampleCount) -> Self {
        count.0
    }
}

// === impl NetworkInput ===

impl NetworkInput {
    /// Whether a space is needed to read it.
    pub fn is_architecture(&self) -> bool {
        matches!(self, Self::Architecture(_))
    }
}

// === impl SpaceId ===

impl SpaceId {
    /// The space of a name and a file's text.
    pub fn of(name: &str, text: &str) -> Self {
        let mut bytes = [0; 16];
        let mut hasher = blake3::Hasher::new();
        hasher.update(text.as_bytes());
        hasher.finalize_xof().fill(&mut bytes);
        Self {
            name: name.to_owned(),
            file_hash: format!("{:032x}", u128::from_be_bytes(bytes)),
        }
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (file {})", self.name, self.file_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_from_2_to_100() {
        for bad in [0, 1, 101, u32::MAX] {
            assert_eq!(SampleCount::try_from(bad), Err(SampleCountError(bad)));
        }
        for good in [2, 10, 100] {
            let count = SampleCount::try_from(good).expect("it is allowed");
            assert_eq!(u32::from(count), good);
        }
        assert!(SampleCount::try_from(u32::from(SampleCount::default())).is_ok());
    }

    #[test]
    fn spaces_of_one_name_and_other_text_are_told_apart() {
        let id = SpaceId::of("a", "x = 1");
        assert_eq!(id, SpaceId::of("a", "x = 1"));
        assert_ne!(id, SpaceId::of("a", "x = 2"));
        assert_eq!(id.file_hash.len(), 32);
    }
}
