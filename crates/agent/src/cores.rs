//! Which cores a measurement runs on.

use std::cmp::Reverse;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::host::Host;

/// Binds this thread, and those it will start, to as many cores as there are threads, so that the scheduler does not
/// move a pass from one core's cache to another's. Yields the cores it may run on: all of them when there are not more
/// than threads, or when the system does not let itself be told.
pub(crate) fn pin(host: &Host, threads: usize) -> Vec<usize> {
    let allowed = allowed();
    if threads == 1 && isolated(host).iter().any(|core| bind(&[*core])) {
        return self::allowed();
    }
    if threads == 0 || threads >= allowed.len() {
        return allowed;
    }
    let chosen = choose(host, &allowed, threads);
    match bind(&chosen) {
        true => chosen,
        false => allowed,
    }
}

/// The cores that [`pin`] would choose.
pub(crate) fn preferred(host: &Host, threads: usize) -> Vec<usize> {
    match isolated(host).first() {
        Some(core) if threads == 1 => vec![*core],
        _ => choose(host, &allowed(), threads),
    }
}

/// The cores that the scheduler leaves to those who ask for one by its number, the last first. It does not move threads
/// between them, so that they are of use to a single thread only.
fn isolated(host: &Host) -> Vec<usize> {
    let list = host.isolated_cores();
    let mut cores = list.map_or_else(Vec::new, |list| parse(&list));
    cores.reverse();
    cores
}

/// The cores that this thread may run on; none when the system does not tell.
fn allowed() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else {
        return Vec::new();
    };
    let cores = 0..CpuSet::MAX_CPU;
    cores.filter(|core| set.is_set(*core)).collect()
}

/// Whether this thread runs on these cores only from now on.
fn bind(cores: &[usize]) -> bool {
    let mut set = CpuSet::new();
    let known = cores.iter().filter(|core| **core < CpuSet::MAX_CPU);
    known.for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).is_ok()
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
    let threads = hardware_threads(host, core);
    threads.first().is_some_and(|first| *first < core)
}

/// The logical cores that are the same piece of hardware as one of these, and none of these.
pub(crate) fn siblings(host: &Host, cores: &[usize]) -> Vec<usize> {
    let mut others: Vec<usize> = cores
        .iter()
        .flat_map(|core| hardware_threads(host, *core))
        .filter(|thread| !cores.contains(thread))
        .collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// The logical cores of a piece of hardware, in order; none where the system does not tell.
fn hardware_threads(host: &Host, core: usize) -> Vec<usize> {
    let path = format!("sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    host.read(path).map_or_else(Vec::new, |list| parse(&list))
}

/// The cores of a list such as `0-2,5`; what is no number is left out.
pub(crate) fn parse(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
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
    use crate::host::fake;

    fn host(files: &[(String, &str)]) -> (tempfile::TempDir, Host) {
        let path = |file: &String| format!("sys/devices/system/cpu/{file}");
        let paths: Vec<_> = files
            .iter()
            .map(|(file, text)| (path(file), *text))
            .collect();
        let files: Vec<_> = paths
            .iter()
            .map(|(path, text)| (path.as_str(), *text))
            .collect();
        fake::host(&files)
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
    fn one_thread_takes_an_isolated_core() {
        let (_root, host) = fake::host(&[("sys/devices/system/cpu/isolated", "2-3\n")]);
        assert_eq!(preferred(&host, 1), [3]);
        assert_eq!(isolated(&host), [3, 2]);
        let (_root, host) = fake::host(&[("sys/devices/system/cpu/isolated", "\n")]);
        assert!(isolated(&host).is_empty());
    }

    #[test]
    fn siblings_share_hardware_and_are_not_among_the_cores() {
        let file = |core| format!("cpu{core}/topology/thread_siblings_list");
        let files = [(file(0), "0-1\n"), (file(2), "2,6\n"), (file(6), "2,6\n")];
        let (_root, host) = host(&files);
        assert_eq!(siblings(&host, &[0, 2]), [1, 6]);
        assert!(siblings(&host, &[2, 6]).is_empty());
        assert!(siblings(&host, &[9]).is_empty());
    }

    #[test]
    fn cores_are_listed_as_ranges_and_read_back() {
        assert_eq!(list(&[0, 1, 2, 5]).as_deref(), Some("0-2,5"));
        assert_eq!(list(&[]), None);
        assert_eq!(parse("0-2,5"), [0, 1, 2, 5]);
        assert!(parse("").is_empty());
    }
}
