//! The rules by which operators change shapes.

use super::Shape;
use crate::{Convolution, GraphError, Op, Pool};

/// A shape, or the reason why there is none; [`Op::infer_shape`] adds the evidence.
type Rule = Result<Vec<usize>, String>;

// === impl Op ===

impl Op {
    /// Shape of the value for inputs of the shapes given.
    pub(crate) fn infer_shape(&self, node: &str, inputs: &[&Shape]) -> Result<Shape, GraphError> {
        self.check_input_count(node, inputs.len())?;
        let fault = |reason| GraphError::Shape {
            node: node.to_owned(),
            op: self.kind(),
            shapes: inputs.iter().map(|shape| (*shape).clone()).collect(),
            reason,
        };
        if let Self::Input { shape } = self {
            return Ok(shape.clone().into());
        }
        if let Some(reason) = inputs.iter().find_map(|shape| shape.fault()) {
            return Err(fault(format!("the input {reason}")));
        }
        let dims: Vec<&[usize]> = inputs.iter().map(|shape| shape.dims()).collect();
        let shape = Shape(self.apply_rule(&dims).map_err(fault)?);
        match shape.fault() {
            Some(reason) => Err(fault(format!("the result {reason}"))),
            None => Ok(shape),
        }
    }

    fn check_input_count(&self, node: &str, got: usize) -> Result<(), GraphError> {
        let (fits, expected) = match self {
            Self::Input { .. } | Self::Zeros { .. } => (got == 0, "no"),
            Self::Add | Self::Mul | Self::MatMul => (got == 2, "2"),
            Self::Concat { .. } => (got >= 1, "1 or more"),
            _ => (got == 1, "1"),
        };
        if fits {
            return Ok(());
        }
        Err(GraphError::InputCount {
            node: node.to_owned(),
            op: self.kind(),
            expected,
            got,
        })
    }

    fn apply_rule(&self, inputs: &[&[usize]]) -> Rule {
        match self {
            Self::Input { shape } | Self::Zeros { shape } => Ok(shape.clone()),
            Self::Conv(settings) => convolution(settings, inputs[0]),
            Self::BatchNorm { epsilon } => normalisation(*epsilon, inputs[0]),
            Self::Activation(_) => Ok(inputs[0].to_vec()),
            Self::MaxPool(pool) | Self::AvgPool(pool) => pooling(pool, inputs[0]),
            Self::GlobalAvgPool => image(inputs[0]).map(|[channels, _, _]| vec![channels, 1, 1]),
            Self::Add | Self::Mul => repeated(inputs[0], inputs[1]),
            Self::Scale { factor } => match factor.is_finite() {
                true => Ok(inputs[0].to_vec()),
                false => Err(format!("the factor {factor} is not finite")),
            },
            Self::Concat { axis } => concatenation(*axis, inputs),
            Self::MatMul => product(inputs[0], inputs[1]),
            Self::Linear { out_features, .. } => linear(*out_features, inputs[0]),
            Self::Softmax { axis } => check_axis(*axis, inputs[0]).map(|()| inputs[0].to_vec()),
            Self::LayerNorm { epsilon } => normalisation(*epsilon, inputs[0]),
            Self::Reshape { shape } => reshape(shape, inputs[0]),
            Self::Transpose { perm } => transposition(perm, inputs[0]),
        }
    }
}

// === rules ===

fn convolution(settings: &Convolution, input: &[usize]) -> Rule {
    let [channels, height, width] = image(input)?;
    let Convolution {
        out_channels,
        groups,
        ..
    } = *settings;
    if groups == 0 || channels % groups != 0 || out_channels % groups != 0 {
        return Err(format!(
            "{groups} groups do not divide {channels} channels into {out_channels}"
        ));
    }
    let weight = Shape(vec![
        out_channels,
        channels / groups,
        settings.kernel[0],
        settings.kernel[1],
    ]);
    if let Some(reason) = weight.fault() {
        return Err(format!("the weight {reason}"));
    }
    let [height, width] = slide(
        [height, width],
        settings.kernel,
        settings.stride,
        settings.padding,
    )?;
    Ok(vec![out_channels, height, width])
}

fn pooling(pool: &Pool, input: &[usize]) -> Rule {
    let [channels, height, width] = image(input)?;
    if (0..2).any(|i| pool.padding[i] >= pool.kernel[i]) {
        return Err("the padding is not smaller than the window".to_owned());
    }
    let [height, width] = slide([height, width], pool.kernel, pool.stride, pool.padding)?;
    Ok(vec![channels, height, width])
}

/// Number of positions of a window, for height and width.
fn slide(
    size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<[usize; 2], String> {
    let mut positions = [0; 2];
    for axis in 0..2 {
        let padded = padding[axis]
            .checked_mul(2)
            .and_then(|both| both.checked_add(size[axis]))
            .ok_or("the padding is too large")?;
        if kernel[axis] == 0 || stride[axis] == 0 {
            return Err("window and stride must be at least 1".to_owned());
        }
        let room = padded.checked_sub(kernel[axis]).ok_or_else(|| {
            format!(
                "a window of {} is larger than the padded input of {padded}",
                kernel[axis]
            )
        })?;
        positions[axis] = room / stride[axis] + 1;
    }
    Ok(positions)
}

fn normalisation(epsilon: f32, input: &[usize]) -> Rule {
    if input.is_empty() {
        return Err("there is no axis".to_owned());
    }
    if !epsilon.is_finite() || epsilon < 0.0 {
        return Err(format!("epsilon {epsilon} is negative or not finite"));
    }
    Ok(input.to_vec())
}

/// One of the two shapes, where the other has the same axes or axes of length 1 that are repeated.
fn repeated(a: &[usize], b: &[usize]) -> Rule {
    let covers = |wide: &[usize], narrow: &[usize]| {
        wide.len() == narrow.len() && wide.iter().zip(narrow).all(|(w, n)| w == n || *n == 1)
    };
    if covers(a, b) {
        Ok(a.to_vec())
    } else if covers(b, a) {
        Ok(b.to_vec())
    } else {
        Err("the shapes differ in more than axes of length 1 on one side".to_owned())
    }
}

fn concatenation(axis: usize, inputs: &[&[usize]]) -> Rule {
    check_axis(axis, inputs[0])?;
    let mut shape = inputs[0].to_vec();
    for other in &inputs[1..] {
        let same = |(i, dim): (usize, &usize)| i == axis || *dim == inputs[0][i];
        if other.len() != shape.len() || !other.iter().enumerate().all(same) {
            return Err(format!("the shapes differ in more than axis {axis}"));
        }
        shape[axis] = shape[axis].saturating_add(other[axis]);
    }
    Ok(shape)
}

fn product(a: &[usize], b: &[usize]) -> Rule {
    let ([outer_a @ .., rows, inner_a], [outer_b @ .., inner_b, columns]) = (a, b) else {
        return Err("a matrix product needs two axes".to_owned());
    };
    if outer_a != outer_b {
        return Err("the axes before the last two differ".to_owned());
    }
    if inner_a != inner_b {
        return Err(format!("{inner_a} columns meet {inner_b} rows"));
    }
    Ok([outer_a, &[*rows, *columns]].concat())
}

fn linear(out_features: usize, input: &[usize]) -> Rule {
    let [outer @ .., in_features] = input else {
        return Err("there is no axis".to_owned());
    };
    if let Some(reason) = Shape(vec![*in_features, out_features]).fault() {
        return Err(format!("the weight {reason}"));
    }
    Ok([outer, &[out_features]].concat())
}

fn reshape(shape: &[usize], input: &[usize]) -> Rule {
    let (old, new) = (Shape(input.to_vec()), Shape(shape.to_vec()));
    if old.elements() != new.elements() {
        return Err(format!(
            "{} elements do not fill {new}, which has {}",
            old.elements(),
            new.elements()
        ));
    }
    Ok(new.0)
}

fn transposition(perm: &[usize], input: &[usize]) -> Rule {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..input.len()) {
        return Err(format!("{perm:?} is not an order of {} axes", input.len()));
    }
    Ok(perm.iter().map(|axis| input[*axis]).collect())
}

fn check_axis(axis: usize, input: &[usize]) -> Result<(), String> {
    if axis < input.len() {
        return Ok(());
    }
    Err(format!("there is no axis {axis}"))
}

fn image(input: &[usize]) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(input)
        .map_err(|_| "the input is not [channels, height, width]".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::{Convolution, Graph, GraphError, Op, Pool, Shape};

    fn shape_of(op: Op, inputs: &[&[usize]]) -> Result<Vec<usize>, GraphError> {
        let shapes: Vec<Shape> = inputs.iter().map(|dims| dims.to_vec().into()).collect();
        let shapes: Vec<&Shape> = shapes.iter().collect();
        op.infer_shape("probe", &shapes)
            .map(|shape| shape.dims().to_vec())
    }

    fn pool(kernel: usize, stride: usize, padding: usize) -> Pool {
        Pool {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
        }
    }

    #[test]
    fn operators_change_shapes_as_in_onnx() {
        type Case<'a> = (Op, Vec<&'a [usize]>, &'a [usize]);
        let cases: Vec<Case> = vec![
            (
                Op::Conv(Convolution::same(8, 3, 2, 1)),
                vec![&[4, 7, 8]],
                &[8, 4, 4],
            ),
            (
                Op::Conv(Convolution::same(4, 5, 1, 4)),
                vec![&[4, 7, 8]],
                &[4, 7, 8],
            ),
            (Op::MaxPool(pool(2, 2, 0)), vec![&[4, 7, 8]], &[4, 3, 4]),
            (Op::AvgPool(pool(3, 1, 1)), vec![&[4, 7, 8]], &[4, 7, 8]),
            (Op::GlobalAvgPool, vec![&[4, 7, 8]], &[4, 1, 1]),
            (Op::Mul, vec![&[4, 1, 1], &[4, 7, 8]], &[4, 7, 8]),
            (
                Op::Concat { axis: 1 },
                vec![&[4, 7], &[4, 1], &[4, 2]],
                &[4, 10],
            ),
            (Op::MatMul, vec![&[2, 3, 4], &[2, 4, 5]], &[2, 3, 5]),
            (
                Op::Linear {
                    out_features: 9,
                    bias: true,
                },
                vec![&[6, 4]],
                &[6, 9],
            ),
            (Op::Reshape { shape: vec![28] }, vec![&[4, 7]], &[28]),
            (
                Op::Transpose {
                    perm: vec![2, 0, 1],
                },
                vec![&[4, 7, 8]],
                &[8, 4, 7],
            ),
        ];
        for (op, inputs, expected) in cases {
            assert_eq!(shape_of(op, &inputs), Ok(expected.to_vec()));
        }
    }

    #[test]
    fn settings_that_cannot_work_are_errors() {
        let conv = |change: fn(&mut Convolution)| {
            let mut settings = Convolution::same(4, 3, 1, 1);
            change(&mut settings);
            (Op::Conv(settings), vec![&[4, 4, 4][..]])
        };
        let cases: Vec<(Op, Vec<&[usize]>)> = vec![
            conv(|c| c.groups = 0),
            conv(|c| c.groups = 3),
            conv(|c| c.stride = [0, 1]),
            conv(|c| c.kernel = [7, 1]),
            conv(|c| c.kernel = [0, 1]),
            conv(|c| c.out_channels = 0),
            conv(|c| c.out_channels = usize::MAX),
            conv(|c| c.padding = [usize::MAX, 1]),
            (Op::MaxPool(pool(2, 1, 2)), vec![&[4, 4, 4]]),
            (Op::AvgPool(pool(2, 0, 0)), vec![&[4, 4, 4]]),
            (Op::GlobalAvgPool, vec![&[4, 4]]),
            (Op::Add, vec![&[4, 1], &[1, 4]]),
            (Op::Add, vec![&[4]]),
            (Op::Concat { axis: 2 }, vec![&[4, 4]]),
            (Op::Concat { axis: 0 }, vec![]),
            (Op::MatMul, vec![&[4, 3], &[4, 3]]),
            (Op::MatMul, vec![&[4], &[4]]),
            (
                Op::Linear {
                    out_features: 0,
                    bias: true,
                },
                vec![&[4]],
            ),
            (Op::Softmax { axis: 1 }, vec![&[4]]),
            (Op::BatchNorm { epsilon: f32::NAN }, vec![&[4]]),
            (
                Op::Scale {
                    factor: f32::INFINITY,
                },
                vec![&[4]],
            ),
            (
                Op::Reshape {
                    shape: vec![usize::MAX, 2],
                },
                vec![&[4]],
            ),
            (Op::Reshape { shape: vec![1; 9] }, vec![&[1]]),
            (Op::Transpose { perm: vec![0, 0] }, vec![&[4, 4]]),
            (Op::Zeros { shape: vec![0] }, vec![]),
            (Op::GlobalAvgPool, vec![&[usize::MAX, usize::MAX, 3]]),
        ];
        for (op, inputs) in cases {
            let error = shape_of(op.clone(), &inputs).expect_err(&format!("{op:?}"));
            assert!(error.to_string().contains("`probe`"), "{error}");
        }
    }

    #[test]
    fn an_error_names_node_operator_shapes_and_reason() {
        let (mut builder, input) = Graph::builder(&[3, 4, 4]);
        let error = builder
            .push("stem", Op::Conv(Convolution::same(16, 11, 1, 2)), &[input])
            .expect_err("3 channels do not make 2 groups");
        assert_eq!(
            error.to_string(),
            "node `stem`: Conv of [3, 4, 4]: 2 groups do not divide 3 channels into 16"
        );
    }
}
