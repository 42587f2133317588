//! What happens beside the timing: what others do on the cores, and what energy is used.

use std::time::Duration;

use bespoke_measure::Interference;

use crate::{energy::EnergyMeter, gpu::Gpu, host::Host, interference::Watch};

/// Reads the machine's counters before and after what is timed, once or more often.
pub(crate) struct Witness {
    watch: Watch,
    energy: EnergyMeter,
}

// === impl Witness ===

impl Witness {
    /// For threads that run on these cores, and on a GPU if one is given.
    pub(crate) fn new(host: &Host, cores: &[usize], gpu: Option<&Gpu>) -> Self {
        Self {
            watch: Watch::new(host, cores),
            energy: EnergyMeter::of(host, gpu),
        }
    }

    /// Timing begins.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.energy.begin(now);
        self.watch.begin(now);
    }

    /// Timing ends for now, after so many passes.
    pub(crate) fn end(&mut self, now: Duration, passes: u64) {
        self.watch.end(now);
        self.energy.end(now, passes);
    }

    /// What others did meanwhile.
    pub(crate) fn interference(&self) -> Interference {
        self.watch.seen()
    }

    /// Energy of one pass in millijoules; none where nothing counts it.
    pub(crate) fn energy_mj(&self) -> Option<f64> {
        self.energy.millijoules_per_pass()
    }

    /// What was seen, by name, for the record.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let counted = self.energy.counted();
        let counters = counted.map(|counters| ("energy.counters", counters));
        let others = self.interference();
        others.facts().chain(counters).collect()
    }
}
