//! Accuracies of networks that were not trained, learned from those that were: the strategy's model of the error, for
//! those who search in another way. Scores of the networks may come in as further features.

use bespoke_space::{Architecture, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    encoder::Encoder,
    gaussian::{Point, Process, Task},
    kernel::Kernel,
    warp::Warp,
};
use crate::problem::DEVIATIONS_OF_90_PERCENT;

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
    warp: Warp,
    process: Process,
    /// Variance of a training about what is expected of it.
    noise: f64,
}

/// What the training of a network is expected to come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedAccuracy {
    /// The accuracy in the middle, in per cent: greater and less are as likely.
    pub percent: f64,
    /// The lower end of the interval that holds it with a probability of 90 %.
    pub low_percent: f64,
    /// The upper end.
    pub high_percent: f64,
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

// === impl AccuracyPredictor ===

impl AccuracyPredictor {
    /// Learns from networks that were trained, and from others of the same space that were trained on a related task: on
    /// other data, or in another way. The seed draws the networks that features are scaled by.
    ///
    /// # Errors
    /// When there are fewer than two networks; when all do not have the same number of scores, or a figure is no finite
    /// number.
    pub fn learn(
        space: &Space,
        networks: &[TrainedNetwork],
        related: &[TrainedNetwork],
        seed: u64,
    ) -> Result<Self, AccuracyError> {
        let all: Vec<&TrainedNetwork> = networks.iter().chain(related).collect();
        check(networks.len(), &all)?;
        let features = all[0].scores.len();
        let scale = |at: usize| Warp::by_rank(all.iter().map(|one| one.scores[at]).collect());
        let scales: Vec<Warp> = (0..features).map(scale).collect();
        let mut encoder = Encoder::new(space, &mut ChaCha8Rng::seed_from_u64(seed));
        let (mut points, mut observed) = (Vec::new(), Vec::new());
        let mut observe = |task: Task, networks: &[TrainedNetwork]| {
            let warp = Warp::by_rank(accuracies(networks));
            for one in networks {
                points.push(point(
                    &mut encoder,
                    &scales,
                    task,
                    &one.architecture,
                    &one.scores,
                ));
                observed.push(warp.score(one.accuracy_percent));
            }
            warp
        };
        observe(Task::Related, related);
        let warp = observe(Task::Own, networks);
        let kernel = Kernel::default().learned(&points, &observed);
        let kernel = kernel.calibrated(&points, &observed);
        Ok(Self {
            encoder,
            scales,
            warp,
            process: Process::taught(kernel, points, observed),
            noise: kernel.noise(),
        })
    }

    /// The accuracy that a training is expected to end with; `scores` are the further features, as many and in the order
    /// as they were learned with.
    ///
    /// # Panics
    /// When there are more or fewer scores.
    pub fn predict(&mut self, architecture: &Architecture, scores: &[f64]) -> ExpectedAccuracy {
        assert_eq!(scores.len(), self.scales.len(), "one for each");
        let point = point(
            &mut self.encoder,
            &self.scales,
            Task::Own,
            architecture,
            scores,
        );
        let expectation = self.process.expect(std::slice::from_ref(&point));
        let deviation = (expectation.variances[0] + self.noise).sqrt();
        let percent = |deviations: f64| {
            let score = expectation.means[0] + deviations * deviation;
            self.warp.value(score).clamp(0.0, 100.0)
        };
        ExpectedAccuracy {
            percent: percent(0.0),
            low_percent: percent(-DEVIATIONS_OF_90_PERCENT),
            high_percent: percent(DEVIATIONS_OF_90_PERCENT),
        }
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
    task: Task,
    architecture: &Architecture,
    scores: &[f64],
) -> Point {
    let mut point = encoder.point(task, architecture);
    let scores = scores.iter().zip(scales);
    point
        .features
        .extend(scores.map(|(score, scale)| scale.score(*score)));
    point
}

#[cfg(test)]
mod tests {
    use bespoke_predict::spearman;
    use rand::Rng;

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

    /// Rank correlation on networks that were not learned from, and the share of them within their intervals.
    fn quality(predictor: &mut AccuracyPredictor, others: &[TrainedNetwork]) -> (f64, f64) {
        let expected: Vec<ExpectedAccuracy> = others
            .iter()
            .map(|one| predictor.predict(&one.architecture, &one.scores))
            .collect();
        let values: Vec<f64> = expected.iter().map(|one| one.percent).collect();
        let within = expected
            .iter()
            .zip(others)
            .filter(|(e, one)| (e.low_percent..=e.high_percent).contains(&one.accuracy_percent));
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
        let width = |one: ExpectedAccuracy| one.high_percent - one.low_percent;
        let widths = others
            .iter()
            .map(|one| width(predictor.predict(&one.architecture, &[])));
        let mean = widths.sum::<f64>() / others.len() as f64;
        assert!(width(seen) < mean, "{seen:?}");
    }

    #[test]
    fn intervals_hold_about_nine_in_ten_accuracies_whatever_the_trainings_add() {
        // As if trainings came to up to three points more or less.
        let trained = |count, seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
            let mut networks = trained(count, seed, accuracy);
            for one in &mut networks {
                one.accuracy_percent += rng.random_range(-3.0..3.0);
            }
            networks
        };
        let share = |seed| {
            let (learned, others) = (trained(40, seed), trained(100, 100 + seed));
            let predictor = AccuracyPredictor::learn(&wide(), &learned, &[], seed);
            quality(&mut predictor.expect("enough"), &others).1
        };
        let shares: Vec<f64> = (0..6).map(share).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!((0.83..=0.97).contains(&mean), "{shares:?}");
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
