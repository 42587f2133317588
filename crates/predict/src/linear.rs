//! Linear models of a latency, and support vectors: ridge regression, the elastic net and support vector regression.
//!
//! A model is settings; [`Ridge::fit`] and its like give a [`Linear`] or a [`SupportVectors`] that predicts. `x` is
//! `[rows, features]`, `y` has one value for each row. Features and values are standardised before a fit (mean 0,
//! deviation 1 over the rows) and what is learned is taken back to the units that came in, so penalties and widths mean
//! the same whatever the units are. A feature that is the same in all rows has weight 0. Nothing here is drawn at
//! random: equal rows give equal models.

mod elastic_net;
mod ridge;
mod standard;
mod svr;

use ndarray::{Array1, ArrayView1, ArrayView2};

pub use elastic_net::ElasticNet;
pub use ridge::Ridge;
pub use svr::{Kernel, SupportVectors, Svr};

use standard::Standard;

/// A fitted weighted sum: `y = intercept + x · weights`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    weights: Array1<f64>,
    intercept: f64,
}

/// Why a model cannot be fitted, or cannot predict.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinearError {
    /// Fewer rows than a slope takes.
    #[error("{rows} rows are too few to fit a model: at least 2 are needed")]
    Rows {
        /// Rows given.
        rows: usize,
    },
    /// Not one value for each row.
    #[error("{values} values for {rows} rows")]
    Values {
        /// Rows given.
        rows: usize,
        /// Values given.
        values: usize,
    },
    /// A row to predict from has other features than the rows of the fit.
    #[error("{given} features where the model was fitted on {fitted}")]
    Features {
        /// Features given.
        given: usize,
        /// Features of the fit.
        fitted: usize,
    },
    /// A feature that is no number, or one beyond 1e100.
    #[error("feature {feature} of row {row} is {value}")]
    Feature {
        /// Row, from 0.
        row: usize,
        /// Feature, from 0.
        feature: usize,
        /// What stands there.
        value: f64,
    },
    /// A value that is no number, or one beyond 1e100.
    #[error("the value of row {row} is {value}")]
    Value {
        /// Row, from 0.
        row: usize,
        /// What stands there.
        value: f64,
    },
    /// A setting out of its range.
    #[error("`{setting}` is {value}: {allowed}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What was given.
        value: f64,
        /// What may be given.
        allowed: &'static str,
    },
    /// No one best model: some features are sums of others, and nothing penalises their weights.
    #[error("the features depend on each other: a penalty above 0 is needed")]
    Singular,
    /// The steps of a solver ran out.
    #[error("no model within {steps} steps")]
    Steps {
        /// Steps taken.
        steps: u32,
    },
}

// === impl Linear ===

impl Linear {
    /// The model that was learned on standardised rows, in the units of the rows as they came.
    fn from_standard(standard: &Standard, weights: &Array1<f64>) -> Self {
        let weights = weights * standard.y_scale() / standard.x_scale();
        let intercept = standard.y_mean() - standard.x_mean().dot(&weights);
        Self { weights, intercept }
    }

    /// One weight for each feature.
    pub fn weights(&self) -> ArrayView1<'_, f64> {
        self.weights.view()
    }

    /// The value where all features are 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// A value for each row of `x`, `[rows, features]`.
    ///
    /// # Errors
    /// When there are not as many features as in the fit, or one is not a finite number.
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>, LinearError> {
        check_rows(x, self.weights.len())?;
        Ok(x.dot(&self.weights) + self.intercept)
    }
}

// === helpers ===

fn check_rows(x: ArrayView2<'_, f64>, fitted: usize) -> Result<(), LinearError> {
    let given = x.ncols();
    if given != fitted {
        return Err(LinearError::Features { given, fitted });
    }
    match x.indexed_iter().find(|(_, value)| !is_usable(**value)) {
        Some(((row, feature), value)) => Err(LinearError::Feature {
            row,
            feature,
            value: *value,
        }),
        None => Ok(()),
    }
}

/// Whether sums of squares stay finite.
fn is_usable(value: f64) -> bool {
    value.abs() <= 1e100
}

fn check_setting(
    setting: &'static str,
    value: f64,
    holds: bool,
    allowed: &'static str,
) -> Result<(), LinearError> {
    match holds {
        true => Ok(()),
        false => Err(LinearError::Setting {
            setting,
            value,
            allowed,
        }),
    }
}

#[cfg(test)]
mod tests;
