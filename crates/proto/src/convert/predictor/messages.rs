//! Requests and responses.

use bespoke_device::TargetFingerprint;
use bespoke_measure::Price;
use bespoke_study::{AdaptRequest, PlanRequest, PredictorInfo, PriceBatch, SampleCount};

use crate::{
    convert::{ConvertError, invalid, nested, parsed, required, text, wraps_list, wraps_one},
    predictor::v1 as wire,
};

wraps_one!(wire::PredictRequest { batch } with PriceBatch);
wraps_one!(wire::PredictStreamRequest { batch } with PriceBatch);
wraps_list!(wire::PredictResponse { answers } with Result<Price, String>);
wraps_list!(wire::PredictStreamResponse { answers } with Result<Price, String>);
wraps_list!(wire::DescribeResponse { versions } with PredictorInfo);
wraps_list!(wire::ListPredictorsResponse { predictors } with PredictorInfo);

// === PlanRequest ===

impl From<PlanRequest> for wire::PlanRequest {
    fn from(request: PlanRequest) -> Self {
        Self {
            space: Some(request.space.into()),
            samples: Some(request.samples.into()),
            seed: request.seed,
        }
    }
}

impl TryFrom<wire::PlanRequest> for PlanRequest {
    type Error = ConvertError;

    fn try_from(message: wire::PlanRequest) -> Result<Self, Self::Error> {
        Ok(Self {
            space: required("space", message.space)?,
            samples: samples(message.samples)?,
            seed: message.seed,
        })
    }
}

// === PlanResponse ===

impl From<Vec<String>> for wire::PlanResponse {
    fn from(architectures: Vec<String>) -> Self {
        Self { architectures }
    }
}

impl TryFrom<wire::PlanResponse> for Vec<String> {
    type Error = ConvertError;

    fn try_from(message: wire::PlanResponse) -> Result<Self, Self::Error> {
        let architectures = message.architectures.into_iter().enumerate();
        architectures
            .map(|(index, string)| text(&format!("architectures[{index}]"), string))
            .collect()
    }
}

// === AdaptRequest ===

impl From<AdaptRequest> for wire::AdaptRequest {
    fn from(request: AdaptRequest) -> Self {
        Self {
            space: Some(request.space.into()),
            target: request.target.to_string(),
            samples: Some(request.samples.into()),
            protocol: Some(request.protocol.into()),
        }
    }
}

impl TryFrom<wire::AdaptRequest> for AdaptRequest {
    type Error = ConvertError;

    fn try_from(message: wire::AdaptRequest) -> Result<Self, Self::Error> {
        let protocol = message
            .protocol
            .map(|protocol| nested("protocol", protocol));
        Ok(Self {
            space: required("space", message.space)?,
            target: parsed("target", &message.target)?,
            samples: samples(message.samples)?,
            protocol: protocol.transpose()?.unwrap_or_default(),
        })
    }
}

/// A number of samples; the default if none is given.
fn samples(count: Option<u32>) -> Result<SampleCount, ConvertError> {
    let count = count.map(SampleCount::try_from).transpose();
    let count = count.map_err(|error| invalid("samples", &error))?;
    Ok(count.unwrap_or_default())
}

// === DescribeRequest ===

impl From<TargetFingerprint> for wire::DescribeRequest {
    fn from(target: TargetFingerprint) -> Self {
        Self {
            target_fingerprint: target.to_string(),
        }
    }
}

impl TryFrom<wire::DescribeRequest> for TargetFingerprint {
    type Error = ConvertError;

    fn try_from(message: wire::DescribeRequest) -> Result<Self, Self::Error> {
        parsed("target_fingerprint", &message.target_fingerprint)
    }
}
