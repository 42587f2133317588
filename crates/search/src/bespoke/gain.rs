//! What a candidate promises: how much better the front is expected to become.

use super::warp::Warp;
use crate::{
    normal,
    pareto::{dominates, hypervolume},
};

/// Values of a normal distribution that stand for all, with their weights.
const NODES: usize = 16;
const FARTHEST: f64 = 3.5;
/// Of the range of an objective: how far the reference lies behind the worst observed value.
const MARGIN: f64 = 0.1;
/// Probabilities that add up to 1 do so up to this.
const ROUNDING: f64 = 1e-9;
/// The error that a network has at worst, in per cent.
const WORST_ERROR: f64 = 100.0;
/// Behind any value of another objective, of which nothing was observed.
const UNKNOWN: f64 = 1e100;
/// Multiples of this, less their whole part, are spread evenly (the golden ratio).
const SPREAD: f64 = 0.618_033_988_749_895;

/// An objective as it is expected to be: normally distributed, or its score is where there is a warp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normal<'a> {
    pub mean: f64,
    pub deviation: f64,
    pub warp: Option<&'a Warp>,
}

/// The front so far, and what lies beyond interest.
#[derive(Debug)]
pub(crate) struct Gain {
    /// By the first objective.
    front: Vec<Vec<f64>>,
    bounds: Vec<Option<f64>>,
    reference: Vec<f64>,
    /// The error that a first point of the front improves.
    beginning: f64,
    /// By node, its weight and the deviations of the uncertain objectives in order.
    nodes: Vec<(f64, Vec<f64>)>,
}

// === impl Gain ===

impl Gain {
    /// The gain over a front of feasible points. The reference is the bound, or where there is none a little behind
    /// the worst value that was observed.
    pub fn new(
        mut front: Vec<Vec<f64>>,
        observed: &[impl AsRef<[Option<f64>]>],
        bounds: Vec<Option<f64>>,
    ) -> Self {
        let reference = |(index, bound): (usize, &Option<f64>)| {
            let values = || {
                observed
                    .iter()
                    .filter_map(|values| values.as_ref().get(index).copied()?)
            };
            let (least, most) = (
                values().fold(f64::INFINITY, f64::min),
                values().fold(f64::NEG_INFINITY, f64::max),
            );
            let behind = most + MARGIN * (most - least) + f64::MIN_POSITIVE;
            bound.unwrap_or(match index {
                _ if behind.is_finite() => behind,
                0 => WORST_ERROR,
                _ => UNKNOWN,
            })
        };
        front.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let reference: Vec<f64> = bounds.iter().enumerate().map(reference).collect();
        Self {
            front,
            beginning: reference.first().copied().unwrap_or(WORST_ERROR),
            reference,
            nodes: nodes(bounds.len()),
            bounds,
        }
    }

    /// Counts a point among the front, if it belongs there.
    pub fn add(&mut self, point: Vec<f64>) {
        if self.is_inside(&point) && !self.front.iter().any(|other| dominates(other, &point)) {
            self.front.retain(|other| !dominates(&point, other));
            let place = self.front.partition_point(|other| other[0] < point[0]);
            self.front.insert(place, point);
        }
    }

    /// Counts improvements from this error on while the front is empty.
    pub fn begin_at(&mut self, error: f64) {
        self.beginning = error;
    }

    /// The expected gain of hypervolume.
    pub fn of_volume(&self, expected: &[Normal<'_>]) -> f64 {
        self.expectation(expected, |point| self.volume(point))
    }

    /// The expected improvement of the error, in so far as the other bounds are met.
    pub fn of_error(&self, expected: &[Normal<'_>]) -> f64 {
        self.improvement(expected) * self.meeting(expected)
    }

    /// The improvement of the error that is expected if the other bounds are met, where that is as likely as is asked.
    pub fn of_likely_error(&self, expected: &[Normal<'_>], confidence: f64) -> f64 {
        if self.meeting(expected) < confidence - ROUNDING {
            return 0.0;
        }
        self.improvement(expected)
    }

    /// The expected improvement of the error, whatever else there is.
    fn improvement(&self, expected: &[Normal<'_>]) -> f64 {
        let least = self.least_error();
        let gain = |deviations| (least - expected[0].at(deviations)).max(0.0);
        if expected[0].deviation == 0.0 {
            return gain(0.0);
        }
        let nodes = self.nodes.iter();
        nodes
            .map(|(weight, deviations)| weight * gain(deviations[0]))
            .sum()
    }

    /// How likely it is that all bounds but that of the error are met.
    pub fn meeting(&self, expected: &[Normal<'_>]) -> f64 {
        let others = expected.iter().zip(&self.bounds).skip(1);
        let probabilities = others.map(|(normal, bound)| bound.map_or(1.0, |b| normal.up_to(b)));
        probabilities.product()
    }

    /// The least error on the front.
    fn least_error(&self) -> f64 {
        let errors = self.front.iter().map(|point| point[0]);
        errors.reduce(f64::min).unwrap_or(self.beginning)
    }

    fn expectation(&self, expected: &[Normal<'_>], gain: impl Fn(&[f64]) -> f64) -> f64 {
        let mut point: Vec<f64> = expected.iter().map(|normal| normal.at(0.0)).collect();
        let uncertain: Vec<usize> = (0..expected.len())
            .filter(|index| expected[*index].deviation > 0.0)
            .collect();
        if uncertain.is_empty() {
            return if self.is_inside(&point) {
                gain(&point)
            } else {
                0.0
            };
        }
        let mut sum = 0.0;
        for (weight, deviations) in &self.nodes {
            for (index, deviation) in uncertain.iter().zip(deviations) {
                point[*index] = expected[*index].at(*deviation);
            }
            if self.is_inside(&point) {
                sum += weight * gain(&point);
            }
        }
        sum
    }

    fn is_inside(&self, point: &[f64]) -> bool {
        let within =
            |(value, bound): (&f64, &Option<f64>)| bound.is_none_or(|bound| *value <= bound);
        point.iter().zip(&self.bounds).all(within)
    }

    /// The volume that a point has to itself.
    fn volume(&self, point: &[f64]) -> f64 {
        let mut sides = point.iter().zip(&self.reference);
        if sides.any(|(value, reference)| value >= reference) {
            return 0.0;
        }
        if let ([x, y], [end, top]) = (point, &self.reference[..]) {
            return self.area((*x, *y), (*end, *top));
        }
        let mut others = self.front.iter();
        if others.any(|other| other == point || dominates(other, point)) {
            return 0.0;
        }
        let sides = point.iter().zip(&self.reference);
        let own: f64 = sides.map(|(value, reference)| reference - value).product();
        let shared = |other: &Vec<f64>| -> Vec<f64> {
            other.iter().zip(point).map(|(a, b)| a.max(*b)).collect()
        };
        let shared: Vec<Vec<f64>> = self.front.iter().map(shared).collect();
        own - hypervolume(&shared, &self.reference)
    }

    /// The same of two objectives: a sweep along the front.
    fn area(&self, (x, y): (f64, f64), (end, top): (f64, f64)) -> f64 {
        let (mut left, mut level, mut area) = (x, top, 0.0);
        for other in &self.front {
            if other[0] > left {
                let right = other[0].min(end);
                area += (right - left).max(0.0) * (level - y);
                left = right;
            }
            level = level.min(other[1]);
            if level <= y {
                return area;
            }
        }
        area + (end - left) * (level - y)
    }
}

// === impl Normal ===

impl Normal<'_> {
    /// The objective so many deviations from the mean.
    pub fn at(&self, deviations: f64) -> f64 {
        let score = self.mean + deviations * self.deviation;
        self.warp.map_or(score, |warp| warp.value(score))
    }

    /// Probability that the objective is no greater than a value.
    fn up_to(&self, value: f64) -> f64 {
        let score = self.warp.map_or(value, |warp| warp.score(value));
        if self.deviation == 0.0 {
            return f64::from(u8::from(self.mean <= score));
        }
        normal::cumulative((score - self.mean) / self.deviation)
    }
}

fn nodes(objectives: usize) -> Vec<(f64, Vec<f64>)> {
    let step = 2.0 * FARTHEST / (NODES - 1) as f64;
    let node = |index: usize| {
        let first = index as f64 * step - FARTHEST;
        let others = (1..objectives).map(|objective| {
            let place = (index as f64 + 0.5) * SPREAD.powi(objective as i32);
            normal::quantile(place.fract().clamp(0.01, 0.99))
        });
        (
            (-0.5 * first * first).exp(),
            std::iter::once(first).chain(others).collect(),
        )
    };
    let mut nodes: Vec<(f64, Vec<f64>)> = (0..NODES).map(node).collect();
    let total: f64 = nodes.iter().map(|(weight, _)| weight).sum();
    nodes.iter_mut().for_each(|(weight, _)| *weight /= total);
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [&[Option<f64>]; 2] = [&[Some(0.0), Some(0.0)], &[Some(10.0), Some(10.0)]];

    fn gain(front: &[[f64; 2]], bounds: [Option<f64>; 2]) -> Gain {
        Gain::new(
            front.iter().map(|point| point.to_vec()).collect(),
            &NOTHING,
            bounds.to_vec(),
        )
    }

    fn exactly(values: [f64; 2]) -> [Normal<'static>; 2] {
        values.map(|mean| Normal {
            mean,
            deviation: 0.0,
            warp: None,
        })
    }

    #[test]
    fn a_certain_point_gains_the_volume_that_it_has_to_itself() {
        // The reference is a tenth of the range behind the worst: 11 and 11.
        let gain = gain(&[[2.0, 6.0], [6.0, 2.0]], [None; 2]);
        assert!((gain.of_volume(&exactly([4.0, 4.0])) - 4.0).abs() < 1e-9);
        assert!((gain.of_volume(&exactly([1.0, 1.0])) - (100.0 - 65.0)).abs() < 1e-9);
        assert_eq!(gain.of_volume(&exactly([7.0, 7.0])), 0.0);
        assert!((gain.of_error(&exactly([1.5, 9.0])) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_breaks_a_bound_gains_nothing() {
        let gain = gain(&[], [None, Some(5.0)]);
        assert_eq!(gain.of_volume(&exactly([1.0, 5.1])), 0.0);
        assert!(gain.of_volume(&exactly([1.0, 4.9])) > 0.0);
        assert_eq!(gain.of_error(&exactly([1.0, 5.1])), 0.0);
    }

    #[test]
    fn an_uncertain_point_gains_what_is_expected() {
        let gain = gain(&[[5.0, 5.0]], [None; 2]);
        let normal = Normal {
            mean: 5.0,
            deviation: 1.0,
            warp: None,
        };
        // E max(0, 5 - e) of e ~ N(5, 1) is 1/√(2π).
        let expected = gain.of_error(&[normal, exactly([0.0, 6.0])[1]]);
        assert!((expected - 0.3989).abs() < 0.02, "{expected}");
        // Behind the front only an error below 5 gains, along 11 - 6.
        let expected = gain.of_volume(&[normal, exactly([0.0, 6.0])[1]]);
        assert!((expected - 5.0 * 0.3989).abs() < 0.1, "{expected}");
    }

    #[test]
    fn likely_is_what_meets_the_bound_with_the_confidence_asked() {
        let gain = gain(&[[5.0, 5.0]], [None, Some(5.0)]);
        let of = |latency_ms, confidence| {
            let latency = Normal {
                mean: latency_ms,
                deviation: 1.0,
                warp: None,
            };
            gain.of_likely_error(&[exactly([2.0, 0.0])[0], latency], confidence)
        };
        assert!((of(4.9, 0.5) - 3.0).abs() < 1e-9);
        assert_eq!([of(5.5, 0.5), of(4.9, 0.9)], [0.0, 0.0]);
    }

    #[test]
    fn a_bound_that_is_met_by_chance_counts_as_often_as_it_is_met() {
        let gain = gain(&[], [Some(5.0), Some(5.0)]);
        let normal = |mean, deviation| Normal {
            mean,
            deviation,
            warp: None,
        };
        let of_error = |latency| gain.of_error(&[normal(2.0, 0.0), latency]);
        assert!((of_error(normal(4.0, 1.0)) - 3.0 * 0.841_344_746).abs() < 1e-6);
        assert!((of_error(normal(6.0, 1.0)) - 3.0 * 0.158_655_254).abs() < 1e-6);
        assert_eq!(of_error(normal(5.0, 0.0)), 3.0);
    }

    #[test]
    fn a_point_that_joins_the_front_gains_nothing_twice() {
        let mut gain = gain(&[[5.0, 5.0]], [None; 2]);
        gain.add(vec![3.0, 3.0]);
        assert_eq!(gain.of_volume(&exactly([3.0, 3.0])), 0.0);
        assert_eq!(gain.of_volume(&exactly([4.0, 4.0])), 0.0);
    }
}
