//! The record of a measurement. It cannot be made without its protocol and its environment.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Latency, Protocol};

/// How a measurement ended. Only a valid one has a latency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The median is known as narrowly as the protocol asks, and nothing spoke against it.
    Valid {
        /// The median with its interval.
        estimate: Estimate,
    },
    /// The samples do not agree well enough.
    Unstable {
        /// What was seen.
        reason: String,
    },
    /// The machine grew slower in the course of the measurement.
    Throttled {
        /// What was seen.
        reason: String,
    },
    /// No answer within the time limit.
    TimedOut,
    /// The process that measured died.
    Crashed {
        /// How it died.
        reason: String,
    },
    /// The runtime refused the network.
    DoesNotCompile {
        /// What it said.
        reason: String,
    },
}

/// A median latency and the interval that holds the true median with the protocol's confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Median of the samples.
    pub median_ms: Latency,
    /// Lower end of the interval.
    pub low_ms: Latency,
    /// Upper end of the interval.
    pub high_ms: Latency,
}

/// What the measuring machine was like. What could not be read is absent, not zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Environment {
    /// Facts by name, for example `cpu.model`, `cpu.governor`, `load.1min`, `runtime.version`.
    pub facts: BTreeMap<String, String>,
}

/// One measurement of one network on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// How it was taken.
    pub protocol: Protocol,
    /// Where it was taken.
    pub environment: Environment,
    /// How it ended.
    pub verdict: Verdict,
    /// Every sample, in the order taken: milliseconds of one forward pass (a sample may average several passes).
    pub samples_ms: Vec<f64>,
    /// Milliseconds from the loaded file to a network ready to run, where it got that far.
    pub compile_ms: Option<f64>,
    /// Milliseconds of the first pass, where it got that far.
    pub first_run_ms: Option<f64>,
}

impl Verdict {
    /// The latency, if there is one.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Valid { estimate } => Some(estimate),
            _ => None,
        }
    }

    /// What was seen, where the verdict has something to say.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Unstable { reason }
            | Self::Throttled { reason }
            | Self::Crashed { reason }
            | Self::DoesNotCompile { reason } => Some(reason),
            Self::Valid { .. } | Self::TimedOut => None,
        }
    }

    /// The verdict in one word, as printed: `valid`, `unstable`, `throttled`, `timed_out`, `crashed`,
    /// `does_not_compile`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Valid { .. } => "valid",
            Self::Unstable { .. } => "unstable",
            Self::Throttled { .. } => "throttled",
            Self::TimedOut => "timed_out",
            Self::Crashed { .. } => "crashed",
            Self::DoesNotCompile { .. } => "does_not_compile",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word().replace('_', " ");
        match self.reason() {
            Some(reason) => write!(f, "{word}: {reason}"),
            None => f.write_str(&word),
        }
    }
}
