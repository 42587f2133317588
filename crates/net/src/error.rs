//! What can go wrong with a network and with its training.

use bespoke_graph::GraphError;
use bespoke_recipe::{RecipeError, TrainingDevice};

/// Why a model cannot be run, or not on what it was given.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The model's weights do not belong to its graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An input has the wrong number of elements.
    #[error("{batch} samples of {shape} have {expected} elements, got {got}")]
    InputLength {
        /// Samples in the batch.
        batch: usize,
        /// Shape of one sample.
        shape: String,
        /// Elements that many samples have.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// The images do not have the shape of the network's input.
    #[error("the network takes input of {network}, the images are {images}")]
    ImageShape {
        /// Shape of the network's input.
        network: String,
        /// Shape of the images.
        images: String,
    },
    /// The network does not yield one number for each class.
    #[error("the network yields {network}, the images have {classes} classes")]
    Classes {
        /// Shape of the network's output.
        network: String,
        /// Classes of the images.
        classes: usize,
    },
    /// A device that cannot be trained on.
    #[error("`{device}` is not here: {reason}")]
    Device {
        /// The device.
        device: TrainingDevice,
        /// What is missing and what would bring it.
        reason: String,
    },
    /// A pass takes more memory than is free.
    #[error(
        "a pass over {batch_size} images keeps at least {:.1} GiB, and {:.1} GiB of memory are free: take a smaller `batch_size`",
        gib(.needed), gib(.free)
    )]
    Memory {
        /// Images in a batch.
        batch_size: usize,
        /// Bytes that are kept at least.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A number of threads that cannot be had.
    #[error("cannot start {count} threads: {reason}")]
    Threads {
        /// How many were asked for.
        count: usize,
        /// Why not.
        reason: String,
    },
}

/// Why a network cannot be trained, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The network cannot be run, or not on these images.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A setting is out of its range.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The network yields probabilities, and training needs the logits before them.
    #[error("node `{node}` is a softmax: training takes the network that ends in logits")]
    Probabilities {
        /// Name of the last node.
        node: String,
    },
    /// There are fewer images than one batch takes.
    #[error("a batch takes {batch_size} images, there are {images}")]
    BatchTooLarge {
        /// Images in a batch.
        batch_size: usize,
        /// Images there are.
        images: usize,
    },
    /// The loss is no longer a number.
    #[error(
        "the loss became {loss} at step {step}, with a learning rate of {learning_rate:.6}: take a smaller `learning_rate`"
    )]
    Diverged {
        /// Steps made before, over all epochs.
        step: u64,
        /// Learning rate of that step.
        learning_rate: f64,
        /// The loss: not a number, or infinite.
        loss: f32,
    },
    /// Networks that shall share weights cannot share one.
    #[error("the choices at `{parameter}` cannot share weights: it {reason}")]
    CannotShare {
        /// The parameter, named after its place in the template.
        parameter: String,
        /// What differs.
        reason: String,
    },
    /// All epochs of the schedule are behind.
    #[error("all {epochs} epochs are trained")]
    Finished {
        /// Epochs of the schedule.
        epochs: u32,
    },
}

fn gib(bytes: &u64) -> f64 {
    *bytes as f64 / f64::from(1 << 30)
}

impl From<GraphError> for TrainError {
    fn from(error: GraphError) -> Self {
        Self::Network(error.into())
    }
}
