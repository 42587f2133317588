//! A network as steps over libtorch's tensors.
//!
//! Images lie in memory with their channels innermost ("channels last"): oneDNN and cuDNN compute that order without
//! copying. Batch normalisations are folded, weights prepared once, and an activation is written over its input where
//! nobody else reads that.

use bespoke_device::Precision;
use bespoke_graph::{Graph, Model, Op};
use tch::{Cuda, Device, Kind, TchError, Tensor};

use super::{
    Processor,
    layer::{Layer, Weights},
};

/// A network for one batch.
pub(super) struct Plan {
    steps: Vec<Step>,
    output: usize,
    output_elements: usize,
    input_shape: Vec<i64>,
    place: (Kind, Device),
}

/// One operator.
pub(super) struct Step {
    pub(super) kind: &'static str,
    pub(super) name: String,
    layer: Layer,
    inputs: Vec<usize>,
    /// Inputs that nobody reads after this step.
    last: Vec<usize>,
    device: Device,
}

// === impl Plan ===

impl Plan {
    /// Prepares a model whose batch normalisations are folded.
    pub(super) fn new(
        model: &Model,
        batch: usize,
        processor: Processor,
        precision: Precision,
    ) -> Result<Self, TchError> {
        let graph = model.graph();
        let device = match processor {
            Processor::Cpu => Device::Cpu,
            Processor::Cuda => Device::Cuda(0),
        };
        let kind = match precision {
            Precision::F16 => Kind::Half,
            Precision::F32 | Precision::Int8 => Kind::Float,
        };
        let place = (kind, device);
        let (readers, parameters) = (readers(graph), graph.parameters());
        let mut steps = Vec::new();
        for id in graph.ids() {
            let node = graph.node(id);
            let inputs: Vec<usize> = node.inputs.iter().map(|input| input.index()).collect();
            let is_last = |input: &usize| readers[*input].last() == Some(&id.index());
            let mut last: Vec<usize> = inputs.iter().copied().filter(is_last).collect();
            last.dedup();
            // What is written over must be a value of its own, read here alone and once.
            let first = inputs.first().copied();
            let in_place = first.is_some_and(|input| {
                readers[input] == [id.index()] && owns_its_value(&graph.nodes()[input].op)
            });
            let weights = Weights {
                model,
                parameters: &parameters,
                node: id,
                place,
            };
            steps.push(Step {
                kind: node.op.kind(),
                name: node.name.clone(),
                layer: Layer::new(&weights, batch, in_place)?,
                inputs,
                last,
                device,
            });
        }
        Ok(Self {
            steps,
            output: graph.output().index(),
            output_elements: batch * graph.output_shape().elements(),
            input_shape: shape(batch, graph.input_shape().dims()),
            place,
        })
    }

    /// One pass; `ran` hears of each step when libtorch has accepted it, which on a GPU is before it was computed.
    pub(super) fn run(
        &self,
        input: &[f32],
        mut ran: impl FnMut(&Step),
    ) -> Result<Vec<f32>, TchError> {
        let _guard = tch::no_grad_guard();
        // Of each step that has run: none as soon as nobody reads it any more.
        let mut values: Vec<Option<Tensor>> = self.steps.iter().map(|_| None).collect();
        for (at, step) in self.steps.iter().enumerate() {
            let value = match &step.layer {
                Layer::Input => images(input, &self.input_shape, self.place)?,
                layer => layer.run(&step.inputs, &values)?,
            };
            for input in &step.last {
                values[*input] = None;
            }
            values[at] = Some(value);
            ran(step);
        }
        let output = values[self.output].take();
        let output = output.expect("the output is kept to the end");
        // Waits for the GPU, where there is one.
        let output = output.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?;
        let mut numbers = vec![0.0; self.output_elements];
        output.f_copy_data(&mut numbers, self.output_elements)?;
        Ok(numbers)
    }
}

// === impl Step ===

impl Step {
    /// Waits until the GPU, where there is one, has computed what it was given.
    pub(super) fn wait(&self) {
        if let Device::Cuda(index) = self.device {
            Cuda::synchronize(index as i64);
        }
    }
}

// === helpers ===

/// The nodes that read each node's value, in order, a node that reads it twice twice. The output is read by one that
/// comes after all others.
fn readers(graph: &Graph) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); graph.nodes().len()];
    for id in graph.ids() {
        for input in &graph.node(id).inputs {
            readers[input.index()].push(id.index());
        }
    }
    readers[graph.output().index()].push(graph.nodes().len());
    readers
}

/// Whether the operator's value shares its memory with no other: not with its input, nor with a constant.
fn owns_its_value(op: &Op) -> bool {
    !matches!(
        op,
        Op::Input { .. } | Op::Zeros { .. } | Op::Reshape { .. } | Op::Transpose { .. }
    )
}

/// The axes of a value with the batch in front.
pub(super) fn shape(batch: usize, dims: &[usize]) -> Vec<i64> {
    let axes = std::iter::once(&batch).chain(dims);
    axes.map(|length| *length as i64).collect()
}

/// The input where it is computed. It may be the caller's own memory: nothing may write over it or outlive the pass.
fn images(
    input: &[f32],
    shape: &[i64],
    (kind, device): (Kind, Device),
) -> Result<Tensor, TchError> {
    let there = borrowed(input, shape)?.f_to_device(device)?;
    channels_last(&there.f_to_kind(kind)?)
}

/// Numbers as a tensor that must not outlive them.
#[expect(unsafe_code, reason = "so that the input is copied once and not twice")]
fn borrowed(numbers: &[f32], shape: &[i64]) -> Result<Tensor, TchError> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let data = numbers.as_ptr().cast();
    // SAFETY: a pass is given as many numbers as the shape has, keeps no value to its end, and never writes over its
    // input, see `owns_its_value`.
    unsafe { Tensor::f_from_blob(data, shape, &strides, Kind::Float, Device::Cpu) }
}

/// The same images, or kernels, with their channels innermost; other values as they are.
pub(super) fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    match tensor.dim() {
        4 => {
            let inner = tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?;
            inner.f_permute([0, 3, 1, 2])
        }
        _ => tensor.f_contiguous(),
    }
}
