//! How much of a network's time the memory decides.

use crate::median;

/// The part of a network's quiet latency that grows as the reference that reads memory does: with a share of 0.2, the
/// network is slower by 2 % while that reference is slower by 10 %.
///
/// Neighbours on the same memory and last-level cache slow a network with large weights by a fifth and leave a small one
/// as it was, so the share is the network's own. It is learned from its turns: a linear regression with a normal prior,
/// which decides while the memory is equally busy all the time (and then matters little, unless it is very busy).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MemoryShare {
    /// From 0 to 1.
    pub(super) share: f64,
    /// Standard deviation of what is known of it.
    pub(super) deviation: f64,
}

/// A turn as the references saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    /// What the turn said, in milliseconds.
    pub(super) reading_ms: f64,
    /// Slowdown of the reference that computes.
    pub(super) compute: f64,
    /// By how much the reference that reads memory was slower still, as a fraction.
    pub(super) memory: f64,
}

/// Of the prior.
const MEAN: f64 = 0.2;
const DEVIATION: f64 = 0.2;
/// Least noise of a turn, as a fraction.
const LEAST_NOISE: f64 = 0.005;
/// Turns further from the line than this many deviations of the noise do not tell.
const OUTLYING: f64 = 3.0;
/// The level, the noise and the share depend on one another: they are found in turns.
const ROUNDS: usize = 6;
/// Standard deviation of normally distributed values by their median absolute deviation.
const DEVIATION_BY_MEDIAN: f64 = 1.4826;

// === impl Beside ===

impl Beside {
    /// How much slower the machine was, for a network that memory decides about to this share.
    pub(super) fn slowdown(&self, share: f64) -> f64 {
        self.compute * (1.0 + share * self.memory)
    }

    /// Milliseconds, but for what the memory did.
    fn ms(&self) -> f64 {
        self.reading_ms / self.compute
    }
}

// === impl MemoryShare ===

impl MemoryShare {
    /// Nothing is corrected by it.
    pub(super) const NONE: Self = Self {
        share: 0.0,
        deviation: 0.0,
    };

    pub(super) fn of(turns: &[Beside]) -> Self {
        let mut known = Self {
            share: MEAN,
            deviation: DEVIATION,
        };
        for _ in 0..ROUNDS {
            if turns.is_empty() {
                break;
            }
            known = known.refined(turns);
        }
        known
    }

    fn refined(self, turns: &[Beside]) -> Self {
        let level_ms = middle(turns, |turn| turn.ms() / (1.0 + self.share * turn.memory));
        let left = |turn: &Beside| turn.ms() / level_ms - 1.0 - self.share * turn.memory;
        let spread = middle(turns, |turn| left(turn).abs());
        let noise = (DEVIATION_BY_MEDIAN * spread).max(LEAST_NOISE);
        let near: Vec<&Beside> = turns
            .iter()
            .filter(|turn| left(turn).abs() <= OUTLYING * noise)
            .collect();
        let count = near.len().max(1) as f64;
        let mean =
            |of: &dyn Fn(&Beside) -> f64| near.iter().map(|turn| of(turn)).sum::<f64>() / count;
        let (memory, slower) = (
            mean(&|turn| turn.memory),
            mean(&|turn| turn.ms() / level_ms),
        );
        let (mut square, mut product) = (0.0, 0.0);
        for turn in near {
            square += (turn.memory - memory).powi(2);
            product += (turn.memory - memory) * (turn.ms() / level_ms - slower);
        }
        let (data, prior) = (noise.powi(-2), DEVIATION.powi(-2));
        let precision = square * data + prior;
        Self {
            share: ((product * data + MEAN * prior) / precision).clamp(0.0, 1.0),
            deviation: precision.sqrt().recip(),
        }
    }
}

fn middle(turns: &[Beside], of: impl Fn(&Beside) -> f64) -> f64 {
    median(&turns.iter().map(of).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Turns of a network of 4 ms with 1 % of noise.
    fn turns(share: f64, memory: impl Fn(f64) -> f64) -> Vec<Beside> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut turn = |at: usize| {
            let memory = memory(at as f64);
            let noise = 0.99 + 0.02 * rng.random::<f64>();
            Beside {
                reading_ms: 4.0 * (1.0 + share * memory) * noise,
                compute: 1.0,
                memory,
            }
        };
        (0..16).map(&mut turn).collect()
    }

    #[test]
    fn a_share_is_learned_where_the_memory_is_busy_now_and_then() {
        for share in [0.0, 0.25, 0.5] {
            let found = MemoryShare::of(&turns(share, |at| 0.15 + 0.15 * at.sin()));
            assert!((found.share - share).abs() < 0.05, "{found:?}");
            assert!(found.deviation < 0.05, "{found:?}");
        }
    }

    #[test]
    fn a_memory_that_is_equally_busy_all_the_time_tells_nothing() {
        let found = MemoryShare::of(&turns(0.5, |_| 0.1));
        assert!((found.share - MEAN).abs() < 1e-9, "{found:?}");
        assert!((found.deviation - DEVIATION).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn turns_far_off_do_not_tell() {
        let mut turns = turns(0.25, |at| 0.15 + 0.15 * at.sin());
        let alone = MemoryShare::of(&turns);
        turns[3].reading_ms *= 3.0;
        let found = MemoryShare::of(&turns);
        assert!(
            (found.share - alone.share).abs() < 0.05,
            "{found:?} {alone:?}"
        );
    }
}
