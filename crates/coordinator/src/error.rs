//! What can go wrong in a coordinator, and what a client is told of it.

use std::path::PathBuf;

use bespoke_accuracy::EvaluationError;
use bespoke_device::{TargetFingerprint, TargetSpec};
use bespoke_graph::{GraphError, OnnxError};
use bespoke_predict::{PredictError, lookup::KeyError};
use bespoke_proto::ConvertError;
use bespoke_space::{ArchitectureError, ExpandError, SpaceError};
use bespoke_store::StoreError;
use bespoke_study::{NameError, SpaceId, SpecError, StudyName, TransitionError, TrialId};
use bespoke_supernet::SupernetError;
use tonic::{Code, Status};

use crate::{
    fleet::{FleetError, JobError},
    proposer::ProposeError,
};

/// Why the coordinator cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// A message is not what its service promises.
    #[error(transparent)]
    Message(#[from] ConvertError),
    /// A text that is no study's name.
    #[error("`name`: {0}")]
    Name(#[from] NameError),
    /// A study needs the energy of networks on a target that does not report it.
    #[error(
        "{target} reports no energy, which the study minimises or bounds: its agent needs a machine with an energy \
         counter that it may read, or the study file no `energy` and no `max_energy_mj` there"
    )]
    NoEnergy {
        /// The target.
        target: TargetSpec,
    },
    /// A fault of the study file.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A fault of the space file.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A study names a space that is not shipped, and brings no file.
    #[error(
        "{file}: `space`: no space `{name}` is shipped with bespoke; there are {known}, or give the path of a file"
    )]
    UnknownSpace {
        /// The study file.
        file: String,
        /// The name.
        name: String,
        /// The names of those that are.
        known: String,
    },
    /// What the candidates shall learn cannot be opened.
    #[error("{file}: {reason}")]
    Lesson {
        /// The study file.
        file: String,
        /// The table of the file, and why.
        reason: String,
    },
    /// What comes before the first trial's evaluation failed; the study can be taken up again.
    #[error("before the first trial: {0}")]
    Evaluation(EvaluationError),
    /// A differentiable search failed; it can be taken up again after its last whole epoch.
    #[error("while the distribution was learned: {0}")]
    Learning(#[from] SupernetError),
    /// A block of the space has no latency on a target, so that no network with it has a price.
    #[error("the block `{key}` has no latency on {target}: {reason}")]
    Unpriced {
        /// Its key, as a look-up table has it.
        key: String,
        /// The target.
        target: TargetSpec,
        /// What the measurement said.
        reason: String,
    },
    /// The blocks of a space cannot be listed.
    #[error(transparent)]
    Blocks(#[from] ExpandError),
    /// A block has no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The networks of the space do not suit the data.
    #[error("{file}: `space`: {reason}")]
    Mismatch {
        /// The study file.
        file: String,
        /// What the networks want and what the images are.
        reason: String,
    },
    /// A target names a runtime that nobody knows.
    #[error("{file}: [[targets]]: `runtime`: there is no runtime `{runtime}`; there are {known}")]
    UnknownRuntime {
        /// The study file.
        file: String,
        /// The name.
        runtime: String,
        /// The names that are known.
        known: String,
    },
    /// A study of that name exists with other settings.
    #[error(
        "a study `{name}` exists with other settings: give this one another name, or hand in the files that it was \
         started with (only `trials` and `minutes` of the budget may differ); `bespoke search --fresh` forgets it first"
    )]
    OtherSettings {
        /// The name.
        name: StudyName,
    },
    /// A cancelled study was handed in again.
    #[error("the study `{name}` was cancelled for good: give this one another name")]
    WasCancelled {
        /// The name.
        name: StudyName,
    },
    /// There is no such study.
    #[error("there is no study `{name}`")]
    UnknownStudy {
        /// The name.
        name: StudyName,
    },
    /// A study cannot start from an earlier one.
    #[error("{file}: `warm_start`: the study `{name}` {reason}")]
    WarmStart {
        /// The study file.
        file: String,
        /// The earlier study.
        name: StudyName,
        /// Why not.
        reason: String,
    },
    /// What a study knew before its first trial is wanted and is not here.
    #[error(
        "`{name}` began with predictors or earlier studies, or learns a distribution, which only its coordinator keeps: \
         replay it on the coordinator's machine, with its --data-dir and without --coordinator"
    )]
    NotAtHand {
        /// The study.
        name: StudyName,
    },
    /// A trial's network was asked for that is not kept.
    #[error("trial {trial} of `{name}` has no network: only those of the front are kept")]
    NotOnFront {
        /// The study.
        name: StudyName,
        /// The trial.
        trial: TrialId,
    },
    /// Bytes that are no network.
    #[error("`onnx`: {0}")]
    Onnx(#[from] OnnxError),
    /// A network that cannot be measured.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A price is wanted that needs a predictor.
    #[error(
        "the target {target} has no predictor: `bespoke predictor adapt --coordinator URL --space SPACE --target \
         TARGET` makes one; networks that were measured there need none"
    )]
    NoPredictor {
        /// The target.
        target: TargetFingerprint,
    },
    /// A target has predictors of other spaces only.
    #[error(
        "the predictor of target {target} is of the space {known}, not of {asked}: have one adapted for that space"
    )]
    OtherSpace {
        /// The target.
        target: TargetFingerprint,
        /// The space of its latest predictor.
        known: SpaceId,
        /// The space that was asked for.
        asked: SpaceId,
    },
    /// A space was named that is not shipped.
    #[error(
        "`space`: no space `{name}` is shipped with the coordinator; there are {known}, or hand in a file"
    )]
    NotShipped {
        /// The name.
        name: String,
        /// The names of those that are.
        known: String,
    },
    /// Too little could be measured to learn a target.
    #[error(
        "only {got} of {wanted} networks could be measured on {target}; the last said: {reason}"
    )]
    NotLearned {
        /// The target.
        target: TargetSpec,
        /// How many were measured.
        got: usize,
        /// How many should have been.
        wanted: usize,
        /// Why the last was not.
        reason: String,
    },
    /// A predictor cannot be fitted.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// A stored predictor was learned from what its space does not hold.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// No agent offers a target.
    #[error("no agent offers {target}: start one on the device with `bespoke agent`")]
    NoAgent {
        /// The target.
        target: TargetSpec,
    },
    /// An agent is refused.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A job was given up.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The journal or the space does not allow to go on.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// A trial was asked to take a step that it cannot take.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read, written or removed.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The coordinator is about to end.
    #[error("the coordinator is shutting down")]
    Closing,
    /// The server cannot listen or a thread died.
    #[error("{0}")]
    Broken(String),
}

impl CoordinatorError {
    fn code(&self) -> Code {
        match self {
            Self::Message(_)
            | Self::Name(_)
            | Self::Spec(_)
            | Self::Space(_)
            | Self::UnknownSpace { .. }
            | Self::NotShipped { .. }
            | Self::Lesson { .. }
            | Self::Mismatch { .. }
            | Self::Blocks(_)
            | Self::Key(_)
            | Self::UnknownRuntime { .. }
            | Self::Onnx(_)
            | Self::Graph(_) => Code::InvalidArgument,
            Self::OtherSettings { .. } => Code::AlreadyExists,
            Self::UnknownStudy { .. }
            | Self::NotOnFront { .. }
            | Self::NoPredictor { .. }
            | Self::Fleet(FleetError::UnknownAgent { .. }) => Code::NotFound,
            Self::WasCancelled { .. }
            | Self::OtherSpace { .. }
            | Self::NotAtHand { .. }
            | Self::WarmStart { .. }
            | Self::NoEnergy { .. }
            | Self::Store(StoreError::PredictorFormat { .. })
            | Self::Fleet(FleetError::Version { .. } | FleetError::LeaseEnded { .. }) => {
                Code::FailedPrecondition
            }
            Self::NoAgent { .. }
            | Self::NotLearned { .. }
            | Self::Unpriced { .. }
            | Self::Job(JobError::Lost { .. })
            | Self::Closing => Code::Unavailable,
            Self::Job(JobError::NotStored { .. })
            | Self::Propose(_)
            | Self::Transition(_)
            | Self::Predict(_)
            | Self::Architecture(_)
            | Self::Store(_)
            | Self::File { .. }
            | Self::Evaluation(_)
            | Self::Learning(_)
            | Self::Broken(_) => Code::Internal,
        }
    }
}

impl From<CoordinatorError> for Status {
    fn from(error: CoordinatorError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
