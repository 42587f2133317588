//! What the process's control groups allow it: CPU quotas, and whether one has held it back.

use std::path::{Path, PathBuf};

use crate::host::Host;

/// Where the kernel shows control groups, and their two versions.
const ROOT: &str = "sys/fs/cgroup";

// === impl Host ===

impl Host {
    /// The fewest cores' worth of time that a group of this process may use in a period; absent without a quota.
    pub(crate) fn cpu_quota(&self) -> Option<f64> {
        let groups = self.cpu_groups();
        let quotas = groups.iter().filter_map(|group| self.quota(group));
        quotas.min_by(f64::total_cmp)
    }

    /// How often a quota has held this process's groups back; absent where no group is counted.
    pub(crate) fn throttled_periods(&self) -> Option<u64> {
        let groups = self.cpu_groups();
        let counts = groups.iter().filter_map(|group| {
            let text = self.read(group.join("cpu.stat"))?;
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            let (_, count) = lines.find(|(name, _)| *name == "nr_throttled")?;
            count.parse::<u64>().ok()
        });
        counts.fold(None, |sum, count| Some(sum.unwrap_or(0) + count))
    }

    fn quota(&self, group: &Path) -> Option<f64> {
        let (quota, period) = match self.read(group.join("cpu.max")) {
            Some(max) => {
                let (quota, period) = max.split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
            None => (
                self.read(group.join("cpu.cfs_quota_us"))?,
                self.read(group.join("cpu.cfs_period_us"))?,
            ),
        };
        // `max` and -1 are no quota.
        let quota: u64 = quota.parse().ok()?;
        let period: u64 = period.parse().ok()?;
        (period > 0).then(|| quota as f64 / period as f64)
    }

    /// The folders of the group that rules this process's CPU time, and of all groups above it.
    fn cpu_groups(&self) -> Vec<PathBuf> {
        let memberships = self.read("proc/self/cgroup").unwrap_or_default();
        let folders = memberships.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, group) = (parts.next()?, parts.next()?);
            let group = group.trim_start_matches('/');
            if controllers.is_empty() {
                let unified = Path::new(ROOT).join("unified");
                let root = if self.has(&unified) {
                    unified
                } else {
                    PathBuf::from(ROOT)
                };
                return Some((root.clone(), root.join(group)));
            }
            let rules = controllers.split(',').any(|controller| controller == "cpu");
            let root = Path::new(ROOT).join(controllers);
            rules.then(|| (root.clone(), root.join(group)))
        });
        let above = folders.flat_map(|(root, group)| {
            let ancestors: Vec<PathBuf> = group
                .ancestors()
                .take_while(|folder| folder.starts_with(&root))
                .map(Path::to_owned)
                .collect();
            ancestors
        });
        above.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::host::fake;

    #[test]
    fn the_tightest_quota_of_the_groups_above_counts() {
        let (_root, host) = fake::host(&[
            ("proc/self/cgroup", "0::/farm/agent\n"),
            ("sys/fs/cgroup/farm/agent/cpu.max", "max 100000\n"),
            (
                "sys/fs/cgroup/farm/agent/cpu.stat",
                "usage_usec 5\nnr_periods 9\nnr_throttled 2\n",
            ),
            ("sys/fs/cgroup/farm/cpu.max", "150000 100000\n"),
            (
                "sys/fs/cgroup/farm/cpu.stat",
                "usage_usec 5\nnr_periods 9\nnr_throttled 3\n",
            ),
            ("sys/fs/cgroup/cpu.stat", "usage_usec 5\n"),
        ]);
        assert_eq!(host.cpu_quota(), Some(1.5));
        assert_eq!(host.throttled_periods(), Some(5));
    }

    #[test]
    fn the_first_version_of_control_groups_is_read_too() {
        let (_root, host) = fake::host(&[
            ("proc/self/cgroup", "4:memory:/a\n3:cpu,cpuacct:/a\n0::/\n"),
            ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            (
                "sys/fs/cgroup/cpu,cpuacct/cpu.stat",
                "nr_periods 0\nnr_throttled 0\n",
            ),
            ("sys/fs/cgroup/unified/cgroup.procs", "1\n"),
        ]);
        assert_eq!(host.cpu_quota(), Some(0.5));
        assert_eq!(host.throttled_periods(), Some(0));
    }

    #[test]
    fn without_groups_there_is_no_quota_and_no_count() {
        let (_root, host) = fake::host(&[]);
        assert_eq!((host.cpu_quota(), host.throttled_periods()), (None, None));
    }
}
