//! The agent and its measuring child as processes, against a coordinator that does what each test says.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod child;
mod contained;
mod coordinator;
mod fleet;
mod worker;

use std::{ffi::OsString, time::Duration};

use bespoke_agent::{AgentError, Bench, Limits};
use bespoke_graph::{Activation, ExportOptions, Graph, Model, Op, Weights};
use bespoke_measure::{Measurement, Protocol};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The real child.
pub const WORKER: &str = env!("CARGO_BIN_EXE_bespoke-measure-worker");

/// Generous: a test machine may be busy.
pub const LIMITS: Limits = Limits {
    memory_bytes: 4 << 30,
    time: Duration::from_secs(60),
};

/// A child that is a few lines of shell.
pub fn shell(script: &str) -> Vec<OsString> {
    ["sh", "-c", script].map(OsString::from).to_vec()
}

/// Quick, and content with what a busy machine gives.
pub fn protocol() -> Protocol {
    Protocol {
        min_sample_us: 50,
        min_samples: 10,
        min_sampling_ms: 5,
        budget_ms: 400,
        max_warm_up_ms: 20,
        target_relative_width: 0.9,
        max_relative_width: 0.9,
        turn_ms: 5,
        max_slowdown: 0.9,
        ..Protocol::default()
    }
}

/// Measures [`onnx`] in such a child.
pub async fn measure(
    worker: &[OsString],
    target: &str,
    protocol: &Protocol,
    limits: Limits,
) -> Result<Measurement, AgentError> {
    let target = target.parse().expect("it is a target");
    let bench = Bench::new(worker.to_vec(), limits);
    let mut measured = bench.measure(&target, &[onnx()], protocol).await?;
    Ok(measured.pop().expect("there was one network"))
}

/// A network of three nodes as an ONNX file.
pub fn onnx() -> Vec<u8> {
    let (mut builder, input) = Graph::builder(&[16]);
    let mut push = |name, op, inputs: &[_]| builder.push(name, op, inputs).expect("shapes fit");
    let linear = Op::Linear {
        out_features: 4,
        bias: true,
    };
    let linear = push("linear", linear, &[input]);
    let output = push("relu", Op::Activation(Activation::Relu), &[linear]);
    let graph = builder.finish(output).expect("the node is there");
    let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(0));
    let model = Model::new(graph, weights).expect("the weights are the graph's");
    model.to_onnx(ExportOptions::default())
}
