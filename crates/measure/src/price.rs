//! Prices: what a network costs on a target, and how that is known.

use serde::{Deserialize, Serialize};

use crate::Estimate;

/// A latency with its interval and where it comes from.
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
}
