//! The elastic net (Zou and Hastie, 2005).

use linfa::{Dataset, traits::Fit};
use linfa_elasticnet::ElasticNetError;
use ndarray::{ArrayView1, ArrayView2};

use super::{Linear, LinearError, Ridge, check_setting, standard::Standard};

const MAX_STEPS: u32 = 10_000;
/// Of the duality gap, relative to the squares of the values.
const TOLERANCE: f64 = 1e-10;

/// Least squares that leaves features out: the `w` that minimises
/// `|y − Xw|² / 2n + penalty · (l1_ratio · |w|₁ + (1 − l1_ratio) · |w|² / 2)` over `n` standardised rows, by coordinate
/// descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ElasticNet {
    /// Not below 0.
    pub penalty: f64,
    /// Share of the penalty on absolute weights, which is what makes weights 0: 1 is the lasso, 0 is ridge regression.
    pub l1_ratio: f64,
}

// === impl ElasticNet ===

impl ElasticNet {
    /// Fits `x`, `[rows, features]`, to one value for each row.
    ///
    /// # Errors
    /// When there are fewer than 2 rows, a number is not finite, a setting is out of its range, or the descent does not
    /// come to an end.
    pub fn fit(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
    ) -> Result<Linear, LinearError> {
        let Self { penalty, l1_ratio } = *self;
        let holds = penalty.is_finite() && penalty >= 0.0;
        check_setting("penalty", penalty, holds, "a number from 0")?;
        let holds = (0.0..=1.0).contains(&l1_ratio);
        check_setting("l1_ratio", l1_ratio, holds, "a number from 0 to 1")?;
        if penalty * l1_ratio == 0.0 {
            // Without its absolute part the net has a closed form, and the descent no bound to stop by.
            return Ridge { penalty }.fit(x, y);
        }
        let standard = Standard::new(x, y)?;
        let rows = Dataset::new(standard.x().clone(), standard.y().clone());
        let model = linfa_elasticnet::ElasticNet::params()
            .penalty(penalty)
            .l1_ratio(l1_ratio)
            .with_intercept(false)
            .max_iterations(MAX_STEPS)
            .tolerance(TOLERANCE)
            .fit(&rows);
        let model = model.map_err(|_: ElasticNetError| LinearError::Singular)?;
        let steps = model.n_steps();
        if steps >= MAX_STEPS {
            return Err(LinearError::Steps { steps });
        }
        Ok(Linear::from_standard(&standard, model.hyperplane()))
    }
}
