//! Architectures as points that a process compares.

use std::collections::BTreeMap;

use bespoke_predict::{Attribute, Class, Features, Level, Reader};
use bespoke_space::{Architecture, Space};
use rand::Rng;

use super::gaussian::{Point, Task};

/// Architectures that features are scaled by.
const SAMPLES: usize = 200;
/// What is counted: operators of each kind in the live graph, those one after the other on its heaviest path, and what
/// all of them do.
const LEVELS: [Level; 2] = [Level::Live, Level::Path];
const TOTALS: [Attribute; 3] = [Attribute::Macs, Attribute::Outputs, Attribute::Weights];

/// Reads architectures of one space.
#[derive(Debug)]
pub(crate) struct Encoder {
    reader: Reader,
    /// What varies in the space, with its mean and the inverse of its standard deviation.
    scales: BTreeMap<Feature, (f64, f64)>,
}

/// A feature of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Feature {
    /// Number of operators of a kind.
    Operators(Level, Class),
    /// Logarithm of an attribute's total.
    Total(Level, Attribute),
}

// === impl Encoder ===

impl Encoder {
    /// An encoder whose scales are those of architectures drawn from the space.
    pub fn new(space: &Space, rng: &mut impl Rng) -> Self {
        let mut reader = Reader::live(space);
        let mut sums: BTreeMap<Feature, (f64, f64)> = BTreeMap::new();
        let mut read = 0.0;
        for _ in 0..SAMPLES {
            let Ok(network) = reader.network(&space.sample(rng)) else {
                continue;
            };
            read += 1.0;
            for (feature, value) in values(network.features()) {
                let (sum, squares) = sums.entry(feature).or_default();
                *sum += value;
                *squares += value * value;
            }
        }
        let scale = |(feature, (sum, squares)): (Feature, (f64, f64))| {
            let mean = sum / read;
            let variance = squares / read - mean * mean;
            (variance > 1e-9 * mean * mean).then(|| (feature, (mean, 1.0 / variance.sqrt())))
        };
        Self {
            reader,
            scales: sums.into_iter().filter_map(scale).collect(),
        }
    }

    /// An architecture as a point of a task. One that forms no network has the features of the mean.
    pub fn point(&mut self, task: Task, architecture: &Architecture) -> Point {
        let network = self.reader.network(architecture).ok();
        let values = network.map(|network| values(network.features()));
        let feature = |(feature, (mean, scale)): (&Feature, &(f64, f64))| match &values {
            Some(values) => (values.get(feature).copied().unwrap_or(0.0) - mean) * scale,
            None => 0.0,
        };
        Point {
            task,
            choices: architecture.choices().to_vec(),
            features: self.scales.iter().map(feature).collect(),
        }
    }
}

fn values(features: &Features) -> BTreeMap<Feature, f64> {
    let mut values: BTreeMap<Feature, f64> = BTreeMap::new();
    for level in LEVELS {
        for (key, sum) in features.at(level) {
            if key.attribute == Attribute::Operators {
                *values
                    .entry(Feature::Operators(level, key.class))
                    .or_default() += sum;
            }
        }
        for attribute in TOTALS {
            let total = features.total(level, attribute);
            values.insert(Feature::Total(level, attribute), (1.0 + total).ln());
        }
    }
    values
}
