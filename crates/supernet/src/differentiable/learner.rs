//! A differentiable search as a study runs it: some epochs at a time, each kept on disk.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bespoke_accuracy::Decision;
use bespoke_graph::Model;
use serde::{Deserialize, Serialize};

use super::{ChoicesState, LatencyTable, Paths, Search, SearchReport};
use crate::{
    SupernetError,
    file::{Kept, keep, kept},
};

/// Learns a distribution. After each epoch the state is written to a file, from which the next call goes on, in this
/// process or another.
pub struct Learner {
    search: Mutex<Search>,
    paths: Paths,
    path: PathBuf,
    of: String,
}

/// What has been learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// Epochs trained so far.
    pub epoch: u32,
    /// The probability of each option of each decision.
    pub probabilities: Vec<Vec<f64>>,
}

/// What is kept beside the weights.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beside {
    choices: ChoicesState,
    table: LatencyTable,
}

// === impl Learner ===

impl Learner {
    /// A learner for a search that was not trained yet. Its state is kept at the path, and `of` tells all that it depends
    /// on.
    pub fn new(search: Search, path: PathBuf, of: String) -> Self {
        Self {
            paths: search.paths().clone(),
            search: Mutex::new(search),
            path,
            of,
        }
    }

    /// The layers and their blocks.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The table that the search was begun with, if it was begun: its later epochs use the same, whatever would be measured
    /// by now.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn table(&self) -> Result<Option<LatencyTable>, SupernetError> {
        Ok(self.kept()?.map(|kept| kept.learned.table))
    }

    /// Trains up to an epoch, or less far if an observer, who hears of each and of how many there are in all, ends it. The
    /// table is corrected by what was measured: canonical strings of architectures, with milliseconds.
    ///
    /// # Errors
    /// When the loss is no longer a number, the state cannot be kept or read, or a text is no architecture. The state on
    /// disk is that of the last whole epoch then.
    pub fn learn(
        &self,
        epoch: u32,
        table: &LatencyTable,
        measured: &[(String, f64)],
        observer: &mut dyn FnMut(SearchReport, u32) -> Decision,
    ) -> Result<Learned, SupernetError> {
        let mut search = self.search();
        self.resume(&mut search)?;
        let measured = measured.iter().map(|(text, ms)| {
            let architecture = self.paths.space().parse_architecture(text);
            architecture.map(|architecture| (architecture, *ms))
        });
        let corrected = table.corrected(&measured.collect::<Result<Vec<_>, _>>()?);
        while search.epochs_trained() < epoch {
            let report = search.epoch(&corrected)?;
            self.keep(&search, table)?;
            if observer(report, search.epochs()) == Decision::Stop {
                break;
            }
        }
        Ok(Learned {
            epoch: search.epochs_trained(),
            probabilities: search.distribution().probabilities(),
        })
    }

    /// Cuts an architecture out of what was learned last: its weights, with batch-norm statistics of its own.
    ///
    /// # Errors
    /// When nothing was learned yet, the state cannot be read, or the text is no architecture.
    pub fn subnet(&self, architecture: &str) -> Result<Model, SupernetError> {
        let architecture = self.paths.space().parse_architecture(architecture)?;
        let mut search = self.search();
        self.resume(&mut search)?;
        if search.epochs_trained() == 0 {
            return Err(SupernetError::File {
                path: self.path.clone(),
                reason: "holds no weights of this search".to_owned(),
            });
        }
        search.subnet(&architecture)
    }

    /// Goes on from what is kept, if anything is.
    fn resume(&self, search: &mut Search) -> Result<(), SupernetError> {
        match self.kept()? {
            Some(kept) => {
                Ok(search.resume(kept.weights, kept.learned.choices, kept.epochs_trained)?)
            }
            None => Ok(()),
        }
    }

    fn search(&self) -> MutexGuard<'_, Search> {
        // What one who panicked left is replaced by what is kept.
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> Result<Option<Kept<Beside>>, SupernetError> {
        kept(&self.of, &self.path)
    }

    fn keep(&self, search: &Search, table: &LatencyTable) -> Result<(), SupernetError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| SupernetError::File {
                path: folder.to_owned(),
                reason: format!("cannot be made: {error}"),
            })?;
        }
        let (weights, choices) = search.state();
        let kept = Kept {
            epochs_trained: search.epochs_trained(),
            weights,
            learned: Beside {
                choices,
                table: table.clone(),
            },
        };
        keep(&kept, &self.of, &self.path)
    }
}

#[cfg(test)]
mod tests;
