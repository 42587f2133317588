//! Files in 16-bit floats, for runtimes that compute in what the file has.

use bespoke_graph::{ExportOptions, Model};

/// The same network in 16-bit floats; input and output remain 32-bit floats.
pub(crate) fn in_half(onnx: &[u8]) -> Result<Vec<u8>, String> {
    let model = Model::from_onnx(onnx).map_err(|error| error.to_string())?;
    let fold_batch_norm = true;
    Ok(model.to_onnx_f16(ExportOptions { fold_batch_norm }))
}
