//! What others do on the cores of a measurement: the kernel's counters, read around what is timed.

use std::{collections::BTreeMap, time::Duration};

use bespoke_measure::Interference;

use crate::{cores, host::Host};

/// Length of a tick, in which the kernel tells how long its cores worked: `USER_HZ` is 100 for every program.
const TICK: Duration = Duration::from_millis(10);
/// Ticks say nothing of a shorter time: one more or less would be a tenth of it.
const FEWEST_TICKS: u32 = 10;
/// A thread that runs for less than this share of a window does not measure.
const MEASURES: f64 = 0.1;

/// Watches some cores over windows of time.
#[derive(Debug)]
pub(crate) struct Watch {
    host: Host,
    cores: Vec<usize>,
    siblings: Vec<usize>,
    begun: Option<(Duration, Reading)>,
    sums: Sums,
}

/// The counters at one moment.
#[derive(Debug)]
struct Reading {
    cores: BTreeMap<usize, CoreTicks>,
    threads: BTreeMap<String, ThreadTimes>,
    throttled_periods: Option<u64>,
}

/// What a core has done since the machine was started, in ticks.
#[derive(Debug, Clone, Copy, Default)]
struct CoreTicks {
    busy: u64,
    stolen: u64,
}

/// What a thread of this process has done since it was started.
#[derive(Debug, Clone, Copy, Default)]
struct ThreadTimes {
    ran: Duration,
    waited: Duration,
    preemptions: u64,
}

/// Differences, summed over windows.
#[derive(Debug, Default)]
struct Sums {
    time: Duration,
    ran: Duration,
    waited: Option<Duration>,
    crowded: bool,
    ticks: Option<CoreTicks>,
    sibling_ticks: Option<CoreTicks>,
    preemptions: Option<u64>,
    throttled_periods: Option<u64>,
}

// === impl Watch ===

impl Watch {
    /// Watches the cores that the measuring threads run on.
    pub(crate) fn new(host: &Host, cores: &[usize]) -> Self {
        Self {
            host: host.clone(),
            cores: cores.to_vec(),
            siblings: cores::siblings(host, cores),
            begun: None,
            sums: Sums::default(),
        }
    }

    /// Begins a window.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.begun = Some((now, Reading::of(&self.host)));
    }

    /// Ends the window that was begun.
    pub(crate) fn end(&mut self, now: Duration) {
        let Some((begun, before)) = self.begun.take() else {
            return;
        };
        let time = now.saturating_sub(begun);
        let after = Reading::of(&self.host);
        let sums = &mut self.sums;
        sums.time += time;
        sums.add_threads(time, self.cores.len(), &before, &after);
        add(&mut sums.ticks, after.ticks_since(&before, &self.cores));
        add(
            &mut sums.sibling_ticks,
            after.ticks_since(&before, &self.siblings),
        );
        let periods = after.throttled_periods.zip(before.throttled_periods);
        add(
            &mut sums.throttled_periods,
            periods.map(|(after, before)| after.saturating_sub(before)),
        );
    }

    /// What was seen in all windows together.
    pub(crate) fn seen(&self) -> Interference {
        let sums = &self.sums;
        let share = |part: Duration, of: Duration| part.as_secs_f64() / of.as_secs_f64();
        let told = |ticks: Option<CoreTicks>| ticks.filter(|_| sums.time >= TICK * FEWEST_TICKS);
        let core_time = sums.time * u32::try_from(self.cores.len()).unwrap_or(u32::MAX);
        let sibling_time = sums.time * u32::try_from(self.siblings.len()).unwrap_or(u32::MAX);
        let others = |ticks: CoreTicks| share(time(ticks.busy).saturating_sub(sums.ran), core_time);
        Interference {
            waited_share: sums
                .waited
                .filter(|_| !sums.crowded && !sums.time.is_zero())
                .map(|waited| share(waited, sums.time)),
            others_share: told(sums.ticks).map(others),
            stolen_share: told(sums.ticks).map(|ticks| share(time(ticks.stolen), core_time)),
            siblings_share: told(sums.sibling_ticks)
                .map(|ticks| share(time(ticks.busy), sibling_time)),
            preemptions: sums.preemptions,
            throttled_periods: sums.throttled_periods,
        }
    }
}

// === impl Reading ===

impl Reading {
    fn of(host: &Host) -> Self {
        let threads = host.names("proc/self/task").into_iter();
        let threads = threads.filter_map(|id| {
            let times = ThreadTimes::of(host, &id)?;
            Some((id, times))
        });
        let stat = host.read("proc/stat").unwrap_or_default();
        Self {
            cores: stat.lines().filter_map(CoreTicks::of).collect(),
            threads: threads.collect(),
            throttled_periods: host.throttled_periods(),
        }
    }

    /// None where one of the cores is not told of, or there is none.
    fn ticks_since(&self, before: &Self, cores: &[usize]) -> Option<CoreTicks> {
        let since = cores.iter().map(|core| {
            let (after, before) = (self.cores.get(core)?, before.cores.get(core)?);
            Some(CoreTicks {
                busy: after.busy.saturating_sub(before.busy),
                stolen: after.stolen.saturating_sub(before.stolen),
            })
        });
        since.fold(None, |mut sum, ticks| {
            add(&mut sum, ticks);
            sum
        })
    }
}

// === impl CoreTicks ===

impl CoreTicks {
    /// Of a line `cpu3 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL …`: `proc_stat(5)`.
    fn of(line: &str) -> Option<(usize, Self)> {
        let (name, numbers) = line.split_once(' ')?;
        let core = name.strip_prefix("cpu")?.parse().ok()?;
        let numbers: Option<Vec<u64>> =
            numbers.split_whitespace().map(|n| n.parse().ok()).collect();
        let [user, nice, system, _, _, irq, softirq, stolen, ..] = numbers?[..] else {
            return None;
        };
        let busy = user + nice + system + irq + softirq;
        Some((core, Self { busy, stolen }))
    }
}

impl std::ops::AddAssign for CoreTicks {
    fn add_assign(&mut self, other: Self) {
        self.busy += other.busy;
        self.stolen += other.stolen;
    }
}

// === impl ThreadTimes ===

impl ThreadTimes {
    /// None where the kernel does not count, or the thread is gone.
    fn of(host: &Host, id: &str) -> Option<Self> {
        let folder = format!("proc/self/task/{id}");
        let schedstat = host.read(format!("{folder}/schedstat"))?;
        let mut nanoseconds = schedstat
            .split_whitespace()
            .map(|n| n.parse().ok().map(Duration::from_nanos));
        let (ran, waited) = (nanoseconds.next()??, nanoseconds.next()??);
        let switches = host.value(&format!("{folder}/status"), "nonvoluntary_ctxt_switches");
        Some(Self {
            ran,
            waited,
            preemptions: switches?.parse().ok()?,
        })
    }
}

// === impl Sums ===

impl Sums {
    fn add_threads(&mut self, time: Duration, cores: usize, before: &Reading, after: &Reading) {
        let since = after.threads.iter().map(|(id, after)| {
            let before = before.threads.get(id).copied().unwrap_or_default();
            ThreadTimes {
                ran: after.ran.saturating_sub(before.ran),
                waited: after.waited.saturating_sub(before.waited),
                preemptions: after.preemptions.saturating_sub(before.preemptions),
            }
        });
        let since: Vec<ThreadTimes> = since.collect();
        let measuring = since
            .iter()
            .filter(|thread| thread.ran > time.mul_f64(MEASURES));
        self.crowded |= measuring.count() > cores;
        self.ran += since.iter().map(|thread| thread.ran).sum::<Duration>();
        add(
            &mut self.waited,
            since.iter().map(|thread| thread.waited).max(),
        );
        add(
            &mut self.preemptions,
            since
                .iter()
                .map(|thread| thread.preemptions)
                .reduce(|a, b| a + b),
        );
    }
}

// === helpers ===

/// Adds what was read; what was not leaves the sum as it is.
fn add<T: std::ops::AddAssign>(sum: &mut Option<T>, more: Option<T>) {
    match (sum.as_mut(), more) {
        (Some(sum), Some(more)) => *sum += more,
        (None, more) => *sum = more,
        (Some(_), None) => {}
    }
}

fn time(ticks: u64) -> Duration {
    TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::host::fake;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Ticks of the cores 0 and 1, the same for each: busy and stolen.
    fn set_cores(root: &TempDir, [busy, stolen]: [u64; 2]) {
        let core = |n| format!("cpu{n} {busy} 0 0 700 3 0 0 {stolen} 0 0\n");
        fake::write(
            root,
            "proc/stat",
            &format!("cpu  9 9 9 9 9 9 9 9 0 0\n{}{}intr 4\n", core(0), core(1)),
        );
    }

    /// Milliseconds that a thread ran and waited, and how often it was preempted.
    fn set_thread(root: &TempDir, id: u32, [ran, waited, preemptions]: [u64; 3]) {
        let folder = format!("proc/self/task/{id}");
        fake::write(
            root,
            &format!("{folder}/schedstat"),
            &format!("{ran}000000 {waited}000000 7\n"),
        );
        let status = format!(
            "Name:\tx\nvoluntary_ctxt_switches:\t1\nnonvoluntary_ctxt_switches:\t{preemptions}\n"
        );
        fake::write(root, &format!("{folder}/status"), &status);
    }

    #[test]
    fn another_process_on_the_core_is_seen_with_its_share() {
        let (root, host) = fake::host(&[]);
        set_cores(&root, [1_000, 10]);
        set_thread(&root, 5, [300, 40, 2]);
        let mut watch = Watch::new(&host, &[1]);
        watch.begin(ms(100));
        set_cores(&root, [1_096, 14]);
        set_thread(&root, 5, [800, 520, 130]);
        watch.end(ms(1_100));
        let seen = watch.seen();
        assert_eq!(seen.waited_share, Some(0.48));
        assert_eq!(seen.others_share, Some(0.46));
        assert_eq!(seen.stolen_share, Some(0.04));
        assert_eq!(seen.preemptions, Some(128));
        assert_eq!((seen.siblings_share, seen.throttled_periods), (None, None));
    }

    #[test]
    fn windows_add_up_and_what_happens_between_them_does_not_count() {
        let (root, host) = fake::host(&[("proc/self/cgroup", "0::/a\n")]);
        let set_throttled = |n| {
            fake::write(
                &root,
                "sys/fs/cgroup/a/cpu.stat",
                &format!("nr_throttled {n}\n"),
            )
        };
        let mut watch = Watch::new(&host, &[0]);
        set_throttled(5);
        for (window, waited) in [(0, 10), (1_000, 15)] {
            set_thread(&root, 5, [window, window, 0]);
            watch.begin(ms(window));
            set_thread(&root, 5, [window + 90, window + waited, 1]);
            set_throttled(6);
            watch.end(ms(window + 100));
        }
        let seen = watch.seen();
        assert_eq!(seen.waited_share, Some(0.125));
        assert_eq!(
            (seen.preemptions, seen.throttled_periods),
            (Some(2), Some(1))
        );
    }

    #[test]
    fn hyper_threads_of_the_cores_are_watched() {
        let siblings = "sys/devices/system/cpu/cpu0/topology/thread_siblings_list";
        let (root, host) = fake::host(&[(siblings, "0-1\n")]);
        set_cores(&root, [0, 0]);
        let mut watch = Watch::new(&host, &[0]);
        watch.begin(ms(0));
        set_cores(&root, [25, 0]);
        watch.end(ms(500));
        assert_eq!(watch.seen().siblings_share, Some(0.5));
    }

    #[test]
    fn threads_that_are_more_than_the_cores_wait_for_each_other() {
        let (root, host) = fake::host(&[]);
        let waited = |cores: &[usize]| {
            let mut watch = Watch::new(&host, cores);
            for id in [5, 6, 7] {
                set_thread(&root, id, [0, 0, 0]);
            }
            watch.begin(ms(0));
            set_thread(&root, 5, [50, 50, 0]);
            set_thread(&root, 6, [50, 40, 0]);
            // It woke up, looked, and slept again.
            set_thread(&root, 7, [1, 0, 0]);
            watch.end(ms(100));
            watch.seen().waited_share
        };
        assert_eq!(waited(&[0]), None);
        assert_eq!(waited(&[0, 1]), Some(0.5));
    }

    #[test]
    fn ticks_are_too_coarse_for_a_short_window() {
        let (root, host) = fake::host(&[]);
        set_cores(&root, [0, 0]);
        let mut watch = Watch::new(&host, &[0]);
        watch.begin(ms(0));
        set_cores(&root, [4, 4]);
        watch.end(ms(50));
        assert_eq!(watch.seen(), Interference::default());
    }

    #[test]
    fn a_system_that_does_not_count_says_nothing() {
        let (_root, host) = fake::host(&[]);
        let mut watch = Watch::new(&host, &[0]);
        watch.end(ms(10));
        watch.begin(ms(0));
        watch.end(ms(1_000));
        assert_eq!(watch.seen(), Interference::default());
    }
}
