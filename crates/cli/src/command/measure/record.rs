//! Measurements as they are printed.

use std::collections::BTreeMap;

use bespoke_device::TargetSpec;
use bespoke_measure::{Measurement, OperatorTime, median};
use serde_json::{Value, json};

use crate::command::{print, print_json};

/// Prints the record of one network, or a list of several.
pub fn print_records(
    target: &TargetSpec,
    names: &[&str],
    measured: &[Measurement],
) -> anyhow::Result<()> {
    let both = names.iter().zip(measured);
    let mut records: Vec<Value> = both
        .map(|(name, measurement)| as_json(target, name, measurement))
        .collect();
    match records.len() {
        1 => print_json(&records.remove(0)),
        _ => print_json(&json!(records)),
    }
}

/// Prints a line for each network.
pub fn print_lines(
    target: &TargetSpec,
    names: &[&str],
    measured: &[Measurement],
) -> anyhow::Result<()> {
    let mut text = String::new();
    for (name, measurement) in names.iter().zip(measured) {
        let what = match names.len() {
            1 => target.to_string(),
            _ => format!("{name} on {target}"),
        };
        text += &line(&what, measurement);
    }
    print(&text)
}

fn as_json(target: &TargetSpec, name: &str, measurement: &Measurement) -> Value {
    let estimate = measurement.verdict.estimate();
    json!({
        "network": name,
        "target": target.to_string(),
        "verdict": measurement.verdict.word(),
        "reason": measurement.verdict.reason(),
        "median_ms": estimate.map(|estimate| estimate.median_ms),
        "interval_ms": estimate.map(|estimate| [estimate.low_ms, estimate.high_ms]),
        "p90": measurement.percentile(0.9),
        "p99": measurement.percentile(0.99),
        "samples": measurement.samples_ms,
        "outliers": measurement.outliers(),
        "turns": measurement.turns,
        "correction": measurement.correction,
        "sustained": measurement.sustained,
        "compile_ms": measurement.compile_ms,
        "first_run_ms": measurement.first_run_ms,
        "energy_mj": measurement.energy_mj,
        "peak_memory_bytes": measurement.peak_memory_bytes,
        "operators": measurement.operators,
        "protocol": measurement.protocol,
        "environment": measurement.environment.facts,
    })
}

/// One line, and what else there is to tell on lines of their own.
fn line(what: &str, measurement: &Measurement) -> String {
    let samples = &measurement.samples_ms;
    let Some(estimate) = measurement.verdict.estimate() else {
        return match samples.is_empty() {
            true => format!("{what}: {}\n", measurement.verdict.word().replace('_', " ")),
            false => format!(
                "{what}: {} samples around {:.4} ms, not a latency\n",
                samples.len(),
                median(samples)
            ),
        };
    };
    let mut text = format!(
        "{what}: {} ({} … {}), {} samples, compiled in {:.0} ms\n",
        estimate.median_ms,
        estimate.low_ms,
        estimate.high_ms,
        samples.len(),
        measurement.compile_ms.unwrap_or(f64::NAN),
    );
    if let Some(sustained) = &measurement.sustained {
        text += &format!(
            "  minute 1 {:.4} ms, last minute {:.4} ms: {:+.1} %\n",
            sustained.first_ms,
            sustained.last_ms,
            100.0 * (sustained.last_ms / sustained.first_ms - 1.0)
        );
    }
    text += &operator_lines(&measurement.operators);
    text
}

/// A line for each operator, in the order run, and for each kind of them, the greatest first.
fn operator_lines(operators: &[OperatorTime]) -> String {
    let total: f64 = operators.iter().map(|operator| operator.ms).sum();
    let line =
        |ms: f64, what: &str| format!("{ms:>9.4} ms {:>5.1} %  {what}\n", 100.0 * ms / total);
    let mut text = String::new();
    let mut kinds = BTreeMap::<&str, (u32, f64)>::new();
    for OperatorTime { kind, name, ms } in operators {
        text += &line(*ms, &format!("{kind} {name}"));
        let (count, sum) = kinds.entry(kind).or_default();
        (*count, *sum) = (*count + 1, *sum + ms);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|(_, (_, a)), (_, (_, b))| b.total_cmp(a));
    for (kind, (count, ms)) in kinds {
        text += &line(ms, &format!("all {count} of {kind}"));
    }
    text
}
