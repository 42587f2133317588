//! Convolutions and batch normalisation as they are trained: operations of ours behind Burn's dispatch.
//!
//! Burn 0.22 computes the gradient of a grouped convolution's weights group by group, of a depthwise one thus channel by
//! channel, and copies the maps several times to normalise them. Here, libtorch computes all gradients as PyTorch has it
//! do, and Burn's own backend those of depthwise convolutions and of normalisation in one go.

#![cfg_attr(
    feature = "libtorch",
    expect(
        deprecated,
        reason = "Burn leaves libtorch to others from its next version on"
    )
)]

mod autodiff;
mod flex;
#[cfg(feature = "libtorch")]
mod libtorch;

use burn::backend::{Backend, Dispatch, backend_extension, ops::ConvOptions, tensor::FloatTensor};
use burn::nn::{BatchNorm, PaddingConfig2d, conv::Conv2d};
use burn::tensor::{DType, Tensor};

/// What is computed forward.
#[backend_extension(Flex, LibTorch: cfg(feature = "libtorch"), Autodiff)]
pub(crate) trait Kernels: Backend {
    /// A convolution of maps `[images, channels, height, width]` without bias.
    fn convolve(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;

    /// Values `[images, channels, ...]` with a mean of 0 and a variance of 1 over each channel, times its scale plus its
    /// shift; then the mean and the variance that each channel had.
    fn normalise(
        values: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// What is computed on the way back.
pub(crate) trait Gradients: Backend {
    /// By the maps and by the weights, each where it is asked for.
    fn convolved(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
        asked: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];

    /// By the values, the scale and the shift.
    fn normalised(
        values: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        statistics: [FloatTensor<Self>; 2],
        gradient: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3];
}

/// What a layer makes of maps.
pub(crate) fn convolve(layer: &Conv2d, maps: Tensor<4>) -> Tensor<4> {
    let padding = match layer.padding {
        PaddingConfig2d::Explicit(top, left, bottom, right) => [[top, bottom], [left, right]],
        _ => return layer.forward(maps),
    };
    let is_even = padding.iter().all(|[before, after]| before == after);
    if layer.bias.is_some() || !is_even || !is_trained(&maps) {
        return layer.forward(maps);
    }
    let options = ConvOptions::new(
        layer.stride,
        padding.map(|[before, _]| before),
        layer.dilation,
        layer.groups,
    );
    let weights = layer.weight.val().into_dispatch();
    Tensor::from_dispatch(Dispatch::convolve(maps.into_dispatch(), weights, options))
}

/// What a layer makes of values; where they are trained, by their own statistics, which the layer takes note of.
pub(crate) fn normalise<const D: usize>(layer: &BatchNorm, values: Tensor<D>) -> Tensor<D> {
    if !is_trained(&values) {
        return layer.forward(values);
    }
    let (normal, mean, variance) = Dispatch::normalise(
        values.into_dispatch(),
        layer.gamma.val().into_dispatch(),
        layer.beta.val().into_dispatch(),
        layer.epsilon,
    );
    let noted = |running: Tensor<1>, newest| {
        let newest = Tensor::<1>::from_dispatch(newest).detach();
        let kept = running.mul_scalar(1.0 - layer.momentum);
        kept.add(newest.mul_scalar(layer.momentum)).detach()
    };
    let running = layer.running_mean.value_sync();
    layer.running_mean.update(noted(running, mean));
    let running = layer.running_var.value_sync();
    layer.running_var.update(noted(running, variance));
    Tensor::from_dispatch(normal)
}

/// Whether values are such as networks are trained on: a few scores compute in 64 bits.
fn is_trained<const D: usize>(values: &Tensor<D>) -> bool {
    values.device().is_autodiff() && values.dtype() == DType::F32
}

#[cfg(test)]
mod tests;
