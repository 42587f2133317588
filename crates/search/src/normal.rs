//! The standard normal distribution.

use std::f64::consts::TAU;

/// Beyond so many deviations a double tells no more from none.
const TAIL: f64 = 8.5;

/// Probability of a value up to `x`, to about 1e-15.
///
/// Marsaglia, "Evaluating the Normal Distribution" (Journal of Statistical Software, 2004): half, and the density
/// times the sum of x^(2k+1) / (1·3·5·…·(2k+1)).
pub(crate) fn cumulative(x: f64) -> f64 {
    if x.abs() > TAIL {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut odd) = (x, x, 1.0);
    loop {
        odd += 2.0;
        term *= x * x / odd;
        let next = sum + term;
        if next == sum {
            return 0.5 + sum * (-0.5 * x * x).exp() / TAU.sqrt();
        }
        sum = next;
    }
}

/// The value that is not exceeded with this probability, above 0 and below 1.
pub(crate) fn quantile(probability: f64) -> f64 {
    if probability < 0.5 {
        return -quantile(1.0 - probability);
    }
    let (mut low, mut high) = (0.0, TAIL);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if cumulative(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_published_tables() {
        assert_eq!(cumulative(0.0), 0.5);
        for (x, probability) in [
            (1.0, 0.841_344_746_068_543),
            (-1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.975),
            (-3.0, 0.001_349_898_031_630),
        ] {
            assert!((cumulative(x) - probability).abs() < 1e-14, "{x}");
            assert!((quantile(probability) - x).abs() < 1e-11, "{x}");
        }
        assert_eq!((cumulative(40.0), cumulative(-40.0)), (1.0, 0.0));
    }

    #[test]
    fn even_odds_take_no_margin() {
        assert_eq!(quantile(0.5), 0.0);
    }
}
