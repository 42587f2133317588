//! An objective on a scale on which its values are normally distributed.

use crate::normal;

/// Of the values, the best part whose mean slope goes on beyond the best, and the worst likewise.
const END: usize = 10;

/// A monotone map between the values of an objective and scores, known at the observed values and linear between them.
///
/// Accuracies are anything but normal: of some spaces most networks are alike and a few do not learn at all. Their
/// scores go by rank: quantiles of the standard normal distribution. Costs vary by factors: their scores are logarithms.
#[derive(Debug, Clone)]
pub(crate) enum Warp {
    /// Different observed values with their scores, both rising.
    Ranks(Vec<(f64, f64)>),
    /// Mean and standard deviation of the logarithms.
    Logarithms(f64, f64),
}

// === impl Warp ===

impl Warp {
    /// Scores by rank among these values, of which there is at least one.
    pub fn by_rank(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len() as f64;
        let mut steps: Vec<(f64, f64)> = Vec::new();
        let mut before = 0;
        for equal in values.chunk_by(|a, b| a == b) {
            let rank = before as f64 + equal.len() as f64 / 2.0;
            steps.push((equal[0], normal::quantile(rank / count)));
            before += equal.len();
        }
        if steps.len() == 1 {
            steps.push((steps[0].0 + 1.0, steps[0].1 + 1.0));
        }
        Self::Ranks(steps)
    }

    /// Scores by magnitude, of at least one value; `None` unless all are positive.
    pub fn by_magnitude(values: &[f64]) -> Option<Self> {
        let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        let count = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / count;
        let variance = logs
            .iter()
            .map(|log| (log - mean) * (log - mean))
            .sum::<f64>()
            / count;
        let deviation = if variance > 1e-12 {
            variance.sqrt()
        } else {
            1.0
        };
        mean.is_finite()
            .then_some(Self::Logarithms(mean, deviation))
    }

    /// The score of a value.
    pub fn score(&self, value: f64) -> f64 {
        match self {
            Self::Ranks(steps) => interpolated(steps, value, |step| *step),
            Self::Logarithms(mean, deviation) => (value.ln() - mean) / deviation,
        }
    }

    /// The value of a score.
    pub fn value(&self, score: f64) -> f64 {
        match self {
            Self::Ranks(steps) => interpolated(steps, score, |(value, score)| (*score, *value)),
            Self::Logarithms(mean, deviation) => (mean + score * deviation).exp(),
        }
    }
}

fn interpolated(steps: &[(f64, f64)], x: f64, point: impl Fn(&(f64, f64)) -> (f64, f64)) -> f64 {
    let last = steps.len() - 1;
    let above = steps.partition_point(|step| point(step).0 < x);
    let (a, b) = match above {
        0 => (0, (steps.len() / END).clamp(1, last)),
        above if above > last => (last, last - (steps.len() / END).clamp(1, last)),
        above => (above - 1, above),
    };
    let (a, b) = (point(&steps[a]), point(&steps[b]));
    a.1 + (x - a.0) / (b.0 - a.0) * (b.1 - a.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_rank_keep_the_order_of_values_and_lead_back() {
        let warp = Warp::by_rank(vec![3.0, 1.0, 70.0, 1.0, 2.0]);
        let values = [0.0, 1.0, 1.5, 2.0, 3.0, 70.0, 90.0];
        let scores = values.map(|value| warp.score(value));
        assert!(scores.is_sorted_by(|a, b| a < b), "{scores:?}");
        for (value, score) in values.into_iter().zip(scores) {
            assert!((warp.value(score) - value).abs() < 1e-9, "{value}");
        }
        assert!(Warp::by_rank(vec![1.0, 2.0, 9.0]).score(2.0).abs() < 1e-9);
    }

    #[test]
    fn a_single_value_has_a_scale_too() {
        let warp = Warp::by_rank(vec![4.0]);
        assert_eq!((warp.score(5.0), warp.value(-1.0)), (1.0, 3.0));
        let warp = Warp::by_magnitude(&[4.0]).expect("positive");
        assert_eq!(warp.score(4.0), 0.0);
    }

    #[test]
    fn scores_by_magnitude_have_mean_0_and_variance_1() {
        let values = [1.0, 10.0, 100.0];
        let warp = Warp::by_magnitude(&values).expect("positive");
        let scores = values.map(|value| warp.score(value));
        assert!(scores.iter().sum::<f64>().abs() < 1e-9);
        assert!((scores.iter().map(|score| score * score).sum::<f64>() - 3.0).abs() < 1e-9);
        assert!((warp.value(scores[0]) - 1.0).abs() < 1e-9);
        assert!(Warp::by_magnitude(&[0.0, 1.0]).is_none());
    }
}
