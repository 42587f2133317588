//! Prices: what a network costs on a target, and how that is known.

use serde::{Deserialize, Serialize};

use crate::Estimate;

/// A latency with its interval and where it comes from.
///
/// What the interval says depends on the source. That of a measured price holds the true median with the confidence of
/// the protocol, 95 % by default. That of any other price is the one in which a measurement is expected with 90 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// The latency.
    pub latency: Estimate,
    /// Where it comes from.
    pub source: PriceSource,
}

/// How a price is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// This very network was measured on this very target.
    Measured,
    /// The sum of the measured prices of the network's parts on this target.
    LookedUp,
    /// What a predictor that was adapted to this target expects.
    Predicted,
    /// Derived from the network's operations and a description of the device; nothing was measured.
    Analytical,
}

// === impl PriceSource ===

impl PriceSource {
    /// The source in one word, as printed: `measured`, `looked_up`, `predicted`, `analytical`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::LookedUp => "looked_up",
            Self::Predicted => "predicted",
            Self::Analytical => "analytical",
        }
    }
}
