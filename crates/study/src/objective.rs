//! What a study minimises, and what a trial's values are.

use bespoke_device::TargetSpec;
use bespoke_measure::{Estimate, PriceSource};
use bespoke_search::pareto::Interval;

use crate::{Trial, TrialState};

/// One quantity that a study minimises. Strategies see them in this order: the error first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Objective {
    /// Share of the held-out images that are classified wrongly, in per cent.
    Error,
    /// A score with its sign turned: what is searched for in place of the error where candidates are scored.
    Score,
    /// Median latency on the target of that index, in milliseconds.
    Latency(usize),
    /// Trainable parameters.
    Parameters,
    /// Multiply-accumulates for one sample.
    Macs,
    /// Greatest sum of the activations that are alive at the same time, in bytes for one sample.
    PeakActivationBytes,
    /// Energy of a pass on the target of that index, in millijoules.
    Energy(usize),
}

// === impl Objective ===

impl Objective {
    /// The objective as files and columns name it: with its unit, and its target where it has one.
    pub(crate) fn name<'a>(self, target: impl Fn(usize) -> &'a TargetSpec) -> String {
        match self {
            Self::Error => "error_percent".to_owned(),
            Self::Score => "minus_score".to_owned(),
            Self::Latency(index) => format!("latency_ms@{}", target(index)),
            Self::Parameters => "parameters".to_owned(),
            Self::Macs => "macs".to_owned(),
            Self::PeakActivationBytes => "peak_activation_bytes".to_owned(),
            Self::Energy(index) => format!("energy_mj@{}", target(index)),
        }
    }

    /// A trial's value, where it is known: a prediction is none. A trial whose training was given up counts with the
    /// best accuracy that it reached.
    pub fn value_of(self, trial: &Trial) -> Option<f64> {
        let cost = trial.cost();
        match self {
            Self::Error => match trial.state() {
                TrialState::Complete { accuracy, .. } => Some(100.0 - accuracy.percent),
                TrialState::Stopped { curve, .. } => {
                    Some(100.0 - curve.iter().copied().fold(0.0, f64::max))
                }
                _ => None,
            },
            Self::Score => trial.score().map(|score| -score),
            Self::Latency(target) => measured(trial, target).map(|got| got.median_ms.ms()),
            Self::Parameters => Some(cost.parameters as f64),
            Self::Macs => Some(cost.macs as f64),
            Self::PeakActivationBytes => Some(cost.peak_activation_bytes as f64),
            Self::Energy(target) => trial.energy_mj(target),
        }
    }

    /// Where a trial's value lies with this confidence, where it is known and the trial is complete: the error by the
    /// number of held-out images, the latency as it was measured with the protocol's confidence, and the energy as far
    /// from its value, in proportion, as the latency from its median, for both are of the same passes. What is counted
    /// is known exactly.
    pub fn interval_of(self, trial: &Trial, confidence: f64) -> Option<Interval> {
        match self {
            Self::Error => {
                let accuracy = trial.accuracy()?;
                let error = 1.0 - accuracy.percent / 100.0;
                let share = Interval::of_share(error, accuracy.images, confidence);
                Some(Interval {
                    low: 100.0 * share.low,
                    high: 100.0 * share.high,
                })
            }
            Self::Latency(target) => measured(trial, target).map(|got| Interval {
                low: got.low_ms.ms(),
                high: got.high_ms.ms(),
            }),
            Self::Energy(target) => {
                let latency = measured(trial, target)?;
                Some(energy_interval(trial.energy_mj(target)?, latency))
            }
            Self::Score | Self::Parameters | Self::Macs | Self::PeakActivationBytes => {
                self.value_of(trial).map(Interval::exact)
            }
        }
    }
}

/// What was measured on a target: no prediction.
fn measured(trial: &Trial, target: usize) -> Option<&Estimate> {
    let is_measured = trial.price_source() == Some(PriceSource::Measured);
    trial.latencies().get(target).filter(|_| is_measured)
}

/// An energy as uncertain, in proportion, as the latency that was measured over the same passes.
pub(crate) fn energy_interval(mj: f64, latency: &Estimate) -> Interval {
    let of_median = |ms: f64| mj * ms / latency.median_ms.ms();
    Interval {
        low: of_median(latency.low_ms.ms()),
        high: of_median(latency.high_ms.ms()),
    }
}
