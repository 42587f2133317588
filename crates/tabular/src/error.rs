//! What can be wrong with tables, and with what is asked of them.

use bespoke_predict::{PredictError, TableError};
use bespoke_search::StrategyConfigError;

/// Why there is no search in these tables.
#[derive(Debug, thiserror::Error)]
pub enum TabularError {
    /// A table cannot be read, or has no such column or rows.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A network that was not trained.
    #[error(
        "{file}: column `architecture`: `{architecture}` is missing; a search needs the accuracy of every network of the space {space}"
    )]
    NoAccuracy {
        /// The table.
        file: String,
        /// The network's canonical string.
        architecture: String,
        /// Name of the space.
        space: String,
    },
    /// A network that was not measured.
    #[error(
        "column `{column}`: no latency of `{architecture}`; a search needs that of every network of the space {space}"
    )]
    NoLatency {
        /// The target.
        column: String,
        /// The network's canonical string.
        architecture: String,
        /// Name of the space.
        space: String,
    },
    /// No target.
    #[error("no latency column is named: a search weighs accuracy against at least one")]
    NoTarget,
    /// One target twice.
    #[error("latency column `{column}` is named twice")]
    SameTarget {
        /// The target.
        column: String,
    },
    /// Bounds that do not match the targets.
    #[error(
        "{bounds} bounds for {targets} latency columns: write one for each, with nothing between the commas for none"
    )]
    Bounds {
        /// How many were given.
        bounds: usize,
        /// How many there should be.
        targets: usize,
    },
    /// A bound that no latency can have.
    #[error("the bound on `{column}` is {bound_ms}: a bound is a number of milliseconds above 0")]
    Bound {
        /// The target.
        column: String,
        /// What was given.
        bound_ms: f64,
    },
    /// A bound that no network meets.
    #[error(
        "no network of this space runs under {bound_ms} ms on {column}: the fastest takes {least_ms} ms"
    )]
    Impossible {
        /// The target.
        column: String,
        /// Its bound.
        bound_ms: f64,
        /// The least latency.
        least_ms: f64,
    },
    /// Bounds that no network meets together.
    #[error(
        "no network of this space meets all bounds at once, though each of them is met by some"
    )]
    ImpossibleTogether,
    /// A front that encloses nothing.
    #[error(
        "there is no front: no network is both more accurate than 10 % and faster than the slowest on every target"
    )]
    NoFront,
    /// A strategy or a setting that is not there.
    #[error("strategy: {0}")]
    Strategy(String),
    /// A setting that the strategy cannot have.
    #[error(transparent)]
    Setting(#[from] StrategyConfigError),
    /// A target that the predictor knows beforehand.
    #[error(
        "`{column}` is a source and a target: a predictor is scored on targets that it has not met"
    )]
    KnownTarget {
        /// The target.
        column: String,
    },
    /// Fewer rows to measure than samples to take.
    #[error("{samples} samples asked for, but there are {rows} rows to draw them from")]
    FewRows {
        /// How many were asked for.
        samples: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// A predictor that cannot be learned.
    #[error(transparent)]
    Predict(#[from] PredictError),
}
