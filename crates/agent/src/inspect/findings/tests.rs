use super::*;
use crate::host::fake;

fn found(files: &[(&str, &str)], others: Interference) -> Vec<Finding> {
    let (_root, host) = fake::host(files);
    of(&host, &BTreeMap::new(), &[0], &others)
}

/// The one finding about a machine with these files.
#[track_caller]
fn only(files: &[(&str, &str)]) -> Finding {
    let mut found = found(files, Interference::default());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_quiet_board_gives_no_cause_for_complaint() {
    let quiet = Interference {
        others_share: Some(0.01),
        stolen_share: Some(0.0),
        ..Interference::default()
    };
    let files = [
        ("proc/cpuinfo", "processor\t: 0\nprocessor\t: 1\n"),
        ("proc/loadavg", "0.10 0.1 0.1 1/99 1\n"),
        ("proc/meminfo", "SwapTotal: 0 kB\nSwapFree: 0 kB\n"),
        ("sys/class/thermal/thermal_zone0/temp", "48000\n"),
        (
            "sys/class/thermal/thermal_zone0/trip_point_0_temp",
            "80000\n",
        ),
        (
            "sys/class/thermal/thermal_zone0/trip_point_0_type",
            "passive\n",
        ),
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "0\n"),
        (
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "performance\n",
        ),
        ("sys/devices/system/cpu/cpufreq/boost", "0\n"),
        ("sys/devices/system/cpu/isolated", "0\n"),
    ];
    assert_eq!(found(&files, quiet), []);
}

#[test]
fn a_busy_core_and_busy_hyper_threads_are_told_with_their_shares() {
    let busy = Interference {
        others_share: Some(0.42),
        siblings_share: Some(0.9),
        ..Interference::default()
    };
    let files = [(
        "sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
        "0,4\n",
    )];
    let found = found(&files, busy);
    assert!(
        found[0].finding.starts_with("others use 42 % of core 0;"),
        "{found:?}"
    );
    assert!(
        found[1].finding.contains("hyper-threads 4, which"),
        "{found:?}"
    );
    assert!(found[1].finding.contains("90 %"), "{found:?}");
    assert!(found[2].remedy.contains("smt/control"), "{found:?}");
}

#[test]
fn what_chooses_the_clock_is_told_with_the_command_that_fixes_it() {
    let governor = only(&[(
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
        "ondemand\n",
    )]);
    assert!(governor.finding.contains("`ondemand`"));
    assert!(governor.remedy.starts_with("echo performance |"));
    let turbo = only(&[("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n")]);
    assert!(turbo.remedy.ends_with("intel_pstate/no_turbo"));
    let boost = only(&[("sys/devices/system/cpu/cpufreq/boost", "1\n")]);
    assert!(boost.remedy.ends_with("cpufreq/boost"));
}

#[test]
fn a_virtual_machine_is_told_with_what_its_host_took() {
    let stolen = Interference {
        stolen_share: Some(0.125),
        ..Interference::default()
    };
    let files = [
        ("proc/cpuinfo", "flags\t\t: hypervisor\n"),
        ("sys/class/dmi/id/sys_vendor", "QEMU\n"),
    ];
    let found = found(&files, stolen);
    assert_eq!(
        found[0].finding,
        "this is a virtual machine of QEMU; others on its host took 12.5 % of the time"
    );
}

#[test]
fn heat_and_what_it_did_already_are_told() {
    let hot = only(&[
        ("sys/class/thermal/thermal_zone0/temp", "76500\n"),
        (
            "sys/class/thermal/thermal_zone0/trip_point_0_temp",
            "110000\n",
        ),
        (
            "sys/class/thermal/thermal_zone0/trip_point_0_type",
            "critical\n",
        ),
        (
            "sys/class/thermal/thermal_zone0/trip_point_1_temp",
            "80000\n",
        ),
        (
            "sys/class/thermal/thermal_zone0/trip_point_1_type",
            "passive\n",
        ),
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
    ]);
    assert_eq!(hot.finding, "the CPU is at 76.5 °C and slows down at 80 °C");
    let supply = only(&[(
        "sys/devices/platform/soc/soc:firmware/get_throttled",
        "50005\n",
    )]);
    assert!(
        supply.finding.contains("0x50005") && supply.remedy.contains("power supply"),
        "{supply:?}"
    );
    let heat = only(&[(
        "sys/devices/platform/soc/soc:firmware/get_throttled",
        "80000\n",
    )]);
    assert!(heat.remedy.contains("fan"), "{heat:?}");
    let counter = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count";
    assert!(only(&[(counter, "12\n")]).finding.contains("12 times"));
}

#[test]
fn a_quota_and_swap_are_told() {
    let quota = only(&[
        ("proc/self/cgroup", "0::/\n"),
        ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
    ]);
    assert!(quota.finding.contains("0.5 cores"), "{quota:?}");
    let swap = only(&[("proc/meminfo", "SwapTotal: 4096 kB\nSwapFree: 1024 kB\n")]);
    assert_eq!(
        (swap.finding.as_str(), swap.remedy.as_str()),
        ("3 MiB of memory are on disk", "sudo swapoff -a")
    );
}

#[test]
fn a_core_to_isolate_is_named_where_there_are_several() {
    let isolate = only(&[("proc/cpuinfo", "processor\t: 0\nprocessor\t: 1\n")]);
    assert!(
        isolate.remedy.contains("`isolcpus=0 nohz_full=0`"),
        "{isolate:?}"
    );
}

#[test]
fn a_gpu_that_others_use_or_that_is_held_back_is_told() {
    let (_root, host) = fake::host(&[]);
    let gpu = |processes: &str, limits: &str| {
        let facts = [("gpu.processes", processes), ("gpu.clock_limits", limits)];
        let facts = facts.map(|(name, fact)| (name.to_owned(), fact.to_owned()));
        of(&host, &facts.into(), &[0], &Interference::default())
    };
    assert_eq!(gpu("0", "gpu_idle"), []);
    assert!(gpu("2", "none")[0].finding.contains("2 processes"));
    assert!(
        gpu("0", "gpu_idle, sw_power_cap")[0]
            .remedy
            .contains("--lock-gpu-clocks")
    );
}

#[test]
fn others_are_kept_on_the_cores_that_do_not_measure() {
    let busy = Interference {
        others_share: Some(0.5),
        ..Interference::default()
    };
    let files = [
        (
            "proc/cpuinfo",
            "processor\t: 0\nprocessor\t: 1\nprocessor\t: 2\n",
        ),
        ("sys/devices/system/cpu/isolated", "0\n"),
    ];
    let found = found(&files, busy);
    assert!(found[0].remedy.ends_with("AllowedCPUs=1-2"), "{found:?}");
}
