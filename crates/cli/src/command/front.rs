//! `bespoke front`: what nobody beats.

use std::{path::Path, process::ExitCode};

use bespoke_client::StudyClient;

use super::{block_on, print, print_json};
use crate::{
    arguments::Front,
    local,
    report::{self, Report},
};

/// Prints a study's front, finished or not.
pub fn run(arguments: &Front, data_dir: &Path) -> anyhow::Result<ExitCode> {
    let name = &arguments.study;
    let report = match &arguments.source.coordinator {
        Some(url) => block_on(remote(url, name))?,
        None => local::stored_report(&*local::open_existing_store(data_dir)?, name)?,
    };
    if arguments.source.json {
        let folder = report::study_folder(data_dir, name);
        print_json(&report::front_json(&report, |trial| {
            report::onnx_path(&folder, trial).display().to_string()
        }))?;
    } else {
        print(&report::front_table(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn remote(url: &str, name: &bespoke_study::StudyName) -> anyhow::Result<Report> {
    local::remote_report(&StudyClient::connect(url).await?, name).await
}
