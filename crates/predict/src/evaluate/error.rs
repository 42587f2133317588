//! What can be wrong with an evaluation.

use crate::{PredictError, Rows, TableError};

/// Why a method cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// Unknown devices, rows that are not there.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A device that a method knows is not new to it.
    #[error("device `{device}` is a source and a target")]
    KnownTarget {
        /// The device.
        device: String,
    },
    /// Nothing to score on.
    #[error("there is no target: all devices of the table are sources")]
    NoTarget,
    /// A source that says nothing.
    #[error("source `{device}` has no latency in rows {rows}")]
    SilentSource {
        /// The device.
        device: String,
        /// The source rows.
        rows: Rows,
    },
    /// Fewer networks to measure than samples to take.
    #[error(
        "{samples} samples of `{target}` asked for, but rows {rows} hold {measured} of its latencies"
    )]
    FewToMeasure {
        /// The device.
        target: String,
        /// How many were asked for.
        samples: usize,
        /// Rows that may be measured.
        rows: Rows,
        /// How many of them have a latency.
        measured: usize,
    },
    /// Too few networks to rank.
    #[error(
        "{scored} latencies of `{target}` in rows {rows} are left to score: at least 2 are needed"
    )]
    FewToScore {
        /// The device.
        target: String,
        /// The test rows.
        rows: Rows,
        /// How many remain when trimmed.
        scored: usize,
    },
    /// A share of each end that leaves nothing between.
    #[error("trim is {trim}: it must be from 0 to under 0.5")]
    Trim {
        /// What was asked for.
        trim: f64,
    },
    /// A row whose network cannot be read.
    #[error("`{architecture}`: {error}")]
    Network {
        /// Its architecture.
        architecture: String,
        /// What is wrong with it.
        error: PredictError,
    },
    /// The method cannot learn from the sources.
    #[error(transparent)]
    Fit(#[from] PredictError),
    /// The method cannot learn a target.
    #[error("target `{target}`: {error}")]
    Adapt {
        /// The device.
        target: String,
        /// What is wrong.
        error: PredictError,
    },
}
