//! What the child does with requests that make no sense.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use bespoke_measure::{Measurement, Verdict};
use serde_json::{Value, json};

use crate::{WORKER, onnx, protocol};

/// Gives the child these bytes and waits for its end.
fn answer(request: &[u8]) -> Output {
    let mut child = Command::new(WORKER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo builds it beside the tests");
    // A child that has seen enough closes its end.
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(request).ok();
    drop(stdin);
    child.wait_with_output().expect("it can be waited for")
}

fn header(onnx_bytes: u64) -> Value {
    json!({
        "target": "tract/b1/t1/f32",
        "protocol": protocol(),
        "seed": 1,
        "memory_bytes": 4_u64 << 30,
        "onnx_bytes": onnx_bytes,
    })
}

fn request(header: &Value, onnx: &[u8]) -> Vec<u8> {
    [header.to_string().as_bytes(), b"\n", onnx].concat()
}

#[track_caller]
fn assert_refused(output: &Output, sentence: &str) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(output.stdout.is_empty());
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(complaint.contains(sentence), "{complaint}");
}

#[track_caller]
fn assert_does_not_compile(output: &Output) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let measurement: Measurement =
        serde_json::from_slice(&output.stdout).expect("it is a measurement");
    assert!(
        matches!(measurement.verdict, Verdict::DoesNotCompile { .. }),
        "{:?}",
        measurement.verdict
    );
}

#[test]
fn request_that_is_no_json_is_refused() {
    assert_refused(&answer(b""), "has no end");
    assert_refused(&answer(b"measure this\n"), "the request's header: ");
    assert_refused(&answer(b"{\"seed\": 1}\n"), "the request's header: ");
    assert_refused(&answer(&[0xff; 100_000]), "has no end");
}

#[test]
fn request_that_lies_about_its_length_is_refused() {
    let onnx = onnx();
    let length = onnx.len() as u64;
    let refusal = |told| answer(&request(&header(told), &onnx));
    assert_refused(&refusal(length + 1), "by its header, got");
    assert_refused(&refusal(u64::MAX), "by its header, got");
    assert_refused(&refusal(length - 1), "is longer than");
}

#[test]
fn request_with_an_impossible_protocol_is_refused() {
    let onnx = onnx();
    let mut header = header(onnx.len() as u64);
    header["protocol"]["min_samples"] = json!(0);
    assert_refused(&answer(&request(&header, &onnx)), "`min_samples`");
}

#[test]
fn request_with_an_impossible_target_is_refused() {
    let onnx = onnx();
    let mut header = header(onnx.len() as u64);
    header["target"] = json!("tract/b0/t1/f32");
    assert_refused(&answer(&request(&header, &onnx)), "batch");
}

#[test]
fn network_that_is_cut_short_does_not_compile() {
    let onnx = onnx();
    for length in [0, 7, onnx.len() / 2, onnx.len() - 1] {
        let cut = &onnx[..length];
        for target in ["tract/b1/t1/f32", "flex/b1/t1/f32"] {
            let mut header = header(length as u64);
            header["target"] = json!(target);
            assert_does_not_compile(&answer(&request(&header, cut)));
        }
    }
}
