//! Supernets: the networks of a search space, trained together on shared weights.
//!
//! A [`Supernet`] trains networks that a [`Sampling`] draws from a space; any architecture is then a subnet, a model like
//! any other, with batch-norm statistics of its own. [`save`] and [`load`] keep one on disk.

mod error;
mod file;
mod sampling;
mod supernet;

pub use error::SupernetError;
pub use file::{load, save};
pub use sampling::{Sampler, Sampling};
pub use supernet::{Subnet, Supernet};
