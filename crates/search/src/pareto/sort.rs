//! Non-dominated sorting by efficient non-dominated sort with binary search (ENS-BS; Zhang, Tian, Cheng and
//! Jin, "An Efficient Approach to Nondominated Sorting for Evolutionary Multiobjective Optimization", 2015).
//!
//! In lexicographic order a point can only be dominated by an earlier one, and if a front dominates it, so do
//! all fronts before that one. Unlike the paper, a front of up to three objectives is kept as the staircase
//! of the objectives behind the first, which answers whether it dominates a point in logarithmic time instead
//! of by a scan.

use super::{check_points, staircase::Staircase};

/// Indices of the points by front: the first front is dominated by nobody, the second only by the first, and
/// so on. Equal points share a front; indices within a front ascend.
///
/// # Panics
/// If points differ in length or hold a NaN.
pub fn non_dominated_sort<P: AsRef<[f64]>>(points: &[P]) -> Vec<Vec<usize>> {
    check_points(points);
    let mut layers: Vec<Layer> = Vec::new();
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    for twins in
        lexicographic_order(points).chunk_by(|&a, &b| points[a].as_ref() == points[b].as_ref())
    {
        let point = points[twins[0]].as_ref();
        let rank = layers.partition_point(|layer| layer.dominates(point));
        if rank == layers.len() {
            layers.push(Layer::new(point.len()));
            fronts.push(Vec::new());
        }
        layers[rank].insert(point);
        fronts[rank].extend_from_slice(twins);
    }
    fronts.iter_mut().for_each(|front| front.sort_unstable());
    fronts
}

/// Ascending indices of the points that no other dominates. Equal points all stay.
///
/// # Panics
/// If points differ in length or hold a NaN.
pub fn pareto_front<P: AsRef<[f64]>>(points: &[P]) -> Vec<usize> {
    check_points(points);
    let Some(first) = points.first() else {
        return Vec::new();
    };
    let mut layer = Layer::new(first.as_ref().len());
    let mut front = Vec::new();
    for twins in
        lexicographic_order(points).chunk_by(|&a, &b| points[a].as_ref() == points[b].as_ref())
    {
        let point = points[twins[0]].as_ref();
        if !layer.dominates(point) {
            layer.insert(point);
            front.extend_from_slice(twins);
        }
    }
    front.sort_unstable();
    front
}

/// Indices in the lexicographic order of their points, so that equal points stand side by side.
fn lexicographic_order<P: AsRef<[f64]>>(points: &[P]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| {
        let order = points[a].as_ref().partial_cmp(points[b].as_ref());
        order
            .expect("no coordinate is NaN, as checked")
            .then(a.cmp(&b))
    });
    order
}

/// One front while it grows. It only sees distinct points in lexicographic order and so may forget the first
/// objective.
enum Layer {
    /// Up to three objectives.
    Stairs(Staircase),
    /// Four objectives or more: the coordinates behind the first of every point, end to end.
    Scan { tails: Vec<f64>, width: usize },
}

impl Layer {
    fn new(objectives: usize) -> Self {
        match objectives {
            0..=3 => Self::Stairs(Staircase::default()),
            _ => Self::Scan {
                tails: Vec::new(),
                width: objectives - 1,
            },
        }
    }

    fn dominates(&self, point: &[f64]) -> bool {
        match self {
            Self::Stairs(stairs) => stairs.covers(coordinate(point, 1), coordinate(point, 2)),
            // The latest members are the likeliest to dominate: they are nearest in the order.
            Self::Scan { tails, width } => tails
                .rchunks_exact(*width)
                .any(|tail| tail.iter().zip(&point[1..]).all(|(a, b)| a <= b)),
        }
    }

    fn insert(&mut self, point: &[f64]) {
        match self {
            Self::Stairs(stairs) => stairs.insert(coordinate(point, 1), coordinate(point, 2)),
            Self::Scan { tails, .. } => tails.extend_from_slice(&point[1..]),
        }
    }
}

/// A coordinate, or 0 where the point is shorter: fewer than three objectives are three with constant ones.
fn coordinate(point: &[f64], index: usize) -> f64 {
    point.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::pareto::dominates;

    /// Points on a coarse grid, so that ties and equal points abound.
    fn grid_points(count: usize, objectives: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut point = || {
            (0..objectives)
                .map(|_| f64::from(rng.random_range(0..7)))
                .collect()
        };
        (0..count).map(|_| point()).collect()
    }

    /// The definition, peeled front by front.
    fn peel(points: &[Vec<f64>]) -> Vec<Vec<usize>> {
        let mut left: Vec<usize> = (0..points.len()).collect();
        let mut fronts = Vec::new();
        while !left.is_empty() {
            let beaten = |&i: &usize| left.iter().any(|&j| dominates(&points[j], &points[i]));
            let (rest, front): (Vec<usize>, Vec<usize>) = left.iter().partition(|i| beaten(i));
            fronts.push(front);
            left = rest;
        }
        fronts
    }

    #[test]
    fn fronts_are_those_of_the_definition_for_one_to_five_objectives() {
        for objectives in 1..=5 {
            for seed in 0..5 {
                let points = grid_points(120, objectives, seed);
                let expected = peel(&points);
                assert_eq!(
                    non_dominated_sort(&points),
                    expected,
                    "{objectives} objectives, seed {seed}"
                );
                assert_eq!(pareto_front(&points), expected[0]);
            }
        }
    }

    #[test]
    fn the_sign_of_a_zero_does_not_matter() {
        let points = [[-0.0, 5.0], [0.0, 3.0], [0.0, -0.0], [-0.0, 0.0]];
        assert_eq!(
            non_dominated_sort(&points),
            vec![vec![2, 3], vec![1], vec![0]]
        );
    }

    #[test]
    fn ten_thousand_points_are_sorted_into_fronts_that_hold_each_once() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let points: Vec<[f64; 3]> = (0..10_000).map(|_| rng.random()).collect();
        let fronts = non_dominated_sort(&points);
        let mut all: Vec<usize> = fronts.iter().flatten().copied().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..10_000));
        for pair in fronts.windows(2) {
            let dominated = |i: &usize| pair[0].iter().any(|&j| dominates(&points[j], &points[*i]));
            assert!(pair[1].iter().all(dominated));
        }
    }

    #[test]
    fn no_points_have_no_front() {
        assert!(non_dominated_sort::<Vec<f64>>(&[]).is_empty());
        assert!(pareto_front::<Vec<f64>>(&[]).is_empty());
    }

    #[test]
    #[should_panic(expected = "an objective is NaN")]
    fn a_nan_is_not_sorted_silently() {
        pareto_front(&[[1.0, 2.0], [f64::NAN, 1.0]]);
    }
}
