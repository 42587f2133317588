//! This machine, as `/proc` and `/sys` show it.

use std::{
    env::consts,
    path::{Path, PathBuf},
};

use bespoke_device::{Machine, TargetFingerprint, TargetSpec};
use bespoke_runtime::{RuntimeError, runtime};

/// The machine that this program runs on.
pub fn machine() -> Machine {
    Host::here().machine()
}

/// What a target is on this machine, down to the version of the runtime.
///
/// # Errors
/// When this program has no runtime of that name.
pub fn fingerprint(target: &TargetSpec) -> Result<TargetFingerprint, RuntimeError> {
    let version = runtime(&target.runtime)?.version();
    Ok(TargetFingerprint::of(
        &machine().fingerprint(),
        target,
        &version,
    ))
}

/// Where the system's files are: `/`, or in tests a folder.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    root: PathBuf,
}

// === impl Host ===

impl Host {
    pub(crate) fn here() -> Self {
        Self::at(Path::new("/"))
    }

    pub(crate) fn at(root: &Path) -> Self {
        let root = root.to_owned();
        Self { root }
    }

    pub(crate) fn machine(&self) -> Machine {
        let text = |path| self.read(path).unwrap_or_default();
        let (cpuinfo, meminfo) = (text("proc/cpuinfo"), text("proc/meminfo"));
        Machine::from_proc(&cpuinfo, &meminfo, consts::ARCH, consts::OS)
    }

    /// A frequency of a core, in kilohertz.
    pub(crate) fn frequency(&self, core: usize, file: &str) -> Option<u64> {
        self.read(cpufreq(core, file))?.parse().ok()
    }

    /// A file's text without the white space around it; none where it is empty or cannot be read.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = std::fs::read_to_string(self.root.join(path)).ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The names in a folder, in no order; none where it cannot be read.
    pub(crate) fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.join(folder));
        let names = entries.into_iter().flatten().flatten();
        names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    /// Whether a file or folder is there.
    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.root.join(path).exists()
    }

    /// The value behind a key in a file of lines `key: value`; the first where there are several.
    pub(crate) fn value(&self, path: &str, key: &str) -> Option<String> {
        let text = self.read(path)?;
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(name, _)| name.trim() == key)?;
        Some(value.trim().to_owned())
    }

    /// A size in bytes, of a file whose sizes are in `kB`.
    pub(crate) fn bytes(&self, path: &str, key: &str) -> Option<u64> {
        let value = self.value(path, key)?;
        let kibibytes: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    }

    /// The size of a core's last-level cache, where the system tells.
    pub(crate) fn last_level_cache_bytes(&self, core: usize) -> Option<u64> {
        let folder = format!("sys/devices/system/cpu/cpu{core}/cache");
        let sizes = self.names(&folder).into_iter().filter_map(|index| {
            let size = self.read(format!("{folder}/{index}/size"))?;
            let kibibytes: u64 = size.strip_suffix('K')?.parse().ok()?;
            kibibytes.checked_mul(1024)
        });
        sizes.max()
    }

    /// The most memory that this process has had at once.
    pub(crate) fn peak_memory_bytes(&self) -> Option<u64> {
        self.bytes("proc/self/status", "VmHWM")
    }
}

pub(crate) fn cpufreq(core: usize, file: &str) -> String {
    format!("sys/devices/system/cpu/cpu{core}/cpufreq/{file}")
}

/// Machines made of files, for tests.
#[cfg(test)]
pub(crate) mod fake {
    use tempfile::TempDir;

    use super::Host;

    /// A machine of these files and texts.
    pub(crate) fn host(files: &[(&str, &str)]) -> (TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(&root, path, text);
        }
        let host = Host::at(root.path());
        (root, host)
    }

    /// Writes one file of it.
    pub(crate) fn write(root: &TempDir, path: &str, text: &str) {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_sizes_are_found_by_their_key() {
        let status = "Name:\tworker\nVmHWM:\t    1668 kB\nThreads:\t1\n";
        let (_root, host) = fake::host(&[("proc/self/status", status)]);
        assert_eq!(host.peak_memory_bytes(), Some(1668 * 1024));
        assert_eq!(
            host.value("proc/self/status", "Threads").as_deref(),
            Some("1")
        );
        assert_eq!(host.value("proc/self/status", "VmPeak"), None);
    }

    #[test]
    fn the_last_level_cache_is_the_largest() {
        let (_root, host) = fake::host(&[
            ("sys/devices/system/cpu/cpu1/cache/index0/size", "32K\n"),
            ("sys/devices/system/cpu/cpu1/cache/index3/size", "32768K\n"),
        ]);
        assert_eq!(host.last_level_cache_bytes(1), Some(32 << 20));
        assert_eq!(host.last_level_cache_bytes(0), None);
    }

    #[test]
    fn a_target_is_known_where_its_runtime_is() {
        let target = |text: &str| text.parse::<TargetSpec>().unwrap();
        let of = |text: &str| fingerprint(&target(text)).map_err(|error| error.to_string());
        assert_ne!(of("tract/b1/t1/f32"), of("tract/b1/t2/f32"));
        assert!(of("tract/b1/t1/f32").is_ok());
        let error = of("abacus/b1/t1/f32").unwrap_err();
        assert!(error.contains("`abacus`"), "{error}");
    }

    #[test]
    fn this_machine_has_cores() {
        assert!(machine().logical_cores >= 1);
    }
}
