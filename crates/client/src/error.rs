//! What can go wrong between a client and its coordinator.

use std::error::Error;

use bespoke_proto::ConvertError;
use tonic::Code;

/// Why a coordinator did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be one.
    #[error("`{url}` is not the address of a coordinator: expected http://HOST:PORT")]
    Address {
        /// The address.
        url: String,
    },
    /// Nothing answers there, or the connection was lost.
    #[error("no coordinator answers at {url}: start one with `bespoke serve` or check the address")]
    Unreachable {
        /// The address.
        url: String,
        /// What the network said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The coordinator answers that it will not.
    #[error("{message}")]
    Refused {
        /// The coordinator's sentence.
        message: String,
        /// What kind of refusal.
        code: Code,
    },
    /// The coordinator's answer makes no sense.
    #[error(
        "the coordinator at {url} gave an answer that makes no sense: {reason}; does it run this version of Bespoke?"
    )]
    Malformed {
        /// The address.
        url: String,
        /// Which field, and why.
        reason: ConvertError,
    },
}

// === impl ClientError ===

impl ClientError {
    /// The kind of refusal, if the coordinator refused.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Address { .. } | Self::Unreachable { .. } | Self::Malformed { .. } => None,
        }
    }
}
