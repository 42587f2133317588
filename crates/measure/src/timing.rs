//! The measuring loop: warm up, find how often to repeat, sample, judge.

use std::time::Duration;

use crate::{Estimate, Latency, Protocol, Verdict, bootstrap_median_interval, median, quantile};

/// A warm-up block has at least this many passes, so that its median means something.
const WARM_UP_PASSES: usize = 5;
/// And lasts at least this many samples: a clock frequency takes milliseconds to rise.
const WARM_UP_SAMPLES: u32 = 10;
/// Most passes of a warm-up block, which bounds its memory.
const MAX_WARM_UP_PASSES: usize = 10_000;
/// The passes have settled when a block is not faster than the one before by more than this fraction.
const SETTLED: f64 = 0.01;
/// Aim beyond the least length of a sample, so that the faster samples reach it too.
const SAMPLE_MARGIN: f64 = 1.2;
/// A clock that does not move in so many passes stands still.
const STILL_PASSES: u32 = 10_000;
/// Most samples, which bounds the memory and the cost of the interval.
const MAX_SAMPLES: usize = 10_000;
/// Growth of the number of samples between two looks at the interval. Looking seldom keeps its confidence honest: each
/// look is a chance to stop at an interval that is narrow by luck.
const LOOK_GROWTH: f64 = 1.5;
/// A sample so many times as long as expected, and longer than the whole budget, is a jump of the clock.
const JUMP: u32 = 100;
/// The last third of the samples may be slower than the first by this fraction.
const DRIFT: f64 = 0.05;

/// Tells the time since an origin of its own.
pub trait Clock {
    /// Time since the origin. Never less than at an earlier call, or the measurement is refused.
    fn now(&mut self) -> Duration;
}

/// What timing a network gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Timings {
    /// Every sample, in the order taken: milliseconds of one pass. Outliers are among them.
    pub samples_ms: Vec<f64>,
    /// Passes in one sample.
    pub inner_repetitions: u32,
    /// Milliseconds of the first pass.
    pub first_run_ms: f64,
    /// Valid, unstable or throttled.
    pub verdict: Verdict,
}

/// Times `pass`, one forward pass, as the protocol asks. The seed is that of the interval's resampling.
///
/// The first pass is timed by itself. Passes then warm the machine up until they stop getting faster. One sample
/// repeats the pass until it is long enough to be timed. Samples are taken until the interval of their median is narrow
/// enough or the budget is spent; the verdict weighs all of them.
///
/// The protocol must pass [`Protocol::check`].
///
/// # Errors
/// The first error of `pass`.
pub fn time<E>(
    protocol: &Protocol,
    clock: &mut impl Clock,
    seed: u64,
    pass: &mut impl FnMut() -> Result<(), E>,
) -> Result<Timings, E> {
    let mut timings = Timings {
        samples_ms: Vec::new(),
        inner_repetitions: 1,
        first_run_ms: 0.0,
        verdict: unstable("no sample was taken"),
    };
    let last = clock.now();
    let mut bench = Bench {
        protocol,
        clock,
        pass,
        last,
    };
    timings.verdict = match bench.measure(seed, &mut timings) {
        Ok(()) => judge(protocol, seed, &timings.samples_ms),
        Err(Stop::Clock(reason)) => unstable(reason),
        Err(Stop::Pass(error)) => return Err(error),
    };
    Ok(timings)
}

/// The pass under its clock.
struct Bench<'a, C, P> {
    protocol: &'a Protocol,
    clock: &'a mut C,
    pass: &'a mut P,
    /// The latest reading of the clock.
    last: Duration,
}

/// Why measuring ended early.
enum Stop<E> {
    /// The pass failed.
    Pass(E),
    /// The clock cannot be trusted, and how that was seen.
    Clock(String),
}

/// How long a sample is.
struct SampleLength {
    repetitions: u32,
    expected: Duration,
}

// === impl Bench ===

impl<E, C: Clock, P: FnMut() -> Result<(), E>> Bench<'_, C, P> {
    fn measure(&mut self, seed: u64, timings: &mut Timings) -> Result<(), Stop<E>> {
        let deadline = self.last + Duration::from_millis(self.protocol.budget_ms);
        timings.first_run_ms = ms(self.run(1)?);
        self.warm_up()?;
        let length = self.sample_length()?;
        timings.inner_repetitions = length.repetitions;
        self.sample(seed, &length, deadline, &mut timings.samples_ms)
    }

    /// Runs blocks of passes until one is no faster than the one before, or the time for it is over.
    fn warm_up(&mut self) -> Result<(), Stop<E>> {
        let deadline = self.last + Duration::from_millis(self.protocol.max_warm_up_ms);
        let mut before = f64::INFINITY;
        while let Some(block) = self.warm_up_block(deadline)? {
            if block >= before * (1.0 - SETTLED) {
                break;
            }
            before = block;
        }
        Ok(())
    }

    /// Median pass of a block, in milliseconds; none when the deadline cut it short.
    fn warm_up_block(&mut self, deadline: Duration) -> Result<Option<f64>, Stop<E>> {
        let least = self.last + self.min_sample() * WARM_UP_SAMPLES;
        let mut passes_ms = Vec::new();
        while passes_ms.len() < WARM_UP_PASSES
            || (self.last < least && passes_ms.len() < MAX_WARM_UP_PASSES)
        {
            if self.last >= deadline {
                return Ok(None);
            }
            passes_ms.push(ms(self.run(1)?));
        }
        Ok(Some(median(&passes_ms)))
    }

    /// Repeats the pass more and more often until a sample is long enough. Each length is tried three times and the
    /// middle one counts, so that no single hiccup passes for a long sample.
    fn sample_length(&mut self) -> Result<SampleLength, Stop<E>> {
        let least = self.min_sample();
        let mut repetitions = 1_u32;
        loop {
            let mut tries = [
                self.run(repetitions)?,
                self.run(repetitions)?,
                self.run(repetitions)?,
            ];
            tries.sort_unstable();
            let expected = tries[1];
            if expected >= least {
                return Ok(SampleLength {
                    repetitions,
                    expected,
                });
            }
            if expected.is_zero() && repetitions >= STILL_PASSES {
                return Err(Stop::Clock(format!(
                    "the clock stood still for {repetitions} passes"
                )));
            }
            let growth = SAMPLE_MARGIN * least.as_secs_f64() / expected.as_secs_f64();
            repetitions = (f64::from(repetitions) * growth.min(10.0)).ceil() as u32;
        }
    }

    /// Takes samples until their interval is narrow enough or the deadline is there.
    fn sample(
        &mut self,
        seed: u64,
        length: &SampleLength,
        deadline: Duration,
        samples_ms: &mut Vec<f64>,
    ) -> Result<(), Stop<E>> {
        let longest = Duration::from_millis(self.protocol.budget_ms).max(length.expected * JUMP);
        let enough = self.last + Duration::from_millis(self.protocol.min_sampling_ms);
        let mut look = self.protocol.min_samples as usize;
        while self.last < deadline && samples_ms.len() < MAX_SAMPLES {
            let took = self.run(length.repetitions)?;
            samples_ms.push(ms(took) / f64::from(length.repetitions));
            if took.is_zero() || took > longest {
                let (count, expected) = (samples_ms.len(), ms(length.expected));
                return Err(Stop::Clock(format!(
                    "the clock jumped: sample {count} lasted {:.3} ms where {expected:.3} ms were expected",
                    ms(took)
                )));
            }
            if samples_ms.len() == look {
                if self.last >= enough
                    && Interval::of(self.protocol, seed, samples_ms).relative_width()
                        <= self.protocol.target_relative_width
                {
                    break;
                }
                look = (look as f64 * LOOK_GROWTH).ceil() as usize;
            }
        }
        Ok(())
    }

    /// Runs the pass some times and says how long that took.
    fn run(&mut self, repetitions: u32) -> Result<Duration, Stop<E>> {
        let begun = self.read()?;
        for _ in 0..repetitions {
            (self.pass)().map_err(Stop::Pass)?;
        }
        Ok(self.read()? - begun)
    }

    fn read(&mut self) -> Result<Duration, Stop<E>> {
        let now = self.clock.now();
        if now < self.last {
            return Err(Stop::Clock(format!(
                "the clock went back by {:.3} ms",
                ms(self.last - now)
            )));
        }
        self.last = now;
        Ok(now)
    }

    fn min_sample(&self) -> Duration {
        Duration::from_micros(self.protocol.min_sample_us)
    }
}

/// The median of some samples and its interval, in milliseconds.
struct Interval {
    median: f64,
    low: f64,
    high: f64,
}

// === impl Interval ===

impl Interval {
    fn of(protocol: &Protocol, seed: u64, samples_ms: &[f64]) -> Self {
        let (low, high) = bootstrap_median_interval(samples_ms, protocol.confidence, seed);
        Self {
            median: median(samples_ms),
            low,
            high,
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

/// The verdict on samples that a trusted clock gave.
fn judge(protocol: &Protocol, seed: u64, samples_ms: &[f64]) -> Verdict {
    if samples_ms.len() < protocol.min_samples as usize {
        return unstable(format!(
            "{} of the {} samples fitted into `budget_ms` = {}",
            samples_ms.len(),
            protocol.min_samples,
            protocol.budget_ms
        ));
    }
    if let Some(reason) = drift(protocol, seed, samples_ms) {
        return Verdict::Throttled { reason };
    }
    let interval = Interval::of(protocol, seed, samples_ms);
    if interval.relative_width() > protocol.max_relative_width {
        return unstable(format!(
            "the interval of the median is {:.1} % of it wide, {:.1} % are allowed; half of the {} samples lie between \
             {:.4} and {:.4} ms",
            100.0 * interval.relative_width(),
            100.0 * protocol.max_relative_width,
            samples_ms.len(),
            quantile(samples_ms, 0.25),
            quantile(samples_ms, 0.75)
        ));
    }
    Verdict::Valid {
        estimate: interval.estimate(),
    }
}

/// What was seen when the last third of the samples is slower than the first, by more than [`DRIFT`] and by more than
/// the intervals of both explain. A machine that grew faster is not looked for: it shows in the interval of the whole.
fn drift(protocol: &Protocol, seed: u64, samples_ms: &[f64]) -> Option<String> {
    let third = samples_ms.len() / 3;
    let first = Interval::of(protocol, seed, &samples_ms[..third]);
    let last = Interval::of(protocol, seed, &samples_ms[samples_ms.len() - third..]);
    let slower = last.median / first.median - 1.0;
    (slower > DRIFT && last.low > first.high).then(|| {
        format!(
            "the last third of the {} samples is {:.1} % slower than the first: {:.4} ms after {:.4} ms",
            samples_ms.len(),
            100.0 * slower,
            last.median,
            first.median
        )
    })
}

fn unstable(reason: impl Into<String>) -> Verdict {
    Verdict::Unstable {
        reason: reason.into(),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
