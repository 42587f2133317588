//! The rules: which facts about a machine make its measurements noisy, and what to do about each.

use std::collections::BTreeMap;

use bespoke_measure::Interference;

use super::Finding;
use crate::{cores, host::Host};

/// Others may use this share of a core.
const BUSY: f64 = 0.05;
/// This much of a core for each of the machine's.
const LOADED: f64 = 0.1;
/// Closer to the limit than this, in degrees, the next minute of work may reach it.
const HOT_C: f64 = 10.0;
/// Where the firmware of a Raspberry Pi says whether it holds the clock back: `vcgencmd get_throttled`.
const PI_THROTTLED: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";

/// What speaks against measuring here, the worst first.
pub(super) fn of(
    host: &Host,
    facts: &BTreeMap<String, String>,
    cores: &[usize],
    others: &Interference,
) -> Vec<Finding> {
    let core = cores.first().copied().unwrap_or(0);
    let rules = [
        busy_core(host, cores, others),
        quota(host),
        swap(host),
        busy_siblings(host, cores, others),
        guest(host, others),
        governor(host, core),
        boost(host),
        heat(host),
        throttled(host, core),
        gpu_in_use(facts),
        gpu_held_back(facts),
        shared_hardware(host, cores),
        no_isolated_core(host, core),
    ];
    rules.into_iter().flatten().collect()
}

fn finding(finding: String, effect: &'static str, remedy: impl Into<String>) -> Option<Finding> {
    let remedy = remedy.into();
    Some(Finding {
        finding,
        effect,
        remedy,
    })
}

fn busy_core(host: &Host, cores: &[usize], others: &Interference) -> Option<Finding> {
    let share = others.others_share.unwrap_or(0.0);
    let load = host.load().unwrap_or(0.0);
    let allowed = LOADED * f64::from(host.machine().logical_cores);
    if share <= BUSY && load <= allowed {
        return None;
    }
    let list = cores::list(cores).unwrap_or_else(|| "0".to_owned());
    let all = 0..host.machine().logical_cores as usize;
    let free: Vec<usize> = all.filter(|core| !cores.contains(core)).collect();
    let keep_off = cores::list(&free).map(|free| {
        format!(", or keep it off the core: sudo systemctl set-property --runtime user.slice AllowedCPUs={free}")
    });
    finding(
        format!(
            "others use {:.0} % of core {list}; the load of the last minute is {load:.2}",
            100.0 * share
        ),
        "passes wait for the core and find other data in its caches",
        format!(
            "see who it is with `top`, and stop it{}",
            keep_off.unwrap_or_default()
        ),
    )
}

fn quota(host: &Host) -> Option<Finding> {
    let quota = host.cpu_quota()?;
    finding(
        format!("a control group allows {quota} cores' worth of time in each period"),
        "when it is spent, passes stand still until the next period",
        "start the agent without a quota: no `--cpus` for docker, no `CPUQuota=` for systemd",
    )
}

fn swap(host: &Host) -> Option<Finding> {
    let swapped = host.swapped_bytes().filter(|bytes| *bytes > 0)?;
    finding(
        format!("{} MiB of memory are on disk", swapped.div_ceil(1 << 20)),
        "a pass may wait for a disk",
        "sudo swapoff -a",
    )
}

fn busy_siblings(host: &Host, cores: &[usize], others: &Interference) -> Option<Finding> {
    let share = others.siblings_share.filter(|share| *share > BUSY)?;
    let siblings = cores::list(&cores::siblings(host, cores))?;
    finding(
        format!(
            "the hyper-threads {siblings}, which share the hardware, are busy for {:.0} % of the time",
            100.0 * share
        ),
        "two threads divide the core's units and caches: each is up to twice as slow",
        SMT_OFF,
    )
}

const SMT_OFF: &str = "echo off | sudo tee /sys/devices/system/cpu/smt/control";

fn guest(host: &Host, others: &Interference) -> Option<Finding> {
    let hypervisor = host.hypervisor()?;
    let maker = match hypervisor.as_str() {
        "unknown" => String::new(),
        maker => format!(" of {maker}"),
    };
    let stolen = others.stolen_share.unwrap_or(0.0);
    finding(
        format!(
            "this is a virtual machine{maker}; others on its host took {:.1} % of the time",
            100.0 * stolen
        ),
        "neighbours take time and caches, and the clock cannot be seen or fixed",
        "measure on the hardware that counts; else pin each virtual core to one of the host's, and watch `st` in `vmstat 1`",
    )
}

fn governor(host: &Host, core: usize) -> Option<Finding> {
    let governor = host
        .governor(core)
        .filter(|governor| governor != "performance")?;
    finding(
        format!("the governor `{governor}` chooses the clock frequency"),
        "the clock rises and falls with the load: short runs see another one than long runs",
        "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    )
}

fn boost(host: &Host) -> Option<Finding> {
    host.boost().filter(|on| *on)?;
    let remedy = match host.has("sys/devices/system/cpu/intel_pstate/no_turbo") {
        true => "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",
        false => "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
    };
    finding(
        "the clock may exceed its nominal frequency (turbo, boost)".to_owned(),
        "how far and how long depends on heat and on what the other cores do",
        remedy,
    )
}

fn heat(host: &Host) -> Option<Finding> {
    let (now, limit) = (host.cpu_temperature_c()?, host.thermal_limit_c()?);
    if now < limit - HOT_C {
        return None;
    }
    finding(
        format!("the CPU is at {now} °C and slows down at {limit} °C"),
        "the clock falls in the course of a measurement",
        "a fan or a larger heat sink; or a lower clock that it can hold: \
         sudo cpupower frequency-set --max FREQUENCY",
    )
}

/// Of a Raspberry Pi's word the upper half tells what has happened since the start; of x86 a counter does.
fn throttled(host: &Host, core: usize) -> Option<Finding> {
    let firmware = host.read(PI_THROTTLED).and_then(|word| {
        let word = u32::from_str_radix(word.trim_start_matches("0x"), 16).ok()?;
        (word != 0).then_some(word)
    });
    if let Some(word) = firmware {
        let supply = word & 0x1_0001 != 0;
        return finding(
            format!(
                "the firmware has held the clock back since the start (get_throttled = {word:#x})"
            ),
            "the clock falls in the course of a measurement",
            match supply {
                true => "a power supply and a cable that hold the voltage, then start anew",
                false => "a fan or a larger heat sink, then start anew",
            },
        );
    }
    let counter =
        format!("sys/devices/system/cpu/cpu{core}/thermal_throttle/package_throttle_count");
    let count: u64 = host
        .read(counter)?
        .parse()
        .ok()
        .filter(|count| *count > 0)?;
    finding(
        format!("heat has held the clock back {count} times since the start"),
        "the clock falls in the course of a measurement",
        "better cooling; or a lower clock that it can hold: sudo cpupower frequency-set --max FREQUENCY",
    )
}

fn gpu_in_use(facts: &BTreeMap<String, String>) -> Option<Finding> {
    let processes = facts.get("gpu.processes").filter(|count| *count != "0")?;
    finding(
        format!("the GPU computes for {processes} processes"),
        "passes wait for the others",
        "see who it is with `nvidia-smi`",
    )
}

fn gpu_held_back(facts: &BTreeMap<String, String>) -> Option<Finding> {
    let reasons = facts.get("gpu.clock_limits")?;
    let harmless =
        |reason: &str| ["none", "gpu_idle", "applications_clocks_setting"].contains(&reason);
    if reasons.split(", ").all(harmless) {
        return None;
    }
    finding(
        format!("the GPU's clock is held back: {reasons}"),
        "the clock falls in the course of a measurement",
        "a clock that it can hold: sudo nvidia-smi --lock-gpu-clocks=MHZ",
    )
}

fn shared_hardware(host: &Host, cores: &[usize]) -> Option<Finding> {
    let siblings = cores::list(&cores::siblings(host, cores))?;
    finding(
        format!("the hyper-threads {siblings} share the hardware of the core that measures"),
        "whatever runs there takes units and caches away",
        SMT_OFF,
    )
}

fn no_isolated_core(host: &Host, core: usize) -> Option<Finding> {
    if host.isolated_cores().is_some() || host.machine().logical_cores < 2 {
        return None;
    }
    finding(
        "no core is kept free of other work".to_owned(),
        "the scheduler puts others beside a measurement",
        format!(
            "add `isolcpus={core} nohz_full={core}` to the kernel's command line and start anew; one thread then measures there"
        ),
    )
}

#[cfg(test)]
mod tests;
