//! Support vector regression (Drucker et al., 1997) with the loss of Vapnik.

use linfa::{Dataset, traits::Fit, traits::Predict};
use linfa_svm::{Svm, SvmError};
use ndarray::{Array1, ArrayView1, ArrayView2};

use super::{
    LinearError, check_rows, check_setting,
    standard::{Standard, standardised},
};

/// By how much the solver may violate an optimality condition, on standardised values.
const TOLERANCE: f64 = 1e-5;

/// Regression that is pulled only by the rows that it misses by more than `epsilon`: the `f` that minimises
/// `|f|² / 2 + cost · Σ max(0, |y − f(x)| − epsilon)` over standardised rows, by sequential minimal optimisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Svr {
    /// Above 0; the larger, the closer the rows are followed.
    pub cost: f64,
    /// Not below 0, in deviations of the values.
    pub epsilon: f64,
    /// What `f` is made of.
    pub kernel: Kernel,
}

/// How alike two standardised rows `a` and `b` are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kernel {
    /// `a · b`
    Linear,
    /// `exp(−gamma · |a − b|²)`
    Gaussian {
        /// Above 0; the larger, the less far a row is felt.
        gamma: f64,
    },
}

/// A fitted support vector regression.
#[derive(Debug, Clone)]
pub struct SupportVectors {
    model: Box<Svm<f64, f64>>,
    x_mean: Array1<f64>,
    x_scale: Array1<f64>,
    y_mean: f64,
    y_scale: f64,
}

// === impl Svr ===

impl Svr {
    /// Fits `x`, `[rows, features]`, to one value for each row. Takes memory for the square of the rows.
    ///
    /// # Errors
    /// When there are fewer than 2 rows, a number is not finite, or a setting is out of its range.
    pub fn fit(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
    ) -> Result<SupportVectors, LinearError> {
        const POSITIVE: &str = "a number above 0";
        let is_positive = |value: f64| value.is_finite() && value > 0.0;
        let holds = self.epsilon.is_finite() && self.epsilon >= 0.0;
        check_setting("cost", self.cost, is_positive(self.cost), POSITIVE)?;
        check_setting("epsilon", self.epsilon, holds, "a number from 0")?;
        let settings = Svm::params()
            .c_svr(self.cost, Some(self.epsilon))
            .eps(TOLERANCE);
        let settings = match self.kernel {
            Kernel::Linear => settings.linear_kernel(),
            Kernel::Gaussian { gamma } => {
                check_setting("gamma", gamma, is_positive(gamma), POSITIVE)?;
                settings.gaussian_kernel(1.0 / gamma)
            }
        };
        let standard = Standard::new(x, y)?;
        let rows = Dataset::new(standard.x().clone(), standard.y().clone());
        let model = settings.fit(&rows);
        let model = model.map_err(|_: SvmError| LinearError::Singular)?;
        Ok(SupportVectors {
            model: Box::new(model),
            x_mean: standard.x_mean().clone(),
            x_scale: standard.x_scale().clone(),
            y_mean: standard.y_mean(),
            y_scale: standard.y_scale(),
        })
    }
}

// === impl SupportVectors ===

impl SupportVectors {
    /// A value for each row of `x`, `[rows, features]`.
    ///
    /// # Errors
    /// When there are not as many features as in the fit, or one is not a finite number.
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>, LinearError> {
        check_rows(x, self.x_mean.len())?;
        let rows = standardised(x, &self.x_mean, &self.x_scale);
        Ok(self.model.predict(&rows) * self.y_scale + self.y_mean)
    }
}
