//! `bespoke studies`: list, show, submit, watch, cancel, replay and remove.

use std::{path::Path, process::ExitCode};

use anyhow::bail;
use bespoke_client::StudyClient;
use bespoke_coordinator::{Beforehand, CoordinatorError, ProposeError};
use bespoke_study::{Study, StudyName};
use futures::StreamExt;
use serde_json::{Value, json};

use super::{block_on, print, print_json};
use crate::{
    arguments::{Studies, StudiesSource},
    local,
    progress::Progress,
    report::{self, Report, grid},
    sources,
};

/// Runs `studies list|show|submit|watch|cancel|replay|remove`.
pub fn run(arguments: &Studies, data_dir: &Path) -> anyhow::Result<ExitCode> {
    match arguments {
        Studies::List(source) => list(source, data_dir)?,
        Studies::Show { name, source } => show(name, source, data_dir)?,
        Studies::Submit { study, coordinator } => submit(study, coordinator)?,
        Studies::Watch { name, coordinator } => watch(name, coordinator)?,
        Studies::Cancel { name, coordinator } => cancel(name, coordinator)?,
        Studies::Replay { name, source } => replay(name, source, data_dir)?,
        Studies::Remove { name } => remove(name, data_dir)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(source: &StudiesSource, data_dir: &Path) -> anyhow::Result<()> {
    let studies = match &source.coordinator {
        Some(url) => {
            block_on(async { anyhow::Ok(StudyClient::connect(url).await?.list().await?) })?
        }
        None if !data_dir.join("store").is_dir() => Vec::new(),
        None => {
            let studies = local::open_existing_store(data_dir)?.studies()?;
            studies.into_iter().map(|(_, study)| study).collect()
        }
    };
    if source.json {
        return print_json(
            &studies
                .iter()
                .map(study_value)
                .collect::<anyhow::Result<Value>>()?,
        );
    }
    let mut rows = vec![["study", "seconds", "state"].map(str::to_owned).to_vec()];
    for study in &studies {
        let seconds = format!("{:.0}", study.elapsed.as_secs_f64());
        rows.push(vec![
            study.spec()?.name.to_string(),
            seconds,
            study.state.to_string(),
        ]);
    }
    print(&grid(&rows))
}

fn study_value(study: &Study) -> anyhow::Result<Value> {
    Ok(json!({
        "name": study.spec()?.name,
        "state": study.state,
        "elapsed_seconds": study.elapsed.as_secs_f64(),
    }))
}

fn show(name: &StudyName, source: &StudiesSource, data_dir: &Path) -> anyhow::Result<()> {
    let report = read(name, source, data_dir)?;
    if source.json {
        return print_json(&report::study_json(
            &report,
            &report::study_folder(data_dir, name),
        ));
    }
    print(&format!("{name}: {}\n\n", report.study.state))?;
    print(&trials_table(&report))
}

/// A study with its trials, from wherever it is.
fn read(name: &StudyName, source: &StudiesSource, data_dir: &Path) -> anyhow::Result<Report> {
    match &source.coordinator {
        Some(url) => {
            block_on(async { local::remote_report(&StudyClient::connect(url).await?, name).await })
        }
        None => local::stored_report(&*local::open_existing_store(data_dir)?, name),
    }
}

fn trials_table(report: &Report) -> String {
    let heading = [
        "trial",
        "state",
        "front",
        "accuracy",
        "ms",
        "architecture, or why not",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for trial in &report.trials {
        let on_front = report.front.contains(trial.id());
        let accuracy = trial
            .curve()
            .last()
            .map(|accuracy| format!("{accuracy:.2} %"));
        let latency = trial
            .latencies()
            .first()
            .map(|latency| format!("{:.4}", latency.median_ms.ms()));
        let last = match report::reason(trial) {
            "" => trial.architecture(),
            reason => reason,
        };
        rows.push(vec![
            trial.id().to_string(),
            trial.state().word().to_owned(),
            if on_front {
                "*".to_owned()
            } else {
                String::new()
            },
            accuracy.unwrap_or_default(),
            latency.unwrap_or_default(),
            last.to_owned(),
        ]);
    }
    grid(&rows)
}

fn submit(path: &Path, url: &str) -> anyhow::Result<()> {
    let submission = sources::submission(path)?;
    let study = block_on(async {
        anyhow::Ok(StudyClient::connect(url).await?.create(&submission).await?)
    })?;
    print(&format!("{}: {}\n", study.spec()?.name, study.state))
}

fn watch(name: &StudyName, url: &str) -> anyhow::Result<()> {
    let report = block_on(async {
        let client = StudyClient::connect(url).await?;
        let study = client.get(name).await?;
        let mut progress = Progress::new(study.spec()?, study.elapsed);
        let mut events = client.watch(name).await?;
        while let Some(event) = events.next().await {
            progress.show(event?);
        }
        progress.finish();
        local::remote_report(&client, name).await
    })?;
    print(&report::front_table(&report))
}

fn cancel(name: &StudyName, url: &str) -> anyhow::Result<()> {
    let study =
        block_on(async { anyhow::Ok(StudyClient::connect(url).await?.cancel(name).await?) })?;
    print(&format!("{name}: {}\n", study.state))
}

/// The proposals are derived here, by this program, wherever the journal is.
fn replay(name: &StudyName, source: &StudiesSource, data_dir: &Path) -> anyhow::Result<()> {
    let Report { study, trials, .. } = read(name, source, data_dir)?;
    let beforehand = match source.coordinator {
        Some(_) => Beforehand::none(&study)?,
        None => Beforehand::of_study(&*local::open_existing_store(data_dir)?, &study)?,
    };
    let difference = match bespoke_coordinator::replay(&study, &beforehand, &trials) {
        Ok(()) => None,
        Err(CoordinatorError::Propose(ProposeError::OtherVersion {
            trial,
            journal,
            proposed,
        })) => Some((trial, journal, proposed)),
        Err(error) => return Err(error.into()),
    };
    if source.json {
        print_json(&json!({
            "study": name,
            "trials": trials.len(),
            "identical": difference.is_none(),
            "first_difference": difference.as_ref().map(|(trial, journal, proposed)| json!({
                "trial": trial,
                "journal": journal,
                "proposed": proposed,
            })),
        }))?;
    }
    if let Some((trial, journal, proposed)) = difference {
        bail!(
            "{name} differs from its journal: trial {trial} is {journal} there and {proposed} now"
        );
    }
    if !source.json {
        let count = trials.len();
        print(&format!(
            "{name} is identical to its journal: all {count} trials are proposed again\n"
        ))?;
    }
    Ok(())
}

fn remove(name: &StudyName, data_dir: &Path) -> anyhow::Result<()> {
    let store = local::open_existing_store(data_dir)?;
    local::stored_report(&*store, name)?;
    store.remove_study(name)?;
    report::remove_folder(data_dir, name)?;
    print(&format!("{name} is removed\n"))
}
