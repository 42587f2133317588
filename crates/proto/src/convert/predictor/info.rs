//! What is told of a predictor.

use std::time::SystemTime;

use bespoke_study::{LatencySample, PredictorInfo, SpaceId};

use crate::{
    convert::{ConvertError, each, invalid, parsed, positive, present, required, text},
    predictor::v1 as wire,
};

// === SpaceId ===

impl From<SpaceId> for wire::SpaceId {
    fn from(space: SpaceId) -> Self {
        let SpaceId { name, file_hash } = space;
        Self { name, file_hash }
    }
}

impl TryFrom<wire::SpaceId> for SpaceId {
    type Error = ConvertError;

    fn try_from(message: wire::SpaceId) -> Result<Self, Self::Error> {
        Ok(Self {
            name: text("name", message.name)?,
            file_hash: text("file_hash", message.file_hash)?,
        })
    }
}

// === Sample ===

impl From<LatencySample> for wire::Sample {
    fn from(sample: LatencySample) -> Self {
        Self {
            architecture: sample.architecture,
            latency: Some(sample.latency.into()),
        }
    }
}

impl TryFrom<wire::Sample> for LatencySample {
    type Error = ConvertError;

    fn try_from(message: wire::Sample) -> Result<Self, Self::Error> {
        Ok(Self {
            architecture: text("architecture", message.architecture)?,
            latency: required("latency", message.latency)?,
        })
    }
}

// === Predictor ===

impl From<PredictorInfo> for wire::Predictor {
    fn from(info: PredictorInfo) -> Self {
        Self {
            target_fingerprint: info.fingerprint.to_string(),
            version: info.version.get(),
            target: info.target.to_string(),
            space: Some(info.space.into()),
            sources: info.sources,
            protocol: Some(info.protocol.into()),
            samples: info.samples.into_iter().map(Into::into).collect(),
            adapted_at: Some(info.adapted_at.into()),
        }
    }
}

impl TryFrom<wire::Predictor> for PredictorInfo {
    type Error = ConvertError;

    fn try_from(message: wire::Predictor) -> Result<Self, Self::Error> {
        let samples: Vec<LatencySample> = each("samples", message.samples)?;
        if samples.is_empty() {
            return Err(ConvertError::new("samples", "are missing"));
        }
        let adapted_at = present("adapted_at", message.adapted_at)?;
        Ok(Self {
            fingerprint: parsed("target_fingerprint", &message.target_fingerprint)?,
            version: positive("version", message.version)?,
            target: parsed("target", &message.target)?,
            space: required("space", message.space)?,
            sources: message.sources,
            protocol: required("protocol", message.protocol)?,
            samples,
            adapted_at: SystemTime::try_from(adapted_at)
                .map_err(|error| invalid("adapted_at", &error))?,
        })
    }
}
