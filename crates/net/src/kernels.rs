//! Convolutions, averages and batch normalisation as they are trained: operations of ours behind Burn's dispatch.
//!
//! Burn 0.22 computes the gradient of a grouped convolution's weights group by group, of a depthwise one thus channel by
//! channel, copies the maps several times to normalise them, and averages value by value on its own backend. Here,
//! libtorch computes all gradients as PyTorch has it do, and Burn's own backend depthwise convolutions and normalisation
//! row by row, dense convolutions as products of matrices; averages are ours on both, for libtorch's take a third of a
//! pass through NAS-Bench-201's cells.

#![cfg_attr(
    feature = "libtorch",
    expect(
        deprecated,
        reason = "Burn leaves libtorch to others from its next version on"
    )
)]

mod autodiff;
mod convolution;
mod flex;
#[cfg(feature = "libtorch")]
mod libtorch;
mod plane;

use burn::backend::{Backend, Dispatch, backend_extension, ops::ConvOptions, tensor::FloatTensor};
use burn::nn::{BatchNorm, PaddingConfig2d, conv::Conv2d, pool::AvgPool2d};
use burn::tensor::{DType, Tensor};

/// Windows over the height and the width of maps, as much padding on either side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

/// What is computed forward.
#[backend_extension(Flex, LibTorch: cfg(feature = "libtorch"), Autodiff)]
pub(crate) trait Kernels: Backend {
    /// A convolution of maps `[images, channels, height, width]` without bias.
    fn convolve(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;

    /// The mean of each window of maps, without the padding.
    fn average(maps: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self>;

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

    /// By the maps.
    fn averaged(
        maps: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self>;

    /// By the values, the scale and the shift.
    fn normalised(
        values: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        statistics: [FloatTensor<Self>; 2],
        gradient: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3];
}

/// What a convolution makes of maps.
pub(crate) fn convolve(layer: &Conv2d, maps: Tensor<4>) -> Tensor<4> {
    let padding = match even(&layer.padding) {
        Some(padding) if layer.bias.is_none() && is_trained(&maps) => padding,
        _ => return layer.forward(maps),
    };
    let options = ConvOptions::new(layer.stride, padding, layer.dilation, layer.groups);
    let weights = layer.weight.val().into_dispatch();
    Tensor::from_dispatch(Dispatch::convolve(maps.into_dispatch(), weights, options))
}

/// What an average over windows makes of maps.
pub(crate) fn average(layer: &AvgPool2d, maps: Tensor<4>) -> Tensor<4> {
    let is_plain = !layer.count_include_pad && !layer.ceil_mode;
    let padding = match even(&layer.padding) {
        Some(padding) if is_plain && is_trained(&maps) => padding,
        _ => return layer.forward(maps),
    };
    let windows = Windows {
        kernel: layer.kernel_size,
        stride: layer.stride,
        padding,
    };
    Tensor::from_dispatch(Dispatch::average(maps.into_dispatch(), windows))
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

/// The padding on either side, where it is the same.
fn even(padding: &PaddingConfig2d) -> Option<[usize; 2]> {
    match *padding {
        PaddingConfig2d::Explicit(top, left, bottom, right) => {
            (top == bottom && left == right).then_some([top, left])
        }
        _ => None,
    }
}

/// Whether values are such as networks are trained on: a few scores compute in 64 bits.
fn is_trained<const D: usize>(values: &Tensor<D>) -> bool {
    values.device().is_autodiff() && values.dtype() == DType::F32
}

#[cfg(test)]
mod tests;
