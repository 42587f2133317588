//! How values, weights and biases are rounded.

use super::{super::proto::TensorProto, CalibrationError};
use crate::{Activation, Graph, NodeId, Op};

/// Greatest magnitude of a rounded weight: 7 bits.
const WEIGHT_MOST: f32 = 64.0;

/// How the values of a node are rounded: value = scale · (integer − zero).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    pub scale: f32,
    pub zero: u8,
}

/// The scale of each node's values; none where they remain floats: the output, and what goes into nothing but a
/// rectifier, which a runtime merges into the operator before it.
pub fn scales(graph: &Graph, ranges: &[f32]) -> Result<Vec<Option<Scale>>, CalibrationError> {
    let (expected, got) = (2 * graph.nodes().len(), ranges.len());
    if got != expected {
        return Err(CalibrationError::Length { expected, got });
    }
    let mut scales: Vec<Scale> = Vec::with_capacity(graph.nodes().len());
    for (node, range) in graph.nodes().iter().zip(ranges.chunks(2)) {
        let scale = match node.op {
            // They only move values, and runtimes move integers where nothing changes in between.
            Op::Reshape { .. } | Op::Transpose { .. } | Op::MaxPool(_) => {
                scales[node.inputs[0].index()]
            }
            _ => Scale::of(range[0], range[1]).ok_or_else(|| CalibrationError::Range {
                node: node.name.clone(),
                least: range[0],
                greatest: range[1],
            })?,
        };
        scales.push(scale);
    }
    let rounds = |id: &NodeId| *id != graph.output() && !rectified(graph, *id);
    Ok(graph
        .ids()
        .zip(scales)
        .map(|(id, scale)| rounds(&id).then_some(scale))
        .collect())
}

/// Whether a layer or a sum is read by one rectifier alone.
fn rectified(graph: &Graph, id: NodeId) -> bool {
    let mut readers = graph
        .nodes()
        .iter()
        .filter(|node| node.inputs.contains(&id));
    let only = readers.next().filter(|_| readers.next().is_none());
    let is_rectifier = |op: &Op| {
        matches!(
            op,
            Op::Activation(Activation::Relu) | Op::Activation(Activation::Relu6)
        )
    };
    matches!(graph.node(id).op, Op::Conv(_) | Op::Linear { .. } | Op::Add)
        && only.is_some_and(|reader| is_rectifier(&reader.op))
}

// === impl Scale ===

impl Scale {
    /// Spreads 256 steps over a range and zero, which is met exactly.
    fn of(least: f32, greatest: f32) -> Option<Self> {
        if least.is_nan() || greatest.is_nan() || least > greatest {
            return None;
        }
        let (least, greatest) = (least.min(0.0), greatest.max(0.0));
        let length = greatest - least;
        if !length.is_finite() {
            return None;
        }
        let scale = if length > 0.0 { length / 255.0 } else { 1.0 };
        Some(Self {
            scale,
            zero: (-least / scale).round() as u8,
        })
    }
}

// === weights ===

/// A scale for each channel of a weight, symmetric about zero. A channel of zeros has the greatest of the others.
pub fn channel_scales(weight: &TensorProto, axis: usize) -> Vec<f32> {
    let channels = weight.dims[axis] as usize;
    let mut most = vec![0.0_f32; channels];
    for (position, value) in floats(weight).enumerate() {
        let channel = channel_at(weight, axis, position);
        most[channel] = most[channel].max(value.abs());
    }
    let greatest = most.iter().copied().fold(0.0, f32::max);
    let of_zeros = if greatest > 0.0 {
        greatest
    } else {
        WEIGHT_MOST
    };
    most.into_iter()
        .map(|most| if most > 0.0 { most } else { of_zeros } / WEIGHT_MOST)
        .collect()
}

/// The integers that stand for a constant, as bytes.
pub fn round_to(
    constant: &TensorProto,
    scales: &[f32],
    axis: usize,
    bytes: impl Fn(f32) -> Vec<u8>,
) -> Vec<u8> {
    floats(constant)
        .enumerate()
        .flat_map(|(position, value)| {
            let scale = scales[channel_at(constant, axis, position)];
            bytes((value / scale).round())
        })
        .collect()
}

/// The channel that an element belongs to, where channels are counted along an axis.
fn channel_at(tensor: &TensorProto, axis: usize, position: usize) -> usize {
    let inner: i64 = tensor.dims[axis + 1..].iter().product();
    position / inner as usize % tensor.dims[axis] as usize
}

/// The values of a constant that the export wrote.
fn floats(tensor: &TensorProto) -> impl Iterator<Item = f32> {
    let (chunks, _) = tensor.raw_data.as_chunks::<4>();
    chunks.iter().map(|chunk| f32::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Convolution;

    #[test]
    fn a_range_is_spread_over_all_steps_and_zero_is_met() {
        let scale = |least, greatest| Scale::of(least, greatest).expect("a range");
        let (symmetric, positive) = (scale(-1.0, 1.55), scale(0.5, 5.1));
        assert_eq!((symmetric.scale, symmetric.zero), (2.55 / 255.0, 100));
        assert_eq!((positive.scale, positive.zero), (5.1 / 255.0, 0));
        assert_eq!(scale(-2.55, -1.0).zero, 255);
        assert_eq!(scale(0.0, 0.0).scale, 1.0);
    }

    #[test]
    fn what_is_no_range_is_refused_by_name() {
        let (mut builder, input) = Graph::builder(&[2]);
        let relu = Op::Activation(Activation::Relu);
        let output = builder.push("rectified", relu, &[input]).unwrap();
        let graph = builder.finish(output).unwrap();
        let refusal = |ranges: &[f32]| scales(&graph, ranges).unwrap_err().to_string();
        assert_eq!(refusal(&[0.0; 3]), "4 ends of ranges are needed, got 3");
        for ends in [[1.0, 0.5], [f32::NAN, 1.0], [0.0, f32::INFINITY]] {
            let [least, greatest] = ends;
            assert_eq!(
                refusal(&[0.0, 1.0, least, greatest]),
                format!(
                    "node `rectified` yields values from {least} to {greatest}, which is no range"
                )
            );
        }
    }

    #[test]
    fn values_that_are_rectified_or_leave_the_network_remain_floats() {
        let (mut builder, input) = Graph::builder(&[1, 4, 4]);
        let mut push = |name, op, inputs: &[NodeId]| builder.push(name, op, inputs).unwrap();
        let conv = |channels| Op::Conv(Convolution::same(channels, 3, 1, 1));
        let first = push("first", conv(2), &[input]);
        let relu = push("relu", Op::Activation(Activation::Relu), &[first]);
        let flat = push("flat", Op::Reshape { shape: vec![32] }, &[relu]);
        let graph = builder.finish(flat).unwrap();
        let ends: Vec<f32> = (1..=4).flat_map(|most| [0.0, most as f32]).collect();
        let scales = scales(&graph, &ends).unwrap();
        let rounded: Vec<bool> = scales.iter().map(Option::is_some).collect();
        assert_eq!(rounded, [true, false, true, false]);
    }

    #[test]
    fn moved_values_keep_their_scale() {
        let (mut builder, input) = Graph::builder(&[4]);
        let flat = Op::Reshape { shape: vec![2, 2] };
        let reshaped = builder.push("reshaped", flat, &[input]).unwrap();
        let relu = Op::Activation(Activation::Relu);
        let output = builder.push("relu", relu, &[reshaped]).unwrap();
        let graph = builder.finish(output).unwrap();
        let scales = scales(&graph, &[-1.0, 1.0, -0.9, 1.1, 0.0, 1.0]).unwrap();
        assert_eq!(scales[1], scales[0]);
    }

    #[test]
    fn each_channel_has_its_own_scale_along_the_axis_of_its_layer() {
        let weight = TensorProto::of_floats("w".into(), &[2, 3], &[1.0, -2.0, 0.0, 0.5, 4.0, 0.0]);
        assert_eq!(channel_scales(&weight, 0), [2.0 / 64.0, 4.0 / 64.0]);
        let of_columns = channel_scales(&weight, 1);
        assert_eq!(of_columns, [1.0 / 64.0, 4.0 / 64.0, 4.0 / 64.0]);
        let integers = round_to(&weight, &of_columns, 1, |integer| vec![integer as i8 as u8]);
        let integers: Vec<i8> = integers.into_iter().map(|byte| byte as i8).collect();
        assert_eq!(integers, [64, -32, 0, 32, 64, 0]);
    }
}
