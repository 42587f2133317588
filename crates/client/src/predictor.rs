//! Prices, and the predictors that they come from.

use bespoke_device::TargetFingerprint;
use bespoke_measure::Price;
use bespoke_proto::{
    ConvertError, MAX_MESSAGE_BYTES,
    predictor::v1::{
        ListPredictorsRequest, PredictStreamRequest,
        predictor_service_client::PredictorServiceClient,
    },
};
use bespoke_study::{AdaptEvent, AdaptRequest, PlanRequest, PredictorInfo, PriceBatch};
use futures::{Stream, StreamExt};
use tonic::transport::Channel;

use crate::{
    ClientError,
    connection::{Connection, request},
};

/// Prices networks, and has predictors adapted to devices.
#[derive(Debug, Clone)]
pub struct PredictorClient {
    connection: Connection,
    service: PredictorServiceClient<Channel>,
}

/// What became of each network of a batch, in their order: its price, or a sentence on what is wrong with it.
pub type Answers = Vec<Result<Price, String>>;

// === impl PredictorClient ===

/// All fail when the coordinator cannot be reached, refuses, or answers nonsense.
impl PredictorClient {
    /// Connects to a coordinator at `http://HOST:PORT`.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        let connection = Connection::open(url).await?;
        let service = PredictorServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self {
            connection,
            service,
        })
    }

    /// The prices of some networks on one target. Refused with [`NotFound`](crate::Code::NotFound) if the target has
    /// no predictor and one is needed, and with [`FailedPrecondition`](crate::Code::FailedPrecondition) if it has none
    /// of the batch's space.
    pub async fn predict(&self, batch: &PriceBatch) -> Result<Answers, ClientError> {
        let mut service = self.service.clone();
        let response = service.predict(request(batch.clone())).await;
        let answers: Answers = self.connection.answer(response)?;
        if answers.len() != batch.networks.len() {
            let (asked, got) = (batch.networks.len(), answers.len());
            return Err(self.connection.malformed(ConvertError {
                field: "answers".to_owned(),
                reason: format!("must be {asked}, one for each network, are {got}"),
            }));
        }
        Ok(answers)
    }

    /// The same for many batches: the answers to each, in the order of the batches.
    pub async fn predict_stream<B>(
        &self,
        batches: B,
    ) -> Result<impl Stream<Item = Result<Answers, ClientError>> + Send + Unpin + use<B>, ClientError>
    where
        B: Stream<Item = PriceBatch> + Send + 'static,
    {
        let mut service = self.service.clone();
        let requests = batches.map(PredictStreamRequest::from);
        let response = service.predict_stream(requests).await;
        let answers = self.connection.received(response)?;
        let connection = self.connection.clone();
        Ok(answers.map(move |answer| match answer {
            Ok(message) => connection.convert(message),
            Err(status) => Err(connection.failed(status)),
        }))
    }

    /// Networks of a space that tell most about a device once they are measured on it, the most informative first.
    pub async fn plan(&self, wish: &PlanRequest) -> Result<Vec<String>, ClientError> {
        let mut service = self.service.clone();
        let response = service.plan(request(wish.clone())).await;
        self.connection.answer(response)
    }

    /// Has a predictor adapted to a target, and tells how that goes; the last event is the new predictor. Refused with
    /// [`Unavailable`](crate::Code::Unavailable) if no agent offers the target. Who drops the stream gives the
    /// adaptation up.
    pub async fn adapt(
        &self,
        wish: &AdaptRequest,
    ) -> Result<
        impl Stream<Item = Result<AdaptEvent, ClientError>> + Send + Unpin + use<>,
        ClientError,
    > {
        let mut service = self.service.clone();
        let response = service.adapt(request(wish.clone())).await;
        let events = self.connection.received(response)?;
        let connection = self.connection.clone();
        Ok(events.map(move |event| match event {
            Ok(message) => connection.convert(message),
            Err(status) => Err(connection.failed(status)),
        }))
    }

    /// All versions of a target's predictor, the latest last. Refused with [`NotFound`](crate::Code::NotFound) if it
    /// has none.
    pub async fn describe(
        &self,
        target: &TargetFingerprint,
    ) -> Result<Vec<PredictorInfo>, ClientError> {
        let mut service = self.service.clone();
        let response = service.describe(request(*target)).await;
        self.connection.answer(response)
    }

    /// All versions of all predictors, by target and version.
    pub async fn list(&self) -> Result<Vec<PredictorInfo>, ClientError> {
        let mut service = self.service.clone();
        let response = service.list_predictors(ListPredictorsRequest {}).await;
        self.connection.answer(response)
    }
}
