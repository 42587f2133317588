//! Files in 8-bit integers: post-training quantisation with static ranges.
//!
//! Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
//! written as ONNX's pairs of `QuantizeLinear` and `DequantizeLinear` around operators of floats, from which a runtime
//! makes integer operators where it has them. Values have a scale and a zero point each (`uint8`), weights a scale for
//! each output channel (`int8`), biases the product of both (`int32`).
//!
//! Unlike the paper, weights take 7 of the 8 bits: a sum of two products then fits into 16 bits, as the instructions of
//! x86 CPUs without VNNI need.

mod observe;
mod quantize;
mod scale;

use prost::Message;

use super::{export, fold};
use crate::Model;

/// A network on its way to 8-bit integers: the ranges of its values are still to be found out.
///
/// Batch normalisations are folded into the layers before them.
#[derive(Debug, Clone)]
pub struct Calibration {
    model: Model,
}

/// Ranges that a network cannot be quantised with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// Not two numbers for each node.
    #[error("{expected} ends of ranges are needed, got {got}")]
    Length {
        /// Twice the number of nodes.
        expected: usize,
        /// Numbers given.
        got: usize,
    },
    /// Ends that no scale can be made of.
    #[error("node `{node}` yields values from {least} to {greatest}, which is no range")]
    Range {
        /// Name of the node.
        node: String,
        /// Its least value.
        least: f32,
        /// Its greatest value.
        greatest: f32,
    },
}

// === impl Calibration ===

impl Calibration {
    /// Begins with the live graph of a model.
    pub fn of(model: &Model) -> Self {
        Self {
            model: fold::fold_batch_norm(&model.live()),
        }
    }

    /// An ONNX file that takes the model's input and yields the ranges that [`to_onnx`](Self::to_onnx) takes, for this
    /// input: one axis with the least and the greatest value of each node.
    pub fn observer(&self) -> Vec<u8> {
        observe::observer(export::export(&self.model)).encode_to_vec()
    }

    /// The quantised model as an ONNX file. Input and output remain 32-bit floats.
    ///
    /// # Errors
    /// When there are not as many ranges as the model has nodes, or one of them is no range.
    pub fn to_onnx(&self, ranges: &[f32]) -> Result<Vec<u8>, CalibrationError> {
        let written = export::export(&self.model);
        let file = quantize::quantized(&self.model, written, ranges)?;
        Ok(file.encode_to_vec())
    }
}
