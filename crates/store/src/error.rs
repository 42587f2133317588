//! What can go wrong with a store.

use std::{io, path::PathBuf};

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("{folder} is in use by another bespoke; stop it or pass another --data-dir", folder = .folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder cannot be read or written: permissions, a full disk.
    #[error("the store in {folder} cannot be read or written: {reason}", folder = .folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// The folder was written by a later version of Bespoke.
    #[error(
        "{folder} was written by a newer bespoke (format {found}, this one reads up to {supported}); \
         use that version or pass another --data-dir",
        folder = .folder.display()
    )]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// Its format.
        found: u64,
        /// The latest format that this version reads.
        supported: u64,
    },
    /// The folder as a whole cannot be understood.
    #[error(
        "the store in {folder} is damaged: {reason}; restore it from a copy or pass another --data-dir",
        folder = .folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What was found.
        reason: String,
    },
    /// One record cannot be understood; the others can.
    #[error("the stored {key} cannot be read: {reason}")]
    Record {
        /// What the record is of.
        key: String,
        /// What was found.
        reason: String,
    },
    /// A predictor was written by another version of Bespoke.
    #[error(
        "the stored {key} has format {found}, this version of bespoke reads format {supported}: \
         adapt the predictor anew"
    )]
    PredictorFormat {
        /// What the record is of.
        key: String,
        /// Its format.
        found: u32,
        /// The format that this version reads.
        supported: u32,
    },
    /// A value has no stored form, such as a number that is not finite.
    #[error("the {key} cannot be stored: {reason}")]
    NotStorable {
        /// What the record would be of.
        key: String,
        /// Why.
        reason: String,
    },
}
