//! Files of a data set: found under their usual names, read with an upper bound.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::DataError;

/// No file of a data set here is longer, uncompressed.
pub(super) const MOST_BYTES: u64 = 1 << 30;

/// A file that is being read, uncompressed.
pub(super) struct Source {
    path: PathBuf,
    reader: Box<dyn Read>,
}

/// The first of the names that is there, each also with `.gz`, looked for in the folders in turn.
pub(super) fn find(folders: &[PathBuf], names: &[&str]) -> Result<PathBuf, DataError> {
    let names: Vec<String> = names
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("{name}.gz")])
        .collect();
    let candidates = folders
        .iter()
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    for candidate in candidates {
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    let folder = folders.last().cloned().unwrap_or_default();
    Err(DataError::Missing { folder, names })
}

/// `FOLDER/NAME`, and the folder itself.
pub(super) fn folders(folder: &Path, name: &str) -> Vec<PathBuf> {
    vec![folder.join(name), folder.to_owned()]
}

// === impl Source ===

impl Source {
    /// Opens a file; whether it is compressed is told by its first bytes.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let read = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = BufReader::new(File::open(path).map_err(read)?);
        let start = std::io::BufRead::fill_buf(&mut file).map_err(read)?;
        let reader: Box<dyn Read> = match start.starts_with(&[0x1f, 0x8b]) {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
        })
    }

    /// The next bytes, at most so many. Memory grows with what is there, not with what was asked for.
    pub(super) fn up_to(&mut self, most: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(most).read_to_end(&mut bytes);
        match read {
            Ok(_) => Ok(bytes),
            // Compressed data that ends early is reported as what it is by whoever counts the bytes.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(bytes),
            Err(source) => Err(DataError::Read {
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// Exactly so many bytes, where `before` have been read already.
    pub(super) fn exactly(&mut self, count: u64, before: u64) -> Result<Vec<u8>, DataError> {
        let bytes = self.up_to(count)?;
        let got = bytes.len() as u64;
        if got == count {
            return Ok(bytes);
        }
        Err(DataError::Truncated {
            path: self.path.clone(),
            expected: before + count,
            got: before + got,
        })
    }

    /// Checks that nothing follows the bytes read so far.
    pub(super) fn end(mut self, most: u64) -> Result<(), DataError> {
        match self.up_to(1)?.is_empty() {
            true => Ok(()),
            false => Err(DataError::TooLong {
                path: self.path,
                most,
            }),
        }
    }
}
