//! Pricing a batch of networks: what was measured is told, and the rest is predicted.

use bespoke_device::TargetFingerprint;
use bespoke_graph::{Graph, GraphHash, Model};
use bespoke_measure::{Price, PriceSource, Protocol};
use bespoke_predict::Network;
use bespoke_space::Space;
use bespoke_study::{NetworkInput, PriceBatch, Source};

use super::{BuiltPredictor, Predictors, network, source};
use crate::{CoordinatorError, deployed::deployed_hash, proposer::Candidate};

/// A network as it was handed in.
enum Asked {
    /// As a file.
    File(Graph),
    /// As an architecture; its live graph.
    Architecture(Graph),
}

// === impl Predictors ===

impl Predictors {
    /// One answer for each network of the batch: its price, or a sentence on what is wrong with it. A network that was
    /// measured on the target by one of the protocols, or by that of the predictor, is answered with what was measured.
    /// Blocks.
    ///
    /// # Errors
    /// When the batch's space cannot be read, or a predictor is needed that is not there.
    pub fn price(
        &self,
        batch: PriceBatch,
        mut protocols: Vec<Protocol>,
    ) -> Result<Vec<Result<Price, String>>, CoordinatorError> {
        let (target, networks) = (batch.target, batch.networks);
        let file = batch.space.map(source).transpose()?;
        let mut architectures = networks.iter().filter(|network| network.is_architecture());
        // That there is no predictor only matters to what needs one.
        let built = match self.latest(&target, file.as_ref()) {
            Err(error) if file.is_none() && architectures.next().is_some() => return Err(error),
            built => built,
        };
        if let Ok(built) = &built {
            protocols.push(built.stored.info.protocol.clone());
        }
        let named = match (&file, &built) {
            (Some(Source { file, text }), Err(_)) => Some(Space::parse(file, text)?),
            _ => None,
        };
        let space = built
            .as_ref()
            .map_or(named.as_ref(), |built| Some(&built.space));
        let asked = networks.iter().map(|network| Asked::read(network, space));
        let asked: Vec<Result<Asked, String>> = asked.collect();
        let measured = self.all_measured(&asked, &target, &protocols)?;
        let mut answers = asked.iter().zip(&measured);
        let built = match built {
            Err(error) if answers.any(|(a, m)| a.is_ok() && m.is_none()) => return Err(error),
            built => built.ok(),
        };
        let answers = asked.into_iter().zip(measured);
        let answer = |(asked, measured): (Result<Asked, String>, Option<Price>)| {
            let (asked, built) = (asked?, built.as_deref());
            measured.map_or_else(|| asked.price(built.expect("one is there if needed")), Ok)
        };
        Ok(answers.map(answer).collect())
    }

    /// What each network took on a target, if it was measured there.
    fn all_measured(
        &self,
        asked: &[Result<Asked, String>],
        target: &TargetFingerprint,
        protocols: &[Protocol],
    ) -> Result<Vec<Option<Price>>, CoordinatorError> {
        let measured = asked.iter().map(|asked| match asked {
            Ok(asked) => self.measured(asked.hash()?, target, protocols),
            Err(_) => Ok(None),
        });
        measured.collect()
    }

    /// What a network took on a target by one of the protocols, if it was measured.
    fn measured(
        &self,
        graph: GraphHash,
        target: &TargetFingerprint,
        protocols: &[Protocol],
    ) -> Result<Option<Price>, CoordinatorError> {
        for protocol in protocols {
            let measured = self.store.measurement(graph, target, protocol)?;
            if let Some(latency) = measured.and_then(|m| m.verdict.estimate().copied()) {
                let source = PriceSource::Measured;
                return Ok(Some(Price { latency, source }));
            }
        }
        Ok(None)
    }
}

// === impl BuiltPredictor ===

impl BuiltPredictor {
    /// The price of a network as it is handed in, or a sentence on what is wrong with it.
    ///
    /// # Errors
    /// When it is no network, or none of the predictor's space.
    pub fn quote(&self, network: &NetworkInput) -> Result<Price, String> {
        Asked::read(network, Some(&self.space))?.price(self)
    }
}

// === impl Asked ===

impl Asked {
    /// Reads what was handed in; an architecture is one of the space, which is there if any is.
    fn read(input: &NetworkInput, space: Option<&Space>) -> Result<Self, String> {
        match (input, space) {
            (NetworkInput::Onnx(bytes), _) => match Model::from_onnx(bytes) {
                Ok(model) => Ok(Self::File(model.graph().clone())),
                Err(error) => Err(format!("`onnx`: {error}")),
            },
            (NetworkInput::Architecture(string), Some(space)) => {
                let architecture = space.parse_architecture(string);
                let architecture = architecture.map_err(|e| format!("`architecture`: {e}"))?;
                let candidate =
                    Candidate::lower(space, &architecture).map_err(|e| e.to_string())?;
                Ok(Self::Architecture(candidate.graph))
            }
            (NetworkInput::Architecture(_), None) => Err("`space` is missing".to_owned()),
        }
    }

    /// The hash under which it was measured, if it was.
    fn hash(&self) -> Result<GraphHash, CoordinatorError> {
        match self {
            Self::File(graph) => Ok(graph.hash()),
            Self::Architecture(graph) => Ok(deployed_hash(graph)?),
        }
    }

    fn price(&self, built: &BuiltPredictor) -> Result<Price, String> {
        let network = match self {
            Self::File(graph) => {
                check_shapes(graph, built)?;
                Network::from(graph)
            }
            Self::Architecture(graph) => network(graph).map_err(|error| error.to_string())?,
        };
        Ok(built.price(&network))
    }
}

/// A file does not say which space it is of, if any; one of other shapes is of another.
fn check_shapes(graph: &Graph, built: &BuiltPredictor) -> Result<(), String> {
    let shapes = [graph.input_shape(), graph.output_shape()].map(|shape| shape.dims().to_vec());
    if shapes == built.shapes {
        return Ok(());
    }
    let ([takes, gives], [input, output]) = (&shapes, &built.shapes);
    Err(format!(
        "it takes inputs of {takes:?} and yields {gives:?}; the networks of {}, which the target's predictor prices, \
         take {input:?} and yield {output:?}",
        built.stored.info.space
    ))
}
