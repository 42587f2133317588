//! The agent: registers a machine with a coordinator, leases work, measures it and reports.
//!
//! An agent connects out and is never connected to; what it is given is a network and how to measure it, never code.
//! Each network is measured in a child process without a network, with a limit on its memory and its time, so that one
//! which brings its runtime down takes nothing else with it: whatever happens to the child is a verdict. The child is this program
//! or any other whose `main` calls [`worker::main`]; it is told what to do on its standard input.
//!
//! The agent knows nothing of studies and trials.

mod agent;
mod alone;
mod backoff;
mod bench;
mod cgroup;
mod child;
mod contain;
mod cores;
mod energy;
mod environment;
mod error;
mod gpu;
mod host;
mod inspect;
mod interference;
mod lease;
mod reference;
mod request;
mod thermal;
pub mod worker;

pub use agent::{Agent, AgentConfig};
pub use bench::Bench;
pub use child::Limits;
pub use error::AgentError;
pub use host::{fingerprint, machine};
pub use inspect::{Energy, Finding, Inspection, RuntimeStatus};
