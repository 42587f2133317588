//! Prices, and the predictors that they come from.

mod adapt;
mod info;
mod messages;

use bespoke_device::TargetFingerprint;
use bespoke_measure::{Estimate, Price};
use bespoke_study::{NetworkInput, PriceBatch, SpaceSource};
use wire::{answer::Answer as WireAnswer, network::Network as WireNetwork};

use super::{ConvertError, bytes, each, nested, parsed, present, study, text};
use crate::predictor::v1 as wire;

// === Price ===

impl From<Price> for wire::Price {
    fn from(price: Price) -> Self {
        Self {
            latency_ms: price.latency.median_ms.ms(),
            low_ms: price.latency.low_ms.ms(),
            high_ms: price.latency.high_ms.ms(),
            source: crate::study::v1::PriceSource::from(price.source).into(),
        }
    }
}

impl TryFrom<wire::Price> for Price {
    type Error = ConvertError;

    fn try_from(message: wire::Price) -> Result<Self, Self::Error> {
        let wire::Price {
            latency_ms,
            low_ms,
            high_ms,
            source,
        } = message;
        let latency: Estimate = study::estimate("latency_ms", latency_ms, low_ms, high_ms)?;
        let source = study::price_source("source", source)?;
        Ok(Self { latency, source })
    }
}

// === Space ===

impl From<SpaceSource> for wire::Space {
    fn from(space: SpaceSource) -> Self {
        let space = match space {
            SpaceSource::Shipped(name) => wire::space::Space::Shipped(name),
            SpaceSource::File(file) => wire::space::Space::File(file.into()),
        };
        Self { space: Some(space) }
    }
}

impl TryFrom<wire::Space> for SpaceSource {
    type Error = ConvertError;

    fn try_from(message: wire::Space) -> Result<Self, Self::Error> {
        match present("space", message.space)? {
            wire::space::Space::Shipped(name) => text("shipped", name).map(Self::Shipped),
            wire::space::Space::File(file) => nested("file", file).map(Self::File),
        }
    }
}

// === Network ===

impl From<NetworkInput> for wire::Network {
    fn from(network: NetworkInput) -> Self {
        let network = match network {
            NetworkInput::Onnx(file) => WireNetwork::Onnx(file),
            NetworkInput::Architecture(string) => WireNetwork::Architecture(string),
        };
        Self {
            network: Some(network),
        }
    }
}

impl TryFrom<wire::Network> for NetworkInput {
    type Error = ConvertError;

    fn try_from(message: wire::Network) -> Result<Self, Self::Error> {
        match present("network", message.network)? {
            WireNetwork::Onnx(file) => bytes("onnx", file).map(Self::Onnx),
            WireNetwork::Architecture(string) => {
                text("architecture", string).map(Self::Architecture)
            }
        }
    }
}

// === Batch ===

impl From<PriceBatch> for wire::Batch {
    fn from(batch: PriceBatch) -> Self {
        Self {
            target_fingerprint: batch.target.to_string(),
            space: batch.space.map(Into::into),
            networks: batch.networks.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::Batch> for PriceBatch {
    type Error = ConvertError;

    fn try_from(message: wire::Batch) -> Result<Self, Self::Error> {
        let target: TargetFingerprint = parsed("target_fingerprint", &message.target_fingerprint)?;
        let space = message.space.map(|space| nested("space", space));
        Ok(Self {
            target,
            space: space.transpose()?,
            networks: each("networks", message.networks)?,
        })
    }
}

// === Answer ===

impl From<Result<Price, String>> for wire::Answer {
    fn from(answer: Result<Price, String>) -> Self {
        let answer = match answer {
            Ok(price) => WireAnswer::Price(price.into()),
            Err(reason) => WireAnswer::Error(reason),
        };
        Self {
            answer: Some(answer),
        }
    }
}

impl TryFrom<wire::Answer> for Result<Price, String> {
    type Error = ConvertError;

    fn try_from(message: wire::Answer) -> Result<Self, ConvertError> {
        match present("answer", message.answer)? {
            WireAnswer::Price(price) => nested("price", price).map(Ok),
            WireAnswer::Error(reason) => text("error", reason).map(Err),
        }
    }
}

#[cfg(test)]
mod tests;
