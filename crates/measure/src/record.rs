//! The record of a measurement. It cannot be made without its protocol and its environment.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Latency, Percentile, Protocol, outliers};

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
///
/// It is the median of the turns that count, see [`Batch`](crate::Batch): of each turn its fastest tenth counts, divided
/// by the [`Correction`] where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The median.
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
    /// Every sample, in the order taken: milliseconds of one forward pass (a sample may average several passes), without
    /// the time for which another process had the core.
    pub samples_ms: Vec<f64>,
    /// Milliseconds from the loaded file to a network ready to run, where it got that far.
    pub compile_ms: Option<f64>,
    /// Milliseconds of the first pass, where it got that far.
    pub first_run_ms: Option<f64>,
    /// What the turns that count were divided by; absent where there was no reference.
    #[serde(default)]
    pub correction: Option<Correction>,
    /// Energy of one pass in millijoules, idle power included, where the machine counts it.
    #[serde(default)]
    pub energy_mj: Option<f64>,
    /// Most memory that was resident in the process that measured, where the system tells.
    #[serde(default)]
    pub peak_memory_bytes: Option<u64>,
    /// What each operator took in one pass, in the order run; empty unless the protocol asks for them.
    #[serde(default)]
    pub operators: Vec<OperatorTime>,
    /// The turns in which the samples were taken, in order.
    #[serde(default)]
    pub turns: Vec<Turn>,
    /// Latencies of the first and the last minute, where the protocol asks for them.
    #[serde(default)]
    pub sustained: Option<Sustained>,
}

/// Samples that were taken one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// How many.
    pub samples: u32,
    /// Latency of the reference beside them by its latency on the machine left alone, where there was a reference.
    pub slowdown: Option<f64>,
}

/// What heat did to a latency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sustained {
    /// Milliseconds in the first minute.
    pub first_ms: f64,
    /// Milliseconds in the last minute.
    pub last_ms: f64,
}

/// How much slower than when left alone the machine was for this network while the samples that count were taken, by
/// reference networks that were timed between them. The interval has the protocol's confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// What the latency was divided by: what the reference that computes took by [`Self::reference_ms`], times what the
    /// memory made of it.
    pub factor: f64,
    /// Lower end of the factor's interval.
    pub low: f64,
    /// Upper end of the factor's interval.
    pub high: f64,
    /// Milliseconds of the reference that computes when the machine is left alone.
    pub reference_ms: f64,
    /// How much of the network's time the memory decides, from 0 to 1; none without a reference that reads memory.
    #[serde(default)]
    pub memory_share: Option<f64>,
    /// Milliseconds of that reference when the machine is left alone.
    #[serde(default)]
    pub memory_reference_ms: Option<f64>,
}

/// What an operator of the network took, as the runtime's own profile has it: the median of several passes, which the
/// profile makes slower than those that are timed whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorTime {
    /// What it computes, in the runtime's words: `Conv`.
    #[serde(default)]
    pub kind: String,
    /// The operator, as the runtime calls it.
    pub name: String,
    /// Milliseconds in one pass.
    pub ms: f64,
}

impl Measurement {
    /// A record without samples: what there is when nothing else is known.
    pub fn new(protocol: Protocol, environment: Environment, verdict: Verdict) -> Self {
        Self {
            protocol,
            environment,
            verdict,
            samples_ms: Vec::new(),
            compile_ms: None,
            first_run_ms: None,
            correction: None,
            energy_mj: None,
            peak_memory_bytes: None,
            operators: Vec::new(),
            turns: Vec::new(),
            sustained: None,
        }
    }

    /// The outliers among the samples, by their index: farther above the third quartile or below the first than three
    /// times the distance of the two (Tukey, "Exploratory Data Analysis", 1977: "far out"). They are told, not dropped.
    pub fn outliers(&self) -> Vec<usize> {
        outliers(&self.samples_ms)
    }

    /// The sample that the share `percentile` of all samples does not exceed, and what it is at most; as taken, without
    /// correction. None when the samples are too few to tell, see [`Percentile::of`].
    pub fn percentile(&self, percentile: f64) -> Option<Percentile> {
        Percentile::of(&self.samples_ms, percentile)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_of_an_earlier_version_is_read() {
        let text = r#"{
            "protocol": {}, "environment": {"facts": {}}, "verdict": {"verdict": "timed_out"},
            "samples_ms": [1.5], "compile_ms": null, "first_run_ms": 2.0
        }"#;
        let read: Measurement = serde_json::from_str(text).expect("it was written so");
        let expected = Measurement {
            samples_ms: vec![1.5],
            first_run_ms: Some(2.0),
            ..Measurement::new(
                Protocol::default(),
                Environment::default(),
                Verdict::TimedOut,
            )
        };
        assert_eq!(read, expected);
    }
}
