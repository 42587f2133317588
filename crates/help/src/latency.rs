//! Latencies in milliseconds, and as the predictor has them.

use crate::HelpError;

/// A device's own scale of latencies: 0 is the fastest of the reference networks and 1 the slowest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    least_ms: f64,
    range_ms: f64,
}

// === impl Scale ===

impl Scale {
    /// The scale of a device on which the reference networks have these latencies.
    ///
    /// # Errors
    /// When one is not a positive number, or all are the same.
    pub(crate) fn new(reference_ms: &[f64], device: &str) -> Result<Self, HelpError> {
        check(reference_ms, device)?;
        let least_ms = reference_ms.iter().copied().fold(f64::INFINITY, f64::min);
        let most_ms = reference_ms.iter().copied().fold(0.0, f64::max);
        if most_ms <= least_ms {
            return Err(HelpError::Latencies {
                device: device.to_owned(),
                reason: format!("the reference networks all take {most_ms} ms"),
            });
        }
        Ok(Self {
            least_ms,
            range_ms: most_ms - least_ms,
        })
    }

    /// A latency on the scale.
    pub(crate) fn scaled(&self, ms: f64) -> f32 {
        ((ms - self.least_ms) / self.range_ms) as f32
    }

    /// The latency at a place on the scale.
    pub(crate) fn milliseconds(&self, scaled: f32) -> f64 {
        self.least_ms + f64::from(scaled) * self.range_ms
    }
}

/// Checks that latencies are positive numbers.
pub(crate) fn check(latencies_ms: &[f64], device: &str) -> Result<(), HelpError> {
    let fits = |ms: &f64| ms.is_finite() && *ms > 0.0;
    match latencies_ms.iter().find(|ms| !fits(ms)) {
        None => Ok(()),
        Some(ms) => Err(HelpError::Latencies {
            device: device.to_owned(),
            reason: format!("a latency is {ms} ms"),
        }),
    }
}
