//! What the child does with requests that make no sense.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
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
fn assert_does_not_compile(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let reply: Value = serde_json::from_slice(&output.stdout).expect("it is a reply");
    let verdict = &reply["failed"]["verdict"];
    assert_eq!(verdict["verdict"], "does_not_compile", "{reply}");
    verdict["reason"].to_string()
}

/// The network with some of its bytes, which are there once, in place of others.
fn changed(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut onnx = onnx();
    let windows = onnx.windows(from.len()).enumerate();
    let places: Vec<usize> = windows
        .filter_map(|(at, bytes)| (bytes == from).then_some(at))
        .collect();
    let [place] = places[..] else {
        panic!("{from:?} is there {} times", places.len());
    };
    onnx.splice(place..place + from.len(), to.iter().copied());
    onnx
}

/// The answer of a runtime that is given a network.
fn measured(runtime: &str, onnx: &[u8]) -> Output {
    let mut header = header(onnx.len() as u64);
    header["target"] = json!(format!("{runtime}/b1/t1/f32"));
    answer(&request(&header, onnx))
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
}

#[test]
fn command_that_makes_no_sense_is_refused() {
    let onnx = onnx();
    let mut request = request(&header(onnx.len() as u64), &onnx);
    request.extend_from_slice(b"{\"run\": \"rm\"}\n");
    let output = answer(&request);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.starts_with("a command: "), "{complaint}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("{\"ready\":"));
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
        for runtime in ["tract", "flex"] {
            assert_does_not_compile(&measured(runtime, cut));
        }
    }
}

#[test]
fn node_that_no_runtime_knows_is_named() {
    let onnx = changed(b"Relu", b"Rely");
    for runtime in ["tract", "flex"] {
        let reason = assert_does_not_compile(&measured(runtime, &onnx));
        assert!(reason.contains("Rely"), "{runtime}: {reason}");
    }
}

#[test]
fn shapes_that_do_not_fit_do_not_compile() {
    // The input's second axis, a dimension of 16: its weights are for 16 values, not for 17.
    let onnx = changed(&[0x0a, 2, 8, 16], &[0x0a, 2, 8, 17]);
    for runtime in ["tract", "flex"] {
        let reason = assert_does_not_compile(&measured(runtime, &onnx));
        assert!(reason.contains("17"), "{runtime}: {reason}");
    }
}

/// Each must be a measurement or a refusal: a child that panics ends with 101, one that is killed with no status.
#[test]
fn damaged_requests_are_refused_or_measured() {
    let onnx = onnx();
    let valid = request(&header(onnx.len() as u64), &onnx);
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let mut ends = [0; 3];
    for round in 0..60 {
        let mut damaged = valid.clone();
        // The header is the smaller part, and is hit as often.
        let header = valid.iter().position(|byte| *byte == b'\n').unwrap();
        let part = if round % 2 == 0 {
            0..header
        } else {
            header..valid.len()
        };
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(part.clone());
            damaged[at] = rng.random();
        }
        let output = answer(&damaged);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let status = output
            .status
            .code()
            .filter(|status| [0, 2].contains(status));
        ends[status.unwrap_or_else(|| panic!("round {round}: {}: {complaint}", output.status))
            as usize] += 1;
    }
    assert!(ends[0] > 5 && ends[2] > 5, "{ends:?}");
}
