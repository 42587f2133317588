//! Values between layers.

use burn::tensor::Tensor;

/// A batch of values, one for each sample.
///
/// The axes of a sample are known from the graph, so a value is kept in the form that the layers around it want, and
/// changes its form only between layers that want different ones.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// `[batch, channels, height, width]`
    Maps(Tensor<4>),
    /// `[batch, elements]`, the elements in row-major order.
    Flat(Tensor<2>),
}

impl Value {
    /// The value with its first axis, the batch, and all others in one.
    pub(crate) fn flat(self) -> Tensor<2> {
        match self {
            Self::Flat(tensor) => tensor,
            Self::Maps(tensor) => tensor.flatten(1, 3),
        }
    }

    /// The value of samples of the shape given, `[channels, height, width]`.
    pub(crate) fn maps(self, [channels, height, width]: [usize; 3]) -> Tensor<4> {
        match self {
            Self::Maps(tensor) => tensor,
            Self::Flat(tensor) => {
                let batch = tensor.dims()[0];
                tensor.reshape([batch, channels, height, width])
            }
        }
    }

    /// The same elements in any shape.
    pub(crate) fn reshape<const D: usize>(self, dims: [usize; D]) -> Tensor<D> {
        match self {
            Self::Maps(tensor) => tensor.reshape(dims),
            Self::Flat(tensor) => tensor.reshape(dims),
        }
    }

    /// Number of samples.
    pub(crate) fn batch(&self) -> usize {
        match self {
            Self::Maps(tensor) => tensor.dims()[0],
            Self::Flat(tensor) => tensor.dims()[0],
        }
    }
}
