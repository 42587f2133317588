//! What a study leaves behind for people to read: a table, a page with a picture, and files for scripts.

mod chart;
mod files;
mod json;
mod outcome;
mod page;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Context;
use bespoke_measure::PriceSource;
use bespoke_study::{Accuracy, Front, Interval, Study, StudyName, StudySpec, Trial, TrialId};

pub use files::{write_folder, write_whole};
pub use json::{cost_json, extend, front_json, study_json};
pub use table::{cost_rows, front_table, grid};

/// A study with all that was found.
#[derive(Debug)]
pub struct Report {
    /// What was asked.
    pub spec: StudySpec,
    /// Its own record.
    pub study: Study,
    /// All trials by number.
    pub trials: Vec<Trial>,
    /// What nobody beats.
    pub front: Front,
}

impl Report {
    /// Puts a study's parts together.
    pub fn new(study: Study, trials: Vec<Trial>) -> anyhow::Result<Self> {
        let spec = study.spec()?;
        let front = Front::of(&spec, &trials);
        Ok(Self {
            spec,
            study,
            trials,
            front,
        })
    }

    /// Where an accuracy lies with the confidence of the study's protocol, in per cent: the fewer images were held out,
    /// the less is known.
    pub fn accuracy_interval(&self, accuracy: &Accuracy) -> [f64; 2] {
        let (share, confidence) = (accuracy.percent / 100.0, self.spec.protocol.confidence);
        let Interval { low, high } = Interval::of_share(share, accuracy.images, confidence);
        [100.0 * low, 100.0 * high]
    }

    /// Whether the energy of any network is known on the target of that index.
    pub fn has_energy(&self, target: usize) -> bool {
        let mut trials = self.trials.iter();
        trials.any(|trial| trial.energy_mj(target).is_some())
    }

    /// What to tell a user whose study found nothing.
    pub fn why_empty(&self) -> String {
        let name = &self.spec.name;
        let measured = || {
            let trials = self.trials.iter();
            trials.filter(|trial| trial.price_source() == Some(PriceSource::Measured))
        };
        let fastest = measured()
            .filter_map(|trial| Some((trial, trial.latencies().first()?)))
            .min_by(|(_, a), (_, b)| a.high_ms.ms().total_cmp(&b.high_ms.ms()));
        let bound = self
            .spec
            .targets
            .first()
            .and_then(|target| target.max_latency);
        let failed = self
            .trials
            .iter()
            .find(|trial| trial.state().word() == "failed");
        match (bound, fastest, failed) {
            (Some(bound), Some((trial, latency)), _) if latency.high_ms > bound => format!(
                "no network of study `{name}` met the bound of {bound}: the fastest of {} measured, trial {}, takes {} (up to {}); raise `max_latency_ms` or choose a smaller space",
                measured().count(),
                trial.id(),
                latency.median_ms,
                latency.high_ms,
            ),
            (_, None, Some(trial)) => format!(
                "no network of study `{name}` could be evaluated; trial {} {}",
                trial.id(),
                reason(trial)
            ),
            _ => format!(
                "no network of study `{name}` met all bounds within its budget; `bespoke studies show {name}` tells what became of each"
            ),
        }
    }
}

/// What became of a trial, in words, where its state has something to say.
pub fn reason(trial: &Trial) -> &str {
    use bespoke_study::TrialState::{Failed, Infeasible, Scored};
    match trial.state() {
        Failed { reason } | Infeasible { reason, .. } | Scored { reason, .. } => reason,
        _ => "",
    }
}

/// The numbers of trials, divided by commas.
pub fn numbers(trials: &[TrialId]) -> String {
    let numbers: Vec<String> = trials.iter().map(TrialId::to_string).collect();
    numbers.join(", ")
}

/// Folder of a study.
pub fn study_folder(data_dir: &Path, study: &StudyName) -> PathBuf {
    data_dir.join("studies").join(study.as_str())
}

/// Removes a study's folder, if it is there.
pub fn remove_folder(data_dir: &Path, study: &StudyName) -> anyhow::Result<()> {
    let folder = study_folder(data_dir, study);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The ONNX file of a trial on the front.
pub fn onnx_path(folder: &Path, trial: TrialId) -> PathBuf {
    folder
        .join("front")
        .join(format!("trial-{:04}.onnx", trial.0))
}
