//! What an evaluation gives.

use serde::Serialize;

use crate::{Rows, Scores, score::mean};

/// How a method did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scorecard {
    /// Name of the method.
    pub method: String,
    /// Devices that it knew.
    pub sources: Vec<String>,
    /// Rows that it learned from.
    pub source_rows: Rows,
    /// Rows that it might measure on a target.
    pub pool_rows: Rows,
    /// Rows that it was scored on.
    pub test_rows: Rows,
    /// Rows of the table that could not be read.
    pub rows_left_out: usize,
    /// Draws for each target.
    pub draws: usize,
    /// Target by target.
    pub targets: Vec<TargetScores>,
    /// Mean of the targets' Spearman correlations.
    pub mean_spearman: f64,
    /// Time to learn from the sources.
    pub train_seconds: f64,
    /// Median time to choose what to measure.
    pub plan_ms: f64,
    /// Median time to learn a target from its samples.
    pub adapt_ms: f64,
    /// Median time to price a network that was read already, among all test rows at once.
    pub predict_us: f64,
}

/// How a method did on one target: means over the draws. See [`Scores`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetScores {
    /// Name of the device.
    pub target: String,
    /// Spearman's rank correlation.
    pub spearman: f64,
    /// Its standard deviation over the draws; 0 where they are all the same.
    pub spearman_sd: f64,
    /// Kendall's tau-b.
    pub kendall: f64,
    /// Share of the prices within 5 % of the measurement.
    pub within_5_percent: f64,
    /// Share of the prices within 10 % of the measurement.
    pub within_10_percent: f64,
    /// Mean error as a share of the measurement.
    pub mape: f64,
    /// Share of the measurements within the 90 % interval.
    pub coverage_90: f64,
    /// Mean width of that interval as a share of the price.
    pub relative_width_90: f64,
    /// Different latencies of the target that the method read in a draw, the most of all draws.
    pub samples_read: usize,
    /// Rows that were scored: measured there, and not trimmed away.
    pub rows_scored: usize,
}

/// What a draw gave.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    pub scores: Scores,
    pub samples_read: usize,
    pub rows_scored: usize,
}

// === impl TargetScores ===

impl TargetScores {
    /// Of at least one draw.
    pub(super) fn over(target: &str, draws: &[Draw]) -> Self {
        let over = |score: fn(&Scores) -> f64| mean(draws.iter().map(|draw| score(&draw.scores)));
        let most = |count: fn(&Draw) -> usize| draws.iter().map(count).max().unwrap_or(0);
        let spearman = over(|scores| scores.spearman);
        let squares = draws
            .iter()
            .map(|draw| (draw.scores.spearman - spearman).powi(2));
        let others = draws.len().saturating_sub(1).max(1) as f64;
        let all_equal = draws.windows(2).all(|two| two[0].scores == two[1].scores);
        Self {
            target: target.to_owned(),
            spearman,
            // The mean of equal numbers may be rounded away from them.
            spearman_sd: if all_equal {
                0.0
            } else {
                (squares.sum::<f64>() / others).sqrt()
            },
            kendall: over(|scores| scores.kendall),
            within_5_percent: over(|scores| scores.within_5_percent),
            within_10_percent: over(|scores| scores.within_10_percent),
            mape: over(|scores| scores.mape),
            coverage_90: over(|scores| scores.coverage_90),
            relative_width_90: over(|scores| scores.relative_width_90),
            samples_read: most(|draw| draw.samples_read),
            rows_scored: most(|draw| draw.rows_scored),
        }
    }
}
