//! ONNX in and out: opset 17, the batch axis named `batch`.

mod export;
mod fold;
mod half;
mod import;
mod int8;
mod names;
mod patterns;
mod proto;
mod read;
mod source;

pub use int8::{Calibration, CalibrationError};

use prost::Message;

use crate::{GraphError, Model};

/// How a model is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// Merge each batch normalisation into the convolution or linear layer before it, where it has no other reader.
    pub fold_batch_norm: bool,
}

/// Why bytes are not a model that Bespoke can read.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// Not ONNX at all, or cut short.
    #[error("not an ONNX model: {0}")]
    Decode(String),
    /// A node that Bespoke has no operator for.
    #[error("node `{node}`: operator {op} is not supported: {reason}")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// ONNX name of the operator.
        op: String,
        /// What is not supported.
        reason: String,
    },
    /// The nodes do not form a valid graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl Model {
    /// The model as an ONNX file: its live graph with the weights that this needs.
    ///
    /// The input is `input` with the axes `[batch, ...]`, the output is named after the node that yields it, and
    /// parameters have the names they have in [`Graph::parameters`](crate::Graph::parameters). Where opset 17 has no
    /// such operator, a few stand for it: `Silu` is `Sigmoid` and `Mul`; `Gelu` is written out with `Erf`; `Scale` is
    /// `Mul` with a constant; `Linear` is `Gemm` for one axis a sample, otherwise `MatMul` and `Add`.
    pub fn to_onnx(&self, options: ExportOptions) -> Vec<u8> {
        self.written(options).file.encode_to_vec()
    }

    /// The same file in 16-bit floats: weights and all values in between. Input and output remain 32-bit floats.
    ///
    /// Numbers beyond ±65504 become infinite.
    pub fn to_onnx_f16(&self, options: ExportOptions) -> Vec<u8> {
        half::in_half(self.written(options).file).encode_to_vec()
    }

    fn written(&self, options: ExportOptions) -> export::Written {
        match options.fold_batch_norm {
            true => export::export(&self.folded()),
            false => export::export(&self.live()),
        }
    }

    /// The live model with each batch normalisation merged into the convolution or linear layer before it, where that
    /// has no other reader.
    pub fn folded(&self) -> Self {
        fold::fold_batch_norm(&self.live())
    }

    /// Reads what [`Model::to_onnx`] writes, and other files that keep to the same operators.
    ///
    /// What the export writes reads back with the same hash and weights, with one exception: the product of a value
    /// and its own sigmoid, written with two nodes, reads back as the one operator `Silu`. The batch axis may have
    /// a name or a length, which is dropped.
    ///
    /// # Errors
    /// For any bytes that are not such a file; memory stays in proportion to the number of bytes.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self, OnnxError> {
        let file = proto::ModelProto::decode(bytes)
            .map_err(|error| OnnxError::Decode(error.to_string()))?;
        import::import(&file, bytes.len())
    }
}
