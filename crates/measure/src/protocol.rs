//! What a measurement has to fulfil.

use serde::{Deserialize, Serialize};

/// Settings of the measuring protocol. Two measurements compare only if these are equal, so they are part of the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// One sample repeats the forward pass until it lasts at least this long.
    pub min_sample_us: u64,
    /// Fewest samples.
    pub min_samples: u32,
    /// Most time spent timing, warm-up included.
    pub budget_ms: u64,
    /// Most time spent warming up; warm-up ends earlier when the passes have stopped getting faster.
    pub max_warm_up_ms: u64,
    /// Stop when the interval of the median is this narrow, as a fraction of the median.
    pub target_relative_width: f64,
    /// A measurement whose interval is wider than this at the end is unstable.
    pub max_relative_width: f64,
    /// Confidence of the interval.
    pub confidence: f64,
}

/// A setting that no protocol can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("measuring protocol: `{key}` {reason}")]
pub struct ProtocolError {
    /// The setting.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            min_sample_us: 500,
            min_samples: 30,
            budget_ms: 3_000,
            max_warm_up_ms: 500,
            target_relative_width: 0.02,
            max_relative_width: 0.10,
            confidence: 0.95,
        }
    }
}

impl Protocol {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), ProtocolError> {
        todo!("check")
    }
}
