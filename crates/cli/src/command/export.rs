//! `bespoke export`: a network as an ONNX file.

use std::{path::Path, process::ExitCode};

use bespoke_client::StudyClient;
use bespoke_graph::ExportOptions;
use bespoke_study::{StudyName, TrialId};
use serde_json::json;

use super::{block_on, print, print_json};
use crate::{arguments::Export, local, report, sources};

/// Writes the file.
pub fn run(arguments: &Export, data_dir: &Path) -> anyhow::Result<ExitCode> {
    let onnx = match (&arguments.study, arguments.trial) {
        (Some(study), Some(trial)) => trained(arguments, data_dir, study, trial)?,
        _ => {
            let options = ExportOptions {
                fold_batch_norm: !arguments.keep_batch_norm,
            };
            sources::model(None, &arguments.network, arguments.seed)?.to_onnx(options)
        }
    };
    report::write_whole(&arguments.out, &onnx)?;
    let out = arguments.out.display().to_string();
    if arguments.json {
        print_json(&json!({ "onnx": out, "bytes": onnx.len() }))?;
    } else {
        print(&format!("{out}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn trained(
    arguments: &Export,
    data_dir: &Path,
    study: &StudyName,
    trial: TrialId,
) -> anyhow::Result<Vec<u8>> {
    if let Some(url) = &arguments.coordinator {
        return block_on(async {
            Ok(StudyClient::connect(url)
                .await?
                .network(study, trial)
                .await?)
        });
    }
    let report = local::stored_report(&*local::open_existing_store(data_dir)?, study)?;
    if !report.front.contains(trial) {
        let front: Vec<String> = report
            .front
            .entries()
            .iter()
            .map(|entry| entry.trial.to_string())
            .collect();
        anyhow::bail!(
            "trial {trial} of `{study}` is not on the front; these are: {}",
            front.join(", ")
        );
    }
    sources::bytes(&report::onnx_path(
        &report::study_folder(data_dir, study),
        trial,
    ))
}
