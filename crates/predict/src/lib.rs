//! Prices of networks before they are measured.

pub mod analytical;
pub mod linear;
pub mod lookup;

mod baselines;
mod bespoke;
mod cholesky;
mod error;
mod evaluate;
mod features;
mod method;
mod network;
mod reader;
mod score;
mod shipped;
mod table;

pub use baselines::{Flops, Lookup, Regression};
pub use bespoke::{Bespoke, BespokePredictor, Prior, SpacePredictor};
pub use error::PredictError;
pub use evaluate::{EvaluateError, Evaluation, Scorecard, TargetScores, Targets};
pub use features::{Attribute, Class, Features, Key, Level};
pub use method::{Fitted, Method, Predictor, Sample, Source, Task};
pub use network::Network;
pub use reader::Reader;
pub use score::{Scores, kendall_tau_b, spearman, trimmed};
pub use table::{BadRows, RowFault, Rows, RowsError, Sheet, Table, TableError};
