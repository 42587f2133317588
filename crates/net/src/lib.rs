//! A graph as trainable tensors: forward passes, training and weights, on Burn's CPU backend or, in programs that were
//! built with the feature `libtorch`, on libtorch.
//!
//! Only this crate and `help` know Burn. [`Trainer`] trains the live part of a graph from fresh, seeded weights,
//! [`evaluate`] gives a model's accuracy on [`Images`], and [`Network`] runs a model's forward pass. All of them
//! compute what the ONNX file of the same model computes. [`SharedWeights`] are trained by many networks in turn.

mod augment;
mod batches;
mod body;
mod error;
mod images;
mod kernels;
mod layer;
#[cfg(feature = "libtorch")]
pub mod libtorch;
mod memory;
mod network;
mod place;
mod score;
mod shared;
mod threads;
mod train;
mod value;

pub use batches::{Batch, Batches};
pub use error::{NetworkError, TrainError};
pub use images::{Images, ImagesError};
pub use memory::{check_memory, pass_bytes};
pub use network::{Evaluation, Network, check_images, evaluate};
pub use place::check_device;
pub use score::{ScoreError, score};
pub use shared::{Mixed, Mixture, SharedParameter, SharedState, SharedWeights};
pub use threads::Threads;
pub use train::{EpochReport, Trainer};
