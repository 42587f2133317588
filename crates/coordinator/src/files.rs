//! The files of a study's front: for each of its networks the ONNX file and the probabilities that it gave.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bespoke_graph::{ExportOptions, Model};
use bespoke_study::{Front, StudyName, TrialId};

use crate::CoordinatorError;

/// Where a study's files are.
#[derive(Debug, Clone)]
pub struct FrontFiles {
    folder: PathBuf,
}

/// A trained network and what it says about the held-out images.
#[derive(Debug)]
pub struct Keepsake {
    /// The network with its weights, class probabilities as output.
    pub model: Model,
    /// For each held-out image the probability of each class.
    pub probabilities: Vec<f32>,
    /// The class of each held-out image.
    pub labels: Arc<[u8]>,
}

// === impl FrontFiles ===

impl FrontFiles {
    /// The files of a study under a data folder; nothing is made yet.
    pub fn new(data_dir: &Path, study: &StudyName) -> Self {
        let folder = data_dir.join("studies").join(study.as_str()).join("front");
        Self { folder }
    }

    /// Where a trial's network is.
    pub fn onnx(&self, trial: TrialId) -> PathBuf {
        self.folder.join(format!("{}.onnx", stem(trial)))
    }

    fn probabilities(&self, trial: TrialId) -> PathBuf {
        self.folder
            .join(format!("{}.probabilities.csv", stem(trial)))
    }

    /// Writes a trial's files. Each appears whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written, for example because the disk is full.
    pub fn write(&self, trial: TrialId, keepsake: &Keepsake) -> Result<(), CoordinatorError> {
        fs::create_dir_all(&self.folder).map_err(|source| failed(&self.folder, source))?;
        let onnx = keepsake.model.to_onnx(ExportOptions {
            fold_batch_norm: true,
        });
        replace(&self.probabilities(trial), keepsake.csv().as_bytes())?;
        replace(&self.onnx(trial), &onnx)
    }

    /// Reads a trial's network, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(&self, trial: TrialId) -> Result<Option<Vec<u8>>, CoordinatorError> {
        let path = self.onnx(trial);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Removes all files but those of the front.
    ///
    /// # Errors
    /// When the folder cannot be read or a file cannot be removed.
    pub fn keep_only(&self, front: &Front) -> Result<(), CoordinatorError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&self.folder, error)),
        };
        let kept = |name: &str| {
            let stems = front
                .entries()
                .iter()
                .map(|entry| format!("{}.", stem(entry.trial)));
            !name.trim_start_matches('.').starts_with("trial-")
                || (!name.starts_with('.') && stems.into_iter().any(|stem| name.starts_with(&stem)))
        };
        for entry in entries {
            let path = entry.map_err(|source| failed(&self.folder, source))?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !kept(&name) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

fn stem(trial: TrialId) -> String {
    format!("trial-{:04}", trial.0)
}

/// Removes a file; one that is gone already is no fault.
fn remove(path: &Path) -> Result<(), CoordinatorError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

/// Writes to a temporary name beside the file, and renames when all is on the disk.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), CoordinatorError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.part"));
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // The failure to report is the first one; what is left is swept when the study goes on.
        let _ = fs::remove_file(&temporary);
        failed(path, source)
    })
}

fn failed(path: &Path, source: io::Error) -> CoordinatorError {
    CoordinatorError::File {
        path: path.to_owned(),
        source,
    }
}

// === impl Keepsake ===

impl Keepsake {
    /// The probabilities as a table: one line for each image, numbers as short as they read back exactly.
    fn csv(&self) -> String {
        let classes = self.probabilities.len() / self.labels.len().max(1);
        let mut text = "image,label".to_owned();
        for class in 0..classes {
            write!(text, ",p{class}").expect("writing to a string cannot fail");
        }
        text.push('\n');
        let rows = self.probabilities.chunks(classes.max(1));
        for (image, (label, row)) in self.labels.iter().zip(rows).enumerate() {
            write!(text, "{image},{label}").expect("writing to a string cannot fail");
            for probability in row {
                write!(text, ",{probability}").expect("writing to a string cannot fail");
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests;
