//! Prices.

use bespoke_device::TargetFingerprint;
use bespoke_measure::{Estimate, Price, PriceSource};

use super::{ConvertError, bytes, enumeration, parsed, study, unspecified, wraps_one};
use crate::predictor::v1 as wire;

// === Price ===

impl From<Price> for wire::Price {
    fn from(price: Price) -> Self {
        let source = match price.source {
            PriceSource::Measured => wire::PriceSource::Measured,
        };
        Self {
            latency_ms: price.latency.median_ms.ms(),
            low_ms: price.latency.low_ms.ms(),
            high_ms: price.latency.high_ms.ms(),
            source: source.into(),
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
        let source = match enumeration("source", source)? {
            wire::PriceSource::Measured => PriceSource::Measured,
            wire::PriceSource::Unspecified => return Err(unspecified("source")),
        };
        Ok(Self { latency, source })
    }
}

// === PredictRequest ===

impl From<(TargetFingerprint, Vec<u8>)> for wire::PredictRequest {
    fn from((target, onnx): (TargetFingerprint, Vec<u8>)) -> Self {
        let target_fingerprint = target.to_string();
        Self {
            target_fingerprint,
            onnx,
        }
    }
}

impl TryFrom<wire::PredictRequest> for (TargetFingerprint, Vec<u8>) {
    type Error = ConvertError;

    fn try_from(message: wire::PredictRequest) -> Result<Self, Self::Error> {
        Ok((
            parsed("target_fingerprint", &message.target_fingerprint)?,
            bytes("onnx", message.onnx)?,
        ))
    }
}

// === PredictResponse ===

wraps_one!(wire::PredictResponse { price } with Price);

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{estimate, fingerprint, refused, round_trips},
        *,
    };

    fn price() -> Price {
        Price {
            latency: estimate(),
            source: PriceSource::Measured,
        }
    }

    #[test]
    fn a_price_round_trips() {
        round_trips::<wire::Price, _>(price());
        round_trips::<wire::PredictRequest, _>((fingerprint(1), vec![1, 2]));
    }

    #[test]
    fn a_price_that_makes_no_sense_is_refused_by_field() {
        let refuses = refused::<wire::Price, Price>(price());
        refuses("latency_ms", |wire| wire.latency_ms = f64::NAN);
        refuses("low_ms", |wire| wire.low_ms = -1.0);
        refuses("high_ms", |wire| wire.high_ms = f64::INFINITY);
        refuses("high_ms", |wire| wire.high_ms = wire.low_ms / 2.0);
        refuses("source", |wire| wire.source = 0);
        refuses("source", |wire| wire.source = 99);
    }

    #[test]
    fn a_request_without_its_parts_is_refused_by_field() {
        let refuses = refused::<wire::PredictRequest, (TargetFingerprint, Vec<u8>)>((
            fingerprint(1),
            vec![1],
        ));
        refuses("target_fingerprint", |wire| wire.target_fingerprint.clear());
        refuses("target_fingerprint", |wire| {
            wire.target_fingerprint = "zz".to_owned()
        });
        refuses("onnx", |wire| wire.onnx.clear());
    }
}
