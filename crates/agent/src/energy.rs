//! Energy: counters of the CPU (RAPL, by the kernel's `powercap`) and of the GPU (NVML), read around what is timed.
//!
//! A counter holds all that its part of the machine uses, also what it uses while idle and what other processes use.
//! Nothing is subtracted.

use std::{path::PathBuf, time::Duration};

use crate::{gpu::Gpu, host::Host};

/// A shorter window is left out: counters move every millisecond (RAPL) to every tenth of a second (NVML).
pub(crate) const SHORTEST_WINDOW: Duration = Duration::from_millis(50);
/// Where the kernel shows RAPL, also that of AMD.
const POWERCAP: &str = "sys/class/powercap";

/// Counts the energy that a part of the machine uses.
pub(crate) trait EnergyCounter {
    /// The part, for example `package-0`.
    fn name(&self) -> String;

    /// Microjoules since some time in the past; none when it cannot be read.
    fn read_uj(&self) -> Option<u64>;

    /// The reading after which the counter begins anew; none when it does not.
    fn range_uj(&self) -> Option<u64>;
}

/// Tells the energy of passes in windows of time.
pub(crate) struct EnergyMeter {
    counters: Vec<Box<dyn EnergyCounter>>,
}

/// A window that was begun.
pub(crate) struct Window<'a> {
    meter: &'a EnergyMeter,
    begun: Duration,
    before: Vec<u64>,
}

/// Why the energy of the CPU cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRapl {
    /// The kernel shows no counter: a board, a virtual machine, or a module that is not loaded.
    Absent,
    /// This user may not read it.
    Forbidden,
}

/// One zone of RAPL.
struct Rapl {
    host: Host,
    name: String,
    file: PathBuf,
    range_uj: Option<u64>,
}

// === impl EnergyMeter ===

impl EnergyMeter {
    /// Counts with what can be read at this moment.
    pub(crate) fn new(counters: Vec<Box<dyn EnergyCounter>>) -> Self {
        let readable = counters
            .into_iter()
            .filter(|counter| counter.read_uj().is_some());
        Self {
            counters: readable.collect(),
        }
    }

    /// Counts with all counters of this machine, of a GPU only where one is given.
    pub(crate) fn of(host: &Host, gpu: Option<&Gpu>) -> Self {
        let mut counters = rapl(host);
        counters.extend(gpu.map(|gpu| Box::new(gpu.clone()) as Box<dyn EnergyCounter>));
        Self::new(counters)
    }

    /// Begins a window; none when nothing counts.
    pub(crate) fn begin(&self, now: Duration) -> Option<Window<'_>> {
        Some(Window {
            before: self.readings()?,
            meter: self,
            begun: now,
        })
    }

    /// What is counted, for the record; none when nothing is.
    pub(crate) fn counted(&self) -> Option<String> {
        let names: Vec<String> = self.counters.iter().map(|counter| counter.name()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn readings(&self) -> Option<Vec<u64>> {
        let readings: Option<Vec<u64>> = self
            .counters
            .iter()
            .map(|counter| counter.read_uj())
            .collect();
        readings.filter(|readings| !readings.is_empty())
    }
}

// === impl Window ===

impl Window<'_> {
    /// Energy of one of the passes that ran since it was begun, in millijoules; none when there were none, the window is
    /// too short, or a counter was lost or set back.
    pub(crate) fn end(self, now: Duration, passes: u64) -> Option<f64> {
        let after = self.meter.readings()?;
        if passes == 0 || now.saturating_sub(self.begun) < SHORTEST_WINDOW {
            return None;
        }
        let used = self
            .meter
            .counters
            .iter()
            .zip(self.before.iter().zip(after));
        let used =
            used.map(|(counter, (before, after))| difference(*before, after, counter.range_uj()));
        let sum_uj = used.sum::<Option<u64>>()?;
        Some(sum_uj as f64 / 1e3 / passes as f64)
    }
}

// === impl Rapl ===

impl EnergyCounter for Rapl {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn read_uj(&self) -> Option<u64> {
        self.host.read(&self.file)?.parse().ok()
    }

    fn range_uj(&self) -> Option<u64> {
        self.range_uj
    }
}

// === impl Gpu ===

impl EnergyCounter for Gpu {
    fn name(&self) -> String {
        "gpu".to_owned()
    }

    fn read_uj(&self) -> Option<u64> {
        self.energy_mj()?.checked_mul(1_000)
    }

    fn range_uj(&self) -> Option<u64> {
        None
    }
}

/// Whether the energy of the CPU can be read here.
pub(crate) fn rapl_status(host: &Host) -> Result<String, NoRapl> {
    let counters = rapl(host);
    if counters.is_empty() {
        return Err(NoRapl::Absent);
    }
    EnergyMeter::new(counters)
        .counted()
        .ok_or(NoRapl::Forbidden)
}

// === helpers ===

/// The packages, and their memory where it is counted apart. `core` and `uncore` are parts of a package, `psys` is more
/// than all of them, and `intel-rapl-mmio` shows the first package again.
fn rapl(host: &Host) -> Vec<Box<dyn EnergyCounter>> {
    let zone = |folder: PathBuf| {
        let name = host.read(folder.join("name"))?;
        let counts = name.starts_with("package") || name == "dram";
        let range_uj = host.read(folder.join("max_energy_range_uj"));
        counts.then(|| {
            Box::new(Rapl {
                host: host.clone(),
                name,
                file: folder.join("energy_uj"),
                range_uj: range_uj.and_then(|range| range.parse().ok()),
            }) as Box<dyn EnergyCounter>
        })
    };
    let zones = host.folders(POWERCAP, "intel-rapl:");
    zones.into_iter().filter_map(zone).collect()
}

/// What was used between two readings, of which the later is less when the counter began anew. None when it went back
/// without having an end.
fn difference(before: u64, after: u64, range: Option<u64>) -> Option<u64> {
    match (after.checked_sub(before), range) {
        (Some(used), _) => Some(used),
        (None, Some(range)) => Some(range.checked_sub(before)?.saturating_add(after)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests;
