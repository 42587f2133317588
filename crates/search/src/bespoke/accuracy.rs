//! Accuracies of networks that were not trained, learned from those that were.
//!
//! The same Gaussian process as the strategy's, on decisions and features of the live graph, with scores as further
//! features where they are given. What was learned on another data set or in another precision comes in as M. C. Kennedy
//! and A. O'Hagan: Predicting the output from a complex computer code when fast approximations are available (Biometrika
//! 2000) have it: the new accuracies are a multiple of what the old process expects, plus a process of their own.

use bespoke_space::{Architecture, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    encoder::Encoder,
    gaussian::{Kernel, Point, Process},
    warp::Warp,
};
use crate::Expected;

/// A network that was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedNetwork {
    /// Which it is.
    pub architecture: Architecture,
    /// Its accuracy in per cent.
    pub accuracy_percent: f64,
    /// Further features of it, such as zero-cost scores: for each network as many, in the same order.
    pub scores: Vec<f64>,
}

/// Expects the accuracy of a space's networks.
#[derive(Debug)]
pub struct AccuracyPredictor {
    encoder: Encoder,
    /// The scale of each further feature.
    scales: Vec<Warp>,
    /// What earlier networks taught, and the multiple of it that counts here.
    earlier: Option<(Learned, f64)>,
    own: Learned,
}

/// Why nothing can be learned from networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccuracyError {
    /// There are too few.
    #[error("an accuracy is learned from 2 networks or more, there are {0}")]
    TooFew(usize),
    /// One has more or fewer further features than the first.
    #[error("a network has {got} scores, another {expected}: all need the same")]
    Scores {
        /// Of the first network.
        expected: usize,
        /// Of the other.
        got: usize,
    },
    /// A figure is no number.
    #[error("an accuracy or score is {0}, which is no number to learn from")]
    NoNumber(String),
}

/// A process, and the scale of what it observed.
#[derive(Debug)]
struct Learned {
    warp: Warp,
    process: Process,
    noise: f64,
}

// === impl AccuracyPredictor ===

impl AccuracyPredictor {
    /// Learns from networks that were trained, and from others of the same space that were trained in an earlier way:
    /// on another data set, in another precision. The seed draws the networks that features are scaled by.
    ///
    /// # Errors
    /// When there are fewer than two networks, or fewer than two earlier ones but one; when they do not have the same
    /// number of scores, or a figure is no finite number.
    pub fn learn(
        space: &Space,
        networks: &[TrainedNetwork],
        earlier: &[TrainedNetwork],
        seed: u64,
    ) -> Result<Self, AccuracyError> {
        let all: Vec<&TrainedNetwork> = networks.iter().chain(earlier).collect();
        check(networks.len(), &all)?;
        let features = all[0].scores.len();
        let scale = |at: usize| Warp::by_rank(all.iter().map(|one| one.scores[at]).collect());
        let scales: Vec<Warp> = (0..features).map(scale).collect();
        let mut encoder = Encoder::new(space, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut read = |networks: &[TrainedNetwork]| -> Vec<Point> {
            let point =
                |one: &TrainedNetwork| point(&mut encoder, &scales, &one.architecture, &one.scores);
            networks.iter().map(point).collect()
        };
        let (points, earlier_points) = (read(networks), read(earlier));
        let earlier = match earlier.len() {
            0 => None,
            1 => return Err(AccuracyError::TooFew(1)),
            _ => {
                let learned = Learned::new(&earlier_points, accuracies(earlier), |_| 0.0);
                let warp = Warp::by_rank(accuracies(networks));
                let slope = learned.slope(&points, &accuracies(networks), &warp);
                Some((learned, slope))
            }
        };
        let own = Learned::new(&points, accuracies(networks), |point| {
            let expected = |(learned, slope): &(Learned, f64)| slope * learned.expect(point).0;
            earlier.as_ref().map_or(0.0, expected)
        });
        Ok(Self {
            encoder,
            scales,
            earlier,
            own,
        })
    }

    /// The accuracy that a training is expected to end with, in per cent, with its standard deviation; `scores` are the
    /// further features, as many and in the order as they were learned with.
    ///
    /// # Panics
    /// When there are more or fewer scores.
    pub fn predict(&mut self, architecture: &Architecture, scores: &[f64]) -> Expected {
        assert_eq!(scores.len(), self.scales.len(), "one for each");
        let point = point(&mut self.encoder, &self.scales, architecture, scores);
        let (mut mean, mut variance) = self.own.expect(&point);
        if let Some((learned, slope)) = &self.earlier {
            let (earlier, uncertainty) = learned.expect(&point);
            mean += slope * earlier;
            variance += slope * slope * uncertainty;
        }
        let deviation = (variance + self.own.noise).sqrt();
        let percent = |score: f64| self.own.warp.value(score).clamp(0.0, 100.0);
        Expected {
            value: percent(mean),
            deviation: (percent(mean + deviation) - percent(mean - deviation)) / 2.0,
        }
    }
}

// === impl Learned ===

impl Learned {
    /// From the accuracies at points, of which `known` tells a part on their normal scale.
    fn new(points: &[Point], accuracies: Vec<f64>, known: impl Fn(&Point) -> f64) -> Self {
        let warp = Warp::by_rank(accuracies.clone());
        let rest = |(accuracy, point): (f64, &Point)| warp.score(accuracy) - known(point);
        let observed: Vec<f64> = accuracies.into_iter().zip(points).map(rest).collect();
        let kernel = Kernel::default().learned(points, &observed);
        let mut process = Process::new(kernel);
        for (point, value) in points.iter().zip(observed) {
            process.observe(point.clone(), value);
        }
        Self {
            warp,
            process,
            noise: kernel.noise(),
        }
    }

    /// Mean and variance at a point, on the normal scale, noise left out.
    fn expect(&self, point: &Point) -> (f64, f64) {
        let expectation = self.process.expect(std::slice::from_ref(point));
        (expectation.means[0], expectation.variances[0])
    }

    /// The multiple of what is expected here that comes closest to other accuracies on their scale: least squares,
    /// drawn to 1 as by one observation.
    fn slope(&self, points: &[Point], accuracies: &[f64], warp: &Warp) -> f64 {
        let pairs = points.iter().zip(accuracies);
        let pairs = pairs.map(|(point, accuracy)| (self.expect(point).0, warp.score(*accuracy)));
        let (products, squares) = pairs.fold((1.0, 1.0), |(products, squares), (x, y)| {
            (products + x * y, squares + x * x)
        });
        products / squares
    }
}

// === helpers ===

fn check(count: usize, networks: &[&TrainedNetwork]) -> Result<(), AccuracyError> {
    if count < 2 {
        return Err(AccuracyError::TooFew(count));
    }
    let expected = networks[0].scores.len();
    for network in networks {
        let got = network.scores.len();
        if got != expected {
            return Err(AccuracyError::Scores { expected, got });
        }
        let mut figures = network.scores.iter().chain([&network.accuracy_percent]);
        if let Some(nonsense) = figures.find(|figure| !figure.is_finite()) {
            return Err(AccuracyError::NoNumber(nonsense.to_string()));
        }
    }
    Ok(())
}

fn accuracies(networks: &[TrainedNetwork]) -> Vec<f64> {
    networks.iter().map(|one| one.accuracy_percent).collect()
}

fn point(
    encoder: &mut Encoder,
    scales: &[Warp],
    architecture: &Architecture,
    scores: &[f64],
) -> Point {
    let mut point = encoder.point(architecture);
    let scores = scores.iter().zip(scales);
    point
        .features
        .extend(scores.map(|(score, scale)| scale.score(*score)));
    point
}

#[cfg(test)]
mod tests {
    use bespoke_predict::spearman;

    use super::*;
    use crate::test_spaces::wide;

    /// Grows with the kernels of a network, those of the first layers above all, and levels off.
    fn accuracy(architecture: &Architecture) -> f64 {
        let choices = architecture.choices().iter().enumerate();
        let sum: f64 = choices
            .map(|(at, choice)| f64::from(*choice) / (1.0 + at as f64))
            .sum();
        90.0 - 60.0 * (-0.5 * sum).exp()
    }

    fn trained(count: usize, seed: u64, of: impl Fn(&Architecture) -> f64) -> Vec<TrainedNetwork> {
        let space = wide();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let network = |_| {
            let architecture = space.sample(&mut rng);
            TrainedNetwork {
                accuracy_percent: of(&architecture),
                architecture,
                scores: Vec::new(),
            }
        };
        (0..count).map(network).collect()
    }

    /// Rank correlation on networks that were not learned from, and the share of them within two deviations.
    fn quality(predictor: &mut AccuracyPredictor, others: &[TrainedNetwork]) -> (f64, f64) {
        let expected: Vec<Expected> = others
            .iter()
            .map(|one| predictor.predict(&one.architecture, &one.scores))
            .collect();
        let values: Vec<f64> = expected.iter().map(|one| one.value).collect();
        let within = expected
            .iter()
            .zip(others)
            .filter(|(e, one)| (e.value - one.accuracy_percent).abs() <= 2.0 * e.deviation);
        let share = within.count() as f64 / others.len() as f64;
        (spearman(&values, &accuracies(others)), share)
    }

    #[test]
    fn accuracies_are_learned_with_their_uncertainty() {
        let others = trained(100, 2, accuracy);
        let learned = trained(60, 1, accuracy);
        let mut predictor = AccuracyPredictor::learn(&wide(), &learned, &[], 1).expect("enough");
        let (correlation, within) = quality(&mut predictor, &others);
        assert!(correlation > 0.8, "{correlation}");
        assert!(within > 0.8, "{within}");
        let seen = predictor.predict(&learned[0].architecture, &[]);
        let deviation = |one: &TrainedNetwork, p: &mut AccuracyPredictor| {
            p.predict(&one.architecture, &[]).deviation
        };
        let mean: f64 = others
            .iter()
            .map(|one| deviation(one, &mut predictor))
            .sum();
        assert!(seen.deviation < mean / others.len() as f64, "{seen:?}");
    }

    #[test]
    fn what_was_learned_elsewhere_helps_where_little_is_known() {
        // Of other data the accuracies are lower, and their order is much the same.
        let elsewhere = |one: &Architecture| 0.6 * accuracy(one) + f64::from(one.choices()[11]);
        let earlier = trained(80, 3, elsewhere);
        let (few, others) = (trained(8, 4, accuracy), trained(100, 2, accuracy));
        let mut alone = AccuracyPredictor::learn(&wide(), &few, &[], 1).expect("enough");
        let mut transferred = AccuracyPredictor::learn(&wide(), &few, &earlier, 1).expect("enough");
        let (alone, _) = quality(&mut alone, &others);
        let (transferred, _) = quality(&mut transferred, &others);
        assert!(transferred > alone.max(0.8), "{transferred} {alone}");
    }

    #[test]
    fn a_score_that_tells_the_order_is_made_use_of() {
        let scored = |networks: Vec<TrainedNetwork>| -> Vec<TrainedNetwork> {
            let scored = networks.into_iter().map(|one| TrainedNetwork {
                scores: vec![one.accuracy_percent.exp()],
                ..one
            });
            scored.collect()
        };
        let (few, others) = (trained(12, 4, accuracy), trained(100, 2, accuracy));
        let mut plain = AccuracyPredictor::learn(&wide(), &few, &[], 1).expect("enough");
        let mut with_score =
            AccuracyPredictor::learn(&wide(), &scored(few), &[], 1).expect("enough");
        let (plain, _) = quality(&mut plain, &others);
        let (with_score, _) = quality(&mut with_score, &scored(others));
        assert!(with_score > plain, "{with_score} {plain}");
    }

    #[test]
    fn what_teaches_nothing_is_refused_with_the_reason() {
        let refused = |networks: &[TrainedNetwork]| {
            let error = AccuracyPredictor::learn(&wide(), networks, &[], 1);
            error.expect_err("it is refused").to_string()
        };
        let mut two = trained(2, 1, accuracy);
        assert_eq!(
            refused(&two[..1]),
            "an accuracy is learned from 2 networks or more, there are 1"
        );
        two[1].scores = vec![1.0];
        assert_eq!(
            refused(&two),
            "a network has 1 scores, another 0: all need the same"
        );
        two[0].scores = vec![f64::NAN];
        assert_eq!(
            refused(&two),
            "an accuracy or score is NaN, which is no number to learn from"
        );
    }
}
