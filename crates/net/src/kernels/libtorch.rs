//! The operations on libtorch.

use burn::backend::{
    LibTorch, TensorMetadata,
    ops::{ConvOptions, ModuleOps},
    tensor::FloatTensor,
};
use tch::Tensor;

use super::{Gradients, Kernels, Windows, plane::Plane};
use crate::libtorch::gradients::{self, Steps};

impl Kernels for LibTorch {
    fn convolve(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        Self::conv2d(maps, weights, None, options)
    }

    fn average(maps: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        if maps.tensor.device() != tch::Device::Cpu {
            let w = windows;
            return Self::avg_pool2d(maps, w.kernel, w.stride, w.padding, false, false);
        }
        let [images, channels, height, width] = maps.shape().dims();
        let plane = Plane::new([height, width], windows);
        let means = plane.means(&values(&maps));
        let [height, width] = plane.output;
        tensor(&means, [images, channels, height, width])
    }

    fn normalise(
        values: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (values, scale) = (values.tensor, scale.tensor);
        let none = None::<&Tensor>;
        let (normal, mean, inverse) = Tensor::native_batch_norm(
            &values,
            Some(&scale),
            Some(&shift.tensor),
            none,
            none,
            true,
            0.0,
            epsilon,
        );
        // The last is 1 / √(variance + ε).
        let variance = inverse.pow_tensor_scalar(-2) - epsilon;
        let [normal, mean, variance] = [normal, mean, variance].map(FloatTensor::<Self>::new);
        (normal, mean, variance)
    }
}

impl Gradients for LibTorch {
    fn convolved(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
        asked: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        let tensors = [&gradient.tensor, &maps.tensor, &weights.tensor];
        let steps = Steps {
            stride: options.stride,
            padding: options.padding.map(|(before, _)| before),
            dilation: options.dilation,
            groups: options.groups,
        };
        let told = gradients::convolved(tensors, &steps, asked);
        told.map(|tensor| tensor.map(FloatTensor::<Self>::new))
    }

    fn averaged(
        maps: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self> {
        if maps.tensor.device() != tch::Device::Cpu {
            let w = windows;
            return Self::avg_pool2d_backward(
                maps, gradient, w.kernel, w.stride, w.padding, false, false,
            );
        }
        let dims = maps.shape().dims();
        let plane = Plane::new([dims[2], dims[3]], windows);
        tensor(&plane.through_means(&values(&gradient)), dims)
    }

    fn normalised(
        values: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        [mean, variance]: [FloatTensor<Self>; 2],
        gradient: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3] {
        let inverse = (variance.tensor + epsilon).rsqrt();
        let tensors = [
            &gradient.tensor,
            &values.tensor,
            &scale.tensor,
            &mean.tensor,
            &inverse,
        ];
        gradients::normalised(tensors, epsilon).map(FloatTensor::<Self>::new)
    }
}

// === helpers ===

fn values(tensor: &FloatTensor<LibTorch>) -> Vec<f32> {
    let flat = tensor.tensor.flatten(0, -1);
    Vec::try_from(flat).expect("they are 32-bit floats")
}

fn tensor(values: &[f32], dims: [usize; 4]) -> FloatTensor<LibTorch> {
    let dims = dims.map(|length| length as i64);
    FloatTensor::<LibTorch>::new(Tensor::from_slice(values).reshape(dims))
}
