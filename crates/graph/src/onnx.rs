//! ONNX in and out: opset 17, the batch axis named `batch`.

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
    /// The model as an ONNX file.
    pub fn to_onnx(&self, _options: ExportOptions) -> Vec<u8> {
        todo!("export")
    }

    /// Reads what [`Model::to_onnx`] writes, and other files that keep to the same operators.
    pub fn from_onnx(_bytes: &[u8]) -> Result<Self, OnnxError> {
        todo!("import")
    }
}
