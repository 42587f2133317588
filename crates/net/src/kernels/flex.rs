//! The operations on Burn's own backend for processors.

use burn::backend::{
    Flex, TensorMetadata,
    ops::{ConvOptions, ModuleOps},
    tensor::FloatTensor,
};
use burn::tensor::TensorData;
use rayon::prelude::*;

use super::{
    Gradients, Kernels, Windows, convolution,
    plane::{LANES, Plane, add},
};

/// Values `[images, channels, ...]`, of which each channel of an image has as many.
struct Channels {
    images: usize,
    channels: usize,
    each: usize,
}

// === impl Kernels ===

impl Kernels for Flex {
    fn convolve(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        let Some((convolution, [height, width])) = convolution::of(&maps, &weights, &options)
        else {
            return Self::conv2d(maps, weights, None, options);
        };
        let (images, filters) = (maps.shape()[0], weights.shape()[0]);
        let (maps, weights) = (maps.to_contiguous(), weights.to_contiguous());
        let result = convolution.convolve(values(&maps), values(&weights));
        tensor(result, [images, filters, height, width])
    }

    fn average(maps: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let [images, channels, height, width] = maps.shape().dims();
        let plane = Plane::new([height, width], windows);
        let means = plane.means(values(&maps.to_contiguous()));
        let [height, width] = plane.output;
        tensor(means, [images, channels, height, width])
    }

    fn normalise(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (shape, channels) = (input.shape(), Channels::of(&input));
        let contiguous = input.to_contiguous();
        let input = values(&contiguous);
        let count = channels.count();
        let statistics: Vec<[f32; 2]> = (0..channels.channels)
            .into_par_iter()
            .map(|channel| {
                let mean = channels.sum(channel, input, input, |x, _| x) / count;
                let centre = mean as f32;
                let square = |x: f32, _| (x - centre) * (x - centre);
                let squares = channels.sum(channel, input, input, square);
                [centre, (squares / count) as f32]
            })
            .collect();
        let (scale, shift) = (scale.to_contiguous(), shift.to_contiguous());
        let lines: Vec<[f32; 2]> = (statistics.iter())
            .zip(values(&scale).iter().zip(values(&shift)))
            .map(|([mean, variance], (scale, shift))| {
                let slope = scale / (variance + epsilon as f32).sqrt();
                [slope, shift - mean * slope]
            })
            .collect();
        let mut result = vec![0.0; input.len()];
        let planes = result
            .par_chunks_mut(channels.each)
            .zip(input.par_chunks(channels.each));
        planes.enumerate().for_each(|(at, (result, input))| {
            let [slope, shift] = lines[at % channels.channels];
            for (result, x) in result.iter_mut().zip(input) {
                *result = slope * x + shift;
            }
        });
        let [mean, variance] = [0, 1].map(|which| {
            let of_channels = statistics.iter().map(|statistics| statistics[which]);
            tensor(of_channels.collect(), [channels.channels])
        });
        (tensor(result, shape), mean, variance)
    }
}

// === impl Gradients ===

impl Gradients for Flex {
    fn convolved(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
        asked: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        let Some((convolution, _)) = convolution::of(&maps, &weights, &options) else {
            let (x, w, y) = (maps, weights, gradient);
            let by_maps =
                || Self::conv2d_x_backward(x.clone(), w.clone(), y.clone(), options.clone());
            let by_maps = asked[0].then(by_maps);
            let by_weights = || Self::conv2d_weight_backward(x, w, y, options);
            return [by_maps, asked[1].then(by_weights)];
        };
        let (maps, weights) = (maps.to_contiguous(), weights.to_contiguous());
        let gradient = gradient.to_contiguous();
        let by_maps = || {
            let result = convolution.by_maps(values(&weights), values(&gradient));
            tensor(result, maps.shape())
        };
        let by_weights = || {
            let result = convolution.by_weights(values(&maps), values(&gradient));
            tensor(result, weights.shape())
        };
        [asked[0].then(by_maps), asked[1].then(by_weights)]
    }

    fn averaged(
        maps: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self> {
        let [_, _, height, width] = maps.shape().dims();
        let plane = Plane::new([height, width], windows);
        let by_maps = plane.through_means(values(&gradient.to_contiguous()));
        tensor(by_maps, maps.shape())
    }

    fn normalised(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        [mean, variance]: [FloatTensor<Self>; 2],
        gradient: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3] {
        let (shape, channels) = (input.shape(), Channels::of(&input));
        let (input, gradient) = (input.to_contiguous(), gradient.to_contiguous());
        let (input, gradient) = (values(&input), values(&gradient));
        let [scale, mean, variance] = [scale, mean, variance].map(|one| one.to_contiguous());
        let (scale, mean, variance) = (values(&scale), values(&mean), values(&variance));
        let sums: Vec<[f64; 2]> = (0..channels.channels)
            .into_par_iter()
            .map(|channel| {
                let centre = mean[channel];
                [
                    channels.sum(channel, gradient, gradient, |y, _| y),
                    channels.sum(channel, gradient, input, |y, x| y * (x - centre)),
                ]
            })
            .collect();
        let inverse = |channel: usize| 1.0 / (f64::from(variance[channel]) + epsilon).sqrt();
        // With x̂ the normal values and n their number, the gradient by x is
        // scale / deviation · (y − Σy / n − x̂ Σ(y x̂) / n): a line in y and x.
        let line = |(channel, [plain, product]): (usize, &[f64; 2])| {
            let (inverse, count) = (inverse(channel), channels.count());
            let slope = f64::from(scale[channel]) * inverse;
            let by_input = -slope * inverse * inverse * product / count;
            let rest = -slope * plain / count - by_input * f64::from(mean[channel]);
            [slope, by_input, rest].map(|part| part as f32)
        };
        let lines: Vec<[f32; 3]> = sums.iter().enumerate().map(line).collect();
        let mut result = vec![0.0; input.len()];
        let both = input
            .par_chunks(channels.each)
            .zip(gradient.par_chunks(channels.each));
        let planes = result.par_chunks_mut(channels.each).zip(both);
        planes
            .enumerate()
            .for_each(|(at, (result, (input, gradient)))| {
                let [slope, by_input, rest] = lines[at % channels.channels];
                for (result, (x, y)) in result.iter_mut().zip(input.iter().zip(gradient)) {
                    *result = slope * y + by_input * x + rest;
                }
            });
        let by_scale = sums
            .iter()
            .enumerate()
            .map(|(channel, [_, product])| (product * inverse(channel)) as f32);
        let by_shift = sums.iter().map(|[plain, _]| *plain as f32);
        [
            tensor(result, shape),
            tensor(by_scale.collect(), [channels.channels]),
            tensor(by_shift.collect(), [channels.channels]),
        ]
    }
}

// === impl Channels ===

impl Channels {
    fn of(values: &FloatTensor<Flex>) -> Self {
        let shape = values.shape();
        let (images, channels) = (shape[0], shape[1]);
        Self {
            images,
            channels,
            each: shape.num_elements() / (images * channels),
        }
    }

    /// Values of one channel in all images.
    fn count(&self) -> f64 {
        (self.images * self.each) as f64
    }

    /// The sum over all of a channel's places of what is made of two values there.
    fn sum(&self, channel: usize, a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) -> f64 {
        let of_image = |image: usize| {
            let first = (image * self.channels + channel) * self.each;
            let mut lanes = [0.0; LANES];
            let (a, b) = (&a[first..][..self.each], &b[first..][..self.each]);
            add(&mut lanes, a, b, &of);
            f64::from(lanes.iter().sum::<f32>())
        };
        (0..self.images).map(of_image).sum()
    }
}

// === helpers ===

fn values(tensor: &FloatTensor<Flex>) -> &[f32] {
    tensor.as_slice().expect("it is contiguous")
}

fn tensor(values: Vec<f32>, shape: impl Into<burn::tensor::Shape>) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(TensorData::new(values, shape.into()))
}
