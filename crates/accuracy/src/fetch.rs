//! Downloads of the usual files of a data set, checked against the checksums that their authors publish.

mod archive;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use md5::{Digest, Md5};
use tempfile::NamedTempFile;
use ureq::Agent;

use crate::data_set::cifar;
use bespoke_recipe::DataSetName;

/// Why a data set could not be fetched. Nothing half done is left behind.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server cannot be reached or does not answer.
    #[error("cannot reach {url} ({reason}); without it, put {files} into {} by hand", .folder.display())]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why it did not work.
        reason: String,
        /// The files that are wanted.
        files: String,
        /// Where they are looked for.
        folder: PathBuf,
    },
    /// The server answers that it does not have the file.
    #[error("{url} answers with status {status}; without it, put {files} into {} by hand", .folder.display())]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The files that are wanted.
        files: String,
        /// Where they are looked for.
        folder: PathBuf,
    },
    /// The connection broke in the middle.
    #[error("the transfer of {url} broke off after {got} bytes: {reason}")]
    Cut {
        /// What was asked for.
        url: String,
        /// Bytes that had arrived.
        got: u64,
        /// Why it ended.
        reason: String,
    },
    /// What arrived is not the file.
    #[error("{url} has the MD5 sum {got}, {expected} expected; nothing was kept")]
    Checksum {
        /// What was asked for.
        url: String,
        /// The sum that its authors publish.
        expected: String,
        /// The sum of what arrived.
        got: String,
    },
    /// An archive does not hold what it should.
    #[error("the archive {url}: {reason}")]
    Archive {
        /// Where it came from.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder cannot be written.
    #[error("{} cannot be written: {source}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// One file to download.
#[derive(Debug, Clone)]
struct Download {
    url: String,
    md5: &'static str,
    /// Files that it becomes: itself, or those inside of an archive.
    files: Vec<&'static str>,
    archive: bool,
}

/// The MNIST database, from the mirror that PyTorch keeps.
const MNIST: &str = "https://ossci-datasets.s3.amazonaws.com/mnist/";
const MNIST_MD5: [&str; 4] = [
    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c",
];

/// Fashion-MNIST, from the address in its authors' README.
const FASHION_MNIST: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
const FASHION_MNIST_MD5: [&str; 4] = [
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
];

const IDX_FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// CIFAR-10 for programs in C, from its author's page.
const CIFAR_10: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
const CIFAR_10_MD5: &str = "c32a1d4ab5d03f1284b67883e8d87530";

/// No download is longer.
const MOST_BYTES: u64 = 1 << 30;

/// Downloads a data set's files into `FOLDER/NAME`, where [`crate::DataSet::open`] finds them in `FOLDER`.
///
/// Files that are there already are kept. The digits are part of the program: nothing is done for them. The proxy that
/// the environment names is used.
///
/// # Errors
/// When the network, a server or the disk does not do its part; the files that are complete by then stay.
pub fn fetch(name: DataSetName, folder: &Path) -> Result<(), FetchError> {
    let agent = Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .build()
        .new_agent();
    fetch_all(&agent, &downloads(name), &folder.join(name.name()))
}

// === impl Download ===

impl Download {
    /// Whether all files are there: whole files are checked, those of an archive have no published sums.
    fn is_done(&self, folder: &Path) -> bool {
        self.files.iter().all(|file| {
            let path = folder.join(file);
            match self.archive {
                true => path.is_file(),
                false => std::fs::File::open(path)
                    .and_then(|mut file| sum(&mut file, &mut io::sink()))
                    .is_ok_and(|(sum, _)| sum == self.md5),
            }
        })
    }

    fn run(&self, agent: &Agent, folder: &Path) -> Result<(), FetchError> {
        let write = |source| FetchError::Write {
            path: folder.to_owned(),
            source,
        };
        let response = agent.get(&self.url).call();
        let mut response = response.map_err(|error| self.refused(folder, &error))?;
        let mut body = Counted {
            reader: response.body_mut().as_reader().take(MOST_BYTES),
            count: 0,
            fault: None,
        };
        let mut file = NamedTempFile::new_in(folder).map_err(write)?;
        let summed = sum(&mut body, file.as_file_mut());
        if let Some(reason) = body.fault {
            return Err(FetchError::Cut {
                url: self.url.clone(),
                got: body.count,
                reason,
            });
        }
        let (got, _) = summed.map_err(write)?;
        if got != self.md5 {
            return Err(FetchError::Checksum {
                url: self.url.clone(),
                expected: self.md5.to_owned(),
                got,
            });
        }
        match self.archive {
            true => archive::unpack(
                &self.url,
                file.reopen().map_err(write)?,
                &self.files,
                folder,
            ),
            false => keep(file, &folder.join(self.files[0])),
        }
    }

    fn refused(&self, folder: &Path, error: &ureq::Error) -> FetchError {
        let (url, folder) = (self.url.clone(), folder.to_owned());
        let files = self.files.join(", ");
        match error {
            ureq::Error::StatusCode(status) => FetchError::Status {
                url,
                status: *status,
                files,
                folder,
            },
            other => FetchError::Unreachable {
                url,
                reason: other.to_string(),
                files,
                folder,
            },
        }
    }
}

// === helpers ===

/// Tells a broken connection from a full disk, which a copy reports alike.
struct Counted<R> {
    reader: R,
    count: u64,
    fault: Option<String>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer);
        match &read {
            Ok(count) => self.count += *count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.fault = Some(error.to_string()),
        }
        read
    }
}

fn downloads(name: DataSetName) -> Vec<Download> {
    let idx = |address: &str, sums: [&'static str; 4]| {
        let download = |(file, md5): (&'static str, &'static str)| Download {
            url: format!("{address}{file}"),
            md5,
            files: vec![file],
            archive: false,
        };
        IDX_FILES.into_iter().zip(sums).map(download).collect()
    };
    match name {
        DataSetName::Digits => Vec::new(),
        DataSetName::Mnist => idx(MNIST, MNIST_MD5),
        DataSetName::FashionMnist => idx(FASHION_MNIST, FASHION_MNIST_MD5),
        DataSetName::Cifar10 => vec![Download {
            url: CIFAR_10.to_owned(),
            md5: CIFAR_10_MD5,
            files: cifar::TRAIN.into_iter().chain([cifar::TEST]).collect(),
            archive: true,
        }],
    }
}

fn fetch_all(agent: &Agent, downloads: &[Download], folder: &Path) -> Result<(), FetchError> {
    if downloads.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|source| FetchError::Write {
        path: folder.to_owned(),
        source,
    })?;
    let missing = downloads
        .iter()
        .filter(|download| !download.is_done(folder));
    for download in missing {
        download.run(agent, folder)?;
    }
    Ok(())
}

/// Copies all bytes; gives their MD5 sum and number.
fn sum(from: &mut impl Read, to: &mut impl Write) -> io::Result<(String, u64)> {
    let (mut hash, mut count) = (Md5::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        count += read as u64;
    }
    let digits = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((digits, count))
}

/// Gives a complete file its name. Unlike a temporary file, it may be read by everybody who may read the folder.
fn keep(file: NamedTempFile, path: &Path) -> Result<(), FetchError> {
    let write = |source| FetchError::Write {
        path: path.to_owned(),
        source,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(write)?;
    }
    file.as_file().sync_all().map_err(write)?;
    file.persist(path).map_err(|error| write(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests;
