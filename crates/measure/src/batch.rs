//! Measuring several networks side by side: whose turn it is, who is done, and what the latency is.
//!
//! On a machine that is not left alone the times of a network move with the hour: another process has the core or its
//! hyper-thread, the hypervisor lends the processor to somebody else, the clock frequency falls. So networks take short
//! turns, in rounds of random order, and two *reference* networks have a turn between any two of theirs: one mostly
//! computes, the other mostly reads its weights from memory.
//!
//! - What a turn says is its fastest tenth (the 10 % quantile of its samples): what disturbs a pass only ever makes it
//!   slower, so that the fast end of the samples is that of the machine left alone long before their middle is.
//! - A reference's *quiet* latency is the fastest tenth of what its turns say, or what it was earlier on this machine,
//!   whichever is less. Its slowdown beside a turn is what it took before and after by that.
//! - A turn's *slowdown* is that of the computing reference, times 1 + share · excess: the excess is by how much the other
//!   one was slower still, as a fraction, and the share how much of it the network feels, learned from its turns.
//! - A turn counts when the computing reference was not slowed by more than [`Protocol::max_slowdown`] on either side, nor
//!   the network by its memory.
//! - The latency is the median of the turns that count, each divided by its slowdown; its interval is wider by what is not
//!   known of the share.
//!
//! Measuring against a fixed small program in between is old practice of timing under changing load; the lower quantile
//! is what Chen and Revels, "Robust benchmarking in noisy environments" (2016), argue for.

mod memory_share;
mod reference;
mod verdict;

use std::time::Duration;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::reference::Reference;
use crate::{Correction, Protocol, Sustained, Turn, Verdict};

pub use reference::ReferenceMs;

/// What a turn says: this quantile of its samples.
const FASTEST: f64 = 0.1;
/// Growth of the number of turns between two looks at the interval. Looking seldom keeps its confidence honest: each
/// look is a chance to stop at an interval that is narrow by luck.
const LOOK_GROWTH: f64 = 1.25;
/// How often a network is measured, the first time included, while the verdict may be the hour's.
const MAX_TRIES: u32 = 3;
/// Most rests before a network that was throttled is tried again.
const MAX_RESTS: u32 = 30;
/// The machine is itself again when the reference is this much slower than when quiet.
const RECOVERED: f64 = 0.02;

/// Networks that are measured side by side on one target. Pure: it says what comes next and is told what came.
#[derive(Debug)]
pub struct Batch {
    rng: ChaCha8Rng,
    seats: Vec<Seat>,
    reference: Option<Reference>,
    /// Seats that have still to have their turn in this round, the next one last.
    round: Vec<usize>,
    rests: u32,
    ended: Vec<Ended>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A turn of the references.
    Reference,
    /// A turn of the network of this number.
    Turn(usize),
    /// A pause of a second, for the machine to cool down; then a turn of the reference.
    Rest,
    /// Nothing: all networks have ended.
    Done,
}

/// What the machine's sensors said after a turn, where they can be read.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sensed {
    /// Clock frequency of the measuring core.
    pub megahertz: Option<f64>,
    /// Temperature in degrees Celsius.
    pub celsius: Option<f64>,
}

/// A network whose measurement is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Its number.
    pub network: usize,
    /// How it ended.
    pub verdict: Verdict,
    /// Every sample of the last try, in the order taken.
    pub samples_ms: Vec<f64>,
    /// The turns in which they were taken.
    pub turns: Vec<Turn>,
    /// What the estimate was divided by.
    pub correction: Option<Correction>,
    /// The first and the last minute, where the protocol asks for them.
    pub sustained: Option<Sustained>,
    /// How often it was measured.
    pub tries: u32,
}

/// A network in the batch.
#[derive(Debug)]
struct Seat {
    protocol: Protocol,
    seed: u64,
    open: bool,
    tries: u32,
    turns: Vec<Taken>,
    /// Turns after which the interval is looked at.
    look: usize,
    spent: Duration,
    /// Waits for the reference's next turn, which tells what its latest turn is worth.
    to_weigh: bool,
}

/// A turn that was taken.
#[derive(Debug)]
struct Taken {
    samples_ms: Vec<f64>,
    /// When it ended.
    at: Duration,
    sensed: Sensed,
    /// What the references took before and after.
    before_ms: Option<ReferenceMs>,
    after_ms: Option<ReferenceMs>,
}

// === impl Batch ===

impl Batch {
    /// A batch without networks. The seed is that of their order.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            seats: Vec::new(),
            reference: None,
            round: Vec::new(),
            rests: 0,
            ended: Vec::new(),
        }
    }

    /// Has references from now on, whose quiet latencies may be known from an earlier batch.
    pub fn with_reference(&mut self, quiet_ms: Option<ReferenceMs>) {
        self.reference = Some(Reference::new(quiet_ms));
    }

    /// Goes on without references: the process of the one that computes died.
    pub fn without_reference(&mut self) {
        self.reference = None;
        for number in 0..self.seats.len() {
            self.weigh(number);
        }
    }

    /// Adds a network that is ready to be timed; the answer is its number. The seed is that of its interval's
    /// resampling, the protocol must pass [`Protocol::check`].
    pub fn join(&mut self, protocol: Protocol, seed: u64) -> usize {
        self.seats.push(Seat {
            look: protocol.min_turns as usize,
            protocol,
            seed,
            open: true,
            tries: 1,
            turns: Vec::new(),
            spent: Duration::ZERO,
            to_weigh: false,
        });
        self.seats.len() - 1
    }

    /// A network's process died, or its clock could not be trusted: it has no more turns.
    pub fn leave(&mut self, network: usize, verdict: Verdict) {
        self.seats[network].to_weigh = false;
        self.end(network, verdict);
    }

    /// How many networks have not ended.
    pub fn open(&self) -> usize {
        self.seats.iter().filter(|seat| seat.open).count()
    }

    /// What comes next.
    pub fn step(&mut self) -> Step {
        if self
            .reference
            .as_ref()
            .is_some_and(|reference| !reference.fresh)
        {
            return match self.open() + self.waiting() {
                0 => Step::Done,
                _ => Step::Reference,
            };
        }
        if self.rests > 0 {
            return Step::Rest;
        }
        while let Some(number) = self.round.pop() {
            if self.seats[number].open {
                return Step::Turn(number);
            }
        }
        let open = |number: &usize| self.seats[*number].open;
        self.round = (0..self.seats.len()).filter(open).collect();
        self.round.shuffle(&mut self.rng);
        self.round.pop().map_or(Step::Done, Step::Turn)
    }

    /// The references had their turn: samples of the one that computes, and of the one that reads memory if there is one.
    pub fn reference_took(&mut self, compute_ms: &[f64], memory_ms: Option<&[f64]>) {
        let Some(reference) = &mut self.reference else {
            return;
        };
        let took = reference.took(compute_ms, memory_ms);
        let quiet = reference.quiet_ms().map_or(f64::NAN, |quiet| quiet.compute);
        if self.rests > 0 && took.compute <= quiet * (1.0 + RECOVERED) {
            self.rests = 0;
        }
        for number in 0..self.seats.len() {
            if self.seats[number].to_weigh {
                let last = self.seats[number].turns.last_mut();
                last.expect("it had a turn").after_ms = Some(took);
                self.weigh(number);
            }
        }
    }

    /// A network had its turn: so long altogether, until then, with these samples.
    pub fn took(
        &mut self,
        network: usize,
        samples_ms: Vec<f64>,
        length: Duration,
        at: Duration,
        sensed: Sensed,
    ) {
        let before_ms = self.reference.as_mut().and_then(|reference| {
            reference.fresh = false;
            reference.last_ms
        });
        let seat = &mut self.seats[network];
        seat.spent += length;
        seat.turns.push(Taken {
            samples_ms,
            at,
            sensed,
            before_ms,
            after_ms: None,
        });
        seat.to_weigh = true;
        if self.reference.is_none() {
            self.weigh(network);
        }
    }

    /// The machine had a second's rest.
    pub fn rested(&mut self) {
        self.rests -= 1;
        if let Some(reference) = &mut self.reference {
            reference.fresh = false;
        }
    }

    /// Networks that have ended since the last call.
    pub fn ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// The references' latencies on the machine left alone, as far as they are known.
    pub fn quiet_ms(&self) -> Option<ReferenceMs> {
        self.reference.as_ref()?.quiet_ms()
    }

    fn waiting(&self) -> usize {
        self.seats.iter().filter(|seat| seat.to_weigh).count()
    }

    /// Looks whether a network has had turns enough.
    fn weigh(&mut self, network: usize) {
        let quiet = self.quiet_ms();
        let seat = &mut self.seats[network];
        if !std::mem::take(&mut seat.to_weigh) {
            return;
        }
        let Some(verdict) = seat.over(quiet) else {
            return;
        };
        let may_pass = matches!(
            verdict,
            Verdict::Unstable { .. } | Verdict::Throttled { .. }
        );
        if may_pass && seat.tries < MAX_TRIES && seat.protocol.sustained_minutes == 0 {
            if matches!(verdict, Verdict::Throttled { .. }) {
                self.rests = MAX_RESTS;
            }
            seat.again();
        } else {
            self.end(network, verdict);
        }
    }

    fn end(&mut self, network: usize, verdict: Verdict) {
        let quiet = self.quiet_ms();
        let seat = &mut self.seats[network];
        seat.open = false;
        let share = seat.memory_share(quiet).share;
        let (correction, sustained) = (seat.correction(quiet, share), seat.sustained());
        let turns = std::mem::take(&mut seat.turns);
        self.ended.push(Ended {
            network,
            verdict,
            turns: turns
                .iter()
                .map(|turn| Turn {
                    samples: u32::try_from(turn.samples_ms.len()).unwrap_or(u32::MAX),
                    slowdown: turn.slowdown(quiet, share),
                })
                .collect(),
            samples_ms: turns.into_iter().flat_map(|turn| turn.samples_ms).collect(),
            correction,
            sustained,
            tries: seat.tries,
        });
    }
}

#[cfg(test)]
mod tests;
