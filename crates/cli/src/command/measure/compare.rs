//! `bespoke measure … --compare`: whether a difference between networks is real.

use std::process::ExitCode;

use anyhow::bail;
use bespoke_agent::Bench;
use bespoke_device::TargetSpec;
use bespoke_measure::{Comparison, Measurement, Protocol, median};
use serde_json::{Value, json};

use super::Candidate;
use crate::{
    arguments::Measure,
    command::{print, print_json},
    local,
};

/// What is known of one network: a latency from each process that has one.
struct Latencies<'a> {
    name: &'a str,
    ms: Vec<f64>,
    /// The verdict of a process that has none.
    without: Option<String>,
}

/// Measures every network in several processes, all side by side, and compares each with the first; the exit status
/// tells whether that could be done.
pub async fn run(
    arguments: &Measure,
    target: &TargetSpec,
    protocol: &Protocol,
    candidates: &[Candidate],
) -> anyhow::Result<ExitCode> {
    if candidates.len() < 2 {
        bail!("--compare takes two networks or more");
    }
    let processes = arguments.processes as usize;
    // A process of each, then a second of each and so on: what comes late comes late for all.
    let networks: Vec<&[u8]> = (0..processes)
        .flat_map(|_| candidates.iter().map(|one| &one.onnx[..]))
        .collect();
    let bench = Bench::new(local::worker()?, arguments.limits.resolve());
    let measured = bench.measure(target, &networks, protocol).await?;
    let all: Vec<Latencies<'_>> = (candidates.iter().enumerate())
        .map(|(index, candidate)| {
            let of = measured.iter().skip(index).step_by(candidates.len());
            Latencies::new(&candidate.name, of)
        })
        .collect();
    let (first, others) = all.split_first().expect("there are two or more");
    let confidence = protocol.confidence;
    let compared: Vec<Option<Comparison>> = others
        .iter()
        .map(|other| Comparison::of(&first.ms, &other.ms, confidence))
        .collect();
    match arguments.json {
        true => print_json(&as_json(target, &all, &compared, confidence))?,
        false => print(&as_text(target, &all, &compared, confidence))?,
    }
    match all.iter().find(|one| one.ms.len() < processes) {
        Some(lacking) if compared.contains(&None) => bail!(
            "no comparison: {} of {processes} processes have a latency for {}{}",
            lacking.ms.len(),
            lacking.name,
            lacking.told()
        ),
        _ => Ok(ExitCode::SUCCESS),
    }
}

// === impl Latencies ===

impl<'a> Latencies<'a> {
    fn new<'m>(name: &'a str, measured: impl Iterator<Item = &'m Measurement>) -> Self {
        let mut all = Self {
            name,
            ms: Vec::new(),
            without: None,
        };
        for Measurement { verdict, .. } in measured {
            match verdict.estimate() {
                Some(estimate) => all.ms.push(estimate.median_ms.ms()),
                None => all.without = Some(verdict.to_string()),
            }
        }
        all
    }

    fn told(&self) -> String {
        let verdict = self.without.as_ref();
        verdict.map_or_else(String::new, |verdict| format!("; {verdict}"))
    }
}

// === helpers ===

fn as_json(
    target: &TargetSpec,
    all: &[Latencies<'_>],
    compared: &[Option<Comparison>],
    confidence: f64,
) -> Value {
    let networks = all.iter().map(|one| {
        json!({
            "network": one.name,
            "median_ms": (!one.ms.is_empty()).then(|| median(&one.ms)),
            "processes_ms": one.ms,
            "without_latency": one.without,
        })
    });
    let comparisons = all.iter().skip(1).zip(compared).map(|(other, comparison)| {
        json!({
            "first": all[0].name,
            "second": other.name,
            "ratio": comparison.map(|it| it.ratio),
            "interval": comparison.map(|it| [it.low, it.high]),
            "real": comparison.map(|it| it.is_real()),
        })
    });
    json!({
        "target": target.to_string(),
        "confidence": confidence,
        "networks": networks.collect::<Vec<_>>(),
        "comparisons": comparisons.collect::<Vec<_>>(),
    })
}

fn as_text(
    target: &TargetSpec,
    all: &[Latencies<'_>],
    compared: &[Option<Comparison>],
    confidence: f64,
) -> String {
    let mut text = String::new();
    for Latencies { name, ms, .. } in all {
        text += &match (
            ms.iter().copied().reduce(f64::min),
            ms.iter().copied().reduce(f64::max),
        ) {
            (Some(least), Some(most)) => format!(
                "{name} on {target}: {:.4} ms ({least:.4} … {most:.4} in {} processes)\n",
                median(ms),
                ms.len()
            ),
            _ => format!("{name} on {target}: no latency\n"),
        };
    }
    for (other, comparison) in all.iter().skip(1).zip(compared) {
        if let Some(comparison) = comparison {
            text += &sentence(all[0].name, other.name, comparison, confidence);
        }
    }
    text
}

fn sentence(first: &str, second: &str, comparison: &Comparison, confidence: f64) -> String {
    let Comparison { ratio, low, high } = *comparison;
    let confidence = 100.0 * confidence;
    let percent = |ratio: f64| format!("{:+.2} %", 100.0 * (ratio - 1.0));
    let interval = format!("{} … {}", percent(low), percent(high));
    if !comparison.is_real() {
        return format!(
            "no difference seen between {second} and {first}: with {confidence} % confidence it is {interval}\n"
        );
    }
    let word = if ratio > 1.0 { "slower" } else { "faster" };
    format!(
        "{second} is {word} than {first}: {} ({interval}), with {confidence} % confidence\n",
        percent(ratio)
    )
}
