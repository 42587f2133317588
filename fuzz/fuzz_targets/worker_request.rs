//! What the measuring child is told on its standard input: a request or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/agent/src/request.rs"]
#[allow(dead_code)]
mod request;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((header, onnx)) = request::Header::read(bytes) {
        assert_eq!(header.onnx_bytes, onnx.len() as u64);
    }
});
