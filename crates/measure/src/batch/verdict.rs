//! What the turns of one network come to.

use std::time::Duration;

use super::{
    FASTEST, LOOK_GROWTH, ReferenceMs, Seat, Taken,
    memory_share::{Beside, MemoryShare},
};
use crate::{
    Correction, Estimate, Latency, Protocol, Sustained, Verdict, bootstrap_median_interval, median,
    quantile,
};

/// The last third of the turns may be slower than the first by this fraction.
const DRIFT: f64 = 0.05;
/// Standard deviations of the memory's share that the interval of a latency allows for.
const SHARE_DEVIATIONS: f64 = 2.0;
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

    /// How much slower the machine was, for a network that memory decides about to this share; none without a reference.
    pub(super) fn slowdown(&self, quiet_ms: Option<ReferenceMs>, share: f64) -> Option<f64> {
        Some(self.beside(quiet_ms)?.slowdown(share))
    }

    /// The turn as the references saw it.
    fn beside(&self, quiet_ms: Option<ReferenceMs>) -> Option<Beside> {
        let (quiet, before) = (quiet_ms?, self.before_ms?);
        let after = self.after_ms.unwrap_or(before);
        let compute = f64::midpoint(before.compute, after.compute) / quiet.compute;
        let memory = before.memory.zip(after.memory).zip(quiet.memory);
        let memory = memory.map_or(compute, |((before, after), quiet)| {
            f64::midpoint(before, after) / quiet
        });
        Some(Beside {
            reading_ms: self.reading_ms(),
            compute,
            memory: (memory / compute - 1.0).max(0.0),
        })
    }

    /// Whether the reference that computes was slowed neither before nor after, or there was none.
    fn is_undisturbed(&self, protocol: &Protocol, quiet_ms: Option<ReferenceMs>) -> bool {
        let quiet = |reference_ms: Option<ReferenceMs>| match (reference_ms, quiet_ms) {
            (Some(reference), Some(quiet)) => {
                reference.compute <= quiet.compute * (1.0 + protocol.max_slowdown)
            }
            _ => true,
        };
        quiet(self.before_ms) && quiet(self.after_ms)
    }

    /// Whether neither the references nor the network itself were slowed by more than is allowed.
    fn counts(&self, protocol: &Protocol, quiet_ms: Option<ReferenceMs>, share: f64) -> bool {
        let memory = self.beside(quiet_ms).map_or(0.0, |beside| beside.memory);
        self.is_undisturbed(protocol, quiet_ms) && share * memory <= protocol.max_slowdown
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
    pub(super) fn over(&mut self, quiet_ms: Option<ReferenceMs>) -> Option<Verdict> {
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
    pub(super) fn verdict(&self, quiet_ms: Option<ReferenceMs>) -> Verdict {
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
        let share = self.memory_share(quiet_ms);
        let counted = self.counted(quiet_ms, share.share);
        if counted.len() < self.protocol.min_turns as usize {
            return self.disturbed(counted.len(), quiet_ms, share.share);
        }
        if let Some(drift) = self.drift().filter(|_| self.unwatched(quiet_ms)) {
            return Verdict::Throttled { reason: drift };
        }
        let interval = self.latency(&counted, self.corrected_by(quiet_ms), share);
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
    pub(super) fn correction(
        &self,
        quiet_ms: Option<ReferenceMs>,
        share: f64,
    ) -> Option<Correction> {
        let quiet_ms = self.corrected_by(quiet_ms)?;
        let counted = self.counted(Some(quiet_ms), share);
        let slowdowns = counted
            .iter()
            .map(|turn| turn.slowdown(Some(quiet_ms), share));
        let slowdowns: Vec<f64> = slowdowns.collect::<Option<_>>()?;
        let interval = self.interval(&slowdowns);
        (!slowdowns.is_empty()).then_some(Correction {
            factor: interval.median,
            low: interval.low,
            high: interval.high,
            reference_ms: quiet_ms.compute,
            memory_share: quiet_ms.memory.map(|_| share),
            memory_reference_ms: quiet_ms.memory,
        })
    }

    /// How much of the network's time the memory decides, as far as its turns beside quiet references tell.
    pub(super) fn memory_share(&self, quiet_ms: Option<ReferenceMs>) -> MemoryShare {
        match quiet_ms.and_then(|quiet| quiet.memory) {
            None => MemoryShare::NONE,
            Some(_) => {
                let undisturbed = |turn: &&Taken| turn.is_undisturbed(&self.protocol, quiet_ms);
                let turns = self.turns.iter().filter(undisturbed);
                MemoryShare::of(
                    &turns
                        .filter_map(|turn| turn.beside(quiet_ms))
                        .collect::<Vec<_>>(),
                )
            }
        }
    }

    /// What the turns would have taken on the machine left alone: the median, its interval wider by what is not known of
    /// the memory's share.
    fn latency(
        &self,
        turns: &[&Taken],
        quiet_ms: Option<ReferenceMs>,
        MemoryShare { share, deviation }: MemoryShare,
    ) -> Interval {
        let corrected =
            |turn: &&Taken| turn.reading_ms() / turn.slowdown(quiet_ms, share).unwrap_or(1.0);
        let interval = self.interval(&turns.iter().map(corrected).collect::<Vec<_>>());
        let memory = |turn: &&Taken| turn.beside(quiet_ms).map_or(0.0, |beside| beside.memory);
        let memory = median(&turns.iter().map(memory).collect::<Vec<_>>());
        interval.wider(SHARE_DEVIATIONS * deviation * memory / (1.0 + share * memory))
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
    fn unwatched(&self, quiet_ms: Option<ReferenceMs>) -> bool {
        quiet_ms.is_none() && self.protocol.sustained_minutes == 0
    }

    fn in_last_minute(&self, turn: &Taken) -> bool {
        let last = self.turns.last().map_or(Duration::ZERO, |last| last.at);
        turn.at + MINUTE >= last
    }

    /// The turns that count. What heat does is not held against those of a sustained measurement.
    fn counted(&self, quiet_ms: Option<ReferenceMs>, share: f64) -> Vec<&Taken> {
        let sustained = self.protocol.sustained_minutes > 0;
        let counts = |turn: &&Taken| match sustained {
            true => self.in_last_minute(turn),
            false => turn.counts(&self.protocol, quiet_ms, share),
        };
        self.turns.iter().filter(counts).collect()
    }

    /// The references' quiet latencies, where what the machine did is taken out. What heat does is not.
    fn corrected_by(&self, quiet_ms: Option<ReferenceMs>) -> Option<ReferenceMs> {
        quiet_ms.filter(|_| self.protocol.sustained_minutes == 0)
    }

    /// The verdict on turns too few of which count: throttled when the machine grew slower, else unstable.
    fn disturbed(&self, counted: usize, quiet_ms: Option<ReferenceMs>, share: f64) -> Verdict {
        let slowdowns: Vec<f64> = self
            .turns
            .iter()
            .filter_map(|turn| turn.slowdown(quiet_ms, share))
            .collect();
        let seen = format!(
            "in {} of {} turns the machine was slower than when it is left alone by more than {:.1} %, by {:.1} % in the \
             middle, as the reference networks tell",
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
    /// The same with this fraction of the median more uncertain, from a source of its own.
    fn wider(self, fraction: f64) -> Self {
        let further = |end: f64| (end - self.median).hypot(fraction * self.median);
        Self {
            median: self.median,
            low: self.median - further(self.low),
            high: self.median + further(self.high),
        }
    }

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

fn unstable(reason: String) -> Verdict {
    Verdict::Unstable { reason }
}
