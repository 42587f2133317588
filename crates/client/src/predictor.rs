//! Prices.

use bespoke_device::TargetFingerprint;
use bespoke_measure::Price;
use bespoke_proto::{
    MAX_MESSAGE_BYTES, predictor::v1::predictor_service_client::PredictorServiceClient,
};
use tonic::transport::Channel;

use crate::{
    ClientError,
    connection::{Connection, request},
};

/// Prices networks.
#[derive(Debug, Clone)]
pub struct PredictorClient {
    connection: Connection,
    service: PredictorServiceClient<Channel>,
}

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

    /// The price of a network on a target; its weights do not matter. Refused with
    /// [`NotFound`](crate::Code::NotFound) if nothing that the coordinator knows can price it there.
    pub async fn predict(
        &self,
        target: &TargetFingerprint,
        onnx: Vec<u8>,
    ) -> Result<Price, ClientError> {
        let mut service = self.service.clone();
        let response = service.predict(request((*target, onnx))).await;
        self.connection.answer(response)
    }
}
