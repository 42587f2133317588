//! libtorch: the library behind PyTorch, on the CPU or on an NVIDIA GPU; in programs that were built with it.
//!
//! The program is linked to the part for the CPU and opens `libtorch_cuda.so` at run time, so that the same program serves
//! machines with and without a GPU.

#[cfg(feature = "libtorch")]
mod engine;
#[cfg(feature = "libtorch")]
mod layer;
#[cfg(feature = "libtorch")]
mod plan;

use crate::{Runtime, RuntimeError};

/// Name of the runtime on the CPU.
pub(crate) const CPU: &str = "libtorch";
/// Name of the runtime on a GPU.
pub(crate) const CUDA: &str = "libtorch-cuda";

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processor {
    Cpu,
    /// The first GPU. Input and output are in the machine's memory: a pass copies them there and back, and ends when the
    /// output is there.
    Cuda,
}

/// The runtime, where this program was built with it and the machine has what it needs.
pub(crate) fn open(processor: Processor) -> Result<Box<dyn Runtime>, RuntimeError> {
    engine(processor).map_err(|reason| RuntimeError::Missing {
        runtime: processor.name(),
        reason,
    })
}

#[cfg(feature = "libtorch")]
fn engine(processor: Processor) -> Result<Box<dyn Runtime>, String> {
    Ok(Box::new(engine::Libtorch::open(processor)?))
}

#[cfg(not(feature = "libtorch"))]
fn engine(_: Processor) -> Result<Box<dyn Runtime>, String> {
    Err(
        "this program was built without it: building with `--features libtorch` brings it"
            .to_owned(),
    )
}

// === impl Processor ===

impl Processor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => CPU,
            Self::Cuda => CUDA,
        }
    }
}
