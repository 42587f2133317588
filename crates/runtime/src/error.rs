//! What can go wrong with a runtime.

/// Why a network cannot be run; each carries what was seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// There is no runtime of that name.
    #[error("no runtime is named `{name}`; there are {}", .known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: &'static [&'static str],
    },
    /// What the runtime needs is not on this machine, or not in this build.
    #[error("{runtime} is not here: {reason}")]
    Missing {
        /// The runtime.
        runtime: &'static str,
        /// What is missing and what would bring it.
        reason: String,
    },
    /// The bytes are not a network that the runtime can read.
    #[error("{runtime} cannot read the network: {reason}")]
    Load {
        /// The runtime.
        runtime: &'static str,
        /// What it said.
        reason: String,
    },
    /// The runtime refused the network, or the way it shall be run.
    #[error("{runtime} does not compile the network: {reason}")]
    DoesNotCompile {
        /// The runtime.
        runtime: &'static str,
        /// What it said.
        reason: String,
    },
    /// The weights and values of a batch are more than the memory there may be.
    #[error(
        "{runtime}: a batch of {batch} needs at least {needed_bytes} bytes, {limit_bytes} are allowed"
    )]
    Memory {
        /// The runtime.
        runtime: &'static str,
        /// Samples of one pass.
        batch: u32,
        /// The least that is needed.
        needed_bytes: u64,
        /// The most there may be.
        limit_bytes: u64,
    },
    /// An input has the wrong number of elements.
    #[error("{runtime}: the input of a batch has {expected} elements, got {got}")]
    Input {
        /// The runtime.
        runtime: &'static str,
        /// Elements of the whole batch.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// A pass failed.
    #[error("{runtime} failed to run the network: {reason}")]
    Run {
        /// The runtime.
        runtime: &'static str,
        /// What it said.
        reason: String,
    },
}
