//! Quantities that carry their unit in their type.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Time of one forward pass of one batch: positive and finite. Milliseconds in files.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Latency(f64);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A number that no quantity can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a latency must be a positive number of milliseconds, got {0}")]
pub struct QuantityError(f64);

// === impl Latency ===

impl Latency {
    /// A latency from milliseconds.
    ///
    /// # Errors
    /// When the number is not finite or not positive.
    pub fn from_ms(ms: f64) -> Result<Self, QuantityError> {
        if ms.is_finite() && ms > 0.0 {
            Ok(Self(ms))
        } else {
            Err(QuantityError(ms))
        }
    }

    /// A latency from a duration; one of zero counts as one nanosecond.
    pub fn from_duration(duration: Duration) -> Self {
        Self(duration.as_secs_f64().max(1e-9) * 1e3)
    }

    /// Milliseconds.
    pub fn ms(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Latency {
    type Error = QuantityError;

    fn try_from(ms: f64) -> Result<Self, Self::Error> {
        Self::from_ms(ms)
    }
}

impl From<Latency> for f64 {
    fn from(latency: Latency) -> Self {
        latency.0
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ms", self.0)
    }
}

// === impl Bytes ===

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 30 => write!(f, "{:.2} GiB", n as f64 / f64::from(1 << 30)),
            n if n >= 1 << 20 => write!(f, "{:.2} MiB", n as f64 / f64::from(1 << 20)),
            n if n >= 1 << 10 => write!(f, "{:.1} KiB", n as f64 / 1024.0),
            n => write!(f, "{n} B"),
        }
    }
}
