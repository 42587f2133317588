//! Methods to compare with. None learns anything from other devices, and each measures networks that it draws.
//!
//! Their intervals come from what the samples say of themselves. A sample is priced by what is learned from the others;
//! measured less priced is its residual, in milliseconds or, of methods that scale, in logarithms. With `r` the root mean
//! square of the residuals and `t` the 95 % quantile of Student's distribution with one degree of freedom less than there
//! are samples, the interval reaches `t · r` to either side of the price. It holds 90 % of the measurements if residuals
//! are normal and as large everywhere, and if samples are drawn as the networks are that will be priced.

mod analytical;
mod flops;
mod lookup;
mod regression;
mod scaled;
mod spread;

use rand::seq::index;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

pub use flops::Flops;
pub use lookup::Lookup;
pub use regression::Regression;

/// Draws as many different places of a pool as asked, or all where it is smaller.
fn draw(pool: usize, samples: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    index::sample(&mut rng, pool, samples.min(pool)).into_vec()
}

#[cfg(test)]
mod tests;
