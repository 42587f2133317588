//! The fleet service: for agents, and for who wants something measured.

use std::time::Duration;

use bespoke_device::{AgentInfo, LeaseId, TargetSpec};
use bespoke_graph::Model;
use bespoke_measure::{Measurement, Protocol};
use bespoke_proto::fleet::v1::{
    DeregisterRequest, DeregisterResponse, HeartbeatRequest, HeartbeatResponse, LeaseWorkRequest,
    LeaseWorkResponse, ListAgentsRequest, ListAgentsResponse, MeasureRequest, MeasureResponse,
    RegisterRequest, RegisterResponse, ReportWorkRequest, ReportWorkResponse,
    fleet_service_server::FleetService,
};
use tonic::{Request, Response, Status};

use super::Services;
use crate::{CoordinatorError, order::Order};

#[tonic::async_trait]
impl FleetService for Services {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let agent: AgentInfo = request.into_inner().try_into()?;
        self.dispatch.register(agent)?;
        Ok(Response::new(self.heartbeat_interval.into()))
    }

    async fn lease_work(
        &self,
        request: Request<LeaseWorkRequest>,
    ) -> Result<Response<LeaseWorkResponse>, Status> {
        let (agent, wait, most): (String, Duration, u32) = request.into_inner().try_into()?;
        let leasing = self.dispatch.lease(&agent, wait, most);
        let work = self.while_open(leasing).await?;
        Ok(Response::new(work.into()))
    }

    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        let (agent, lease): (String, LeaseId) = request.into_inner().try_into()?;
        self.dispatch.heartbeat(&agent, lease)?;
        Ok(Response::new(HeartbeatResponse {}))
    }

    async fn report_work(
        &self,
        request: Request<ReportWorkRequest>,
    ) -> Result<Response<ReportWorkResponse>, Status> {
        let (agent, lease, measurement): (String, LeaseId, Measurement) =
            request.into_inner().try_into()?;
        self.dispatch.report(&agent, lease, measurement)?;
        Ok(Response::new(ReportWorkResponse {}))
    }

    async fn deregister(
        &self,
        request: Request<DeregisterRequest>,
    ) -> Result<Response<DeregisterResponse>, Status> {
        let DeregisterRequest { agent } = request.into_inner();
        self.dispatch.deregister(&agent);
        Ok(Response::new(DeregisterResponse {}))
    }

    async fn list_agents(
        &self,
        _request: Request<ListAgentsRequest>,
    ) -> Result<Response<ListAgentsResponse>, Status> {
        Ok(Response::new(self.dispatch.agents().into()))
    }

    async fn measure(
        &self,
        request: Request<MeasureRequest>,
    ) -> Result<Response<MeasureResponse>, Status> {
        let (onnx, target, protocol): (Vec<u8>, TargetSpec, Option<Protocol>) =
            request.into_inner().try_into()?;
        let measured = self.measure_file(onnx, target, protocol.unwrap_or_default());
        Ok(Response::new(self.while_open(measured).await?.into()))
    }
}

// === impl Services ===

impl Services {
    async fn measure_file(
        &self,
        onnx: Vec<u8>,
        target: TargetSpec,
        protocol: Protocol,
    ) -> Result<Measurement, CoordinatorError> {
        let graph = Model::from_onnx(&onnx)?.graph().hash();
        let offer = self.dispatch.offer(&target);
        let fingerprint = offer.ok_or_else(|| CoordinatorError::NoAgent {
            target: target.clone(),
        })?;
        let order = Order {
            graph,
            target,
            fingerprint,
            protocol,
            onnx,
            needs_energy: false,
        };
        self.dispatch.measure(order, |_| {}).await
    }
}
