//! When to give up training a candidate.

use bespoke_measure::Estimate;

use crate::Trial;

/// Epochs that every candidate is given.
const FEWEST_EPOCHS: usize = 2;
/// How many earlier trials must be ahead.
const WITNESSES: usize = 2;

/// Whether training on is hopeless: at least two earlier trials are no slower on any target and were more accurate
/// after as many epochs than this candidate has ever been.
///
/// The median stopping rule (Golovin et al., Google Vizier, 2017) compares with all earlier trials. Unlike the paper,
/// only those count that the candidate would have to beat to stand on the front, so that a fast network is never
/// stopped for being less accurate than slow ones.
pub fn is_hopeless(latencies: &[Estimate], curve: &[f64], earlier: &[Trial]) -> bool {
    if curve.len() < FEWEST_EPOCHS {
        return false;
    }
    let best = curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let ahead = |trial: &&Trial| {
        let reached = trial.curve().get(curve.len() - 1);
        reached.is_some_and(|accuracy| *accuracy > best) && no_slower(trial.latencies(), latencies)
    };
    earlier.iter().filter(ahead).count() >= WITNESSES
}

/// Whether every latency is at most its counterpart.
fn no_slower(these: &[Estimate], those: &[Estimate]) -> bool {
    these.len() == those.len() && these.iter().zip(those).all(|(a, b)| a.median_ms <= b.median_ms)
}
