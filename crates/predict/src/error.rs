//! What can go wrong when networks are priced.

/// Why a predictor cannot be fitted, adapted or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// Not enough to learn from.
    #[error("{what}: {needed} needed, got {got}")]
    TooFew {
        /// What there are too few of, such as `samples of the new device`.
        what: &'static str,
        /// How many the method needs.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// A latency that cannot be one.
    #[error("a latency must be a positive number of milliseconds, got {ms}")]
    Latency {
        /// What was given.
        ms: f64,
    },
    /// A network whose operators do not say enough: the method has to know the choices that it was made by.
    #[error(
        "a network that is no architecture of the space {space} was handed in, and the method prices these alone"
    )]
    NotOfSpace {
        /// Name of the space.
        space: String,
    },
    /// The method has something of its own against its input.
    #[error("{method}: {reason}")]
    Method {
        /// Its name.
        method: &'static str,
        /// What is wrong, as a sentence.
        reason: String,
    },
    /// A network that does not lower.
    #[error(transparent)]
    Space(#[from] bespoke_space::SpaceError),
}
