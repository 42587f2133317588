//! `bespoke measure`: the latencies of networks, and which of them is really faster.

mod compare;
mod record;

use std::process::ExitCode;

use anyhow::bail;
use bespoke_agent::Bench;
use bespoke_client::FleetClient;
use bespoke_device::TargetSpec;
use bespoke_graph::ExportOptions;
use bespoke_measure::{Cache, Measurement, Protocol};

use super::block_on;
use crate::{arguments::Measure, local, sources};

/// A network and what it is called.
struct Candidate {
    name: String,
    onnx: Vec<u8>,
}

/// Measures and prints; the exit status tells whether every measurement is valid.
pub fn run(arguments: &Measure) -> anyhow::Result<ExitCode> {
    let Measure {
        runtime,
        batch,
        threads,
        precision,
        ..
    } = arguments;
    let target: TargetSpec = format!("{runtime}/b{batch}/t{threads}/{precision}").parse()?;
    let protocol = protocol(arguments)?;
    let candidates = candidates(arguments)?;
    if arguments.compare {
        return block_on(compare::run(arguments, &target, &protocol, &candidates));
    }
    let measured = block_on(measure(arguments, &target, &protocol, &candidates))?;
    let names: Vec<&str> = candidates.iter().map(|one| one.name.as_str()).collect();
    match arguments.json {
        true => record::print_records(&target, &names, &measured)?,
        false => record::print_lines(&target, &names, &measured)?,
    }
    let mut invalid = names.iter().zip(&measured);
    match invalid.find(|(_, measurement)| measurement.verdict.estimate().is_none()) {
        None => Ok(ExitCode::SUCCESS),
        Some((name, measurement)) => bail!("no latency for {name}: {}", measurement.verdict),
    }
}

fn protocol(arguments: &Measure) -> anyhow::Result<Protocol> {
    let mut protocol = Protocol {
        operators: arguments.operators,
        ..Protocol::default()
    };
    if let Some(seconds) = arguments.budget {
        protocol.budget_ms = seconds.saturating_mul(1_000);
    }
    if arguments.cold {
        protocol.cache = Cache::Cold;
    }
    protocol.sustained_minutes = arguments.sustained.unwrap_or(0);
    protocol.check()?;
    Ok(protocol)
}

fn candidates(arguments: &Measure) -> anyhow::Result<Vec<Candidate>> {
    if let Some(architecture) = &arguments.network.architecture {
        let model = sources::model(None, &arguments.network, 0)?;
        return Ok(vec![Candidate {
            name: architecture.clone(),
            onnx: model.to_onnx(ExportOptions {
                fold_batch_norm: true,
            }),
        }]);
    }
    let files = arguments.onnx.iter();
    files
        .map(|path| {
            Ok(Candidate {
                name: path.display().to_string(),
                onnx: sources::bytes(path)?,
            })
        })
        .collect()
}

/// The measurements of all, in their order: side by side on this machine, or one by one through a coordinator.
async fn measure(
    arguments: &Measure,
    target: &TargetSpec,
    protocol: &Protocol,
    candidates: &[Candidate],
) -> anyhow::Result<Vec<Measurement>> {
    let Some(url) = &arguments.coordinator else {
        let networks: Vec<&[u8]> = candidates.iter().map(|one| &one.onnx[..]).collect();
        let bench = Bench::new(local::worker()?, arguments.limits.resolve());
        return Ok(bench.measure(target, &networks, protocol).await?);
    };
    let client = FleetClient::connect(url).await?;
    let mut measured = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let onnx = candidate.onnx.clone();
        measured.push(client.measure(onnx, target, protocol).await?);
    }
    Ok(measured)
}
