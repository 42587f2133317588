//! What an agent sees of this machine, and what about it will make measurements noisy.

mod findings;

use std::{collections::BTreeMap, time::Duration};

use bespoke_device::Machine;
use bespoke_measure::Interference;
use bespoke_runtime::{NAMES, RuntimeError, runtime};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    cores,
    energy::{EnergyMeter, NoRapl, rapl_status},
    gpu::Gpu,
    host::Host,
    interference::Watch,
};

/// How long the machine is watched.
const WATCHED: Duration = Duration::from_secs(1);

/// A machine as an agent on it sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The machine.
    pub machine: Machine,
    /// The environment of a measurement with one thread that would begin now, as in its record.
    pub facts: BTreeMap<String, String>,
    /// What others did within a second on the core that such a measurement would take.
    pub others: Interference,
    /// The runtimes.
    pub runtimes: Vec<RuntimeStatus>,
    /// What counts energy here, and what would bring it where nothing does.
    pub energy: Energy,
    /// What will make measurements noisy, the worst first.
    pub findings: Vec<Finding>,
}

/// A runtime of this program, as it is found on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuntimeStatus {
    /// Its name in targets.
    pub name: &'static str,
    /// Its version; none where it cannot be used.
    pub version: Option<String>,
    /// Why it cannot be used, and what would bring it.
    pub missing: Option<String>,
}

/// What counts energy on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Energy {
    /// The counters that can be read; none: records will have no energy.
    pub counters: Option<String>,
    /// Why the CPU's cannot be read, and what would change that.
    pub missing: Option<Finding>,
}

/// Something about the machine, and how to change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was seen.
    pub finding: String,
    /// What it does to measurements.
    pub effect: &'static str,
    /// The command or the step that mends it.
    pub remedy: String,
}

// === impl Inspection ===

impl Inspection {
    /// Looks at this machine for a second.
    pub async fn of_this_machine() -> Self {
        let (host, gpu) = (Host::here(), Gpu::open());
        let cores = cores::preferred(&host, 1);
        let mut watch = Watch::new(&host, &cores);
        let begun = Instant::now();
        watch.begin(begun.elapsed());
        sleep(WATCHED).await;
        watch.end(begun.elapsed());
        Self::new(&host, gpu.as_ref(), &cores, watch.seen())
    }

    fn new(host: &Host, gpu: Option<&Gpu>, cores: &[usize], others: Interference) -> Self {
        let facts = host.environment(cores, gpu).facts;
        let missing = rapl_status(host).err().map(NoRapl::finding);
        Self {
            machine: host.machine(),
            findings: findings::of(host, &facts, cores, &others),
            facts,
            others,
            runtimes: runtime_statuses(),
            energy: Energy {
                counters: EnergyMeter::of(host, gpu).counted(),
                missing,
            },
        }
    }
}

// === helpers ===

fn runtime_statuses() -> Vec<RuntimeStatus> {
    let status = |name: &&'static str| {
        let (version, missing) = match runtime(name) {
            Ok(runtime) => (Some(runtime.version()), None),
            Err(RuntimeError::Missing { reason, .. }) => (None, Some(reason)),
            Err(error) => (None, Some(error.to_string())),
        };
        RuntimeStatus {
            name,
            version,
            missing,
        }
    };
    NAMES.iter().map(status).collect()
}

// === impl NoRapl ===

impl NoRapl {
    fn finding(self) -> Finding {
        let (finding, remedy) = match self {
            Self::Absent => (
                "the kernel shows no energy counter of the CPU",
                "on x86 hardware of your own: sudo modprobe intel_rapl_msr; boards and most virtual machines have none",
            ),
            Self::Forbidden => (
                "the energy counter of the CPU may be read by root only",
                "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj, after each start. Whoever reads it may guess \
                 at what others compute (CVE-2020-8694): on a shared machine, give it to the agent's group alone",
            ),
        };
        Finding {
            finding: finding.to_owned(),
            effect: "records have no energy of the CPU",
            remedy: remedy.to_owned(),
        }
    }
}
