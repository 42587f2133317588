//! Rows brought to mean 0 and deviation 1, feature by feature.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::{LinearError, check_rows, is_usable};

/// A feature that varies less than this, relative to its size, is rounding and counts as constant.
const LEAST_DEVIATION: f64 = 1e-12;

/// Rows and values, standardised, and what brings them back.
pub(super) struct Standard {
    x: Array2<f64>,
    y: Array1<f64>,
    x_mean: Array1<f64>,
    x_scale: Array1<f64>,
    y_mean: f64,
    y_scale: f64,
}

// === impl Standard ===

impl Standard {
    pub fn new(x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<Self, LinearError> {
        let (rows, values) = (x.nrows(), y.len());
        if rows != values {
            return Err(LinearError::Values { rows, values });
        }
        if rows < 2 {
            return Err(LinearError::Rows { rows });
        }
        check_rows(x, x.ncols())?;
        if let Some((row, value)) = y.iter().enumerate().find(|(_, value)| !is_usable(**value)) {
            let value = *value;
            return Err(LinearError::Value { row, value });
        }
        let (x_mean, x_scale): (Vec<f64>, Vec<f64>) =
            x.axis_iter(Axis(1)).map(mean_and_scale).unzip();
        let (x_mean, x_scale) = (Array1::from(x_mean), Array1::from(x_scale));
        let (y_mean, y_scale) = mean_and_scale(y);
        // Values that do not vary are 0 once their mean is off, whatever they are divided by.
        let y_scale = if y_scale.is_finite() { y_scale } else { 1.0 };
        Ok(Self {
            x: standardised(x, &x_mean, &x_scale),
            y: (&y - y_mean) / y_scale,
            x_mean,
            x_scale,
            y_mean,
            y_scale,
        })
    }

    /// The rows, standardised.
    pub fn x(&self) -> &Array2<f64> {
        &self.x
    }

    /// The values, standardised.
    pub fn y(&self) -> &Array1<f64> {
        &self.y
    }

    pub fn x_mean(&self) -> &Array1<f64> {
        &self.x_mean
    }

    /// What each feature was divided by; infinite for a constant one, which is 0 ever after.
    pub fn x_scale(&self) -> &Array1<f64> {
        &self.x_scale
    }

    pub fn y_mean(&self) -> f64 {
        self.y_mean
    }

    /// What the values were divided by.
    pub fn y_scale(&self) -> f64 {
        self.y_scale
    }
}

/// Rows by the means and scales of others.
pub(super) fn standardised(
    x: ArrayView2<'_, f64>,
    mean: &Array1<f64>,
    scale: &Array1<f64>,
) -> Array2<f64> {
    (&x - mean) / scale
}

/// Mean and deviation over the rows; the deviation of what does not vary is taken to be infinite.
fn mean_and_scale(column: ArrayView1<'_, f64>) -> (f64, f64) {
    let rows = column.len() as f64;
    let mean = column.sum() / rows;
    let variance = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / rows;
    let deviation = variance.sqrt();
    match deviation > LEAST_DEVIATION * mean.abs() {
        true => (mean, deviation),
        false => (mean, f64::INFINITY),
    }
}
