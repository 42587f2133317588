//! One channel of one image, seen through windows.

use rayon::prelude::*;

use super::Windows;

/// So many sums run side by side, so that the processor can add as many at a time.
pub(super) const LANES: usize = 16;

pub(super) struct Plane {
    /// Height and width of what goes in and of what comes out.
    input: [usize; 2],
    pub output: [usize; 2],
    windows: Windows,
}

/// One tap of the kernel on one row: the places of as many values.
pub(super) struct Row {
    pub tap: usize,
    output: usize,
    input: usize,
    count: usize,
}

// === impl Plane ===

impl Plane {
    /// A plane of that height and width, seen through windows.
    pub fn new(input: [usize; 2], windows: Windows) -> Self {
        let length = |axis: usize| {
            let padded = input[axis] + 2 * windows.padding[axis];
            (padded - windows.kernel[axis]) / windows.stride[axis] + 1
        };
        Self {
            input,
            output: [length(0), length(1)],
            windows,
        }
    }

    /// Of the input, the output and the kernel.
    pub fn elements(&self) -> [usize; 3] {
        [self.input, self.output, self.windows.kernel].map(|[height, width]| height * width)
    }

    /// Whether each output reads the input at its own place alone.
    pub fn is_pointwise(&self) -> bool {
        let windows = &self.windows;
        (windows.kernel, windows.stride, windows.padding) == ([1, 1], [1, 1], [0, 0])
    }

    /// The outputs along an axis whose input for a tap is no padding, and the input of the first.
    fn span(&self, axis: usize, tap: usize) -> (std::ops::Range<usize>, usize) {
        let (stride, padding) = (self.windows.stride[axis], self.windows.padding[axis]);
        let first = padding.saturating_sub(tap).div_ceil(stride);
        let end = (self.input[axis] + padding)
            .saturating_sub(tap)
            .div_ceil(stride);
        let outputs = first..end.min(self.output[axis]).max(first);
        (outputs, (first * stride + tap).saturating_sub(padding))
    }

    /// All that is multiplied, row by row.
    pub fn rows(&self, mut visit: impl FnMut(Row)) {
        let [height, width] = self.windows.kernel;
        for y in 0..height {
            let (rows, first_row) = self.span(0, y);
            for x in 0..width {
                let (columns, first) = self.span(1, x);
                if columns.is_empty() {
                    continue;
                }
                for (at, row) in rows.clone().enumerate() {
                    visit(Row {
                        tap: y * width + x,
                        output: row * self.output[1] + columns.start,
                        input: (first_row + at * self.windows.stride[0]) * self.input[1] + first,
                        count: columns.len(),
                    });
                }
            }
        }
    }

    /// The means of the windows of all planes.
    pub fn means(&self, maps: &[f32]) -> Vec<f32> {
        let ([inputs, outputs, _], shares) = (self.elements(), self.shares());
        let mut result = vec![0.0; maps.len() / inputs * outputs];
        let planes = result.par_chunks_mut(outputs).zip(maps.par_chunks(inputs));
        planes.for_each(|(result, maps)| {
            self.rows(|row| self.read(maps, &row, 1.0, result));
            let means = result.iter_mut().zip(&shares);
            means.for_each(|(sum, share)| *sum *= share);
        });
        result
    }

    /// What comes back through the means to the inputs.
    pub fn through_means(&self, gradient: &[f32]) -> Vec<f32> {
        let ([inputs, outputs, _], shares) = (self.elements(), self.shares());
        let mut result = vec![0.0; gradient.len() / outputs * inputs];
        let planes = result
            .par_chunks_mut(inputs)
            .zip(gradient.par_chunks(outputs));
        planes.for_each(|(result, gradient)| {
            let shared = gradient.iter().zip(&shares).map(|(y, share)| y * share);
            let shared: Vec<f32> = shared.collect();
            self.rows(|row| self.write(&shared, &row, 1.0, result));
        });
        result
    }

    /// For each output, one over the number of inputs in its window.
    fn shares(&self) -> Vec<f32> {
        let mut counts = vec![0.0; self.elements()[1]];
        self.rows(|row| {
            for count in &mut counts[row.output..][..row.count] {
                *count += 1.0;
            }
        });
        counts.into_iter().map(f32::recip).collect()
    }

    /// Adds a row of the input, times a weight, to a row of the output.
    pub fn read(&self, input: &[f32], row: &Row, weight: f32, output: &mut [f32]) {
        let output = output[row.output..][..row.count].iter_mut();
        match self.windows.stride[1] {
            1 => {
                let input = &input[row.input..][..row.count];
                output.zip(input).for_each(|(y, x)| *y += weight * x);
            }
            stride => {
                let input = input[row.input..].iter().step_by(stride);
                output.zip(input).for_each(|(y, x)| *y += weight * x);
            }
        }
    }

    /// Adds a row of the output, times a weight, to a row of the input.
    pub fn write(&self, output: &[f32], row: &Row, weight: f32, input: &mut [f32]) {
        let output = &output[row.output..][..row.count];
        match self.windows.stride[1] {
            1 => {
                let input = input[row.input..][..row.count].iter_mut();
                input.zip(output).for_each(|(x, y)| *x += weight * y);
            }
            stride => {
                let input = input[row.input..].iter_mut().step_by(stride);
                input.zip(output).for_each(|(x, y)| *x += weight * y);
            }
        }
    }

    /// Adds the products of a row of the input and one of the output to sums, in turn.
    pub fn dot(&self, input: &[f32], output: &[f32], row: &Row, lanes: &mut [f32; LANES]) {
        let output = &output[row.output..][..row.count];
        match self.windows.stride[1] {
            1 => {
                let input = &input[row.input..][..row.count];
                add(lanes, output, input, |y, x| y * x);
            }
            stride => {
                let input = input[row.input..].iter().step_by(stride);
                lanes[0] += output.iter().zip(input).map(|(y, x)| y * x).sum::<f32>();
            }
        }
    }
}

// === helpers ===

/// Adds what is made of two values at each place to sums, in turn.
pub(super) fn add(lanes: &mut [f32; LANES], a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) {
    let (whole, rest) = a.as_chunks::<LANES>();
    let (other, other_rest) = b.as_chunks::<LANES>();
    for (a, b) in whole.iter().zip(other) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += of(*a, *b);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(rest.iter().zip(other_rest)) {
        *lane += of(*a, *b);
    }
}
