//! Objectives that are known to lie in intervals, as measurements are: what can be told apart, and what is tied.

use crate::normal::quantile;

/// Where the value of an objective lies, ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end, no less than the lower.
    pub high: f64,
}

// === impl Interval ===

impl Interval {
    /// A value that is known exactly.
    pub fn exact(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// The share, from 0 to 1, that so many draws with this share of hits speak of, with this confidence above 0 and below
    /// 1: the score interval of Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (Journal
    /// of the American Statistical Association, 1927). From 0 to 1 where nothing was drawn.
    pub fn of_share(share: f64, draws: u32, confidence: f64) -> Self {
        if draws == 0 {
            return Self {
                low: 0.0,
                high: 1.0,
            };
        }
        let draws = f64::from(draws);
        let z = quantile(0.5 + confidence / 2.0);
        let scale = 1.0 + z * z / draws;
        let centre = (share + z * z / (2.0 * draws)) / scale;
        let variance = share * (1.0 - share) / draws + z * z / (4.0 * draws * draws);
        let margin = z * variance.max(0.0).sqrt() / scale;
        Self {
            low: (centre - margin).max(0.0),
            high: (centre + margin).min(1.0),
        }
    }

    fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// Whether `a` dominates `b` whatever the values in the intervals are: in no objective is the high end of `a` above the
/// low end of `b`, and in at least one it is below. On exact values this is [`dominates`](super::dominates).
///
/// # Panics
/// If the two have different lengths, or an interval has no order of its ends.
pub fn surely_dominates(a: &[Interval], b: &[Interval]) -> bool {
    check_intervals(&[a, b]);
    let mut pairs = a.iter().zip(b);
    pairs.clone().all(|(a, b)| a.high <= b.low) && pairs.any(|(a, b)| a.high < b.low)
}

/// For each member of a front the other members that it is tied with, ascending: those whose intervals overlap its own
/// in every objective, so that nothing tells the two apart.
///
/// Ties do not chain: two that are both tied with a third may differ from each other.
///
/// # Panics
/// If members have different lengths, or an interval has no order of its ends.
pub fn ties<P: AsRef<[Interval]>>(front: &[P]) -> Vec<Vec<usize>> {
    check_intervals(front);
    let are_tied = |a: usize, b: usize| {
        let mut pairs = front[a].as_ref().iter().zip(front[b].as_ref());
        a != b && pairs.all(|(a, b)| a.overlaps(*b))
    };
    let tied_with = |a: usize| (0..front.len()).filter(|&b| are_tied(a, b)).collect();
    (0..front.len()).map(tied_with).collect()
}

fn check_intervals<P: AsRef<[Interval]>>(points: &[P]) {
    for point in points {
        let point = point.as_ref();
        assert_eq!(
            point.len(),
            points[0].as_ref().len(),
            "points of one problem have the same number of objectives"
        );
        assert!(
            point.iter().all(|interval| interval.low <= interval.high),
            "an interval ends before it begins, or its end is NaN"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto::dominates;

    fn around(value: f64, margin: f64) -> Interval {
        Interval {
            low: value - margin,
            high: value + margin,
        }
    }

    #[test]
    fn share_is_as_uncertain_as_its_draws_are_few() {
        // Newcombe, "Two-sided confidence intervals for the single proportion" (Statistics in Medicine, 1998), table I,
        // method 3.
        for (hits, draws, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let share = f64::from(hits) / f64::from(draws);
            let interval = Interval::of_share(share, draws, 0.95);
            assert!((interval.low - low).abs() < 6e-5, "{interval:?}");
            assert!((interval.high - high).abs() < 6e-5, "{interval:?}");
        }
        let all = Interval::of_share(1.0, 20, 0.95);
        assert!(all.low > 0.83 && all.high == 1.0, "{all:?}");
        assert_eq!(Interval::of_share(0.5, 0, 0.95).high, 1.0);
    }

    #[test]
    fn domination_is_sure_where_no_interval_overlaps() {
        let fast = [around(30.0, 0.5), around(5.0, 0.5)];
        let slow = [around(32.0, 0.5), around(7.0, 0.5)];
        let unclear = [around(32.0, 0.5), around(5.5, 0.5)];
        assert!(surely_dominates(&fast, &slow));
        assert!(!surely_dominates(&slow, &fast));
        assert!(!surely_dominates(&fast, &unclear));
        assert!(!surely_dominates(&fast, &fast));
    }

    #[test]
    fn exact_values_dominate_as_points_do() {
        let points = [[1.0, 2.0], [1.0, 3.0], [2.0, 1.0], [1.0, 2.0], [0.0, 4.0]];
        for a in points {
            for b in points {
                let [sure_a, sure_b] = [a, b].map(|point| point.map(Interval::exact));
                assert_eq!(surely_dominates(&sure_a, &sure_b), dominates(&a, &b));
            }
        }
    }

    #[test]
    fn members_are_tied_when_no_objective_tells_them_apart() {
        let front = [
            [around(30.0, 1.0), around(5.0, 0.25)],
            [around(31.5, 1.0), around(4.75, 0.25)],
            [around(33.0, 1.0), around(4.5, 0.25)],
            [around(30.5, 1.0), around(2.0, 0.25)],
        ];
        assert_eq!(ties(&front), [vec![1], vec![0, 2], vec![1], vec![]]);
        assert!(ties::<Vec<Interval>>(&[]).is_empty());
    }

    #[test]
    #[should_panic(expected = "an interval ends before it begins")]
    fn an_interval_without_order_is_not_compared() {
        ties(&[[around(1.0, -1.0)]]);
    }
}
