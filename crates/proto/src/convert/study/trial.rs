//! Trials, and what is known of them.

use bespoke_graph::Cost;
use bespoke_measure::{Estimate, PriceSource};
use bespoke_study::{Accuracy, Trial, TrialId, TrialState};

use crate::{
    convert::{
        ConvertError, all, each, enumeration, latency, parsed, percent, present, required,
        unspecified,
    },
    study::v1 as wire,
};

// === Estimate ===

impl From<Estimate> for wire::Estimate {
    fn from(estimate: Estimate) -> Self {
        Self {
            median_ms: estimate.median_ms.ms(),
            low_ms: estimate.low_ms.ms(),
            high_ms: estimate.high_ms.ms(),
        }
    }
}

impl TryFrom<wire::Estimate> for Estimate {
    type Error = ConvertError;

    fn try_from(message: wire::Estimate) -> Result<Self, Self::Error> {
        let wire::Estimate {
            median_ms,
            low_ms,
            high_ms,
        } = message;
        estimate("median_ms", median_ms, low_ms, high_ms)
    }
}

/// An estimate from fields `low_ms`, `high_ms` and one for the median whose name is given.
///
/// The median need not lie between the ends: an interval from resampling does not promise that.
pub(in crate::convert) fn estimate(
    field: &str,
    median: f64,
    low: f64,
    high: f64,
) -> Result<Estimate, ConvertError> {
    let estimate = Estimate {
        median_ms: latency(field, median)?,
        low_ms: latency("low_ms", low)?,
        high_ms: latency("high_ms", high)?,
    };
    if low > high {
        let reason = format!("must not be less than `low_ms`, which is {low}, got {high}");
        return Err(ConvertError::new("high_ms", reason));
    }
    Ok(estimate)
}

// === PriceSource ===

impl From<PriceSource> for wire::PriceSource {
    fn from(source: PriceSource) -> Self {
        match source {
            PriceSource::Measured => Self::Measured,
            PriceSource::LookedUp => Self::LookedUp,
            PriceSource::Predicted => Self::Predicted,
            PriceSource::Analytical => Self::Analytical,
        }
    }
}

/// How a price is known, which must be said.
pub(in crate::convert) fn price_source(
    field: &str,
    value: i32,
) -> Result<PriceSource, ConvertError> {
    match enumeration(field, value)? {
        wire::PriceSource::Measured => Ok(PriceSource::Measured),
        wire::PriceSource::LookedUp => Ok(PriceSource::LookedUp),
        wire::PriceSource::Predicted => Ok(PriceSource::Predicted),
        wire::PriceSource::Analytical => Ok(PriceSource::Analytical),
        wire::PriceSource::Unspecified => Err(unspecified(field)),
    }
}

// === Cost ===

impl From<Cost> for wire::Cost {
    fn from(cost: Cost) -> Self {
        Self {
            parameters: cost.parameters,
            macs: cost.macs,
            flops: cost.flops,
            bytes_moved: cost.bytes_moved,
            peak_activation_bytes: cost.peak_activation_bytes,
        }
    }
}

impl TryFrom<wire::Cost> for Cost {
    type Error = ConvertError;

    fn try_from(message: wire::Cost) -> Result<Self, Self::Error> {
        Ok(Self {
            parameters: message.parameters,
            macs: message.macs,
            flops: message.flops,
            bytes_moved: message.bytes_moved,
            peak_activation_bytes: message.peak_activation_bytes,
        })
    }
}

// === Trial ===

impl From<Trial> for wire::Trial {
    fn from(trial: Trial) -> Self {
        let accuracy = trial.accuracy();
        let (reason, violation) = match trial.state() {
            TrialState::Infeasible {
                reason, violation, ..
            } => (reason.clone(), *violation),
            TrialState::Failed { reason } | TrialState::Scored { reason, .. } => {
                (reason.clone(), 0.0)
            }
            _ => (String::new(), 0.0),
        };
        let latencies = trial.latencies().iter().copied();
        let energies = trial.energies_mj().iter();
        Self {
            id: trial.id().0,
            architecture: trial.architecture().to_owned(),
            graph_hash: trial.graph().to_string(),
            cost: Some((*trial.cost()).into()),
            state: word(trial.state()).into(),
            latencies: latencies.map(Into::into).collect(),
            curve_percent: trial.curve().to_vec(),
            accuracy_percent: accuracy.map(|accuracy| accuracy.percent),
            held_out_images: accuracy.map_or(0, |accuracy| accuracy.images),
            reason,
            violation,
            price_source: trial
                .price_source()
                .map_or(wire::PriceSource::Unspecified, Into::into)
                .into(),
            energies: energies.map(|mj| wire::Energy { mj: *mj }).collect(),
            score: trial.score(),
        }
    }
}

fn word(state: &TrialState) -> wire::TrialState {
    match state {
        TrialState::Proposed => wire::TrialState::Proposed,
        TrialState::Measured { .. } => wire::TrialState::Measured,
        TrialState::Scored { .. } => wire::TrialState::Scored,
        TrialState::Complete { .. } => wire::TrialState::Complete,
        TrialState::Stopped { .. } => wire::TrialState::Stopped,
        TrialState::Infeasible { .. } => wire::TrialState::Infeasible,
        TrialState::Failed { .. } => wire::TrialState::Failed,
    }
}

impl TryFrom<wire::Trial> for Trial {
    type Error = ConvertError;

    fn try_from(mut message: wire::Trial) -> Result<Self, Self::Error> {
        // Empty in a space of a single network.
        let architecture = std::mem::take(&mut message.architecture);
        let graph = parsed("graph_hash", &message.graph_hash)?;
        let cost = required("cost", message.cost)?;
        let id = TrialId(message.id);
        let energies_mj = energies_mj(std::mem::take(&mut message.energies))?;
        let score = message.score;
        if let Some(nonsense) = score.filter(|score| !score.is_finite()) {
            let reason = format!("must be a finite number, got {nonsense}");
            return Err(ConvertError::new("score", reason));
        }
        let trial = Self::restore(id, architecture, graph, cost, state(message)?);
        Ok(trial.with_energies(energies_mj).with_score(score))
    }
}

fn state(message: wire::Trial) -> Result<TrialState, ConvertError> {
    let state = enumeration("state", message.state)?;
    let latencies: Vec<Estimate> = each("latencies", message.latencies)?;
    let source = match latencies.is_empty() {
        true => PriceSource::Measured,
        false => price_source("price_source", message.price_source)?,
    };
    if source != PriceSource::Measured && state != wire::TrialState::Infeasible {
        let reason = format!("must be measured, is {}", source.word());
        return Err(ConvertError::new("price_source", reason));
    }
    let curve = all("curve_percent", message.curve_percent, percent)?;
    let reason = message.reason;
    let measured = |latencies: Vec<Estimate>| match latencies.is_empty() {
        true => Err(ConvertError::new("latencies", "are missing")),
        false => Ok(latencies),
    };
    Ok(match state {
        wire::TrialState::Proposed => TrialState::Proposed,
        wire::TrialState::Measured => TrialState::Measured {
            latencies: measured(latencies)?,
        },
        wire::TrialState::Scored => {
            present("score", message.score)?;
            TrialState::Scored {
                latencies: measured(latencies)?,
                reason,
            }
        }
        wire::TrialState::Complete => TrialState::Complete {
            latencies: measured(latencies)?,
            accuracy: Accuracy {
                percent: percent(
                    "accuracy_percent",
                    present("accuracy_percent", message.accuracy_percent)?,
                )?,
                images: held_out(message.held_out_images)?,
                curve,
            },
        },
        wire::TrialState::Stopped => TrialState::Stopped {
            latencies: measured(latencies)?,
            curve,
        },
        wire::TrialState::Infeasible => TrialState::Infeasible {
            latencies,
            source,
            reason,
            violation: excess(message.violation)?,
        },
        wire::TrialState::Failed => TrialState::Failed { reason },
        wire::TrialState::Unspecified => return Err(unspecified("state")),
    })
}

fn energies_mj(energies: Vec<wire::Energy>) -> Result<Vec<Option<f64>>, ConvertError> {
    let energy = |(index, energy): (usize, wire::Energy)| match energy.mj {
        Some(mj) if !(mj.is_finite() && mj > 0.0) => {
            let reason = format!("must be a positive number of millijoules, got {mj}");
            Err(ConvertError::new(&format!("energies[{index}].mj"), reason))
        }
        mj => Ok(mj),
    };
    energies.into_iter().enumerate().map(energy).collect()
}

fn held_out(images: u32) -> Result<u32, ConvertError> {
    match images {
        0 => Err(ConvertError::new("held_out_images", "must be at least 1")),
        images => Ok(images),
    }
}

fn excess(violation: f64) -> Result<f64, ConvertError> {
    if violation.is_finite() && violation >= 0.0 {
        return Ok(violation);
    }
    let reason = format!("must be a number that is not negative, got {violation}");
    Err(ConvertError::new("violation", reason))
}
