//! Archives: the wanted files, and nothing outside of their folder.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::Archive;
use tempfile::NamedTempFile;

use super::{FetchError, MOST_BYTES, keep};

/// Takes the files wanted out of a compressed archive into a folder, whatever folders they are in inside.
pub(super) fn unpack(
    url: &str,
    archive: File,
    wanted: &[&str],
    folder: &Path,
) -> Result<(), FetchError> {
    let fault = |reason: String| FetchError::Archive {
        url: url.to_owned(),
        reason,
    };
    let write = |source| FetchError::Write {
        path: folder.to_owned(),
        source,
    };
    let mut archive = Archive::new(GzDecoder::new(archive).take(MOST_BYTES));
    let mut unpacked: Vec<(NamedTempFile, &str)> = Vec::new();
    for entry in archive.entries().map_err(|e| fault(e.to_string()))? {
        let mut entry = entry.map_err(|e| fault(e.to_string()))?;
        let path = entry.path().map_err(|e| fault(e.to_string()))?.into_owned();
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !path.components().all(inside) {
            return Err(fault(format!("{} lies outside of it", path.display())));
        }
        let name = wanted
            .iter()
            .find(|name| path.file_name() == Some(name.as_ref()));
        let (Some(name), true) = (name, entry.header().entry_type().is_file()) else {
            continue;
        };
        let mut file = NamedTempFile::new_in(folder).map_err(write)?;
        io::copy(&mut entry, file.as_file_mut()).map_err(|e| fault(e.to_string()))?;
        unpacked.push((file, name));
    }
    let missing = |name: &&&str| unpacked.iter().all(|(_, got)| got != *name);
    if let Some(name) = wanted.iter().find(missing) {
        return Err(fault(format!("{name} is not in it")));
    }
    let mut files = unpacked.into_iter();
    files.try_for_each(|(file, name)| keep(file, &folder.join(name)))
}
