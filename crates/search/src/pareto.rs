//! Comparing vectors of minimised objectives: dominance, fronts, crowding, hypervolume and statistical ties.
//!
//! Every function takes points of one length without a NaN; [`Score`] guarantees the latter for all that a
//! strategy sees.

mod crowding;
mod hypervolume;
mod interval;
mod score;
mod sort;
mod staircase;

pub use crowding::crowding_distance;
pub use hypervolume::hypervolume;
pub use interval::{Interval, surely_dominates, ties};
pub use score::{Score, ScoreError, constrained_dominates, constrained_non_dominated_sort};
pub use sort::{non_dominated_sort, pareto_front};

/// Whether `a` is no worse than `b` in every objective and better in at least one.
///
/// # Panics
/// If the two have different lengths.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    assert_eq!(
        a.len(),
        b.len(),
        "points of one problem have the same number of objectives"
    );
    a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// Panics unless the points have one length and no NaN.
fn check_points<P: AsRef<[f64]>>(points: &[P]) {
    let Some(first) = points.first() else { return };
    for point in points {
        let point = point.as_ref();
        assert_eq!(
            point.len(),
            first.as_ref().len(),
            "points of one problem have the same number of objectives"
        );
        assert!(
            !point.iter().any(|value| value.is_nan()),
            "an objective is NaN"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_dominates_only_what_it_beats_somewhere_and_loses_to_nowhere() {
        assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]));
        assert!(!dominates(&[1.0, 2.0], &[1.0, 2.0]));
        assert!(!dominates(&[1.0, 2.0], &[0.0, 3.0]));
        assert!(!dominates(&[0.0], &[-0.0]));
    }
}
