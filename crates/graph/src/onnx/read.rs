//! Single ONNX nodes as operators.

use super::{
    OnnxError,
    source::{Call, Source, lengths},
};
use crate::{Activation, Convolution, Op, Pool, Shape, Tensor};

/// A node to be added: its operator, the values that it reads and its parameters by role.
pub struct Step<'a> {
    pub op: Op,
    pub inputs: Vec<&'a str>,
    pub parameters: Vec<(&'static str, Tensor)>,
}

/// A node while it is read: where it stands and the shape of its first input that is no constant.
struct Context<'a, 's> {
    source: &'s Source<'a>,
    call: Call<'a>,
    shape: &'s Shape,
}

/// A step, or why there is none; the node is added to the reason.
type Reading<'a> = Result<Step<'a>, String>;

/// Reads a node whose first input has the shape given.
pub fn read<'a>(source: &Source<'a>, call: Call<'a>, shape: &Shape) -> Result<Step<'a>, OnnxError> {
    let context = Context {
        source,
        call,
        shape,
    };
    context.read().map_err(|reason| call.unsupported(reason))
}

// === impl Step ===

impl<'a> Step<'a> {
    pub fn new(op: Op, inputs: &[&'a str]) -> Self {
        Self {
            op,
            inputs: inputs.to_vec(),
            parameters: Vec::new(),
        }
    }
}

// === impl Context ===

impl<'a> Context<'a, '_> {
    fn read(&self) -> Reading<'a> {
        let activation = |activation| self.unary(Op::Activation(activation));
        match self.call.0.op_type.as_str() {
            "Conv" => self.convolution(),
            "BatchNormalization" => self.batch_norm(),
            "Relu" => activation(Activation::Relu),
            "Clip" => self.clip(),
            "Sigmoid" => activation(Activation::Sigmoid),
            "HardSigmoid" => self.hard_sigmoid(),
            "HardSwish" => activation(Activation::HardSwish),
            "Tanh" => activation(Activation::Tanh),
            "MaxPool" => self.unary(Op::MaxPool(self.pool()?)),
            "AveragePool" => self.average_pool(),
            "GlobalAveragePool" => self.unary(Op::GlobalAvgPool),
            "Add" => Ok(self.binary(Op::Add)),
            "Mul" => Ok(self.product()),
            "Concat" => {
                let axis = self.axis(self.call.int("axis").ok_or("it has no axis")?)?;
                Ok(self.binary(Op::Concat { axis }))
            }
            "MatMul" => self.matrix_product(),
            "Gemm" => self.gemm(),
            "Softmax" => self.softmax(),
            "LayerNormalization" => self.layer_norm(),
            "Reshape" => self.reshape(),
            "Flatten" => self.flatten(),
            "Transpose" => self.transpose(),
            _ => Err("it is not one of the operators that are read".to_owned()),
        }
    }

    fn convolution(&self) -> Reading<'a> {
        let weight = self.parameter(1)?;
        let [out_channels, _, height, width] = weight.shape[..] else {
            return Err("the weight has not 4 axes".to_owned());
        };
        let window = self.window([height, width])?;
        let bias = self.call.inputs().len() > 2;
        let op = Op::Conv(Convolution {
            out_channels,
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
            groups: lengths(&[self.call.int("group").unwrap_or(1)])?[0],
            bias,
        });
        let mut parameters = vec![("weight", weight)];
        if bias {
            parameters.push(("bias", self.parameter(2)?));
        }
        self.with_parameters(op, parameters)
    }

    fn batch_norm(&self) -> Reading<'a> {
        if self.call.int("training_mode").unwrap_or(0) != 0 {
            return Err("it is in training mode".to_owned());
        }
        let epsilon = self.call.float("epsilon").unwrap_or(1e-5);
        let parameters = vec![
            ("weight", self.parameter(1)?),
            ("bias", self.parameter(2)?),
            ("mean", self.parameter(3)?),
            ("variance", self.parameter(4)?),
        ];
        self.with_parameters(Op::BatchNorm { epsilon }, parameters)
    }

    fn layer_norm(&self) -> Reading<'a> {
        let axis = self.axis(self.call.int("axis").unwrap_or(-1))?;
        if axis + 1 != self.shape.dims().len() {
            return Err("it normalises more than the last axis".to_owned());
        }
        let epsilon = self.call.float("epsilon").unwrap_or(1e-5);
        let parameters = vec![("weight", self.parameter(1)?), ("bias", self.parameter(2)?)];
        self.with_parameters(Op::LayerNorm { epsilon }, parameters)
    }

    fn clip(&self) -> Reading<'a> {
        let bound = |position: usize| match self.call.inputs().get(position) {
            Some(name) if !name.is_empty() => {
                let value = self.source.scalar(name);
                value.map(Some).ok_or("its bounds are not constants")
            }
            _ => Ok(None),
        };
        let activation = match (bound(1)?, bound(2)?) {
            (Some(0.0), Some(6.0)) => Activation::Relu6,
            (Some(0.0), None) => Activation::Relu,
            _ => return Err("its bounds are not 0 and 6".to_owned()),
        };
        Ok(Step::new(Op::Activation(activation), &[self.input(0)?]))
    }

    fn hard_sigmoid(&self) -> Reading<'a> {
        let alpha = self.call.float("alpha").unwrap_or(0.2);
        let beta = self.call.float("beta").unwrap_or(0.5);
        if (alpha - 1.0 / 6.0).abs() > 1e-6 || beta != 0.5 {
            return Err("it is not min(max(x / 6 + 1/2, 0), 1)".to_owned());
        }
        self.unary(Op::Activation(Activation::HardSigmoid))
    }

    fn average_pool(&self) -> Reading<'a> {
        let pool = self.pool()?;
        let counted = self.call.int("count_include_pad").unwrap_or(0) != 0;
        if counted && pool.padding != [0, 0] {
            return Err("it counts positions in the padding".to_owned());
        }
        self.unary(Op::AvgPool(pool))
    }

    fn pool(&self) -> Result<Pool, String> {
        let kernel = self.call.ints("kernel_shape").ok_or("it has no window")?;
        let kernel = <[usize; 2]>::try_from(lengths(kernel)?);
        let kernel = kernel.map_err(|_| "its window has not 2 axes")?;
        if self.call.int("ceil_mode").unwrap_or(0) != 0 {
            return Err("it rounds sizes up".to_owned());
        }
        self.window(kernel)
    }

    /// Stride and padding of a window, which convolutions and poolings have in common.
    fn window(&self, kernel: [usize; 2]) -> Result<Pool, String> {
        let automatic = self.call.text("auto_pad").unwrap_or(b"NOTSET");
        if !matches!(automatic, b"NOTSET" | b"VALID") {
            return Err("its padding is left to the runtime".to_owned());
        }
        let dilations = self.call.ints("dilations").unwrap_or(&[1, 1]);
        if dilations.iter().any(|dilation| *dilation != 1) {
            return Err("its window is dilated".to_owned());
        }
        let stride = lengths(self.call.ints("strides").unwrap_or(&[1, 1]))?;
        let pads = lengths(self.call.ints("pads").unwrap_or(&[0; 4]))?;
        match (stride[..].try_into(), &pads[..]) {
            (Ok(stride), [top, left, bottom, right]) if top == bottom && left == right => {
                let padding = [*top, *left];
                Ok(Pool {
                    kernel,
                    stride,
                    padding,
                })
            }
            _ => Err("its padding is not the same on both sides of two axes".to_owned()),
        }
    }

    fn product(&self) -> Step<'a> {
        if let [a, b] = self.call.inputs() {
            for (input, constant) in [(a, b), (b, a)] {
                if let Some(factor) = self.source.scalar(constant) {
                    return Step::new(Op::Scale { factor }, &[input]);
                }
            }
        }
        self.binary(Op::Mul)
    }

    fn matrix_product(&self) -> Reading<'a> {
        let right = self.input(1)?;
        if !self.source.is_constant(right) {
            return Ok(self.binary(Op::MatMul));
        }
        let weight = self.parameter(1)?;
        let [_, out_features] = weight.shape[..] else {
            return Err("its constant has not 2 axes".to_owned());
        };
        let op = Op::Linear {
            out_features,
            bias: false,
        };
        self.with_parameters(op, vec![("weight", weight)])
    }

    fn gemm(&self) -> Reading<'a> {
        let factor = |name: &str| self.call.float(name).unwrap_or(1.0);
        let plain = factor("alpha") == 1.0 && factor("beta") == 1.0;
        if !plain || self.call.int("transA").unwrap_or(0) != 0 {
            return Err("it is not the input times a weight plus a bias".to_owned());
        }
        if self.shape.dims().len() != 1 {
            return Err("its samples have not 1 axis".to_owned());
        }
        let mut weight = self.parameter(1)?;
        let [rows, columns] = weight.shape[..] else {
            return Err("its weight has not 2 axes".to_owned());
        };
        if self.call.int("transB").unwrap_or(0) != 0 {
            weight = transposed(&weight, rows, columns);
        }
        let out_features = weight.shape[1];
        let bias = self.call.inputs().len() > 2;
        let mut parameters = vec![("weight", weight)];
        if bias {
            parameters.push(("bias", self.parameter(2)?));
        }
        self.with_parameters(Op::Linear { out_features, bias }, parameters)
    }

    fn softmax(&self) -> Reading<'a> {
        let last = self.shape.dims().len();
        // Before opset 13 the default was 1 and all axes from there on were one.
        let before_13 = self.source.opset < 13;
        let default = if before_13 { 1 } else { -1 };
        let axis = self.axis(self.call.int("axis").unwrap_or(default))?;
        if before_13 && axis + 1 != last {
            return Err("it joins several axes".to_owned());
        }
        self.unary(Op::Softmax { axis })
    }

    fn reshape(&self) -> Reading<'a> {
        if self.call.int("allowzero").unwrap_or(0) != 0 {
            return Err("a length of 0 means 0".to_owned());
        }
        let axes = self.source.integers(self.input(1)?)?;
        let [batch, sample @ ..] = &axes[..] else {
            return Err("it drops the batch axis".to_owned());
        };
        if !matches!(batch, 0 | -1) && Some(*batch) != self.source.batch {
            return Err("it changes the batch axis".to_owned());
        }
        let shape = resolve(sample, self.shape)?;
        Ok(Step::new(Op::Reshape { shape }, &[self.input(0)?]))
    }

    fn flatten(&self) -> Reading<'a> {
        if self.call.int("axis").unwrap_or(1) != 1 {
            return Err("it joins other axes than those of a sample".to_owned());
        }
        let shape = vec![self.shape.elements()];
        self.unary(Op::Reshape { shape })
    }

    fn transpose(&self) -> Reading<'a> {
        let perm = lengths(self.call.ints("perm").ok_or("it moves the batch axis")?)?;
        let [0, perm @ ..] = &perm[..] else {
            return Err("it moves the batch axis".to_owned());
        };
        let perm: Option<Vec<usize>> = perm.iter().map(|axis| axis.checked_sub(1)).collect();
        let perm = perm.ok_or("it moves the batch axis")?;
        self.unary(Op::Transpose { perm })
    }

    fn unary(&self, op: Op) -> Reading<'a> {
        Ok(Step::new(op, &[self.input(0)?]))
    }

    fn binary(&self, op: Op) -> Step<'a> {
        let inputs: Vec<&str> = self.call.inputs().iter().map(String::as_str).collect();
        Step::new(op, &inputs)
    }

    fn with_parameters(&self, op: Op, parameters: Vec<(&'static str, Tensor)>) -> Reading<'a> {
        let inputs = vec![self.input(0)?];
        Ok(Step {
            op,
            inputs,
            parameters,
        })
    }

    fn input(&self, position: usize) -> Result<&'a str, String> {
        let input = self.call.inputs().get(position).map(String::as_str);
        input.ok_or_else(|| format!("input {position} is missing"))
    }

    fn parameter(&self, position: usize) -> Result<Tensor, String> {
        self.source.floats(self.input(position)?)
    }

    /// An axis of a sample for one that counts the batch, or counts from the end.
    fn axis(&self, axis: i64) -> Result<usize, String> {
        let axes = self.shape.dims().len();
        let from_end = axis.checked_add_unsigned(axes as u64 + 1);
        let counted = if axis < 0 { from_end } else { Some(axis) };
        counted
            .and_then(|axis| usize::try_from(axis).ok()?.checked_sub(1))
            .filter(|axis| *axis < axes)
            .ok_or_else(|| format!("{axis} is not an axis of a sample"))
    }
}

// === helpers ===

/// The lengths of a reshape, of which 0 keeps an axis and one -1 takes what is left.
fn resolve(wanted: &[i64], old: &Shape) -> Result<Vec<usize>, String> {
    let kept = |(position, length): (usize, &i64)| match length {
        0 => old.dims().get(position).map_or(0, |length| *length as i64),
        length => *length,
    };
    let mut wanted: Vec<i64> = wanted.iter().enumerate().map(kept).collect();
    if let Some(open) = wanted.iter().position(|length| *length == -1) {
        wanted[open] = 1;
        let others = Shape::from(lengths(&wanted)?).elements();
        wanted[open] = old.elements().checked_div(others).unwrap_or(0) as i64;
    }
    lengths(&wanted)
}

fn transposed(weight: &Tensor, rows: usize, columns: usize) -> Tensor {
    let column = |column: usize| (0..rows).map(move |row| weight.data[row * columns + column]);
    Tensor {
        shape: vec![columns, rows],
        data: (0..columns).flat_map(column).collect(),
    }
}
