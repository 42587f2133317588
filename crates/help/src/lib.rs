//! HELP: a latency predictor, meta-learned on devices whose latencies are known, that adapts to another device from
//! a few measurements.

mod adam;
mod config;
mod encoding;
mod error;
mod help;
mod latency;
mod meta;
mod modulation;
mod network;
mod parameters;
mod source;

pub use config::{Config, SecondOrder};
pub use encoding::Encoding;
pub use error::HelpError;
pub use help::{Adapted, Help, train};
pub use source::SourceDevice;
