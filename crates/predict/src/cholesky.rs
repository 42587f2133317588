//! Positive definite systems.

use ndarray::{Array1, Array2, ArrayView1};

/// The lower triangle L of a positive definite matrix A = L·Lᵀ.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    lower: Array2<f64>,
}

// === impl Cholesky ===

impl Cholesky {
    /// Decomposes a symmetric matrix, of which the lower triangle is read; `None` where it is not positive definite
    /// or holds a number that is not finite.
    pub fn new(mut matrix: Array2<f64>) -> Option<Self> {
        let size = matrix.nrows();
        for column in 0..size {
            for row in column..size {
                let (upper, lower) = (matrix.row(column), matrix.row(row));
                let dot: f64 = (0..column).map(|k| lower[k] * upper[k]).sum();
                let rest = matrix[[row, column]] - dot;
                if row > column {
                    matrix[[row, column]] = rest / matrix[[column, column]];
                } else if rest > 0.0 && rest.is_finite() {
                    matrix[[row, row]] = rest.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Self { lower: matrix })
    }

    /// L⁻¹·b.
    pub fn forward(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut x = b.to_owned();
        for row in 0..x.len() {
            let line = self.lower.row(row);
            let dot: f64 = (0..row).map(|k| line[k] * x[k]).sum();
            x[row] = (x[row] - dot) / line[row];
        }
        x
    }

    /// L⁻¹·B, in place.
    pub fn forward_all(&self, b: &mut Array2<f64>) {
        for row in 0..b.nrows() {
            let (above, mut rest) = b.view_mut().split_at(ndarray::Axis(0), row);
            let mut own = rest.row_mut(0);
            for (above, factor) in above.rows().into_iter().zip(self.lower.row(row)) {
                own.scaled_add(-factor, &above);
            }
            own /= self.lower[[row, row]];
        }
    }

    /// A⁻¹·b.
    pub fn solve(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut x = self.forward(b);
        for row in (0..x.len()).rev() {
            x[row] /= self.lower[[row, row]];
            let value = x[row];
            for k in 0..row {
                x[k] -= self.lower[[row, k]] * value;
            }
        }
        x
    }

    /// A⁻¹.
    pub fn inverse(&self) -> Array2<f64> {
        let size = self.lower.nrows();
        let mut inverse = Array2::eye(size);
        for mut column in inverse.columns_mut() {
            let solved = self.solve(column.view());
            column.assign(&solved);
        }
        inverse
    }

    /// The logarithm of A's determinant.
    pub fn log_determinant(&self) -> f64 {
        2.0 * self
            .lower
            .diag()
            .iter()
            .map(|value| value.ln())
            .sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn solves_what_it_decomposes() {
        let a = array![[4.0, 2.0, 0.6], [2.0, 5.0, 1.0], [0.6, 1.0, 3.0]];
        let cholesky = Cholesky::new(a.clone()).expect("positive definite");
        let x = cholesky.solve(array![1.0, -2.0, 0.5].view());
        for (got, expected) in a.dot(&x).iter().zip([1.0, -2.0, 0.5]) {
            assert!((got - expected).abs() < 1e-12, "{got} {expected}");
        }
        let unit = a.dot(&cholesky.inverse());
        assert!(
            (unit - Array2::<f64>::eye(3))
                .iter()
                .all(|e| e.abs() < 1e-12)
        );
        // 4·(15 − 1) − 2·(6 − 0.6) + 0.6·(2 − 3)
        assert!((cholesky.log_determinant() - 44.6_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert!(Cholesky::new(array![[1.0, 2.0], [2.0, 1.0]]).is_none());
        assert!(Cholesky::new(array![[f64::NAN]]).is_none());
        assert!(Cholesky::new(array![[0.0]]).is_none());
    }
}
