//! What else used the machine while it measured, and what that does to a verdict.

use serde::{Deserialize, Serialize};

use crate::Verdict;

/// Others may take this share of the time without a word: it changes the mean by as much, and the median by less.
const TOLERATED: f64 = 0.05;

/// What others did on the cores of a measurement while it was timed. Shares are of that time; what could not be read is
/// absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Interference {
    /// Time for which a measuring thread waited for a core that another had, of the thread that waited longest. Absent
    /// when there were more threads than cores: they would wait for each other.
    pub waited_share: Option<f64>,
    /// Time that the cores worked for others, interrupts among them.
    pub others_share: Option<f64>,
    /// Time in which the hypervisor let another machine run on the cores.
    pub stolen_share: Option<f64>,
    /// Time that the hyper-threads worked which share the cores' hardware.
    pub siblings_share: Option<f64>,
    /// How often a core was taken away from a thread that was not done.
    pub preemptions: Option<u64>,
    /// In how many periods a control group's quota of CPU time held the process back.
    pub throttled_periods: Option<u64>,
}

// === impl Interference ===

impl Interference {
    /// Share of the time in which the measuring threads could have run and did not.
    pub fn lost_share(&self) -> f64 {
        let waited = self.waited_share.or(self.others_share).unwrap_or(0.0);
        waited + self.stolen_share.unwrap_or(0.0)
    }

    /// What speaks against the measurement, in words; nothing when next to nothing was lost.
    pub fn evidence(&self) -> Option<String> {
        let percent = |share: Option<f64>| share.map(|share| format!("{:.1} %", 100.0 * share));
        let mut seen = Vec::new();
        if self.lost_share() > TOLERATED {
            let taken = percent(self.waited_share.or(self.others_share));
            seen.extend(taken.map(|share| format!("others took {share} of the time on its cores")));
            let stolen = percent(self.stolen_share.filter(|share| *share > 0.0));
            seen.extend(stolen.map(|share| format!("the hypervisor took {share}")));
        }
        if let Some(periods) = self.throttled_periods.filter(|periods| *periods > 0) {
            seen.push(format!("its CPU quota held it back {periods} times"));
        }
        (!seen.is_empty()).then(|| seen.join(", "))
    }

    /// The verdict, which says what else ran if it holds the hour to blame: a valid one stands, for what others did is in
    /// the turns and their choice.
    pub fn explain(&self, verdict: Verdict) -> Verdict {
        let Some(evidence) = self.evidence() else {
            return verdict;
        };
        let told = |reason: String| format!("{reason}; {evidence}");
        match verdict {
            Verdict::Unstable { reason } => Verdict::Unstable {
                reason: told(reason),
            },
            Verdict::Throttled { reason } => Verdict::Throttled {
                reason: told(reason),
            },
            Verdict::Valid { .. }
            | Verdict::TimedOut
            | Verdict::Crashed { .. }
            | Verdict::DoesNotCompile { .. } => verdict,
        }
    }

    /// What was seen, by name, as a record keeps it.
    pub fn facts(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let share = |share: Option<f64>| share.map(|share| format!("{share:.4}"));
        let count = |count: Option<u64>| count.map(|count| count.to_string());
        let facts = [
            ("others.preemptions", count(self.preemptions)),
            ("others.share", share(self.others_share)),
            ("others.siblings_share", share(self.siblings_share)),
            ("others.stolen_share", share(self.stolen_share)),
            ("others.throttled_periods", count(self.throttled_periods)),
            ("others.waited_share", share(self.waited_share)),
        ];
        facts
            .into_iter()
            .filter_map(|(name, fact)| Some((name, fact?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unstable(reason: &str) -> Verdict {
        Verdict::Unstable {
            reason: reason.to_owned(),
        }
    }

    fn busy() -> Interference {
        Interference {
            waited_share: Some(0.48),
            stolen_share: Some(0.015),
            ..Interference::default()
        }
    }

    #[test]
    fn another_process_on_the_core_is_named_where_the_samples_do_not_agree() {
        assert_eq!(
            busy().explain(unstable("noise")),
            unstable(
                "noise; others took 48.0 % of the time on its cores, the hypervisor took 1.5 %"
            )
        );
    }

    #[test]
    fn a_quiet_machine_explains_nothing() {
        let quiet = Interference {
            waited_share: Some(0.01),
            others_share: Some(0.3),
            stolen_share: Some(0.02),
            throttled_periods: Some(0),
            ..Interference::default()
        };
        assert_eq!(quiet.explain(unstable("noise")), unstable("noise"));
        let nothing = Interference::default();
        assert_eq!(nothing.explain(unstable("noise")), unstable("noise"));
    }

    #[test]
    fn what_the_cores_did_stands_in_for_a_wait_that_is_not_told() {
        let interference = Interference {
            others_share: Some(0.2),
            ..Interference::default()
        };
        let evidence = interference.evidence();
        assert_eq!(
            evidence.as_deref(),
            Some("others took 20.0 % of the time on its cores")
        );
    }

    #[test]
    fn a_quota_that_held_the_process_back_is_told() {
        let quota = Interference {
            throttled_periods: Some(3),
            ..Interference::default()
        };
        assert_eq!(
            quota.explain(unstable("noise")),
            unstable("noise; its CPU quota held it back 3 times")
        );
        assert_eq!(quota.explain(Verdict::TimedOut), Verdict::TimedOut);
    }

    #[test]
    fn facts_are_those_that_were_read() {
        let facts: Vec<_> = busy().facts().collect();
        let expected = [
            ("others.stolen_share", "0.0150"),
            ("others.waited_share", "0.4800"),
        ];
        assert_eq!(facts, expected.map(|(name, fact)| (name, fact.to_owned())));
    }
}
