//! What is searched for: bounds, and what is expected of architectures before they are tried.

use std::fmt;

use bespoke_space::{Architecture, Space};
use rand::RngCore;

use crate::Finished;

/// What a strategy minimises, within which bounds, and what is known before a trial.
pub struct Problem {
    /// For each objective the value that it must not exceed, `None` where any will do; objectives behind the last
    /// have no bound. Objective 0 is the error in per cent.
    pub bounds: Vec<Option<f64>>,
    /// What is expected of architectures before they are tried.
    pub forecast: Option<Box<dyn Forecast>>,
    /// A proposal is expected to meet each bound with at least this probability where a forecast says so: above 0
    /// and below 1.
    pub confidence: f64,
    /// What is known of the error elsewhere.
    pub related: Vec<RelatedTask>,
}

/// Architectures of the space on another task: other data, or another way to train or to judge. Only the default
/// strategy learns from them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RelatedTask {
    /// Each with its error there, a finite number: in any unit, the less the better.
    pub errors: Vec<(Architecture, f64)>,
}

/// Expects the objectives of architectures that were not tried.
///
/// What it answers depends only on how it was made and on the sequence of calls.
pub trait Forecast: Send {
    /// For each architecture and each objective what is expected, `None` where nothing is known; objectives behind
    /// the last are not known.
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>>;

    /// By how much an architecture breaks bounds on what is no objective, in shares of these bounds, all together; 0
    /// where it keeps them or nothing is known.
    fn excess(&mut self, _architecture: &Architecture) -> f64 {
        0.0
    }

    /// Learns from a finished trial.
    fn update(&mut self, _finished: &Finished) {}

    /// An architecture that meets the bounds, drawn uniformly from all that do, where that can be done without
    /// trying.
    fn sample(&mut self, _rng: &mut dyn RngCore) -> Option<Architecture> {
        None
    }
}

/// A normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Its mean.
    pub value: f64,
    /// Its standard deviation; 0 means that the value is known exactly.
    pub deviation: f64,
}

/// Standard deviations from the middle of a normal distribution to the ends of the interval that holds 90 % of it.
pub(crate) const DEVIATIONS_OF_90_PERCENT: f64 = 1.644_853_626_951;

// === impl Problem ===

impl Problem {
    /// These bounds, and nothing known beforehand.
    pub fn new(bounds: Vec<Option<f64>>) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// A random architecture: of those that meet the bounds where the forecast can draw them, else of all.
    pub(crate) fn draw(&mut self, space: &Space, rng: &mut impl RngCore) -> Architecture {
        let forecast = self.forecast.as_mut();
        let within = forecast.and_then(|forecast| forecast.sample(rng));
        within.unwrap_or_else(|| space.sample(rng))
    }

    /// What no strategy can work with: the key, and what is wrong with it.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if let Some(bound) = self.bounds.iter().flatten().find(|b| !b.is_finite()) {
            return Err(("bound", format!("is {bound}; it is a finite number")));
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            let reason = format!("is {}; it is above 0 and below 1", self.confidence);
            return Err(("confidence", reason));
        }
        Ok(())
    }
}

impl Default for Problem {
    /// No bounds, and nothing known beforehand.
    fn default() -> Self {
        Self {
            bounds: Vec::new(),
            forecast: None,
            confidence: 0.5,
            related: Vec::new(),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("bounds", &self.bounds)
            .field("confidence", &self.confidence)
            .finish_non_exhaustive()
    }
}

// === impl Expected ===

impl Expected {
    /// What is known exactly.
    pub fn exactly(value: f64) -> Self {
        Self {
            value,
            deviation: 0.0,
        }
    }

    /// A value that is expected in an interval with a probability of 90 %. Of an interval that is not symmetric, the
    /// width counts.
    pub fn within_90_percent(value: f64, low: f64, high: f64) -> Self {
        Self {
            value,
            deviation: (high - low) / (2.0 * DEVIATIONS_OF_90_PERCENT),
        }
    }

    /// By which share of the bound it is exceeded, seen so many deviations above the mean; 0 when it is met. Of a bound
    /// of 0, the excess itself.
    pub fn excess(self, bound: f64, deviations: f64) -> f64 {
        let excess = (self.value + deviations * self.deviation - bound).max(0.0);
        if bound == 0.0 {
            excess
        } else {
            excess / bound.abs()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excess_is_relative_to_the_bound_and_counts_the_deviations() {
        let expected = Expected {
            value: 8.0,
            deviation: 2.0,
        };
        assert_eq!(expected.excess(10.0, 0.0), 0.0);
        assert_eq!(expected.excess(10.0, 1.0), 0.0);
        assert_eq!(expected.excess(10.0, 2.0), 0.2);
        assert_eq!(expected.excess(4.0, -1.0), 0.5);
        assert_eq!(expected.excess(0.0, 0.0), 8.0);
        assert_eq!(expected.excess(-4.0, 0.0), 3.0);
    }

    #[test]
    fn an_interval_holds_nine_in_ten() {
        let expected = Expected::within_90_percent(10.0, 6.0, 12.0);
        let deviations = 3.0 / expected.deviation;
        assert!((crate::normal::quantile(0.95) - deviations).abs() < 1e-6);
        assert_eq!(expected.value, 10.0);
        assert_eq!(Expected::exactly(3.0).excess(2.0, 9.0), 0.5);
    }

    #[test]
    fn bounds_and_confidences_that_mean_nothing_are_refused() {
        assert_eq!(Problem::new(vec![None, Some(3.0)]).check(), Ok(()));
        let refused = |problem: Problem| problem.check().expect_err("refused");
        assert_eq!(
            refused(Problem::new(vec![None, Some(f64::NAN)])),
            ("bound", "is NaN; it is a finite number".to_owned())
        );
        for confidence in [0.0, 1.0, f64::NAN] {
            let problem = Problem {
                confidence,
                ..Problem::default()
            };
            assert_eq!(refused(problem).0, "confidence");
        }
    }
}
