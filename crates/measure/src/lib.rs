//! Measuring: quantities, the protocol that turns timings into one trustworthy number, and the record that is kept.
//!
//! Pure: the clock is passed in, so that every decision of the protocol is tested on synthetic clocks.

mod batch;
mod comparison;
mod early_stopping;
mod interference;
mod price;
mod protocol;
mod quantity;
mod record;
mod statistics;
mod timing;

pub use batch::{Batch, Ended, ReferenceMs, Sensed, Step};
pub use comparison::Comparison;
pub use early_stopping::{Percentile, least_queries_under};
pub use interference::Interference;
pub use price::{Price, PriceSource};
pub use protocol::{Cache, Protocol, ProtocolError};
pub use quantity::{Bytes, Latency, QuantityError};
pub use record::{
    Correction, Environment, Estimate, Measurement, OperatorTime, Sustained, Turn, Verdict,
};
pub use statistics::{bootstrap_median_interval, median, outliers, quantile};
pub use timing::{Clock, Prepared, Stop, Subject, Timer};
