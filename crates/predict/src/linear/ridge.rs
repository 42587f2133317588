//! Ridge regression (Hoerl and Kennard, 1970).

use ndarray::{ArrayView1, ArrayView2};

use crate::cholesky::Cholesky;

use super::{Linear, LinearError, check_setting, standard::Standard};

/// Least squares with a penalty on large weights: the `w` that minimises `|y − Xw|² / 2n + penalty · |w|² / 2` over `n`
/// standardised rows, in closed form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ridge {
    /// Not below 0; 0 is least squares.
    pub penalty: f64,
}

// === impl Ridge ===

impl Ridge {
    /// Fits `x`, `[rows, features]`, to one value for each row.
    ///
    /// # Errors
    /// When there are fewer than 2 rows, a number is not finite, or the features depend on each other and nothing is
    /// penalised.
    pub fn fit(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
    ) -> Result<Linear, LinearError> {
        let penalty = self.penalty;
        let holds = penalty.is_finite() && penalty >= 0.0;
        check_setting("penalty", penalty, holds, "a number from 0")?;
        let standard = Standard::new(x, y)?;
        let rows = standard.y().len() as f64;
        let transposed = standard.x().t();
        let mut gram = transposed.dot(standard.x()) / rows;
        for (feature, scale) in standard.x_scale().iter().enumerate() {
            // A constant feature is 0 in every row: any weight would do, and this makes it 0.
            gram[[feature, feature]] += if scale.is_finite() { penalty } else { 1.0 };
        }
        let target = transposed.dot(standard.y()) / rows;
        let weights = Cholesky::new(gram)
            .ok_or(LinearError::Singular)?
            .solve(target.view());
        Ok(Linear::from_standard(&standard, &weights))
    }
}
