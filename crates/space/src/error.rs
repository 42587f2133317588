//! What can be wrong with a search space's file, with an architecture's text or with what is asked of a chain.

use crate::Architecture;

/// A fault of a search space: where it stands in the file, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// The file is not TOML.
    #[error("{file}:{line}: not valid TOML: {reason}")]
    Syntax {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: u32,
        /// What the TOML reader says.
        reason: String,
    },
    /// The file is TOML, but not a search space; or an architecture of it does not form a network.
    #[error("{file}:{line}: `{key}`: {reason}")]
    Template {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: u32,
        /// The key at fault.
        key: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
}

/// A text that is not an architecture of the space.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an architecture of {space}: {reason}")]
pub struct ArchitectureError {
    /// Name of the space.
    pub space: String,
    /// The text.
    pub text: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

/// Why a chain of layers cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// An architecture does not form a network.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// Layers have to remember too much of what earlier ones read.
    #[error("the chain of {space} has more than {most} transitions up to the layer `{layer}`")]
    TooLarge {
        /// Name of the space.
        space: String,
        /// The layer at which the limit was met.
        layer: String,
        /// The limit.
        most: usize,
    },
    /// A decision is left with nothing to choose from.
    #[error("no option of `{decision}` is allowed")]
    NoOption {
        /// Path of the decision.
        decision: String,
    },
}

/// Why there is nothing to draw from within a bound.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WithinError {
    /// Every architecture costs more.
    #[error("no architecture costs {bound} or less: the least is {least}")]
    Impossible {
        /// The bound.
        bound: f64,
        /// The least cost of all.
        least: f64,
        /// An architecture that costs so much.
        architecture: Architecture,
    },
    /// A cost that does not add up with others.
    #[error("a cost in `{layer}` is {cost}: expected a finite number from 0")]
    Cost {
        /// The layer.
        layer: String,
        /// The cost.
        cost: f64,
    },
    /// A bound that sums cannot be compared with.
    #[error("the bound is {bound}: expected a finite number")]
    Bound {
        /// The bound.
        bound: f64,
    },
    /// More architectures than a float can count.
    #[error("there are more than 1e308 architectures, too many to count")]
    TooMany,
}

/// A fault before the name of the file is put in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub line: u32,
    pub key: String,
    pub reason: String,
}

// === impl Fault ===

impl Fault {
    pub fn new(line: u32, key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            line,
            key: key.into(),
            reason: reason.into(),
        }
    }

    pub fn in_file(self, file: &str) -> SpaceError {
        SpaceError::Template {
            file: file.to_owned(),
            line: self.line,
            key: self.key,
            reason: self.reason,
        }
    }
}
