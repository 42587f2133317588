//! What the turns of one network come to.

use std::time::Duration;

use super::{FASTEST, LOOK_GROWTH, Seat, Taken};
use crate::{
    Correction, Estimate, Latency, Protocol, Sustained, Verdict, bootstrap_median_interval, median,
    quantile,
};

/// The last third of the turns may be slower than the first by this fraction.
const DRIFT: f64 = 0.05;
/// What the last minute of a sustained measurement is.
const MINUTE: Duration = Duration::from_secs(60);

/// The median of some values and its interval.
struct Interval {
    median: f64,
    low: f64,
    high: f64,
}

// === impl Taken ===

impl Taken {
    /// Milliseconds: the turn's fastest tenth.
    fn reading_ms(&self) -> f64 {
        quantile(&self.samples_ms, FASTEST)
    }

    /// The reference's latency beside the turn by its quiet one; none without a reference.
    pub(super) fn slowdown(&self, quiet_ms: Option<f64>) -> Option<f64> {
        let beside = f64::midpoint(self.before_ms?, self.after_ms.or(self.before_ms)?);
        Some(beside / quiet_ms?)
    }

    /// Whether the reference was slowed neither before nor after, or there was none.
    fn counts(&self, protocol: &Protocol, quiet_ms: Option<f64>) -> bool {
        let quiet = |reference_ms: Option<f64>| match (reference_ms, quiet_ms) {
            (Some(reference), Some(quiet)) => reference <= quiet * (1.0 + protocol.max_slowdown),
            _ => true,
        };
        quiet(self.before_ms) && quiet(self.after_ms)
    }
}

// === impl Seat ===

impl Seat {
    /// How long it has been measured, from its first turn to its last.
    fn lasted(&self) -> Duration {
        let ends = self.turns.first().zip(self.turns.last());
        ends.map_or(Duration::ZERO, |(first, last)| last.at - first.at)
    }

    /// Starts over.
    pub(super) fn again(&mut self) {
        self.tries += 1;
        self.turns.clear();
        self.spent = Duration::ZERO;
        self.look = self.protocol.min_turns as usize;
    }

    /// Its verdict once its measurement is over.
    pub(super) fn over(&mut self, quiet_ms: Option<f64>) -> Option<Verdict> {
        if self.protocol.sustained_minutes > 0 {
            let minutes = MINUTE * self.protocol.sustained_minutes;
            return (self.lasted() >= minutes).then(|| self.verdict(quiet_ms));
        }
        if self.spent >= Duration::from_millis(self.protocol.budget_ms) {
            return Some(self.verdict(quiet_ms));
        }
        let sampled = self.spent >= Duration::from_millis(self.protocol.min_sampling_ms);
        if self.turns.len() < self.look || !sampled {
            return None;
        }
        self.look = (self.turns.len() as f64 * LOOK_GROWTH).ceil() as usize;
        let verdict = self.verdict(quiet_ms);
        let narrow = verdict.estimate().is_some_and(|estimate| {
            let width = estimate.high_ms.ms() - estimate.low_ms.ms();
            width <= self.protocol.target_relative_width * estimate.median_ms.ms()
        });
        narrow.then_some(verdict)
    }

    /// What the turns come to.
    pub(super) fn verdict(&self, quiet_ms: Option<f64>) -> Verdict {
        let samples: usize = self.turns.iter().map(|turn| turn.samples_ms.len()).sum();
        if samples < self.protocol.min_samples as usize {
            return unstable(format!(
                "{samples} of the {} samples fitted into `budget_ms` = {}",
                self.protocol.min_samples, self.protocol.budget_ms
            ));
        }
        if self.turns.len() < self.protocol.min_turns as usize {
            return unstable(format!(
                "{} of the {} turns fitted into `budget_ms` = {}",
                self.turns.len(),
                self.protocol.min_turns,
                self.protocol.budget_ms
            ));
        }
        let counted = self.counted(quiet_ms);
        if counted.len() < self.protocol.min_turns as usize {
            return self.disturbed(counted.len(), quiet_ms);
        }
        if let Some(drift) = self.drift().filter(|_| self.unwatched(quiet_ms)) {
            return Verdict::Throttled { reason: drift };
        }
        let interval = self.interval(&corrected(&counted, self.corrected_by(quiet_ms)));
        if interval.relative_width() > self.protocol.max_relative_width {
            return unstable(format!(
                "the interval of the median is {:.1} % of it wide, {:.1} % are allowed",
                100.0 * interval.relative_width(),
                100.0 * self.protocol.max_relative_width,
            ));
        }
        Verdict::Valid {
            estimate: interval.estimate(),
        }
    }

    /// What the turns that count are divided by; none without a reference.
    pub(super) fn correction(&self, quiet_ms: Option<f64>) -> Option<Correction> {
        let quiet_ms = self.corrected_by(quiet_ms)?;
        let counted = self.counted(Some(quiet_ms));
        let slowdowns = counted.iter().map(|turn| turn.slowdown(Some(quiet_ms)));
        let slowdowns: Vec<f64> = slowdowns.collect::<Option<_>>()?;
        let interval = self.interval(&slowdowns);
        (!slowdowns.is_empty()).then_some(Correction {
            factor: interval.median,
            low: interval.low,
            high: interval.high,
            reference_ms: quiet_ms,
        })
    }

    /// The first and the last minute, where the protocol asks for them and there were two.
    pub(super) fn sustained(&self) -> Option<Sustained> {
        let first = self.turns.first()?.at;
        if self.protocol.sustained_minutes == 0 || self.lasted() < MINUTE {
            return None;
        }
        let minute = |of: &dyn Fn(&&Taken) -> bool| {
            median(&readings(&self.turns.iter().filter(of).collect::<Vec<_>>()))
        };
        Some(Sustained {
            first_ms: minute(&|turn| turn.at <= first + MINUTE),
            last_ms: minute(&|turn| self.in_last_minute(turn)),
        })
    }

    /// Whether nothing but the turns themselves tells of a machine that grows slower.
    fn unwatched(&self, quiet_ms: Option<f64>) -> bool {
        quiet_ms.is_none() && self.protocol.sustained_minutes == 0
    }

    fn in_last_minute(&self, turn: &Taken) -> bool {
        let last = self.turns.last().map_or(Duration::ZERO, |last| last.at);
        turn.at + MINUTE >= last
    }

    /// The turns that count. What heat does is not held against those of a sustained measurement.
    fn counted(&self, quiet_ms: Option<f64>) -> Vec<&Taken> {
        let sustained = self.protocol.sustained_minutes > 0;
        let counts = |turn: &&Taken| match sustained {
            true => self.in_last_minute(turn),
            false => turn.counts(&self.protocol, quiet_ms),
        };
        self.turns.iter().filter(counts).collect()
    }

    /// The reference's quiet latency, where what the machine did is taken out. What heat does is not.
    fn corrected_by(&self, quiet_ms: Option<f64>) -> Option<f64> {
        quiet_ms.filter(|_| self.protocol.sustained_minutes == 0)
    }

    /// The verdict on turns too few of which count: throttled when the machine grew slower, else unstable.
    fn disturbed(&self, counted: usize, quiet_ms: Option<f64>) -> Verdict {
        let slowdowns: Vec<f64> = self
            .turns
            .iter()
            .filter_map(|turn| turn.slowdown(quiet_ms))
            .collect();
        let seen = format!(
            "in {} of {} turns the reference network was slower than on the machine left alone by more than {:.1} %, by \
             {:.1} % in the middle",
            self.turns.len() - counted,
            self.turns.len(),
            100.0 * self.protocol.max_slowdown,
            100.0 * (median(&slowdowns) - 1.0)
        );
        match self.drift() {
            Some(drift) => Verdict::Throttled {
                reason: format!("{drift}; {seen}"),
            },
            None => unstable(seen),
        }
    }

    /// What was seen when the last third of the turns is slower than the first, by more than [`DRIFT`] and by more than
    /// the intervals of both explain.
    fn drift(&self) -> Option<String> {
        let all: Vec<&Taken> = self.turns.iter().collect();
        let third = all.len() / 3;
        let (begin, end) = (&all[..third], &all[all.len() - third..]);
        let (first, last) = (
            self.interval(&readings(begin)),
            self.interval(&readings(end)),
        );
        let slower = last.median / first.median - 1.0;
        if slower <= DRIFT || last.low <= first.high {
            return None;
        }
        let mut seen = format!(
            "the last third of the turns is {:.1} % slower than the first: {:.4} ms after {:.4} ms",
            100.0 * slower,
            last.median,
            first.median
        );
        let mut tell = |unit: &str, sensor: fn(&Taken) -> Option<f64>| {
            let middle = |turns: &[&Taken]| {
                let known: Option<Vec<f64>> = turns.iter().map(|turn| sensor(turn)).collect();
                known.map(|known| median(&known))
            };
            if let (Some(before), Some(after)) = (middle(begin), middle(end)) {
                seen += &format!(", {after:.0} {unit} after {before:.0} {unit}");
            }
        };
        tell("MHz", |turn| turn.sensed.megahertz);
        tell("°C", |turn| turn.sensed.celsius);
        Some(seen)
    }

    fn interval(&self, values: &[f64]) -> Interval {
        let (low, high) = bootstrap_median_interval(values, self.protocol.confidence, self.seed);
        Interval {
            median: median(values),
            low,
            high,
        }
    }
}

// === impl Interval ===

impl Interval {
    fn relative_width(&self) -> f64 {
        (self.high - self.low) / self.median
    }

    fn estimate(&self) -> Estimate {
        let latency = |ms| {
            Latency::from_ms(ms)
                .expect("samples are positive and the interval is narrower than their median")
        };
        Estimate {
            median_ms: latency(self.median),
            low_ms: latency(self.low),
            high_ms: latency(self.high),
        }
    }
}

// === helpers ===

fn readings(turns: &[&Taken]) -> Vec<f64> {
    turns.iter().map(|turn| turn.reading_ms()).collect()
}

/// Milliseconds that the turns would have taken on the machine left alone.
fn corrected(turns: &[&Taken], quiet_ms: Option<f64>) -> Vec<f64> {
    let slowdown = |turn: &Taken| turn.slowdown(quiet_ms).unwrap_or(1.0);
    turns
        .iter()
        .map(|turn| turn.reading_ms() / slowdown(turn))
        .collect()
}

fn unstable(reason: String) -> Verdict {
    Verdict::Unstable { reason }
}
