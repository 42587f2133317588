//! The predictor service: so far it knows what was measured.

use bespoke_device::TargetFingerprint;
use bespoke_graph::Model;
use bespoke_measure::{Price, PriceSource, Protocol};
use bespoke_proto::predictor::v1::{
    PredictRequest, PredictResponse, predictor_service_server::PredictorService,
};
use tonic::{Request, Response, Status};

use super::Services;
use crate::CoordinatorError;

#[tonic::async_trait]
impl PredictorService for Services {
    async fn predict(
        &self,
        request: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let (target, onnx): (TargetFingerprint, Vec<u8>) = request.into_inner().try_into()?;
        let price = self.price(target, &onnx)?;
        Ok(Response::new(price.into()))
    }
}

// === impl Services ===

impl Services {
    /// What this very network took on this very target, by the default protocol or by that of a study on the target.
    fn price(&self, target: TargetFingerprint, onnx: &[u8]) -> Result<Price, CoordinatorError> {
        let graph = Model::from_onnx(onnx)?.graph().hash();
        for protocol in self.protocols(&target)? {
            let measured = self.store.measurement(graph, &target, &protocol)?;
            if let Some(latency) = measured.and_then(|m| m.verdict.estimate().copied()) {
                return Ok(Price {
                    latency,
                    source: PriceSource::Measured,
                });
            }
        }
        Err(CoordinatorError::NoPrice { graph, target })
    }

    /// The protocols by which the target may have been measured, each once.
    fn protocols(&self, target: &TargetFingerprint) -> Result<Vec<Protocol>, CoordinatorError> {
        let mut protocols = vec![Protocol::default()];
        for study in self.studies.list()? {
            let spec = study.targets.contains(target).then(|| study.spec());
            if let Some(Ok(spec)) =
                spec.filter(|s| s.as_ref().is_ok_and(|s| !protocols.contains(&s.protocol)))
            {
                protocols.push(spec.protocol);
            }
        }
        Ok(protocols)
    }
}
