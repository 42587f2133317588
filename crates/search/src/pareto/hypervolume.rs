//! Exact hypervolume (Zitzler and Thiele 1998): the volume that a set of points dominates, up to a reference.
//!
//! Two objectives are swept along a staircase, three by planes of falling third objective; four and more are
//! reduced by one with the exclusive volumes of While, Bradstreet and Barone, "A Fast Way of Calculating
//! Exact Hypervolumes" (WFG, 2012). The time grows by about the number of points for each objective after the
//! third: it is meant for up to five.

use super::{check_points, sort::pareto_front, staircase::Staircase};

/// Volume of what the points dominate and the reference bounds, all objectives minimised. A point that is not
/// better than the reference in every objective adds nothing.
///
/// # Panics
/// If points or the reference differ in length or hold a NaN, or if there is no objective.
pub fn hypervolume<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> f64 {
    assert!(!reference.is_empty(), "a hypervolume needs an objective");
    check_points(points);
    check_points(&[reference]);
    if let Some(point) = points.first() {
        assert_eq!(
            point.as_ref().len(),
            reference.len(),
            "the reference has a value for each objective"
        );
    }
    let inside = |point: &&[f64]| {
        point
            .iter()
            .zip(reference)
            .all(|(value, bound)| value < bound)
    };
    let inside = points
        .iter()
        .map(AsRef::as_ref)
        .filter(inside)
        .map(<[f64]>::to_vec)
        .collect();
    volume(non_dominated(inside), reference)
}

fn non_dominated(mut points: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    pareto_front(&points)
        .into_iter()
        .map(|index| std::mem::take(&mut points[index]))
        .collect()
}

/// Volume of points that are all inside the reference.
fn volume(points: Vec<Vec<f64>>, reference: &[f64]) -> f64 {
    match *reference {
        [] => unreachable!("the recursion ends at three objectives and no caller begins with none"),
        [x] => points.iter().map(|point| x - point[0]).fold(0.0, f64::max),
        [x, y] => {
            let mut stairs = Staircase::default();
            points
                .iter()
                .map(|point| stairs.insert_gaining((point[0], point[1]), (x, y)))
                .sum()
        }
        [x, y, z] => volume_by_planes(points, (x, y), z),
        [.., _] => volume_by_exclusion(points, reference),
    }
}

/// Sweeps along the third objective: between two points the area dominated in the plane stays the same.
fn volume_by_planes(mut points: Vec<Vec<f64>>, corner: (f64, f64), end: f64) -> f64 {
    points.sort_by(|a, b| a[2].total_cmp(&b[2]));
    let mut stairs = Staircase::default();
    let (mut area, mut volume) = (0.0, 0.0);
    for (index, point) in points.iter().enumerate() {
        area += stairs.insert_gaining((point[0], point[1]), corner);
        let next = points.get(index + 1).map_or(end, |next| next[2]);
        volume += area * (next - point[2]);
    }
    volume
}

/// Adds for each point, the worst in the last objective first, what it dominates and none of the points after
/// it does. Those are no worse in the last objective, so that this exclusive volume is a prism over one
/// objective fewer.
fn volume_by_exclusion(mut points: Vec<Vec<f64>>, reference: &[f64]) -> f64 {
    let last = reference.len() - 1;
    let base = &reference[..last];
    points.sort_by(|a, b| b[last].total_cmp(&a[last]));
    let mut volume_so_far = 0.0;
    for (index, point) in points.iter().enumerate() {
        let limit = |other: &Vec<f64>| -> Vec<f64> {
            other[..last]
                .iter()
                .zip(point)
                .map(|(a, b)| a.max(*b))
                .collect()
        };
        let limited = non_dominated(points[index + 1..].iter().map(limit).collect());
        let inclusive: f64 = base
            .iter()
            .zip(point)
            .map(|(bound, value)| bound - value)
            .product();
        volume_so_far += (reference[last] - point[last]) * (inclusive - volume(limited, base));
    }
    volume_so_far
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_line_of_points_has_the_published_area() {
        for n in [1, 2, 7, 100] {
            let points: Vec<[f64; 2]> = (0..n)
                .map(|i| [f64::from(i), f64::from(n - 1 - i)])
                .collect();
            assert_eq!(
                hypervolume(&points, &[f64::from(n); 2]),
                f64::from(n * n - n * (n - 1) / 2)
            );
        }
    }

    #[test]
    fn a_simplex_of_points_has_the_published_volume() {
        for n in [1, 2, 7, 30] {
            let pairs = (0..n).flat_map(|i| (0..n - i).map(move |j| (i, j)));
            let points: Vec<[f64; 3]> = pairs
                .map(|(i, j)| [i, j, n - 1 - i - j].map(f64::from))
                .collect();
            assert_eq!(
                hypervolume(&points, &[f64::from(n); 3]),
                f64::from(n * n * n - (n - 1) * n * (n + 1) / 6)
            );
        }
    }

    /// Inclusion and exclusion over every subset of the points.
    fn by_inclusion_and_exclusion(points: &[Vec<f64>], reference: &[f64]) -> f64 {
        let mut total = 0.0;
        for subset in 1_u32..1 << points.len() {
            let members = || (0..points.len()).filter(|&i| subset >> i & 1 == 1);
            let worst = |objective: usize| {
                members()
                    .map(|i| points[i][objective])
                    .fold(f64::NEG_INFINITY, f64::max)
            };
            let volume: f64 = reference
                .iter()
                .enumerate()
                .map(|(k, bound)| bound - worst(k))
                .product();
            total += if subset.count_ones() % 2 == 1 {
                volume
            } else {
                -volume
            };
        }
        total
    }

    #[test]
    fn random_points_agree_with_inclusion_and_exclusion_for_one_to_five_objectives() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for objectives in 1..=5 {
            for _ in 0..10 {
                let points: Vec<Vec<f64>> = (0..9)
                    .map(|_| (0..objectives).map(|_| rng.random()).collect())
                    .collect();
                let reference = vec![1.0; objectives];
                let expected = by_inclusion_and_exclusion(&points, &reference);
                assert!(
                    (hypervolume(&points, &reference) - expected).abs() < 1e-9,
                    "{objectives} objectives"
                );
            }
        }
    }

    #[test]
    fn five_objectives_with_ties_agree_with_counted_cells() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let points: Vec<Vec<f64>> = (0..60)
            .map(|_| (0..5).map(|_| f64::from(rng.random_range(0..4))).collect())
            .collect();
        let cell = |index: u32| {
            (0..5)
                .map(|k| f64::from(index / 4_u32.pow(k) % 4))
                .collect::<Vec<f64>>()
        };
        let covered = |cell: &Vec<f64>| {
            points
                .iter()
                .any(|point| point.iter().zip(cell).all(|(a, b)| a <= b))
        };
        let expected = (0..4_u32.pow(5)).map(cell).filter(covered).count();
        assert_eq!(hypervolume(&points, &[4.0; 5]), expected as f64);
    }

    #[test]
    fn points_beyond_the_reference_and_equal_points_add_nothing() {
        assert_eq!(
            hypervolume(
                &[[1.0, 1.0], [1.0, 1.0], [0.0, 2.0], [3.0, 0.0]],
                &[2.0, 2.0]
            ),
            1.0
        );
        assert_eq!(hypervolume::<Vec<f64>>(&[], &[2.0, 2.0]), 0.0);
    }
}
