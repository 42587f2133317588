//! This machine, as `/proc` and `/sys` show it.

use std::{
    collections::BTreeMap,
    env::consts,
    path::{Path, PathBuf},
};

use bespoke_device::{Machine, TargetFingerprint, TargetSpec};
use bespoke_measure::Environment;
use bespoke_runtime::{RuntimeError, runtime};

use crate::cores;

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

    /// Facts that a latency may depend on, taken for threads that run on the cores given. What cannot be read is
    /// absent.
    pub(crate) fn environment(&self, allowed: &[usize]) -> Environment {
        let machine = self.machine();
        let core = allowed.first().copied().unwrap_or(0);
        let megahertz = |file| {
            self.frequency(core, file)
                .map(|khz| (khz / 1000).to_string())
        };
        let known = |text: String| Some(text).filter(|text| text != "unknown");
        let facts = [
            ("agent.version", Some(env!("CARGO_PKG_VERSION").to_owned())),
            ("cpu.affinity", cores::list(allowed)),
            ("cpu.cores", Some(machine.logical_cores.to_string())),
            ("cpu.frequency_mhz", megahertz("scaling_cur_freq")),
            ("cpu.governor", self.read(cpufreq(core, "scaling_governor"))),
            ("cpu.max_frequency_mhz", megahertz("cpuinfo_max_freq")),
            ("cpu.model", known(machine.cpu_model)),
            ("kernel.release", self.read("proc/sys/kernel/osrelease")),
            ("load.1min", self.load()),
            ("memory.available_bytes", self.memory("MemAvailable")),
            ("memory.total_bytes", self.memory("MemTotal")),
        ];
        let present = facts
            .into_iter()
            .filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
        Environment {
            facts: present.collect::<BTreeMap<_, _>>(),
        }
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

    fn load(&self) -> Option<String> {
        let loads = self.read("proc/loadavg")?;
        loads.split_whitespace().next().map(str::to_owned)
    }

    fn memory(&self, key: &str) -> Option<String> {
        let meminfo = self.read("proc/meminfo")?;
        let (_, value) = meminfo
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| *name == key)?;
        let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes.checked_mul(1024)?.to_string())
    }
}

fn cpufreq(core: usize, file: &str) -> String {
    format!("sys/devices/system/cpu/cpu{core}/cpufreq/{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU\n\nprocessor\t: 1\n";
        write("proc/cpuinfo", cpuinfo);
        let meminfo = "MemTotal:   2048 kB\nMemFree:   10 kB\nMemAvailable:   1024 kB\n";
        write("proc/meminfo", meminfo);
        write("proc/loadavg", "0.52 0.30 0.10 1/99 4242\n");
        write(&cpufreq(1, "scaling_governor"), "performance\n");
        write(&cpufreq(1, "scaling_cur_freq"), "1800000\n");
        let host = Host::at(root.path());
        (root, host)
    }

    #[test]
    fn facts_are_read_for_the_core_that_measures() {
        let (_root, host) = board();
        let facts = host.environment(&[1]).facts;
        let fact = |name: &str| facts.get(name).map(String::as_str);
        assert_eq!(fact("cpu.model"), Some("Some CPU"));
        assert_eq!(fact("cpu.cores"), Some("2"));
        assert_eq!(fact("cpu.affinity"), Some("1"));
        assert_eq!(fact("cpu.governor"), Some("performance"));
        assert_eq!(fact("cpu.frequency_mhz"), Some("1800"));
        assert_eq!(fact("load.1min"), Some("0.52"));
        assert_eq!(fact("memory.total_bytes"), Some("2097152"));
        assert_eq!(fact("memory.available_bytes"), Some("1048576"));
        assert_eq!(fact("agent.version"), Some(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn facts_that_cannot_be_read_are_absent() {
        let (_root, host) = board();
        let facts = host.environment(&[0]).facts;
        for name in ["cpu.governor", "cpu.max_frequency_mhz", "kernel.release"] {
            assert_eq!(facts.get(name), None, "{name}");
        }
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
