//! `bespoke measure`: the latency of one network.

use std::{collections::BTreeMap, process::ExitCode};

use bespoke_agent::measure_local;
use bespoke_client::FleetClient;
use bespoke_device::TargetSpec;
use bespoke_graph::ExportOptions;
use bespoke_measure::{Measurement, OperatorTime, Protocol, Verdict, median};
use serde_json::json;

use super::{print, print_json, tokio_runtime};
use crate::{arguments::Measure, local, sources};

/// Measures and prints; the exit status tells whether the measurement is valid.
pub fn run(arguments: &Measure) -> anyhow::Result<ExitCode> {
    let Measure {
        runtime,
        batch,
        threads,
        precision,
        ..
    } = arguments;
    let target: TargetSpec = format!("{runtime}/b{batch}/t{threads}/{precision}").parse()?;
    let onnx = match &arguments.onnx {
        Some(path) => sources::bytes(path)?,
        None => sources::model(None, &arguments.network, 0)?.to_onnx(ExportOptions {
            fold_batch_norm: true,
        }),
    };
    let measurement = tokio_runtime()?.block_on(measure(arguments, &target, onnx))?;
    if arguments.json {
        print_record(&target, &measurement)?
    } else {
        print_line(&target, &measurement)?;
        print_operators(&measurement.operators)?
    }
    match &measurement.verdict {
        Verdict::Valid { .. } => Ok(ExitCode::SUCCESS),
        verdict => anyhow::bail!("no latency for {}: {verdict}", what(arguments)),
    }
}

/// The network in words.
fn what(arguments: &Measure) -> String {
    match (&arguments.onnx, &arguments.network.architecture) {
        (Some(path), _) => path.display().to_string(),
        (None, architecture) => architecture.clone().unwrap_or_default(),
    }
}

async fn measure(
    arguments: &Measure,
    target: &TargetSpec,
    onnx: Vec<u8>,
) -> anyhow::Result<Measurement> {
    let mut protocol = Protocol {
        operators: arguments.operators,
        ..Protocol::default()
    };
    if let Some(seconds) = arguments.budget {
        protocol.budget_ms = seconds.saturating_mul(1_000);
    }
    protocol.check()?;
    if let Some(url) = &arguments.coordinator {
        return Ok(FleetClient::connect(url)
            .await?
            .measure(onnx, target, &protocol)
            .await?);
    }
    Ok(measure_local(
        &local::worker()?,
        target,
        &onnx,
        &protocol,
        &arguments.limits.resolve(),
    )
    .await?)
}

fn print_record(target: &TargetSpec, measurement: &Measurement) -> anyhow::Result<()> {
    let estimate = measurement.verdict.estimate();
    print_json(&json!({
        "target": target.to_string(),
        "verdict": measurement.verdict.word(),
        "reason": measurement.verdict.reason(),
        "median_ms": estimate.map(|estimate| estimate.median_ms),
        "interval_ms": estimate.map(|estimate| [estimate.low_ms, estimate.high_ms]),
        "samples": measurement.samples_ms,
        "compile_ms": measurement.compile_ms,
        "first_run_ms": measurement.first_run_ms,
        "operators": measurement.operators,
        "protocol": measurement.protocol,
        "environment": measurement.environment.facts,
    }))
}

fn print_line(target: &TargetSpec, measurement: &Measurement) -> anyhow::Result<()> {
    let samples = &measurement.samples_ms;
    match measurement.verdict.estimate() {
        Some(estimate) => print(&format!(
            "{target}: {} ({} … {}), {} samples, compiled in {:.0} ms\n",
            estimate.median_ms,
            estimate.low_ms,
            estimate.high_ms,
            samples.len(),
            measurement.compile_ms.unwrap_or(f64::NAN),
        )),
        None if samples.is_empty() => Ok(()),
        None => print(&format!(
            "{target}: {} samples around {:.4} ms, not a latency\n",
            samples.len(),
            median(samples)
        )),
    }
}

/// The operators in the order run, then each kind with the greatest first.
fn print_operators(operators: &[OperatorTime]) -> anyhow::Result<()> {
    let total: f64 = operators.iter().map(|operator| operator.ms).sum();
    let line = |ms: f64, what: &str| {
        print(&format!(
            "{ms:>9.4} ms {:>5.1} %  {what}\n",
            100.0 * ms / total
        ))
    };
    let mut kinds = BTreeMap::<&str, (u32, f64)>::new();
    for operator in operators {
        line(operator.ms, &format!("{} {}", operator.kind, operator.name))?;
        let kind = kinds.entry(&operator.kind).or_default();
        *kind = (kind.0 + 1, kind.1 + operator.ms);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|(_, (_, a)), (_, (_, b))| b.total_cmp(a));
    for (kind, (count, ms)) in kinds {
        line(ms, &format!("all {count} of {kind}"))?;
    }
    Ok(())
}
