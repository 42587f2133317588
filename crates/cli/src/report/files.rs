//! The files in a study's folder.

use std::{fs, path::Path};

use anyhow::Context;
use bespoke_study::{Objective, Trial};

use super::{Report, chart, json, onnx_path, page, reason};

/// Writes `study.json`, `trials.csv`, `front.html` and `front.svg`. Each is written whole under another name and then
/// moved into place, so that a reader or a full disk never leaves half a file.
pub fn write_folder(report: &Report, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let study = serde_json::to_string_pretty(&json::study_json(report, folder))?;
    write_whole(&folder.join("study.json"), study.as_bytes())?;
    write_whole(&folder.join("trials.csv"), &trials_csv(report, folder)?)?;
    write_whole(&folder.join("front.html"), page::html(report).as_bytes())?;
    let svg = chart::svg(report, Objective::Latency(0)).unwrap_or_default();
    write_whole(&folder.join("front.svg"), svg.as_bytes())
}

/// Writes a file whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn trials_csv(report: &Report, folder: &Path) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut heading: Vec<String> = [
        "trial",
        "state",
        "on_front",
        "accuracy_percent",
        "epochs",
        "score",
    ]
    .map(str::to_owned)
    .to_vec();
    for bound in &report.spec.targets {
        let measured = ["median_ms", "low_ms", "high_ms", "energy_mj"];
        heading.extend(measured.map(|what| format!("{what}@{}", bound.target)));
    }
    let rest = [
        "price_source",
        "parameters",
        "macs",
        "flops",
        "peak_activation_bytes",
        "graph",
        "architecture",
        "onnx",
        "reason",
    ];
    heading.extend(rest.map(str::to_owned));
    csv.write_record(&heading)?;
    for trial in &report.trials {
        csv.write_record(trial_row(report, trial, folder))?;
    }
    Ok(csv.into_inner()?)
}

fn trial_row(report: &Report, trial: &Trial, folder: &Path) -> Vec<String> {
    let on_front = report.front.contains(trial.id());
    let accuracy = trial
        .accuracy()
        .map(|accuracy| format!("{:.4}", accuracy.percent));
    let mut row = vec![
        trial.id().to_string(),
        trial.state().word().to_owned(),
        on_front.to_string(),
        accuracy.unwrap_or_default(),
        trial.curve().len().to_string(),
        trial
            .score()
            .map(|score| score.to_string())
            .unwrap_or_default(),
    ];
    for target in 0..report.spec.targets.len() {
        row.extend(match trial.latencies().get(target) {
            Some(latency) => [latency.median_ms, latency.low_ms, latency.high_ms]
                .map(|ms| format!("{:.6}", ms.ms())),
            None => [const { String::new() }; 3],
        });
        let energy_mj = trial.energy_mj(target).map(|mj| format!("{mj:.6}"));
        row.push(energy_mj.unwrap_or_default());
    }
    let source = trial.price_source().map(|source| source.word().to_owned());
    row.push(source.unwrap_or_default());
    let cost = trial.cost();
    row.extend(
        [
            cost.parameters,
            cost.macs,
            cost.flops,
            cost.peak_activation_bytes,
        ]
        .map(|n| n.to_string()),
    );
    let onnx = on_front.then(|| onnx_path(folder, trial.id()).display().to_string());
    row.extend([
        trial.graph().to_string(),
        trial.architecture().to_owned(),
        onnx.unwrap_or_default(),
        reason(trial).to_owned(),
    ]);
    row
}
