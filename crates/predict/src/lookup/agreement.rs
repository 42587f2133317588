//! How well a table's prices agree with measured networks, and where adding up fails.

use bespoke_measure::{median, quantile};
use bespoke_space::{Architecture, Space};

use crate::score::{mean, spearman};

/// How many standard deviations a correlation must lie from none to be told: by chance, one in 2,000 does.
const NOTABLE: f64 = 3.5;
/// Trends that are told at most, the strongest.
const MOST_TRENDS: usize = 4;

/// A network, its price by the table, and what it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedNetwork {
    /// The network.
    pub architecture: Architecture,
    /// What it takes by the table, in milliseconds.
    pub table_ms: f64,
    /// What it was measured to take, in milliseconds.
    pub measured_ms: f64,
}

/// How well a table's prices agree with measured networks. An error is the price less the measurement as a share of the
/// measurement: 0.05 is 5 % too much.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// How many networks were checked.
    pub networks: usize,
    /// Median of the errors without their sign.
    pub median_error: f64,
    /// What nine in ten errors are below, without their sign.
    pub p90_error: f64,
    /// Median of the errors with their sign.
    pub bias: f64,
    /// Spearman's rank correlation of prices and measurements.
    pub spearman: f64,
    /// The straight line that makes the prices measurements.
    pub line: Correction,
    /// The factor that does so best by itself.
    pub factor: Correction,
    /// The offset that does so best by itself.
    pub offset: Correction,
    /// What the error goes along with; the strongest first.
    pub trends: Vec<Trend>,
}

/// measurement = `offset_ms` + `factor` · price, fitted to the same networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// In milliseconds.
    pub offset_ms: f64,
    /// A factor.
    pub factor: f64,
    /// The median error without sign that is left.
    pub median_error: f64,
}

/// Networks that have more of something are priced otherwise than those that have less of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Layers that took an option, written as `kernel=7`, or `latency`, the price itself.
    pub what: String,
    /// Spearman's rank correlation of how many there are with the error.
    pub correlation: f64,
    /// Median error, with its sign, of the third of the networks that has least of it.
    pub bias_of_least: f64,
    /// The same of the third that has most.
    pub bias_of_most: f64,
}

// === impl CheckedNetwork ===

impl CheckedNetwork {
    /// The price less the measurement as a share of the measurement.
    pub fn error(&self) -> f64 {
        self.table_ms / self.measured_ms - 1.0
    }
}

// === impl Agreement ===

impl Agreement {
    /// Compares networks of a space; `None` when there are fewer than two.
    pub fn of(space: &Space, networks: &[CheckedNetwork]) -> Option<Self> {
        if networks.len() < 2 {
            return None;
        }
        let errors: Vec<f64> = networks.iter().map(CheckedNetwork::error).collect();
        let sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
        let prices: Vec<f64> = networks.iter().map(|network| network.table_ms).collect();
        let measured: Vec<f64> = networks.iter().map(|network| network.measured_ms).collect();
        let ratios: Vec<f64> = (measured.iter().zip(&prices)).map(|(m, p)| m / p).collect();
        let gaps: Vec<f64> = (measured.iter().zip(&prices)).map(|(m, p)| m - p).collect();
        let (offset_ms, factor) = line(&prices, &measured);
        Some(Self {
            networks: networks.len(),
            median_error: median(&sizes),
            p90_error: quantile(&sizes, 0.9),
            bias: median(&errors),
            spearman: spearman(&prices, &measured),
            line: Correction::new(offset_ms, factor, networks),
            factor: Correction::new(0.0, median(&ratios), networks),
            offset: Correction::new(median(&gaps), 1.0, networks),
            trends: trends(space, networks, &errors),
        })
    }
}

// === impl Correction ===

impl Correction {
    fn new(offset_ms: f64, factor: f64, networks: &[CheckedNetwork]) -> Self {
        let error = |network: &CheckedNetwork| {
            ((offset_ms + factor * network.table_ms) / network.measured_ms - 1.0).abs()
        };
        let errors: Vec<f64> = networks.iter().map(error).collect();
        Self {
            offset_ms,
            factor,
            median_error: median(&errors),
        }
    }
}

// === helpers ===

/// Offset and factor of least squares of the errors as shares of the measurements; no offset where all prices are equal.
fn line(prices: &[f64], measured: &[f64]) -> (f64, f64) {
    // With x = 1/measured and y = price/measured, it is the regression of 1 on x and y.
    let pairs = || (prices.iter().zip(measured)).map(|(price, ms)| (1.0 / ms, price / ms));
    let [x, y] = [mean(pairs().map(|p| p.0)), mean(pairs().map(|p| p.1))];
    let xx = mean(pairs().map(|(x, _)| x * x));
    let xy = mean(pairs().map(|(x, y)| x * y));
    let yy = mean(pairs().map(|(_, y)| y * y));
    let determinant = xx * yy - xy * xy;
    match determinant > 1e-9 * xx * yy {
        true => (
            (x * yy - y * xy) / determinant,
            (y * xx - x * xy) / determinant,
        ),
        false => (0.0, y / yy),
    }
}

fn trends(space: &Space, networks: &[CheckedNetwork], errors: &[f64]) -> Vec<Trend> {
    let notable = NOTABLE / (networks.len() as f64 - 1.0).sqrt();
    let mut amounts = amounts(space, networks);
    let prices = networks.iter().map(|network| network.table_ms).collect();
    amounts.push(("latency".to_owned(), prices));
    let trend = |(what, amounts): (String, Vec<f64>)| {
        let correlation = spearman(&amounts, errors);
        let mut order: Vec<usize> = (0..amounts.len()).collect();
        order.sort_by(|one, other| amounts[*one].total_cmp(&amounts[*other]));
        let third = order.len().div_ceil(3);
        let bias = |of: &[usize]| {
            let errors: Vec<f64> = of.iter().map(|network| errors[*network]).collect();
            median(&errors)
        };
        (correlation.abs() >= notable).then(|| Trend {
            what,
            correlation,
            bias_of_least: bias(&order[..third]),
            bias_of_most: bias(&order[order.len() - third..]),
        })
    };
    let mut trends: Vec<Trend> = amounts.into_iter().filter_map(trend).collect();
    trends.sort_by(|one, other| other.correlation.abs().total_cmp(&one.correlation.abs()));
    trends.truncate(MOST_TRENDS);
    trends
}

/// For each option of decisions of the same name, wherever they stand, how many of them took it in each network.
fn amounts(space: &Space, networks: &[CheckedNetwork]) -> Vec<(String, Vec<f64>)> {
    let mut amounts: Vec<(String, Vec<f64>)> = Vec::new();
    for (index, network) in networks.iter().enumerate() {
        let active = space.active(&network.architecture);
        let choices = network.architecture.choices();
        for ((decision, option), is_active) in space.decisions().iter().zip(choices).zip(active) {
            let name = decision.path().rsplit('.').next().unwrap_or_default();
            let what = format!("{name}={}", decision.options()[usize::from(*option)]);
            let known = amounts.iter().position(|(known, _)| *known == what);
            let place = known.unwrap_or_else(|| {
                amounts.push((what, vec![0.0; networks.len()]));
                amounts.len() - 1
            });
            amounts[place].1[index] += f64::from(u8::from(is_active));
        }
    }
    amounts
}

#[cfg(test)]
mod tests;
