//! JSON for scripts. Keys are never renamed or removed; new ones may come.

use std::path::Path;

use bespoke_graph::Cost;
use bespoke_measure::Estimate;
use bespoke_study::{FrontEntry, Trial, TrialId};
use serde_json::{Map, Value, json};

use super::{Report, onnx_path, reason};

/// The front: an array, fastest first. `onnx` tells where a trial's file is.
pub fn front_json(report: &Report, onnx: impl Fn(TrialId) -> String) -> Value {
    report
        .front
        .entries()
        .iter()
        .map(|entry| entry_json(report, entry, &onnx))
        .collect()
}

fn entry_json(report: &Report, entry: &FrontEntry, onnx: &impl Fn(TrialId) -> String) -> Value {
    let first = entry.latencies.first();
    let mut value = json!({
        "trial": entry.trial,
        "architecture": entry.architecture,
        "accuracy_percent": entry.accuracy.percent,
        "accuracy_interval_percent": report.accuracy_interval(&entry.accuracy),
        "held_out_images": entry.accuracy.images,
        "latency_ms": first.map(|latency| latency.median_ms),
        "interval_ms": first.map(|latency| [latency.low_ms, latency.high_ms]),
        "latencies": latencies_json(report, &entry.latencies, &entry.energies_mj),
        "tied_with": entry.tied_with,
        "onnx": onnx(entry.trial),
    });
    extend(&mut value, cost_json(&entry.cost));
    value
}

/// All trials: an array by number.
fn trials_json(report: &Report) -> Value {
    report
        .trials
        .iter()
        .map(|trial| trial_json(report, trial))
        .collect()
}

fn trial_json(report: &Report, trial: &Trial) -> Value {
    let mut value = json!({
        "trial": trial.id(),
        "state": trial.state().word(),
        "architecture": trial.architecture(),
        "graph": trial.graph(),
        "accuracy_percent": trial.accuracy().map(|accuracy| accuracy.percent),
        "curve_percent": trial.curve(),
        "score": trial.score(),
        "latencies": latencies_json(report, trial.latencies(), trial.energies_mj()),
        "price_source": trial.price_source().map(|source| source.word()),
        "on_front": report.front.contains(trial.id()),
        "reason": reason(trial),
    });
    extend(&mut value, cost_json(trial.cost()));
    value
}

/// A study with its specification, trials and front.
pub fn study_json(report: &Report, folder: &Path) -> Value {
    let spec = &report.spec;
    json!({
        "name": spec.name,
        "state": report.study.state,
        "elapsed_seconds": report.study.elapsed.as_secs_f64(),
        "bespoke_version": env!("CARGO_PKG_VERSION"),
        "seed": spec.seed,
        "targets": spec.targets.iter().zip(fingerprints(report)).map(|(bound, fingerprint)| json!({
            "target": bound.target.to_string(),
            "max_latency_ms": bound.max_latency,
            "max_energy_mj": bound.max_energy_mj,
            "fingerprint": fingerprint,
        })).collect::<Value>(),
        "objectives": objectives_json(report),
        "bounds": spec.bounds,
        "protocol": spec.protocol,
        "evaluator": spec.evaluator,
        "recipe": spec.recipe,
        "data": spec.data,
        "study_file": report.study.submission.study,
        "space_file": report.study.submission.space,
        "trials": trials_json(report),
        "front": front_json(report, |trial| onnx_path(folder, trial).display().to_string()),
    })
}

/// The fingerprint that each target is bound to, if it is.
fn fingerprints(report: &Report) -> impl Iterator<Item = Value> {
    report
        .study
        .targets
        .iter()
        .map(|fingerprint| json!(fingerprint))
        .chain(std::iter::repeat(Value::Null))
}

/// What is minimised, by name.
fn objectives_json(report: &Report) -> Value {
    let objectives = report.spec.objectives().into_iter();
    objectives
        .map(|o| Value::from(report.spec.name_of(o)))
        .collect()
}

/// What was measured on each target; the energy is null where the target does not report it.
fn latencies_json(report: &Report, latencies: &[Estimate], energies_mj: &[Option<f64>]) -> Value {
    let energies_mj = energies_mj.iter().copied().chain(std::iter::repeat(None));
    let named = report.spec.targets.iter().zip(latencies).zip(energies_mj);
    named
        .map(|((bound, latency), energy_mj)| {
            json!({
                "target": bound.target.to_string(),
                "median_ms": latency.median_ms,
                "interval_ms": [latency.low_ms, latency.high_ms],
                "energy_mj": energy_mj,
            })
        })
        .collect()
}

/// A network's cost.
pub fn cost_json(cost: &Cost) -> Value {
    json!({
        "parameters": cost.parameters,
        "macs": cost.macs,
        "flops_millions": cost.flops as f64 / 1e6,
        "bytes_moved": cost.bytes_moved,
        "peak_activation_bytes": cost.peak_activation_bytes,
    })
}

/// Adds the keys of one object to another.
pub fn extend(value: &mut Value, more: Value) {
    let empty = &mut Map::new();
    if let Value::Object(more) = more {
        value.as_object_mut().unwrap_or(empty).extend(more);
    }
}
