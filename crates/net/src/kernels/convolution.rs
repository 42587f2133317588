//! Convolutions of one kind each, on values that lie image by image and channel by channel.

use burn::backend::{Flex, TensorMetadata, ops::ConvOptions, tensor::FloatTensor};
use ndarray::{ArrayView2, ArrayViewMut2, linalg::general_mat_mul};
use rayon::prelude::*;

use super::{
    Windows,
    plane::{LANES, Plane},
};

/// Images are summed in so many parts whatever the number of threads, so that these do not change the sums.
const PARTS: usize = 16;

/// A convolution of maps by weights, and its gradients.
pub(super) trait Convolution {
    fn convolve(&self, maps: &[f32], weights: &[f32]) -> Vec<f32>;

    fn by_maps(&self, weights: &[f32], gradient: &[f32]) -> Vec<f32>;

    fn by_weights(&self, maps: &[f32], gradient: &[f32]) -> Vec<f32>;
}

/// Each channel has a kernel of its own.
struct Depthwise {
    plane: Plane,
    channels: usize,
}

/// Each channel of the output reads all of the input: a product of matrices for each image.
struct Dense {
    plane: Plane,
    /// Of the input and the output.
    channels: [usize; 2],
}

/// The convolution that is asked for, and height and width of what comes out, where it is one of these.
pub(super) fn of(
    maps: &FloatTensor<Flex>,
    weights: &FloatTensor<Flex>,
    options: &ConvOptions<2>,
) -> Option<(Box<dyn Convolution>, [usize; 2])> {
    if options.dilation != [1, 1] {
        return None;
    }
    let [_, channels, height, width] = maps.shape().dims();
    let [filters, of_group, kernel_height, kernel_width] = weights.shape().dims();
    let windows = Windows {
        kernel: [kernel_height, kernel_width],
        stride: options.stride,
        padding: options.padding.map(|(before, _)| before),
    };
    let plane = Plane::new([height, width], windows);
    let output = plane.output;
    if options.groups == channels && filters == channels && of_group == 1 {
        Some((Box::new(Depthwise { plane, channels }), output))
    } else if options.groups == 1 {
        let channels = [channels, filters];
        Some((Box::new(Dense { plane, channels }), output))
    } else {
        None
    }
}

// === impl Depthwise ===

impl Convolution for Depthwise {
    fn convolve(&self, maps: &[f32], weights: &[f32]) -> Vec<f32> {
        let [inputs, outputs, taps] = self.plane.elements();
        let mut result = vec![0.0; maps.len() / inputs * outputs];
        let planes = result.par_chunks_mut(outputs).zip(maps.par_chunks(inputs));
        planes.enumerate().for_each(|(at, (result, maps))| {
            let weights = &weights[(at % self.channels) * taps..][..taps];
            let plane = &self.plane;
            plane.rows(|row| plane.read(maps, &row, weights[row.tap], result));
        });
        result
    }

    fn by_maps(&self, weights: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [inputs, outputs, taps] = self.plane.elements();
        let mut result = vec![0.0; gradient.len() / outputs * inputs];
        let planes = result
            .par_chunks_mut(inputs)
            .zip(gradient.par_chunks(outputs));
        planes.enumerate().for_each(|(at, (result, gradient))| {
            let weights = &weights[(at % self.channels) * taps..][..taps];
            let plane = &self.plane;
            plane.rows(|row| plane.write(gradient, &row, weights[row.tap], result));
        });
        result
    }

    fn by_weights(&self, maps: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [inputs, outputs, taps] = self.plane.elements();
        let (plane, channels) = (&self.plane, self.channels);
        let mut result = vec![0.0; channels * taps];
        let kernels = result.par_chunks_mut(taps).enumerate();
        kernels.for_each(|(channel, result)| {
            let mut sums = vec![0.0f64; taps];
            let images = maps
                .chunks(channels * inputs)
                .zip(gradient.chunks(channels * outputs));
            for (maps, gradient) in images {
                let maps = &maps[channel * inputs..][..inputs];
                let gradient = &gradient[channel * outputs..][..outputs];
                let mut lanes = vec![[0.0; LANES]; taps];
                plane.rows(|row| plane.dot(maps, gradient, &row, &mut lanes[row.tap]));
                for (sum, lanes) in sums.iter_mut().zip(lanes) {
                    *sum += f64::from(lanes.iter().sum::<f32>());
                }
            }
            for (result, sum) in result.iter_mut().zip(sums) {
                *result = sum as f32;
            }
        });
        result
    }
}

// === impl Dense ===

impl Convolution for Dense {
    fn convolve(&self, maps: &[f32], weights: &[f32]) -> Vec<f32> {
        let [inputs, outputs] = self.of_image();
        let weights = matrix(weights, self.channels[1]);
        let mut result = vec![0.0; maps.len() / inputs * outputs];
        let images = result.par_chunks_mut(outputs).zip(maps.par_chunks(inputs));
        images.for_each_init(Vec::new, |room, (result, maps)| {
            let mut result = matrix_mut(result, self.channels[1]);
            general_mat_mul(1.0, &weights, &self.columns(maps, room), 0.0, &mut result);
        });
        result
    }

    fn by_maps(&self, weights: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [inputs, outputs] = self.of_image();
        let weights = matrix(weights, self.channels[1]);
        let mut result = vec![0.0; gradient.len() / outputs * inputs];
        let images = result
            .par_chunks_mut(inputs)
            .zip(gradient.par_chunks(outputs));
        images.for_each_init(Vec::new, |room, (result, gradient)| {
            let gradient = matrix(gradient, self.channels[1]);
            if self.plane.is_pointwise() {
                let mut result = matrix_mut(result, self.channels[0]);
                general_mat_mul(1.0, &weights.t(), &gradient, 0.0, &mut result);
                return;
            }
            room.resize(self.of_columns(), 0.0);
            let mut columns = matrix_mut(room, weights.ncols());
            general_mat_mul(1.0, &weights.t(), &gradient, 0.0, &mut columns);
            let (plane, [input, output, taps]) = (&self.plane, self.plane.elements());
            let channels = result.chunks_mut(input).zip(room.chunks(output * taps));
            for (result, columns) in channels {
                plane.rows(|row| plane.write(&columns[row.tap * output..], &row, 1.0, result));
            }
        });
        result
    }

    fn by_weights(&self, maps: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [inputs, outputs] = self.of_image();
        let part = (maps.len() / inputs).div_ceil(PARTS);
        let parts = maps
            .par_chunks(part * inputs)
            .zip(gradient.par_chunks(part * outputs));
        let sums = parts.map(|(maps, gradient)| {
            let mut sum = vec![0.0; self.channels[0] * self.channels[1] * self.plane.elements()[2]];
            let mut into = matrix_mut(&mut sum, self.channels[1]);
            let mut room = Vec::new();
            for (maps, gradient) in maps.chunks(inputs).zip(gradient.chunks(outputs)) {
                let columns = self.columns(maps, &mut room);
                let gradient = matrix(gradient, self.channels[1]);
                general_mat_mul(1.0, &gradient, &columns.t(), 1.0, &mut into);
            }
            sum
        });
        let sums: Vec<Vec<f32>> = sums.collect();
        let add = |mut total: Vec<f32>, sum: Vec<f32>| {
            let both = total.iter_mut().zip(sum);
            both.for_each(|(total, sum)| *total += sum);
            total
        };
        sums.into_iter().reduce(add).unwrap_or_default()
    }
}

impl Dense {
    /// Values of an image that goes in, and of one that comes out.
    fn of_image(&self) -> [usize; 2] {
        let [inputs, outputs, _] = self.plane.elements();
        [self.channels[0] * inputs, self.channels[1] * outputs]
    }

    fn of_columns(&self) -> usize {
        let [_, outputs, taps] = self.plane.elements();
        self.channels[0] * taps * outputs
    }

    /// What each output reads of an image: a row for each channel and tap, a column for each place.
    fn columns<'a>(&self, image: &'a [f32], room: &'a mut Vec<f32>) -> ArrayView2<'a, f32> {
        let (plane, [inputs, outputs, taps]) = (&self.plane, self.plane.elements());
        if plane.is_pointwise() {
            return matrix(image, self.channels[0]);
        }
        room.clear();
        room.resize(self.of_columns(), 0.0);
        let channels = room.chunks_mut(taps * outputs).zip(image.chunks(inputs));
        for (columns, map) in channels {
            plane.rows(|row| plane.read(map, &row, 1.0, &mut columns[row.tap * outputs..]));
        }
        matrix(room, self.channels[0] * taps)
    }
}

// === helpers ===

fn matrix(values: &[f32], rows: usize) -> ArrayView2<'_, f32> {
    let shape = (rows, values.len() / rows);
    ArrayView2::from_shape(shape, values).expect("there are whole rows")
}

fn matrix_mut(values: &mut [f32], rows: usize) -> ArrayViewMut2<'_, f32> {
    let shape = (rows, values.len() / rows);
    ArrayViewMut2::from_shape(shape, values).expect("there are whole rows")
}
