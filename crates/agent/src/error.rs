//! Why an agent cannot go on.

use std::io;

use bespoke_client::ClientError;

/// What an agent cannot help itself; a coordinator that went away and a network that crashes are no such thing.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A setting is empty.
    #[error("agent: {setting} must not be empty")]
    Empty {
        /// Which.
        setting: &'static str,
    },
    /// The coordinator will not have this agent: it runs another version, for example. Says why in its own words.
    #[error(transparent)]
    Refused(#[from] ClientError),
    /// The child process that measures could not be started.
    #[error("cannot start `{program}` to measure in")]
    Worker {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}
