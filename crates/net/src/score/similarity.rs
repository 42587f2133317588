//! Scores of how differently a fresh network sees different images.
//!
//! J. Mellor, J. Turner, A. Storkey, E. J. Crowley: Neural Architecture Search without Training. Its first version (2020)
//! has the score that Abdelfattah et al. call jacob_cov, the last (ICML 2021) naswot.

use bespoke_graph::{Activation, Op};
use bespoke_recipe::ScoreName;
use burn::tensor::{DType, Device, Tensor};

use super::{
    ScoreError, Subject, batch,
    draw::{Draw, body},
};
use crate::place::forget;

/// Added to eigenvalues, so that none is zero.
const LEAST: f64 = 1e-5;

/// A symmetric matrix, row after row.
struct Symmetric {
    order: usize,
    elements: Vec<f64>,
}

/// −Σ (log v + 1 / v) over the eigenvalues v, plus 1e-5, of the correlations of the images' gradients: those of the sum
/// of an image's logits by its pixels.
///
/// The sums are taken without the eigenvalues: Σ log v is the logarithm of the determinant, Σ 1 / v the trace of the
/// inverse.
pub(super) fn jacob_cov(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let images = subject.several_images(ScoreName::JacobCov)?;
    let mut read = subject.graph.nodes().iter().flat_map(|node| &node.inputs);
    if !read.any(|id| id.index() == 0) {
        return Ok(f64::NAN);
    }
    let device = Device::flex().autodiff();
    let body = body(subject, Draw::Uniform { times: 1.0 }, &device)?.untrained();
    let input = batch(images, &device).require_grad();
    let gradients = body.forward(input.clone()).sum().backward();
    let gradient = input.grad(&gradients).expect("the network reads it");
    let gradient = gradient.cast(DType::F64);
    let centred = gradient.clone() - gradient.mean_dim(1);
    let norms = centred.clone().square().sum_dim(1).sqrt();
    let unit = centred / norms;
    let mut correlations = Symmetric::gram(unit);
    for at in 0..correlations.order {
        correlations.elements[at * (correlations.order + 1)] += LEAST;
    }
    Ok(correlations.factor().map_or(f64::NAN, |factor| {
        -(factor.log_determinant() + factor.trace_of_inverse())
    }))
}

/// The logarithm of the determinant of K, of which an element is the number of rectifiers, over all layers and places,
/// that are on for both images or off for both.
pub(super) fn naswot(subject: &Subject<'_>) -> Result<f64, ScoreError> {
    let images = subject.several_images(ScoreName::Naswot)?;
    let device = Device::flex();
    let graph = &subject.graph;
    // Ready for gradients, that batch normalisation takes the statistics of the batch; none is asked for.
    let tape = device.clone().autodiff();
    let body = body(subject, Draw::Uniform { times: 1.0 }, &tape)?.untrained();
    let count = images.count();
    let mut agreements = Symmetric::zeros(count);
    body.forward_by(batch(images, &tape), |at, call| {
        if let Op::Activation(Activation::Relu | Activation::Relu6 | Activation::HardSwish) =
            graph.nodes()[at].op
        {
            let input = call.inputs[0].clone().flat().inner();
            let on = input.greater_elem(0.0).float();
            let units = on.dims()[1] as f64;
            // On for both or off for both: with ±1, the product is the agreements less the disagreements.
            let sign = on.mul_scalar(2.0).sub_scalar(1.0);
            let balance = Symmetric::gram(sign);
            for (sum, product) in agreements.elements.iter_mut().zip(balance.elements) {
                *sum += (product + units) / 2.0;
            }
        }
        call.run()
    });
    forget(&tape);
    let factor = agreements.factor();
    Ok(factor.map_or(f64::NEG_INFINITY, |factor| factor.log_determinant()))
}

// === impl Symmetric ===

impl Symmetric {
    fn zeros(order: usize) -> Self {
        Self {
            order,
            elements: vec![0.0; order * order],
        }
    }

    /// Products of the rows with each other.
    fn gram(rows: Tensor<2>) -> Self {
        let order = rows.dims()[0];
        let products = rows.clone().matmul(rows.transpose());
        let data = products.into_data().convert::<f64>();
        let elements = data.try_into_vec().expect("just converted");
        Self { order, elements }
    }

    /// The lower triangle L of the product L Lᵀ that the matrix is (Cholesky); none where it is not positive definite.
    fn factor(&self) -> Option<Factor> {
        let order = self.order;
        let mut lower = vec![0.0; order * order];
        for row in 0..order {
            for column in 0..=row {
                let products =
                    (0..column).map(|k| lower[row * order + k] * lower[column * order + k]);
                let rest = self.elements[row * order + column] - products.sum::<f64>();
                lower[row * order + column] = if row > column {
                    rest / lower[column * order + column]
                } else if rest > 0.0 {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(Factor { order, lower })
    }
}

/// A lower triangle, row after row.
struct Factor {
    order: usize,
    lower: Vec<f64>,
}

impl Factor {
    /// Of the product with its transpose.
    fn log_determinant(&self) -> f64 {
        let diagonal = (0..self.order).map(|at| self.lower[at * (self.order + 1)]);
        2.0 * diagonal.map(f64::ln).sum::<f64>()
    }

    /// Of the product with its transpose: the sum of the squares of the triangle's inverse.
    fn trace_of_inverse(&self) -> f64 {
        let order = self.order;
        let mut sum = 0.0;
        for unit in 0..order {
            let mut column = vec![0.0; order];
            for row in unit..order {
                let products = (unit..row).map(|k| self.lower[row * order + k] * column[k]);
                let target = f64::from(u8::from(row == unit));
                column[row] = (target - products.sum::<f64>()) / self.lower[row * (order + 1)];
                sum += column[row] * column[row];
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn determinant_and_inverse_are_those_of_a_matrix_known_by_hand() {
        let matrix = Symmetric {
            order: 2,
            elements: vec![4.0, 2.0, 2.0, 3.0],
        };
        let factor = matrix.factor().expect("it is positive definite");
        // det = 8, inverse = [[3, -2], [-2, 4]] / 8.
        assert!((factor.log_determinant() - 8f64.ln()).abs() < 1e-12);
        assert!((factor.trace_of_inverse() - 7.0 / 8.0).abs() < 1e-12);
        let singular = Symmetric {
            order: 2,
            elements: vec![1.0, 1.0, 1.0, 1.0],
        };
        assert!(singular.factor().is_none());
    }
}
