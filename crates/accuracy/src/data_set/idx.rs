//! IDX files, the format of MNIST and Fashion-MNIST: numbers in big-endian order, then one byte for each pixel or label.
//!
//! Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits.
//! H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST (arXiv:1708.07747).

use std::path::{Path, PathBuf};

use bespoke_net::Images;
use bespoke_recipe::DataSetName;

use super::files::{MOST_BYTES, Source, find, folders};
use super::{CLASSES, DataError, DataSet};

/// Bytes in three dimensions, and in one.
const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;

/// Reads the four files.
pub(super) fn open(name: DataSetName, folder: &Path) -> Result<DataSet, DataError> {
    let folders = folders(folder, name.name());
    Ok(DataSet {
        name,
        train: part(name, &folders, "train")?,
        held_out: part(name, &folders, "t10k")?,
    })
}

fn part(name: DataSetName, folders: &[PathBuf], part: &str) -> Result<Images, DataError> {
    let find = |what: &str| {
        let usual = format!("{part}-{what}-ubyte");
        let dotted = format!("{part}-{}-ubyte", what.replacen('-', ".", 1));
        find(folders, &[&usual, &dotted])
    };
    let (images, labels) = (find("images-idx3")?, find("labels-idx1")?);
    let (pixels, count) = read_images(&images, name.shape())?;
    let classes = read_labels(&labels)?;
    if classes.len() != count {
        return Err(DataError::Counts {
            path: labels,
            labels: classes.len(),
            images: count,
        });
    }
    let made = Images::new(name.shape(), CLASSES, u8::MAX, pixels, classes);
    made.map_err(|reason| DataError::Images {
        path: labels,
        reason,
    })
}

fn read_images(path: &Path, expected: [usize; 3]) -> Result<(Vec<u8>, usize), DataError> {
    let mut source = Source::open(path)?;
    let [magic, count, height, width] = header(&mut source)?;
    check_magic(path, magic, IMAGES_MAGIC)?;
    let got = [1, height as usize, width as usize];
    if got != expected {
        return Err(DataError::Shape {
            path: path.to_owned(),
            expected,
            got,
        });
    }
    let bytes = u64::from(count) * (expected[1] * expected[2]) as u64;
    Ok((body(path, source, bytes, 16)?, count as usize))
}

fn read_labels(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut source = Source::open(path)?;
    let [magic, count] = header(&mut source)?;
    check_magic(path, magic, LABELS_MAGIC)?;
    body(path, source, u64::from(count), 8)
}

fn header<const N: usize>(source: &mut Source) -> Result<[u32; N], DataError> {
    let bytes = source.exactly(4 * N as u64, 0)?;
    let mut numbers = bytes.chunks_exact(4);
    Ok(std::array::from_fn(|_| {
        let number = numbers.next().expect("as many were read");
        u32::from_be_bytes(number.try_into().expect("chunks of four"))
    }))
}

fn check_magic(path: &Path, got: u32, expected: u32) -> Result<(), DataError> {
    if got == expected {
        return Ok(());
    }
    Err(DataError::Magic {
        path: path.to_owned(),
        expected,
        got,
    })
}

fn body(path: &Path, mut source: Source, bytes: u64, header: u64) -> Result<Vec<u8>, DataError> {
    if bytes > MOST_BYTES {
        return Err(DataError::TooLong {
            path: path.to_owned(),
            most: MOST_BYTES,
        });
    }
    let body = source.exactly(bytes, header)?;
    source.end(header + bytes)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use super::*;

    fn images(count: u32, held: usize) -> Vec<u8> {
        let mut file: Vec<u8> = [IMAGES_MAGIC, count, 28, 28]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        file.extend((0..held).map(|at| (at % 256) as u8));
        file
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        let count = labels.len() as u32;
        let mut file: Vec<u8> = [LABELS_MAGIC, count]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        file.extend(labels);
        file
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A folder with three images to train on and two held out, under different usual names.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("train-images-idx3-ubyte.gz", &zipped(&images(3, 3 * 784)));
        write("train-labels.idx1-ubyte", &labels(&[3, 9, 0]));
        write("t10k-images.idx3-ubyte.gz", &images(2, 2 * 784));
        write("t10k-labels-idx1-ubyte", &zipped(&labels(&[1, 2])));
        folder
    }

    /// The error when one file is replaced, without the folder's path.
    fn broken(name: &str, bytes: &[u8]) -> String {
        let folder = folder();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let error = DataSet::open(DataSetName::Mnist, folder.path()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&folder.path().display().to_string()),
            "{text}"
        );
        text.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn files_are_read_compressed_or_not_under_each_usual_name() {
        let folder = folder();
        let data = DataSet::open(DataSetName::Mnist, folder.path()).unwrap();
        assert_eq!(data.train.labels(), [3, 9, 0]);
        assert_eq!(data.held_out.labels(), [1, 2]);
        assert_eq!(data.train.shape(), [1, 28, 28]);
        assert_eq!(data.train.pixels(0..1)[255], 1.0);
    }

    #[test]
    fn folder_named_after_the_data_set_comes_first() {
        let outer = folder();
        let inner = outer.path().join("fashion-mnist");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("t10k-labels-idx1-ubyte"), labels(&[7, 8])).unwrap();
        let data = DataSet::open(DataSetName::FashionMnist, outer.path()).unwrap();
        assert_eq!(data.held_out.labels(), [7, 8]);
    }

    #[test]
    fn missing_file_is_named_with_all_its_names() {
        let folder = folder();
        std::fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
        let error = DataSet::open(DataSetName::Mnist, folder.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} holds none of t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte.gz, \
                 t10k-labels.idx1-ubyte, t10k-labels.idx1-ubyte.gz",
                folder.path().display()
            )
        );
    }

    #[test]
    fn file_that_ends_early_is_refused_with_both_lengths() {
        let short = images(3, 2 * 784 + 5);
        let expected = "train-images-idx3-ubyte.gz is cut short: 2368 bytes expected, got 1589";
        assert_eq!(broken("train-images-idx3-ubyte.gz", &short), expected);
        assert_eq!(
            broken("train-images-idx3-ubyte.gz", &zipped(&short)),
            expected
        );
        assert_eq!(
            broken("train-labels.idx1-ubyte", &[0, 0, 8]),
            "train-labels.idx1-ubyte is cut short: 8 bytes expected, got 3"
        );
        let cut = &zipped(&images(3, 3 * 784))[..30];
        assert!(broken("train-images-idx3-ubyte.gz", cut).contains("is cut short: "));
    }

    #[test]
    fn size_in_a_header_is_not_believed() {
        let huge = images(u32::MAX, 784);
        assert_eq!(
            broken("train-images-idx3-ubyte.gz", &huge),
            "train-images-idx3-ubyte.gz is too long: at most 1073741824 bytes expected, there are more"
        );
        let large = images(1_000_000, 784);
        assert_eq!(
            broken("train-images-idx3-ubyte.gz", &large),
            "train-images-idx3-ubyte.gz is cut short: 784000016 bytes expected, got 800"
        );
    }

    #[test]
    fn file_that_is_something_else_is_refused() {
        assert_eq!(
            broken("train-images-idx3-ubyte.gz", &labels(&[1; 20])),
            "train-images-idx3-ubyte.gz begins with the number 2049, it should begin with 2051"
        );
        let mut wide = images(3, 3 * 784);
        wide[15] = 14;
        assert_eq!(
            broken("train-images-idx3-ubyte.gz", &wide),
            "train-images-idx3-ubyte.gz has images of [1, 28, 14], [1, 28, 28] expected"
        );
        assert_eq!(
            broken("train-images-idx3-ubyte.gz", &images(3, 3 * 784 + 1)),
            "train-images-idx3-ubyte.gz is too long: at most 2368 bytes expected, there are more"
        );
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        assert_eq!(
            broken("train-labels.idx1-ubyte", &labels(&[3, 10, 0])),
            "train-labels.idx1-ubyte: image 1 has the label 10, the classes are 0 to 9"
        );
        assert_eq!(
            broken("train-labels.idx1-ubyte", &labels(&[3, 9])),
            "train-labels.idx1-ubyte has 2 labels for 3 images"
        );
    }
}
