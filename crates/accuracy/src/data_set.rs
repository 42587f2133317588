//! Data sets: images to train on and images held out.

pub(crate) mod cifar;
mod digits;
mod files;
mod idx;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bespoke_net::{Images, ImagesError};
use serde::{Deserialize, Serialize};

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

/// The data sets that Bespoke knows; all have ten classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DataSetName {
    /// `digits`: 1,797 handwritten digits of 8 x 8 pixels, part of the program; see `data/README.md`.
    Digits,
    /// `mnist`: 70,000 handwritten digits of 28 x 28 pixels.
    Mnist,
    /// `fashion-mnist`: 70,000 articles of clothing of 28 x 28 pixels.
    FashionMnist,
    /// `cifar-10`: 60,000 photographs of 32 x 32 pixels in three colours.
    Cifar10,
}

/// Why a data set cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No data set has this name.
    #[error("there is no data set `{name}`, the data sets are {known}")]
    UnknownName {
        /// The name.
        name: String,
        /// All names there are.
        known: String,
    },
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

// === impl DataSetName ===

impl DataSetName {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Digits, Self::Mnist, Self::FashionMnist, Self::Cifar10];

    /// The name as it is written in study files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar-10",
        }
    }

    /// Channels, height and width of its images.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Self::Digits => [1, 8, 8],
            Self::Mnist | Self::FashionMnist => [1, 28, 28],
            Self::Cifar10 => [3, 32, 32],
        }
    }

    /// Number of classes.
    pub fn classes(self) -> usize {
        CLASSES
    }
}

impl fmt::Display for DataSetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DataSetName {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        let found = Self::ALL.into_iter().find(|known| known.as_str() == name);
        found.ok_or_else(|| DataError::UnknownName {
            name: name.to_owned(),
            known: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}

impl TryFrom<String> for DataSetName {
    type Error = DataError;

    fn try_from(name: String) -> Result<Self, DataError> {
        name.parse()
    }
}

impl From<DataSetName> for String {
    fn from(name: DataSetName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in DataSetName::ALL {
            assert_eq!(name.to_string().parse::<DataSetName>().unwrap(), name);
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<DataSetName>(&json).unwrap(), name);
        }
        let error = "imagenet".parse::<DataSetName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no data set `imagenet`, the data sets are digits, mnist, fashion-mnist, cifar-10"
        );
    }

    #[test]
    fn folder_that_is_not_there_is_named() {
        let error = DataSet::open(DataSetName::Mnist, Path::new("/no/such/folder")).unwrap_err();
        assert_eq!(error.to_string(), "/no/such/folder is not a folder");
    }
}
