//! Devices: what a machine is, what a latency belongs to, and what cannot be asked of the machine itself.
//!
//! Pure: the texts of `/proc` and of profiles are passed in.

mod agent;
mod fingerprint;
mod machine;
mod profile;
mod target;

pub use agent::{AgentInfo, LeaseId, RuntimeInfo, Work};
pub use fingerprint::{FingerprintError, MachineFingerprint, TargetFingerprint};
pub use machine::Machine;
pub use profile::{Dataflow, Profile, ProfileError, Systolic};
pub use target::{Precision, TargetError, TargetSpec};
