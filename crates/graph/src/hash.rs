//! The content hash by which every cache knows a network.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Graph;

/// Hash of a live graph: names and dead code do not matter. 32 hexadecimal digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GraphHash([u8; 16]);

impl Graph {
    /// Hash of the live graph. Two graphs with the same hash are the same network up to names.
    pub fn hash(&self) -> GraphHash {
        todo!("hash")
    }
}

impl fmt::Display for GraphHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for GraphHash {
    type Err = ParseHashError;

    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        todo!("parse")
    }
}

impl TryFrom<String> for GraphHash {
    type Error = ParseHashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<GraphHash> for String {
    fn from(hash: GraphHash) -> Self {
        hash.to_string()
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a graph hash (32 hexadecimal digits)")]
pub struct ParseHashError(String);
