//! What the machine is like when a measurement begins, as facts by name. What cannot be read is absent.

use bespoke_measure::Environment;

use crate::{
    cores,
    gpu::Gpu,
    host::{Host, cpufreq},
};

/// A fact's name, and the fact if it can be read.
type Fact = (&'static str, Option<String>);

// === impl Host ===

impl Host {
    /// Facts that a latency may depend on, taken for threads that run on the cores given, and on a GPU if one is given.
    pub(crate) fn environment(&self, allowed: &[usize], gpu: Option<&Gpu>) -> Environment {
        let facts = [
            self.cpu_facts(allowed),
            self.frequency_facts(allowed.first().copied().unwrap_or(0)),
            self.system_facts(),
            gpu.map(Gpu::facts).unwrap_or_default(),
        ];
        let present = facts
            .into_iter()
            .flatten()
            .filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
        Environment {
            facts: present.collect(),
        }
    }

    fn cpu_facts(&self, allowed: &[usize]) -> Vec<Fact> {
        let machine = self.machine();
        let known = |text: String| Some(text).filter(|text| text != "unknown");
        vec![
            ("cpu.affinity", cores::list(allowed)),
            ("cpu.cores", Some(machine.logical_cores.to_string())),
            ("cpu.isolated", self.isolated_cores()),
            ("cpu.model", known(machine.cpu_model)),
            ("cpu.siblings", cores::list(&cores::siblings(self, allowed))),
            ("cpu.smt", self.simultaneous_threads().map(on_off)),
        ]
    }

    fn frequency_facts(&self, core: usize) -> Vec<Fact> {
        let megahertz = |file| {
            let kilohertz = self.frequency(core, file)?;
            Some((kilohertz / 1000).to_string())
        };
        vec![
            ("cpu.boost", self.boost().map(on_off)),
            (
                "cpu.frequency_mhz",
                self.frequency_mhz(core).map(|mhz| mhz.to_string()),
            ),
            ("cpu.governor", self.governor(core)),
            ("cpu.max_frequency_mhz", megahertz("cpuinfo_max_freq")),
            (
                "cpu.max_allowed_frequency_mhz",
                megahertz("scaling_max_freq"),
            ),
            (
                "cpu.min_allowed_frequency_mhz",
                megahertz("scaling_min_freq"),
            ),
            (
                "cpu.temperature_c",
                self.cpu_temperature_c().map(|celsius| celsius.to_string()),
            ),
        ]
    }

    fn system_facts(&self) -> Vec<Fact> {
        let memory = |key| self.bytes("proc/meminfo", key);
        let text = |bytes: u64| bytes.to_string();
        vec![
            ("agent.version", Some(env!("CARGO_PKG_VERSION").to_owned())),
            (
                "cgroup.cpu_quota",
                self.cpu_quota().map(|cores| cores.to_string()),
            ),
            ("kernel.release", self.read("proc/sys/kernel/osrelease")),
            ("load.1min", self.load().map(|load| load.to_string())),
            ("machine.hypervisor", self.hypervisor()),
            ("memory.available_bytes", memory("MemAvailable").map(text)),
            ("memory.swapped_bytes", self.swapped_bytes().map(text)),
            ("memory.total_bytes", memory("MemTotal").map(text)),
        ]
    }

    /// What chooses a core's clock frequency, for example `performance`.
    pub(crate) fn governor(&self, core: usize) -> Option<String> {
        self.read(cpufreq(core, "scaling_governor"))
    }

    /// A core's present clock frequency: as its driver tells it, else as the CPU's description does.
    pub(crate) fn frequency_mhz(&self, core: usize) -> Option<u64> {
        let told = self.frequency(core, "scaling_cur_freq");
        told.map(|kilohertz| kilohertz / 1000).or_else(|| {
            let text = self.read("proc/cpuinfo")?;
            let mut described = text
                .lines()
                .filter_map(|line| line.split_once(':'))
                .filter(|(name, _)| name.trim() == "cpu MHz");
            let megahertz: f64 = described.nth(core)?.1.trim().parse().ok()?;
            Some(megahertz.round() as u64)
        })
    }

    /// Whether the clock may exceed its nominal frequency for as long as the CPU stays cool.
    pub(crate) fn boost(&self) -> Option<bool> {
        let none = self.flag("sys/devices/system/cpu/intel_pstate/no_turbo");
        none.map(|none| !none)
            .or_else(|| self.flag("sys/devices/system/cpu/cpufreq/boost"))
    }

    /// Whether two threads may share the hardware of a core.
    pub(crate) fn simultaneous_threads(&self) -> Option<bool> {
        self.flag("sys/devices/system/cpu/smt/active")
    }

    /// Cores that the scheduler leaves to those who ask for them by number, as a list.
    pub(crate) fn isolated_cores(&self) -> Option<String> {
        self.read("sys/devices/system/cpu/isolated")
    }

    /// Programs that wanted a core, averaged over the last minute.
    pub(crate) fn load(&self) -> Option<f64> {
        let loads = self.read("proc/loadavg")?;
        loads.split_whitespace().next()?.parse().ok()
    }

    /// Memory that was moved to disk.
    pub(crate) fn swapped_bytes(&self) -> Option<u64> {
        let memory = |key| self.bytes("proc/meminfo", key);
        memory("SwapTotal")?.checked_sub(memory("SwapFree")?)
    }

    /// What the machine is a part of: its maker's name for it where that is told, else `unknown`. Absent on a machine
    /// of its own.
    pub(crate) fn hypervisor(&self) -> Option<String> {
        let is_guest = self
            .value("proc/cpuinfo", "flags")
            .is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
        let kind = self.read("sys/hypervisor/type");
        (is_guest || kind.is_some()).then(|| {
            let maker = || self.read("sys/class/dmi/id/sys_vendor");
            kind.or_else(maker).unwrap_or_else(|| "unknown".to_owned())
        })
    }

    fn flag(&self, path: &str) -> Option<bool> {
        match self.read(path)?.as_str() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

// === helpers ===

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

#[cfg(test)]
mod tests {
    use crate::host::fake;

    const BOARD: [(&str, &str); 14] = [
        (
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse\n\nprocessor\t: 1\n",
        ),
        ("proc/loadavg", "0.52 0.30 0.10 1/99 4242\n"),
        (
            "proc/meminfo",
            "MemTotal:   2048 kB\nMemFree:   10 kB\nMemAvailable:   1024 kB\nSwapTotal:  100 kB\nSwapFree:  96 kB\n",
        ),
        ("sys/class/thermal/thermal_zone0/temp", "51500\n"),
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        (
            "sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq",
            "2400000\n",
        ),
        (
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq",
            "1800000\n",
        ),
        (
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor",
            "performance\n",
        ),
        (
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_max_freq",
            "2000000\n",
        ),
        (
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_min_freq",
            "600000\n",
        ),
        (
            "sys/devices/system/cpu/cpu1/topology/thread_siblings_list",
            "0-1\n",
        ),
        ("sys/devices/system/cpu/cpufreq/boost", "0\n"),
        ("sys/devices/system/cpu/isolated", "\n"),
        ("sys/devices/system/cpu/smt/active", "1\n"),
    ];

    #[test]
    fn facts_are_read_for_the_core_that_measures() {
        let (_root, host) = fake::host(&BOARD);
        let facts = host.environment(&[1], None).facts;
        let expected = [
            ("agent.version", env!("CARGO_PKG_VERSION")),
            ("cpu.affinity", "1"),
            ("cpu.boost", "off"),
            ("cpu.cores", "2"),
            ("cpu.frequency_mhz", "1800"),
            ("cpu.governor", "performance"),
            ("cpu.max_allowed_frequency_mhz", "2000"),
            ("cpu.max_frequency_mhz", "2400"),
            ("cpu.min_allowed_frequency_mhz", "600"),
            ("cpu.model", "Some CPU"),
            ("cpu.siblings", "0"),
            ("cpu.smt", "on"),
            ("cpu.temperature_c", "51.5"),
            ("load.1min", "0.52"),
            ("memory.available_bytes", "1048576"),
            ("memory.swapped_bytes", "4096"),
            ("memory.total_bytes", "2097152"),
        ];
        let facts: Vec<_> = facts
            .iter()
            .map(|(name, fact)| (&**name, &**fact))
            .collect();
        assert_eq!(facts, expected);
    }

    #[test]
    fn facts_that_cannot_be_read_are_absent() {
        let (_root, host) = fake::host(&BOARD[..1]);
        let facts = host.environment(&[], None).facts;
        let names: Vec<_> = facts.keys().map(String::as_str).collect();
        assert_eq!(names, ["agent.version", "cpu.cores", "cpu.model"]);
    }

    #[test]
    fn a_guest_names_its_host() {
        let cpuinfo = ("proc/cpuinfo", "flags\t\t: fpu hypervisor lm\n");
        let vendor = ("sys/class/dmi/id/sys_vendor", "QEMU\n");
        let told = |files: &[_]| fake::host(files).1.hypervisor();
        assert_eq!(told(&[cpuinfo]).as_deref(), Some("unknown"));
        let (_root, host) = fake::host(&[cpuinfo, vendor]);
        assert_eq!(host.hypervisor().as_deref(), Some("QEMU"));
        let (_root, host) = fake::host(&[vendor]);
        assert_eq!(host.hypervisor(), None);
    }

    #[test]
    fn without_a_driver_the_frequency_is_as_described() {
        let cpuinfo =
            "processor\t: 0\ncpu MHz\t\t: 2599.6\n\nprocessor\t: 1\ncpu MHz\t\t: 3100.0\n";
        let (_root, host) = fake::host(&[("proc/cpuinfo", cpuinfo)]);
        assert_eq!(host.frequency_mhz(0), Some(2600));
        assert_eq!(host.frequency_mhz(1), Some(3100));
        assert_eq!(host.frequency_mhz(2), None);
    }

    #[test]
    fn the_older_driver_tells_of_turbo_the_other_way_round() {
        let (_root, host) = fake::host(&[("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")]);
        assert_eq!(host.boost(), Some(false));
    }
}
