//! Studies and trials: what is asked, what has been found so far, and what stands on the front.
//!
//! A [`StudySpec`] is a parsed study file. Each [`Trial`] moves through its states by its own methods and in no other
//! way; the list of trials, in the order of their numbers, is the journal from which everything else follows. Beside
//! them stands what is asked of predictors and told of them.

mod evaluator;
mod event;
mod front;
mod name;
mod objective;
mod predictor;
mod round;
mod spec;
mod stop;
mod study;
mod trial;

pub use bespoke_search::pareto::Interval;
pub use evaluator::EvaluatorConfig;
pub use event::{Activity, Event, LearnedDistribution};
pub use front::{Front, FrontEntry, to_be_trained};
pub use name::{NameError, StudyName};
pub use objective::Objective;
pub use predictor::{
    AdaptEvent, AdaptRequest, LatencySample, NetworkInput, PlanRequest, Prediction, PredictorInfo,
    PriceBatch, SampleCount, SampleCountError, SpaceId, SpaceSource,
};
pub use round::Round;
pub use spec::{Bounds, Budget, Data, Source, SpecError, StudySpec, Submission, TargetBound};
pub use stop::is_hopeless;
pub use study::{EarlierStudy, Ending, Study, StudyState};
pub use trial::{Accuracy, TransitionError, Trial, TrialId, TrialState};
