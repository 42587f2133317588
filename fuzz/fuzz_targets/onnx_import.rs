//! An ONNX file from anybody is a network or an error; a network is counted, hashed and written again.
#![no_main]

use bespoke_graph::{ExportOptions, Model};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = Model::from_onnx(bytes) else {
        return;
    };
    model.graph().cost();
    model.graph().hash();
    let written = model.to_onnx(ExportOptions {
        fold_batch_norm: true,
    });
    Model::from_onnx(&written).expect("what was written is read");
});
