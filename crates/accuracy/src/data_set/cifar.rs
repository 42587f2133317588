//! The binary version of CIFAR-10: records of one byte for the class and 3,072 for the pixels, colour after colour.
//!
//! A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009).

use std::path::{Path, PathBuf};

use bespoke_net::Images;
use bespoke_recipe::DataSetName;

use super::files::{MOST_BYTES, Source, find};
use super::{CLASSES, DataError, DataSet};

/// Folder inside the archive that the data set is distributed as.
pub(crate) const FOLDER: &str = "cifar-10-batches-bin";

/// Files to train on.
pub(crate) const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];

/// File to test with.
pub(crate) const TEST: &str = "test_batch.bin";

/// Reads the six files.
pub(super) fn open(folder: &Path) -> Result<DataSet, DataError> {
    let named = folder.join(DataSetName::Cifar10.name());
    let folders = [
        named.join(FOLDER),
        named,
        folder.join(FOLDER),
        folder.to_owned(),
    ];
    Ok(DataSet {
        name: DataSetName::Cifar10,
        train: read(&folders, &TRAIN)?,
        held_out: read(&folders, &[TEST])?,
    })
}

fn read(folders: &[PathBuf], names: &[&str]) -> Result<Images, DataError> {
    let shape = DataSetName::Cifar10.shape();
    let record = 1 + shape.iter().product::<usize>();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let path = find(folders, &[name])?;
        let bytes = records(&path, record)?;
        let first = labels.len();
        for record in bytes.chunks_exact(record) {
            labels.push(record[0]);
            pixels.extend_from_slice(&record[1..]);
        }
        // Each file is checked by itself, so that the error names the right one.
        let each = record - 1;
        let (pixels, labels) = (&pixels[first * each..], &labels[first..]);
        Images::new(shape, CLASSES, u8::MAX, pixels.to_vec(), labels.to_vec())
            .map_err(|reason| DataError::Images { path, reason })?;
    }
    Ok(Images::new(shape, CLASSES, u8::MAX, pixels, labels).expect("each file was checked"))
}

fn records(path: &Path, record: usize) -> Result<Vec<u8>, DataError> {
    let mut source = Source::open(path)?;
    let bytes = source.up_to(MOST_BYTES)?;
    source.end(MOST_BYTES)?;
    let whole = bytes.len().div_ceil(record).max(1) * record;
    if bytes.len() == whole {
        return Ok(bytes);
    }
    Err(DataError::Truncated {
        path: path.to_owned(),
        expected: whole as u64,
        got: bytes.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn batch(labels: &[u8]) -> Vec<u8> {
        let record =
            |label: &u8| std::iter::once(*label).chain((0..3072).map(|at| (at % 256) as u8));
        labels.iter().flat_map(record).collect()
    }

    fn folder(inside: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join(inside);
        std::fs::create_dir_all(&files).unwrap();
        for (at, name) in TRAIN.into_iter().enumerate() {
            std::fs::write(files.join(name), batch(&[at as u8, 9])).unwrap();
        }
        std::fs::write(files.join(TEST), batch(&[7])).unwrap();
        folder
    }

    fn broken(name: &str, bytes: &[u8]) -> String {
        let folder = folder("");
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let error = DataSet::open(DataSetName::Cifar10, folder.path()).unwrap_err();
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn files_are_found_in_the_folder_and_in_the_usual_ones_inside() {
        for inside in ["", FOLDER, "cifar10", "cifar10/cifar-10-batches-bin"] {
            let folder = folder(inside);
            let data = DataSet::open(DataSetName::Cifar10, folder.path()).unwrap();
            assert_eq!(
                data.train.labels(),
                [0, 9, 1, 9, 2, 9, 3, 9, 4, 9],
                "{inside}"
            );
            assert_eq!(
                (data.held_out.labels(), data.held_out.shape()),
                (&[7][..], [3, 32, 32])
            );
            assert_eq!(data.held_out.pixels(0..1)[1024..1026], [0.0, 1.0 / 255.0]);
        }
    }

    #[test]
    fn broken_files_are_refused_by_name() {
        assert_eq!(
            broken("data_batch_3.bin", &batch(&[1, 2])[..6145]),
            "data_batch_3.bin is cut short: 6146 bytes expected, got 6145"
        );
        assert_eq!(
            broken("test_batch.bin", &[]),
            "test_batch.bin is cut short: 3073 bytes expected, got 0"
        );
        assert_eq!(
            broken("data_batch_2.bin", &batch(&[1, 10])),
            "data_batch_2.bin: image 1 has the label 10, the classes are 0 to 9"
        );
    }

    #[test]
    fn missing_file_is_named() {
        let folder = folder("");
        std::fs::remove_file(folder.path().join("data_batch_5.bin")).unwrap();
        let error = DataSet::open(DataSetName::Cifar10, folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("holds none of data_batch_5.bin, data_batch_5.bin.gz")
        );
    }
}
