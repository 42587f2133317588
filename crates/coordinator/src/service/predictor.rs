//! The predictor service.

use bespoke_device::TargetFingerprint;
use bespoke_measure::{Price, Protocol};
use bespoke_proto::predictor::v1::{
    AdaptRequest, AdaptResponse, DescribeRequest, DescribeResponse, ListPredictorsRequest,
    ListPredictorsResponse, PlanRequest, PlanResponse, PredictRequest, PredictResponse,
    PredictStreamRequest, PredictStreamResponse, predictor_service_server::PredictorService,
};
use bespoke_space::Space;
use bespoke_study::{self as study, AdaptEvent, PriceBatch};
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream, PollNext},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::Services;
use crate::{
    CoordinatorError,
    predictors::{self, Adaptation, Pool},
    runner::blocking,
};

#[tonic::async_trait]
impl PredictorService for Services {
    type PredictStreamStream = BoxStream<'static, Result<PredictStreamResponse, Status>>;
    type AdaptStream = BoxStream<'static, Result<AdaptResponse, Status>>;

    async fn predict(
        &self,
        request: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let batch: PriceBatch = request.into_inner().try_into()?;
        Ok(Response::new(self.price(batch).await?.into()))
    }

    async fn predict_stream(
        &self,
        request: Request<Streaming<PredictStreamRequest>>,
    ) -> Result<Response<Self::PredictStreamStream>, Status> {
        let (services, mut closing) = (self.clone(), self.closing.clone());
        let closed = async move { drop(closing.wait_for(|closing| *closing).await) };
        let answers = request
            .into_inner()
            .take_until(closed)
            .and_then(move |message| {
                let services = services.clone();
                async move {
                    let batch: PriceBatch = message.try_into()?;
                    Ok(services.price(batch).await?.into())
                }
            });
        Ok(Response::new(answers.boxed()))
    }

    async fn plan(&self, request: Request<PlanRequest>) -> Result<Response<PlanResponse>, Status> {
        let request: study::PlanRequest = request.into_inner().try_into()?;
        Ok(Response::new(planned(request).await?.into()))
    }

    async fn adapt(
        &self,
        request: Request<AdaptRequest>,
    ) -> Result<Response<Self::AdaptStream>, Status> {
        let request: study::AdaptRequest = request.into_inner().try_into()?;
        let events = self.adapted(request)?;
        Ok(Response::new(
            events.map_ok(Into::into).map_err(Into::into).boxed(),
        ))
    }

    async fn describe(
        &self,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        let target: TargetFingerprint = request.into_inner().try_into()?;
        Ok(Response::new(self.predictors.describe(&target)?.into()))
    }

    async fn list_predictors(
        &self,
        _request: Request<ListPredictorsRequest>,
    ) -> Result<Response<ListPredictorsResponse>, Status> {
        Ok(Response::new(self.predictors.list()?.into()))
    }
}

// === impl Services ===

impl Services {
    async fn price(
        &self,
        batch: PriceBatch,
    ) -> Result<Vec<Result<Price, String>>, CoordinatorError> {
        let services = self.clone();
        blocking(move || {
            let protocols = services.protocols(&batch.target)?;
            services.predictors.price(batch, protocols)
        })
        .await?
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

    /// Everything that happens while a predictor is adapted, which goes on for as long as somebody listens.
    fn adapted(
        &self,
        request: study::AdaptRequest,
    ) -> Result<impl Stream<Item = Result<AdaptEvent, CoordinatorError>> + use<>, CoordinatorError>
    {
        let study::AdaptRequest {
            space,
            target,
            samples,
            protocol,
        } = request;
        let space = predictors::source(space)?;
        let fingerprint = self.dispatch.offer(&target);
        let fingerprint = fingerprint.ok_or_else(|| CoordinatorError::NoAgent {
            target: target.clone(),
        })?;
        let adaptation = Adaptation {
            space,
            target,
            fingerprint,
            samples,
            protocol,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let services = self.clone();
        let work = async move {
            // Who no longer listens has dropped this future, too.
            let tell = |event| drop(sender.send(event));
            let adapted = services.predictors.adapt(adaptation, tell);
            services.while_open(adapted).await.map(drop)
        };
        let failure = stream::once(work).filter_map(async |outcome| outcome.err().map(Err));
        let events = UnboundedReceiverStream::new(events).map(Ok);
        // What was told comes before the failure that followed it.
        let events_first = |_: &mut ()| PollNext::Left;
        Ok(stream::select_with_strategy(events, failure, events_first))
    }
}

/// The networks that tell most about a device.
async fn planned(request: study::PlanRequest) -> Result<Vec<String>, CoordinatorError> {
    blocking(move || {
        let file = predictors::source(request.space)?;
        let space = Space::parse(&file.file, &file.text)?;
        let plan = Pool::draw(&space, request.seed, None)?.plan(request.samples.get());
        let architectures = plan.into_iter().map(|candidate| candidate.architecture);
        Ok(architectures.collect())
    })
    .await?
}
