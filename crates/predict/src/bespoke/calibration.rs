//! How wide intervals must be so that they hold what they promise.

use serde::{Deserialize, Serialize};

/// The share of measurements that an interval is to hold.
const COVERAGE: f64 = 0.9;
/// Standard deviations on each side where nothing is known of the errors: the normal distribution's 1.645, and half as
/// much again, for a predictor that no source has tested.
const UNTESTED: Widening = Widening {
    factor: 2.4,
    power: 1.0,
};
/// Powers that are tried.
const POWERS: [f64; 6] = [1.0, 0.8, 0.6, 0.4, 0.2, 0.0];

/// Half the width of a price's interval, by the number of samples that it rests on: what held as many errors as
/// promised when each source was played as a new device.
///
/// A few samples tell little of how noisy a device is. Half the width is factor·deviation^power, both relative to the
/// device's middle latency; with a power below 1, devices that look quieter than the others are believed less.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Calibration {
    widenings: Vec<(usize, Widening)>,
}

/// From a standard deviation, relative to the middle latency, to half the width of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Widening {
    factor: f64,
    power: f64,
}

/// An error of a price and the standard deviation that it was given, relative to the middle latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Miss {
    pub error: f64,
    pub deviation: f64,
}

// === impl Calibration ===

impl Calibration {
    /// Numbers of samples that are tried.
    pub const SAMPLES: [usize; 3] = [5, 10, 20];
    /// The most of them.
    pub const MOST_SAMPLES: usize = 20;

    /// Takes down what each source missed after so many samples.
    pub fn add(&mut self, samples: usize, sources: &[Vec<Miss>]) {
        let widenings = POWERS
            .into_iter()
            .filter_map(|power| Widening::holding(sources, power));
        let most_even =
            widenings.min_by(|a, b| a.unevenness(sources).total_cmp(&b.unevenness(sources)));
        self.widenings
            .extend(most_even.map(|widening| (samples, widening)));
    }

    /// The widening after so many samples.
    pub fn widening(&self, samples: usize) -> Widening {
        let nearest = self
            .widenings
            .iter()
            .min_by_key(|(known, _)| known.abs_diff(samples));
        nearest.map_or(UNTESTED, |(_, widening)| *widening)
    }
}

// === impl Widening ===

impl Widening {
    /// With the power given, the one that holds as many of all errors as promised.
    fn holding(sources: &[Vec<Miss>], power: f64) -> Option<Self> {
        let misses = sources.iter().flatten();
        let mut needed: Vec<f64> = misses
            .map(|miss| miss.error / miss.deviation.powf(power))
            .collect();
        needed.sort_unstable_by(f64::total_cmp);
        let rank = (needed.len() as f64 * COVERAGE) as usize;
        let factor = *needed.get(rank)?;
        factor.is_finite().then_some(Self { factor, power })
    }

    /// Half the width of the interval.
    pub fn half_width(self, deviation: f64) -> f64 {
        self.factor * deviation.powf(self.power)
    }

    /// Mean square of how far the sources' shares of errors inside are from what is promised.
    fn unevenness(self, sources: &[Vec<Miss>]) -> f64 {
        let squares = sources
            .iter()
            .filter(|misses| !misses.is_empty())
            .map(|misses| {
                let is_held = |miss: &&Miss| miss.error <= self.half_width(miss.deviation);
                let held = misses.iter().filter(is_held).count() as f64 / misses.len() as f64;
                (held - COVERAGE) * (held - COVERAGE)
            });
        squares.sum()
    }
}
