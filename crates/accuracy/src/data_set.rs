//! Data sets: images to train on and images held out.

pub(crate) mod cifar;
mod digits;
mod files;
mod idx;

use std::path::{Path, PathBuf};

use bespoke_net::{Images, ImagesError};
use bespoke_recipe::DataSetName;

/// Images to train on, and others to test with that training never sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Which it is.
    pub name: DataSetName,
    /// Images to train on.
    pub train: Images,
    /// Images to test with, of the same shape.
    pub held_out: Images,
}

/// Why a data set cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder is not there.
    #[error("{} is not a folder", .folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is not there under any of its names.
    #[error("{} holds none of {}", .folder.display(), .names.join(", "))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The names that were looked for.
        names: Vec<String>,
    },
    /// A file cannot be read, or its compression is damaged.
    #[error("{} cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file does not begin as its format wants.
    #[error("{} begins with the number {got}, it should begin with {expected}", .path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// The number of its format.
        expected: u32,
        /// Its first number.
        got: u32,
    },
    /// A file ends early.
    #[error("{} is cut short: {expected} bytes expected, got {got}", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that it announces, uncompressed.
        expected: u64,
        /// Bytes that it holds, uncompressed.
        got: u64,
    },
    /// A file goes on after its end, or announces more than any data set has.
    #[error("{} is too long: at most {most} bytes expected, there are more", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes that it can have, uncompressed.
        most: u64,
    },
    /// There is another number of labels than of images.
    #[error("{} has {labels} labels for {images} images", .path.display())]
    Counts {
        /// The file of the labels.
        path: PathBuf,
        /// Labels in it.
        labels: usize,
        /// Images they are for.
        images: usize,
    },
    /// A file's images have another shape than the data set's.
    #[error("{} has images of {got:?}, {expected:?} expected", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Channels, height and width of the data set's images.
        expected: [usize; 3],
        /// Those of the file's.
        got: [usize; 3],
    },
    /// A file's numbers are not labelled images: most often, a label is out of range.
    #[error("{}: {reason}", .path.display())]
    Images {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        reason: ImagesError,
    },
}

/// Classes of every data set here.
const CLASSES: usize = 10;

// === impl DataSet ===

impl DataSet {
    /// The digits that are part of the program: every fifth image is held out.
    pub fn digits() -> Self {
        digits::data_set()
    }

    /// Reads a data set's usual files, compressed with gzip or not, from `FOLDER/NAME` or else from the folder itself.
    /// The digits need no folder.
    ///
    /// # Errors
    /// When the folder or a file is not there, or a file is not what its name says.
    pub fn open(name: DataSetName, folder: &Path) -> Result<Self, DataError> {
        match name {
            DataSetName::Digits => Ok(Self::digits()),
            _ if !folder.is_dir() => Err(DataError::NoFolder {
                folder: folder.to_owned(),
            }),
            DataSetName::Mnist | DataSetName::FashionMnist => idx::open(name, folder),
            DataSetName::Cifar10 => cifar::open(folder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_that_is_not_there_is_named() {
        let error = DataSet::open(DataSetName::Mnist, Path::new("/no/such/folder")).unwrap_err();
        assert_eq!(error.to_string(), "/no/such/folder is not a folder");
    }
}
