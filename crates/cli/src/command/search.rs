//! `bespoke search`: a whole farm in one program. Coordinator and agent are the ones that `serve` and `agent` run,
//! and they talk over loopback.

use std::{path::Path, process::ExitCode};

use bespoke_client::StudyClient;
use bespoke_coordinator::Config;
use bespoke_study::{StudyState, Submission};
use futures::StreamExt;

use super::{block_on, print, print_json};
use crate::{
    arguments::{Limits, Search},
    local,
    progress::Progress,
    report::{self, Report},
    sources,
};

/// Runs the study and prints its front.
pub fn run(arguments: &Search, data_dir: &Path) -> anyhow::Result<ExitCode> {
    let submission = sources::submission(&arguments.study)?;
    let report = block_on(search(arguments, data_dir, &submission))?;
    let Some(report) = report else {
        return Ok(ExitCode::from(130));
    };
    let folder = report::study_folder(data_dir, &report.spec.name);
    report::write_folder(&report, &folder)?;
    show(arguments, &report, &folder)
}

/// The finished study, or nothing if the user interrupted it.
async fn search(
    arguments: &Search,
    data_dir: &Path,
    submission: &Submission,
) -> anyhow::Result<Option<Report>> {
    let store = local::open_store(data_dir)?;
    if arguments.fresh {
        let name = submission.spec()?.name;
        store.remove_study(&name)?;
        report::remove_folder(data_dir, &name)?;
    }
    let config = Config {
        trainers: local::trainers(arguments.trainers),
        ..Config::new(data_dir)
    };
    let limits = Limits::default().resolve();
    let follow = async |url: String| follow(&url, submission).await;
    local::farm_of_one(config, limits, store, follow).await
}

/// Hands the study in and follows it to its end.
async fn follow(url: &str, submission: &Submission) -> anyhow::Result<Report> {
    let client = StudyClient::connect(url).await?;
    let study = client.create(submission).await?;
    let spec = study.spec()?;
    let mut progress = Progress::new(spec.clone(), study.elapsed);
    let mut events = client.watch(&spec.name).await?;
    while let Some(event) = events.next().await {
        progress.show(event?);
    }
    progress.finish();
    local::remote_report(&client, &spec.name).await
}

fn show(arguments: &Search, report: &Report, folder: &Path) -> anyhow::Result<ExitCode> {
    if let StudyState::Failed { reason } = &report.study.state {
        anyhow::bail!("study `{}` cannot go on: {reason}", report.spec.name);
    }
    let is_empty = report.front.entries().is_empty();
    if arguments.json {
        print_json(&report::front_json(report, |trial| {
            report::onnx_path(folder, trial).display().to_string()
        }))?;
    } else if !is_empty {
        print(&format!(
            "{}\nstudy `{}` {}; see {}\n",
            report::front_table(report),
            report.spec.name,
            report.study.state,
            folder.join("front.html").display()
        ))?;
    }
    if is_empty {
        anyhow::bail!(report.why_empty());
    }
    Ok(ExitCode::SUCCESS)
}
