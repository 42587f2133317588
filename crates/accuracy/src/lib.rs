//! How accurate a candidate is: evaluators, and the data sets that they train and test on.
//!
//! An [`Evaluator`] answers for one graph at a time; [`Training`] trains it. A [`Scorer`] judges a graph that is not
//! trained, such as [`ZeroCostScorer`]. A [`DataSet`] is opened from a folder of the usual files, or is the digits that
//! are part of the program; [`fetch`] downloads the files of the others, and is the only thing here that knows the
//! network.

mod data_set;
mod evaluator;
mod fetch;
mod scorer;
mod training;
mod vote;

pub use data_set::{DataError, DataSet};
pub use evaluator::{
    Curve, Decision, EpochProgress, Evaluated, EvaluationError, Evaluator, Scorer, SharedProgress,
};
pub use fetch::{FetchError, fetch};
pub use scorer::{ScorerError, ZeroCostScorer};
pub use training::Training;
pub use vote::majority_vote;
