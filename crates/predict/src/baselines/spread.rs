//! Intervals from residuals.

use bespoke_measure::{Estimate, Latency};

/// Two-sided 90 % quantiles of Student's distribution with 1, 2, … degrees of freedom.
const STUDENT: [f64; 10] = [
    6.3138, 2.9200, 2.3534, 2.1318, 2.0150, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125,
];
/// The same of the normal distribution.
const NORMAL: f64 = 1.644_854;
/// A factor that keeps an interval within the numbers.
const WIDEST: f64 = 1e6;

/// How far measurements lie from prices, at most, in nine of ten cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread(f64);

// === impl Spread ===

impl Spread {
    /// From the residuals of samples that were held out. Nothing from fewer than two: one does not scatter.
    pub fn of(residuals: &[f64]) -> Option<Self> {
        let freedom = residuals.len().checked_sub(1)?;
        (freedom > 0).then(|| Self(student(freedom) * root_mean_square(residuals)))
    }

    /// Measurements lie within the price divided and multiplied by this.
    pub fn factor(factor: f64) -> Self {
        Self(factor.ln())
    }

    /// The estimate of a price, where residuals are logarithms of measured over priced.
    pub fn times(self, ms: f64) -> Estimate {
        let factor = self.0.exp().min(WIDEST);
        estimate(ms / factor, ms, ms * factor)
    }

    /// The estimate of a price, where residuals are milliseconds. What is less than `least` becomes that.
    pub fn plus(self, ms: f64, least: f64) -> Estimate {
        let ms = ms.max(least);
        estimate((ms - self.0).max(least), ms, ms + self.0)
    }
}

fn estimate(low: f64, median: f64, high: f64) -> Estimate {
    let latency = |ms: f64| Latency::from_ms(ms.clamp(1e-100, 1e100)).expect("clamped");
    Estimate {
        median_ms: latency(median),
        low_ms: latency(low),
        high_ms: latency(high),
    }
}

/// Root of the mean of the squares.
pub fn root_mean_square(values: &[f64]) -> f64 {
    let squares: f64 = values.iter().map(|value| value * value).sum();
    (squares / values.len() as f64).sqrt()
}

/// Beyond the table, the expansion of Cornish and Fisher (1938) up to its third term, right to four digits.
fn student(freedom: usize) -> f64 {
    let known = STUDENT.get(freedom - 1).copied();
    known.unwrap_or_else(|| {
        let (z, n) = (NORMAL, freedom as f64);
        let first = (z.powi(3) + z) / 4.0;
        let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
        let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
        z + first / n + second / n.powi(2) + third / n.powi(3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_published_tables() {
        for (freedom, quantile) in [
            (1, 6.314),
            (9, 1.833),
            (11, 1.796),
            (19, 1.729),
            (120, 1.658),
        ] {
            assert!(
                (student(freedom) - quantile).abs() < 5e-4,
                "{freedom}: {}",
                student(freedom)
            );
        }
    }

    #[test]
    fn an_interval_widens_with_the_residuals() {
        let spread = Spread::of(&[0.1, -0.1]).expect("two residuals");
        let times = spread.times(10.0);
        let factor = (6.3138_f64 * 0.1).exp();
        assert!((times.high_ms.ms() - 10.0 * factor).abs() < 1e-9);
        assert!((times.low_ms.ms() - 10.0 / factor).abs() < 1e-9);
        let plus = spread.plus(10.0, 9.5);
        assert!((plus.high_ms.ms() - 10.63138).abs() < 1e-9);
        assert_eq!((plus.low_ms.ms(), plus.median_ms.ms()), (9.5, 10.0));
    }

    #[test]
    fn a_price_below_the_least_becomes_the_least() {
        let estimate = Spread::of(&[1.0, 1.0])
            .expect("two residuals")
            .plus(-3.0, 0.5);
        assert_eq!((estimate.low_ms.ms(), estimate.median_ms.ms()), (0.5, 0.5));
    }

    #[test]
    fn one_residual_does_not_scatter() {
        assert_eq!(Spread::of(&[0.3]), None);
        assert_eq!(Spread::of(&[]), None);
    }
}
