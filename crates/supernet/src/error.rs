//! What can go wrong with a supernet.

use std::path::PathBuf;

use bespoke_graph::GraphError;
use bespoke_net::{NetworkError, TrainError};
use bespoke_space::{ArchitectureError, SpaceError};

/// Why a supernet cannot be made, trained or used.
#[derive(Debug, thiserror::Error)]
pub enum SupernetError {
    /// An architecture is no network.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A text is no architecture of the space.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// Weights cannot be shared or trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A subnet cannot be run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Weights do not belong to a subnet.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// What a sampler shall go on from was not told by one of the same space and sampling.
    #[error("the state of the sampling is that of another space or sampling")]
    OtherSampling,
    /// A setting is out of its range.
    #[error("`{key}` {reason}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A state cannot be written or read.
    #[error("{} {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
