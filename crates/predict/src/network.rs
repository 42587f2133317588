//! Networks as predictors see them.

use bespoke_graph::Graph;
use bespoke_space::{Architecture, Space};

use crate::{Features, PredictError};

/// A network, read once and priced many times.
#[derive(Debug, Clone)]
pub struct Network {
    architecture: Option<Architecture>,
    flops: u64,
    features: Features,
}

// === impl Network ===

impl Network {
    pub(crate) fn new(architecture: Architecture, flops: u64, features: Features) -> Self {
        Self {
            architecture: Some(architecture),
            flops,
            features,
        }
    }

    /// The network of an architecture; a [`Reader`](crate::Reader) is quicker where there are many.
    ///
    /// # Errors
    /// When the architecture does not lower to a graph.
    pub fn of(space: &Space, architecture: &Architecture) -> Result<Self, PredictError> {
        let graph = space.lower(architecture)?;
        Ok(Self {
            architecture: Some(architecture.clone()),
            ..Self::from(&graph)
        })
    }

    /// The architecture that it came from, where it came from one.
    pub fn architecture(&self) -> Option<&Architecture> {
        self.architecture.as_ref()
    }

    /// The architecture of a space that it came from.
    ///
    /// # Errors
    /// When it came from a graph, such as that of a file, or from a space with other choices.
    pub fn architecture_in(&self, space: &Space) -> Result<&Architecture, PredictError> {
        let architecture = self.architecture.as_ref();
        let of_space = architecture.filter(|known| space.architecture(known.choices()).is_some());
        of_space.ok_or_else(|| PredictError::NotOfSpace {
            space: space.name().to_owned(),
        })
    }

    /// Operations of its raw graph, dead code included, as [`bespoke_graph::Cost::flops`] counts them.
    pub fn flops(&self) -> u64 {
        self.flops
    }

    /// Its operators, counted.
    pub fn features(&self) -> &Features {
        &self.features
    }
}

impl From<&Graph> for Network {
    /// Any graph, raw as it was written: dead code is part of it.
    fn from(graph: &Graph) -> Self {
        Self {
            architecture: None,
            flops: graph.cost().flops,
            features: Features::of(graph),
        }
    }
}
