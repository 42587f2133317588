//! How alike two architectures are expected to be, learned from observations.
//!
//! Tasks are related as in E. V. Bonilla, K. M. A. Chai and C. K. I. Williams: Multi-task Gaussian Process Prediction
//! (NIPS 2007): what two networks have in common on one task counts across tasks by the correlation of these, which is
//! learned with the rest of the kernel. Unlike in the paper, a related task is left alone where the task's own
//! observations are expected better without it.

use super::gaussian::{JITTER, Point, Task, appended, dot};
use crate::problem::DEVIATIONS_OF_90_PERCENT;

/// Hyper-parameters are learned from so many observations of a task at most.
const MOST_EVIDENCE: usize = 96;
/// Steps of the search for hyper-parameters.
const STEPS: usize = 25;
/// How strongly hyper-parameters are pulled back to where the search begins.
const PULL: f64 = 0.25;
/// Share of what is left out that an interval is to hold.
const COVERAGE: f64 = 0.9;
/// Place of the relation among the parameters.
const RELATION: usize = 5;

/// How alike two architectures are expected to be: in part by the decisions that differ, in part by the features of
/// their networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kernel {
    /// Logarithms: variance and inverse length by decisions, the same by features, variance of the noise. Then the
    /// inverse hyperbolic tangent of the correlation between tasks.
    parameters: [f64; 6],
}

/// What sets two points apart.
#[derive(Debug, Clone, Copy)]
struct Distances {
    /// Share of the decisions that differ.
    decisions: f64,
    /// Mean square of the differences of the features.
    features: f64,
    is_same_task: bool,
}

// === impl Kernel ===

impl Default for Kernel {
    fn default() -> Self {
        Self {
            parameters: [-0.7, 0.0, -0.7, 0.0, -4.0, 1.5],
        }
    }
}

impl Kernel {
    const RANGE: (f64, f64) = (-8.0, 4.0);

    pub fn variance(&self) -> f64 {
        self.parameters[0].exp() + self.parameters[2].exp()
    }

    /// Variance of an observation about its mean.
    pub fn noise(&self) -> f64 {
        self.parameters[4].exp() + JITTER
    }

    pub fn covariance(&self, a: &Point, b: &Point) -> f64 {
        self.at(Distances::between(a, b))
    }

    fn at(&self, distances: Distances) -> f64 {
        let [v, l, w, m, _, relation] = self.parameters;
        let alike =
            (v - distances.decisions * l.exp()).exp() + (w - distances.features * m.exp()).exp();
        match distances.is_same_task {
            true => alike,
            false => alike * relation.tanh(),
        }
    }

    /// The most likely kernel of these observations, from this one on.
    pub fn learned(self, points: &[Point], observed: &[f64]) -> Self {
        let evidence = Evidence::new(points, observed);
        let own = evidence.own();
        if own.observed.len() == evidence.observed.len() {
            return self.likeliest(&own, RELATION);
        }
        let relation = Self::default().parameters[RELATION];
        let related = self.related(relation).likeliest(&evidence, RELATION + 1);
        let alone = self.related(0.0).likeliest(&own, RELATION);
        match evidence.predictive(related) > own.predictive(alone) {
            true => related,
            false => alone,
        }
    }

    /// The same with another relation between tasks.
    fn related(mut self, relation: f64) -> Self {
        self.parameters[RELATION] = relation;
        self
    }

    /// Whether observations on a task tell anything of the task's own.
    pub fn counts(&self, task: Task) -> bool {
        task == Task::Own || self.parameters[RELATION] != 0.0
    }

    /// The most likely kernel of which so many parameters are moved.
    fn likeliest(self, evidence: &Evidence, parameters: usize) -> Self {
        let mut best = (evidence.likelihood(self), self);
        let mut step = 0.8;
        // Coordinate search: a step up and a step down along each, and shorter ones when none helps.
        for _ in 0..STEPS {
            let before = best.0;
            for index in 0..parameters {
                for change in [step, -step] {
                    let mut tried = best.1;
                    let value = tried.parameters[index] + change;
                    tried.parameters[index] = value.clamp(Self::RANGE.0, Self::RANGE.1);
                    let likelihood = evidence.likelihood(tried);
                    if likelihood > best.0 {
                        best = (likelihood, tried);
                        break;
                    }
                }
            }
            if best.0 <= before {
                step /= 2.0;
                if step < 0.1 {
                    break;
                }
            }
        }
        best.1
    }

    /// The same with all variances as much greater as it takes for the interval of 90 % to hold that share of the task's
    /// own observations, each left out in turn. What is expected stays the same.
    pub fn calibrated(mut self, points: &[Point], observed: &[f64]) -> Self {
        let left_out = Evidence::new(points, observed).left_out(self).into_iter();
        let mut left_out: Vec<f64> = left_out.map(|(deviations, _)| deviations.abs()).collect();
        left_out.sort_unstable_by(f64::total_cmp);
        let place = (COVERAGE * (left_out.len() + 1) as f64).ceil() as usize;
        let Some(farthest) = left_out.get(place.min(left_out.len()).saturating_sub(1)) else {
            return self;
        };
        let factor = (farthest / DEVIATIONS_OF_90_PERCENT).powi(2).max(1.0);
        for variance in [0, 2, 4] {
            self.parameters[variance] += factor.ln();
        }
        self
    }
}

/// Observations that a kernel is judged by.
struct Evidence {
    /// How many are of the task itself: they come first.
    own: usize,
    /// Of the lower triangle.
    distances: Vec<Vec<Distances>>,
    observed: Vec<f64>,
}

// === impl Evidence ===

impl Evidence {
    /// Of each task all observations, or an even choice where there are many.
    fn new(points: &[Point], observed: &[f64]) -> Self {
        let mut kept = evenly(points, Task::Own);
        let own = kept.len();
        kept.extend(evenly(points, Task::Related));
        let row = |(at, index): (usize, &usize)| {
            let others = kept[..=at].iter();
            others
                .map(|other| Distances::between(&points[*index], &points[*other]))
                .collect()
        };
        Self {
            own,
            distances: kept.iter().enumerate().map(row).collect(),
            observed: kept.iter().map(|index| observed[*index]).collect(),
        }
    }

    /// The Cholesky factor of the observations' covariance under a kernel, and its inverse times the observations.
    fn solved(&self, kernel: Kernel) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut factor: Vec<Vec<f64>> = Vec::with_capacity(self.observed.len());
        let mut whitened: Vec<f64> = Vec::with_capacity(self.observed.len());
        for (distances, observed) in self.distances.iter().zip(&self.observed) {
            let (own, others) = (kernel.variance() + kernel.noise(), factor.len());
            let row = distances[..others].iter().map(|d| kernel.at(*d));
            let row = appended(&factor, row, own);
            whitened.push((observed - dot(&row[..others], &whitened)) / row[others]);
            factor.push(row);
        }
        (factor, whitened)
    }

    /// Logarithm of the likelihood of the observations under a kernel, less the pull.
    fn likelihood(&self, kernel: Kernel) -> f64 {
        let (factor, whitened) = self.solved(kernel);
        let diagonal = factor.iter().map(|row| row[row.len() - 1].ln());
        let log = -0.5 * dot(&whitened, &whitened) - diagonal.sum::<f64>();
        let pulled = kernel.parameters.iter().zip(Kernel::default().parameters);
        log - PULL
            * pulled
                .map(|(value, start)| (value - start) * (value - start))
                .sum::<f64>()
            / 2.0
    }

    /// The same of the task's own observations alone.
    fn own(&self) -> Self {
        Self {
            own: self.own,
            distances: self.distances[..self.own].to_vec(),
            observed: self.observed[..self.own].to_vec(),
        }
    }

    /// Logarithm of the density at the task's own observations that a kernel expects there by all others, but for a
    /// constant.
    fn predictive(&self, kernel: Kernel) -> f64 {
        let left_out = self.left_out(kernel).into_iter();
        let logs = left_out.map(|(value, deviation)| -0.5 * value * value - deviation.ln());
        logs.sum()
    }

    /// By how many deviations each of the task's own observations differs from what a kernel expects of it by all others,
    /// and how much one is: leave-one-out cross-validation in closed form (C. E. Rasmussen and C. K. I. Williams: Gaussian Processes for
    /// Machine Learning, 2006, section 5.4.2).
    fn left_out(&self, kernel: Kernel) -> Vec<(f64, f64)> {
        let (factor, whitened) = self.solved(kernel);
        let of = |index: usize| {
            // A column of the factor's inverse.
            let mut column: Vec<f64> = vec![0.0; factor.len()];
            column[index] = 1.0 / factor[index][index];
            for (row, values) in factor.iter().enumerate().skip(index + 1) {
                column[row] = -dot(&values[index..row], &column[index..row]) / values[row];
            }
            let deviation = 1.0 / dot(&column, &column).sqrt();
            (dot(&column, &whitened) * deviation, deviation)
        };
        (0..self.own).map(of).collect()
    }
}

// === impl Distances ===

impl Distances {
    fn between(a: &Point, b: &Point) -> Self {
        let differ = a.choices.iter().zip(&b.choices).filter(|(a, b)| a != b);
        let square = |(a, b): (&f64, &f64)| (a - b) * (a - b);
        let squares: f64 = a.features.iter().zip(&b.features).map(square).sum();
        Self {
            decisions: differ.count() as f64 / a.choices.len().max(1) as f64,
            features: squares / a.features.len().max(1) as f64,
            is_same_task: a.task == b.task,
        }
    }
}

// === helpers ===

/// Positions of a task's points: all, or an even choice where there are many.
fn evenly(points: &[Point], task: Task) -> Vec<usize> {
    let indices = 0..points.len();
    let of_task: Vec<usize> = indices
        .filter(|index| points[*index].task == task)
        .collect();
    let step = of_task.len().div_ceil(MOST_EVIDENCE).max(1);
    of_task.into_iter().step_by(step).collect()
}
