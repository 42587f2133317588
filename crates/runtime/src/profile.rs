//! What each operator of a network takes.

use std::time::Duration;

use bespoke_measure::{OperatorTime, median};

use crate::Clock;

/// Several passes, operator by operator. The first one is not counted: it finds memory and caches cold.
pub(crate) struct Profile<'a> {
    clock: Clock<'a>,
    last: Duration,
    /// Number of passes that have begun, and of operators that this one has run.
    passes: usize,
    at: usize,
    operators: Vec<Operator>,
}

struct Operator {
    kind: String,
    name: String,
    times_ms: Vec<f64>,
}

// === impl Profile ===

impl<'a> Profile<'a> {
    pub(crate) fn new(clock: Clock<'a>) -> Self {
        Self {
            clock,
            last: Duration::ZERO,
            passes: 0,
            at: 0,
            operators: Vec::new(),
        }
    }

    /// A pass begins.
    pub(crate) fn begin(&mut self) {
        self.passes += 1;
        self.at = 0;
        self.last = (self.clock)();
    }

    /// The next operator was run: the same ones in the same order in each pass.
    pub(crate) fn ran(&mut self, kind: &str, name: &str) {
        let now = (self.clock)();
        if self.at == self.operators.len() {
            self.operators.push(Operator {
                kind: kind.to_owned(),
                name: name.to_owned(),
                times_ms: Vec::new(),
            });
        }
        if self.passes > 1 {
            let took = now.saturating_sub(self.last);
            self.operators[self.at]
                .times_ms
                .push(took.as_secs_f64() * 1e3);
        }
        self.at += 1;
        // What was done here is not the next operator's.
        self.last = (self.clock)();
    }

    /// The median of each operator's times, in the order run.
    pub(crate) fn medians(self) -> Vec<OperatorTime> {
        let times = self
            .operators
            .into_iter()
            .filter(|operator| !operator.times_ms.is_empty());
        times
            .map(|operator| OperatorTime {
                ms: median(&operator.times_ms),
                kind: operator.kind,
                name: operator.name,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn an_operator_takes_the_median_of_its_passes_but_the_first() {
        let now = AtomicU64::new(0);
        let clock = || Duration::from_millis(now.load(Ordering::Relaxed));
        let mut profile = Profile::new(&clock);
        for pass in [900, 3, 5, 4] {
            profile.begin();
            for (kind, name, ms) in [("Conv", "a", pass), ("Relu", "b", 1)] {
                now.fetch_add(ms, Ordering::Relaxed);
                profile.ran(kind, name);
            }
        }
        let operator = |kind: &str, name: &str, ms| OperatorTime {
            kind: kind.to_owned(),
            name: name.to_owned(),
            ms,
        };
        let expected = [operator("Conv", "a", 4.0), operator("Relu", "b", 1.0)];
        assert_eq!(profile.medians(), expected);
    }
}
