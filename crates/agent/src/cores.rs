//! Which cores a measurement runs on.

use std::cmp::Reverse;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::host::Host;

/// Binds this thread, and those it will start, to as many cores as there are threads, so that the scheduler does not
/// move a pass from one core's cache to another's. Yields the cores it may run on: all of them when there are not more
/// than threads, or when the system does not let itself be told.
pub(crate) fn pin(host: &Host, threads: usize) -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else {
        return Vec::new();
    };
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|core| set.is_set(*core))
        .collect();
    if threads == 0 || threads >= allowed.len() {
        return allowed;
    }
    let chosen = choose(host, &allowed, threads);
    let mut narrow = CpuSet::new();
    chosen.iter().for_each(|core| narrow.set(*core));
    match sched_setaffinity(None, &narrow) {
        Ok(()) => chosen,
        Err(_) => allowed,
    }
}

/// The fastest cores, one of each pair of hyper-threads before any second one, the last first: a system's interrupts
/// go to its first cores.
fn choose(host: &Host, allowed: &[usize], count: usize) -> Vec<usize> {
    let mut ranked = allowed.to_vec();
    ranked.sort_by_key(|core| {
        let speed = host.frequency(*core, "cpuinfo_max_freq").unwrap_or(0);
        (second_of_pair(host, *core), Reverse(speed), Reverse(*core))
    });
    ranked.truncate(count);
    ranked.sort_unstable();
    ranked
}

/// Whether an earlier logical core is the same piece of hardware.
fn second_of_pair(host: &Host, core: usize) -> bool {
    let path = format!("sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    let first = host.read(path).and_then(|siblings| {
        let digits = siblings.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok()
    });
    first.is_some_and(|first| first < core)
}

/// Cores as a text such as `0-2,5`; none when there are none.
pub(crate) fn list(cores: &[usize]) -> Option<String> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for core in cores {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *core => *last = *core,
            _ => ranges.push((*core, *core)),
        }
    }
    let range = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let ranges: Vec<String> = ranges.iter().map(range).collect();
    (!ranges.is_empty()).then(|| ranges.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(files: &[(String, &str)]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join("sys/devices/system/cpu").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let host = Host::at(root.path());
        (root, host)
    }

    #[test]
    fn hyper_threads_are_not_paired_while_cores_are_free() {
        let siblings = |core: usize| match core % 2 {
            0 => "0,2\n",
            _ => "1,3\n",
        };
        let file = |core| format!("cpu{core}/topology/thread_siblings_list");
        let files: Vec<_> = (0..4).map(|core| (file(core), siblings(core))).collect();
        let (_root, host) = host(&files);
        assert_eq!(choose(&host, &[0, 1, 2, 3], 2), [0, 1]);
        assert_eq!(choose(&host, &[0, 1, 2, 3], 3), [0, 1, 3]);
    }

    #[test]
    fn big_cores_come_before_little_ones() {
        let speed = |core: usize| if core < 2 { "2400000" } else { "1800000" };
        let file = |core| format!("cpu{core}/cpufreq/cpuinfo_max_freq");
        let files: Vec<_> = (0..4).map(|core| (file(core), speed(core))).collect();
        let (_root, host) = host(&files);
        assert_eq!(choose(&host, &[0, 1, 2, 3], 1), [1]);
        assert_eq!(choose(&host, &[0, 1, 2, 3], 3), [0, 1, 3]);
    }

    #[test]
    fn of_equal_cores_the_last_is_taken() {
        let (_root, host) = host(&[]);
        assert_eq!(choose(&host, &[0, 1, 5], 1), [5]);
    }

    #[test]
    fn cores_are_listed_as_ranges() {
        assert_eq!(list(&[0, 1, 2, 5]).as_deref(), Some("0-2,5"));
        assert_eq!(list(&[]), None);
    }
}
