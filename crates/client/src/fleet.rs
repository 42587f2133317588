//! The fleet of agents, from an agent's side and from a user's.

use std::time::Duration;

use bespoke_device::{AgentInfo, LeaseId, TargetSpec, Work};
use bespoke_measure::{Measurement, Protocol};
use bespoke_proto::{
    MAX_MESSAGE_BYTES,
    fleet::v1::{DeregisterRequest, ListAgentsRequest, fleet_service_client::FleetServiceClient},
};
use tonic::transport::Channel;

use crate::{
    ClientError,
    connection::{Connection, request},
};

/// Registers agents, gives them work and takes their measurements; tells who is there and has networks measured.
#[derive(Debug, Clone)]
pub struct FleetClient {
    connection: Connection,
    service: FleetServiceClient<Channel>,
}

// === impl FleetClient ===

/// All fail when the coordinator cannot be reached, refuses, or answers nonsense.
impl FleetClient {
    /// Connects to a coordinator at `http://HOST:PORT`.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        let connection = Connection::open(url).await?;
        let service = FleetServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self {
            connection,
            service,
        })
    }

    /// Presents an agent; the answer is how often it has to send a heartbeat. Refused with
    /// [`FailedPrecondition`](crate::Code::FailedPrecondition) if the versions differ.
    pub async fn register(&self, agent: &AgentInfo) -> Result<Duration, ClientError> {
        let mut service = self.service.clone();
        self.connection
            .answer(service.register(request(agent.clone())).await)
    }

    /// Asks for so many pieces of work and waits for one as long as is said; none when there was none. Refused with [`NotFound`](crate::Code::NotFound) if the
    /// coordinator does not know the agent: register again.
    pub async fn lease(
        &self,
        agent: &str,
        wait: Duration,
        most: u32,
    ) -> Result<Vec<Work>, ClientError> {
        let mut service = self.service.clone();
        let asking = request((agent.to_owned(), wait, most));
        let response = service.lease_work(asking).await;
        self.connection.answer(response)
    }

    /// Extends a lease. Refused with [`FailedPrecondition`](crate::Code::FailedPrecondition) if it has ended: drop the
    /// work.
    pub async fn heartbeat(&self, agent: &str, lease: LeaseId) -> Result<(), ClientError> {
        let mut service = self.service.clone();
        let response = service.heartbeat(request((agent.to_owned(), lease))).await;
        self.connection.received(response).map(|_| ())
    }

    /// Hands in a measurement. Refused with [`FailedPrecondition`](crate::Code::FailedPrecondition) if the lease has
    /// ended.
    pub async fn report(
        &self,
        agent: &str,
        lease: LeaseId,
        measurement: &Measurement,
    ) -> Result<(), ClientError> {
        let mut service = self.service.clone();
        let report = (agent.to_owned(), lease, measurement.clone());
        let response = service.report_work(request(report)).await;
        self.connection.received(response).map(|_| ())
    }

    /// Says goodbye; the agent's leases end at once.
    pub async fn deregister(&self, agent: &str) -> Result<(), ClientError> {
        let mut service = self.service.clone();
        let agent = agent.to_owned();
        let response = service.deregister(DeregisterRequest { agent }).await;
        self.connection.received(response).map(|_| ())
    }

    /// All agents, by name.
    pub async fn agents(&self) -> Result<Vec<AgentInfo>, ClientError> {
        let mut service = self.service.clone();
        self.connection
            .answer(service.list_agents(ListAgentsRequest {}).await)
    }

    /// Has a network measured, and waits for that. Refused with [`Unavailable`](crate::Code::Unavailable) if no agent
    /// offers the target.
    pub async fn measure(
        &self,
        onnx: Vec<u8>,
        target: &TargetSpec,
        protocol: &Protocol,
    ) -> Result<Measurement, ClientError> {
        let mut service = self.service.clone();
        let order = (onnx, target.clone(), Some(protocol.clone()));
        self.connection
            .answer(service.measure(request(order)).await)
    }
}
