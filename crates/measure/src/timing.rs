//! Timing one network: warm up, find how often to repeat, sample.

use std::time::Duration;

use crate::{Cache, Protocol, median};

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
/// Most samples of a turn, which bounds the memory.
const MAX_TURN_SAMPLES: usize = 10_000;
/// Fewest samples of a turn.
const LEAST_TURN_SAMPLES: usize = 2;
/// A sample so many times as long as expected, and longer than the whole budget, is a jump of the clock.
const JUMP: u32 = 100;

/// Tells the time since an origin of its own.
pub trait Clock {
    /// Time since the origin. Never less than at an earlier call, or the measurement is refused.
    fn now(&mut self) -> Duration;

    /// Time since the origin for which the measuring thread could have run and another had its core. It is no time of
    /// the network's and is taken off each sample. Zero where the system does not tell.
    fn waited(&mut self) -> Duration {
        Duration::ZERO
    }
}

/// What is timed.
pub trait Subject {
    /// Why a pass fails.
    type Error;

    /// One forward pass.
    ///
    /// # Errors
    /// When it fails.
    fn pass(&mut self) -> Result<(), Self::Error>;

    /// Writes more through the caches than they hold.
    fn displace_caches(&mut self);
}

/// Warms a network up and times it, turn by turn.
#[derive(Debug)]
pub struct Timer<'a, C, S> {
    protocol: &'a Protocol,
    clock: C,
    subject: S,
    /// The latest reading of the clock.
    last: Duration,
    sample: SampleLength,
    passes: u64,
}

/// What is known of a network that is ready to be timed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prepared {
    /// Milliseconds of the first pass.
    pub first_run_ms: f64,
    /// Passes in one sample.
    pub inner_repetitions: u32,
}

/// Why timing ended early.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop<E> {
    /// The pass failed.
    Pass(E),
    /// The clock cannot be trusted, and how that was seen.
    Clock(String),
}

/// How long a sample is.
#[derive(Debug, Clone, Copy)]
struct SampleLength {
    repetitions: u32,
    expected: Duration,
}

// === impl Timer ===

impl<'a, C: Clock, S: Subject> Timer<'a, C, S> {
    /// A timer that has not run the network yet. The protocol must pass [`Protocol::check`].
    pub fn new(protocol: &'a Protocol, mut clock: C, subject: S) -> Self {
        let last = clock.now();
        let sample = SampleLength {
            repetitions: 1,
            expected: Duration::ZERO,
        };
        Self {
            protocol,
            clock,
            subject,
            last,
            sample,
            passes: 0,
        }
    }

    /// How often the network has been run.
    pub fn passes(&self) -> u64 {
        self.passes
    }

    /// What was timed, when nothing more is to be.
    pub fn into_subject(self) -> S {
        self.subject
    }

    /// Times the first pass by itself, warms up until the passes have stopped getting faster, and finds out how many of
    /// them make a sample that is long enough for the clock.
    ///
    /// # Errors
    /// When a pass fails or the clock cannot be trusted.
    pub fn prepare(&mut self) -> Result<Prepared, Stop<S::Error>> {
        let first_run_ms = ms(self.run(1)?);
        self.warm_up()?;
        self.sample = match self.protocol.cache {
            Cache::Hot => self.sample_length()?,
            Cache::Cold => SampleLength {
                repetitions: 1,
                expected: self.run(1)?,
            },
        };
        Ok(Prepared {
            first_run_ms,
            inner_repetitions: self.sample.repetitions,
        })
    }

    /// Takes samples for so long, and a few in any case: milliseconds of one pass, in the order taken. A pass that is not
    /// timed goes before them, for others had the caches since the last turn.
    ///
    /// # Errors
    /// When a pass fails or the clock cannot be trusted.
    pub fn turn(&mut self, length: Duration) -> Result<Vec<f64>, Stop<S::Error>> {
        let end = self.read()? + length;
        if self.protocol.cache == Cache::Hot && self.sample.expected < length {
            self.run(1)?;
        }
        let mut samples_ms = Vec::new();
        while samples_ms.len() < LEAST_TURN_SAMPLES
            || (self.last < end && samples_ms.len() < MAX_TURN_SAMPLES)
        {
            if self.protocol.cache == Cache::Cold {
                self.subject.displace_caches();
            }
            samples_ms.push(self.sample()?);
        }
        Ok(samples_ms)
    }

    /// Milliseconds of one pass, the mean over those of one sample.
    fn sample(&mut self) -> Result<f64, Stop<S::Error>> {
        let SampleLength {
            repetitions,
            expected,
        } = self.sample;
        let waited = self.clock.waited();
        let took = self.run(repetitions)?;
        let waited = self.clock.waited().saturating_sub(waited);
        let longest = Duration::from_millis(self.protocol.budget_ms).max(expected * JUMP);
        if took.is_zero() || took > longest {
            return Err(Stop::Clock(format!(
                "the clock jumped: a sample lasted {:.3} ms where {:.3} ms were expected",
                ms(took),
                ms(expected)
            )));
        }
        // More than a sample cannot have been waited; a clock that says so is not believed.
        let own = took.checked_sub(waited).filter(|own| !own.is_zero());
        Ok(ms(own.unwrap_or(took)) / f64::from(repetitions))
    }

    /// Runs blocks of passes until one is no faster than the one before, or the time for it is over.
    fn warm_up(&mut self) -> Result<(), Stop<S::Error>> {
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
    fn warm_up_block(&mut self, deadline: Duration) -> Result<Option<f64>, Stop<S::Error>> {
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
    fn sample_length(&mut self) -> Result<SampleLength, Stop<S::Error>> {
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

    /// Runs the pass some times and says how long that took.
    fn run(&mut self, repetitions: u32) -> Result<Duration, Stop<S::Error>> {
        let begun = self.read()?;
        for _ in 0..repetitions {
            self.subject.pass().map_err(Stop::Pass)?;
        }
        self.passes += u64::from(repetitions);
        Ok(self.read()? - begun)
    }

    fn read(&mut self) -> Result<Duration, Stop<S::Error>> {
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

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
