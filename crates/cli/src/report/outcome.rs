//! What became of a trial, as pictures and tables tell it.

use bespoke_measure::PriceSource;
use bespoke_study::{Front, Trial, TrialState};

/// What became of a trial that has ended with a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its network is beaten by none.
    Front,
    /// Its network was trained to the end and is beaten.
    Dominated,
    /// Its network was scored and not trained.
    Scored,
    /// Its training was given up.
    Stopped,
    /// Its network breaks a bound, as measured or counted.
    Infeasible,
    /// Its network is so likely to break a bound that it was not measured.
    PricedOut,
}

// === impl Outcome ===

impl Outcome {
    /// All, in the order in which they are drawn over each other.
    pub const ALL: [Self; 6] = [
        Self::PricedOut,
        Self::Infeasible,
        Self::Stopped,
        Self::Scored,
        Self::Dominated,
        Self::Front,
    ];

    /// That of a trial, unless it goes on or has failed.
    pub fn of(trial: &Trial, front: &Front) -> Option<Self> {
        match trial.state() {
            TrialState::Complete { .. } if front.contains(trial.id()) => Some(Self::Front),
            TrialState::Complete { .. } => Some(Self::Dominated),
            TrialState::Stopped { .. } => Some(Self::Stopped),
            TrialState::Infeasible { .. } => Some(match trial.price_source() {
                Some(PriceSource::Predicted) => Self::PricedOut,
                _ => Self::Infeasible,
            }),
            TrialState::Scored { .. } => Some(Self::Scored),
            TrialState::Proposed | TrialState::Measured { .. } | TrialState::Failed { .. } => None,
        }
    }

    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Front => "on the front",
            Self::Dominated => "dominated",
            Self::Scored => "scored, not trained",
            Self::Stopped => "given up early",
            Self::Infeasible => "breaks a bound",
            Self::PricedOut => "predicted to break a bound",
        }
    }

    /// Its name in the picture's style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Dominated => "dominated",
            // Drawn alike: trained less than to the end.
            Self::Scored | Self::Stopped => "stopped",
            Self::Infeasible => "infeasible",
            Self::PricedOut => "priced-out",
        }
    }

    /// Whether its network was trained to the end.
    pub fn is_trained(self) -> bool {
        matches!(self, Self::Front | Self::Dominated)
    }
}
