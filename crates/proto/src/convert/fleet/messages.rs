//! Requests and responses.

use std::time::Duration;

use bespoke_device::{AgentInfo, LeaseId, TargetSpec, Work};
use bespoke_measure::{Measurement, Protocol};

use crate::{
    convert::{
        ConvertError, bytes, duration, nested, parsed, required, text, to_duration, wraps_list,
        wraps_one,
    },
    fleet::v1 as wire,
};

wraps_one!(wire::RegisterRequest { agent } with AgentInfo);
wraps_list!(wire::ListAgentsResponse { agents } with AgentInfo);
wraps_list!(wire::LeaseWorkResponse { work } with Work);
wraps_one!(wire::MeasureResponse { measurement } with Measurement);

// === RegisterResponse: how often to send a heartbeat ===

impl From<Duration> for wire::RegisterResponse {
    fn from(interval: Duration) -> Self {
        Self {
            heartbeat_interval: Some(to_duration(interval)),
        }
    }
}

impl TryFrom<wire::RegisterResponse> for Duration {
    type Error = ConvertError;

    fn try_from(message: wire::RegisterResponse) -> Result<Self, Self::Error> {
        let interval = duration("heartbeat_interval", message.heartbeat_interval)?;
        if interval.is_zero() {
            return Err(ConvertError::new("heartbeat_interval", "must not be zero"));
        }
        Ok(interval)
    }
}

// === LeaseWorkRequest: the agent's name, how long to wait and how many pieces of work it takes at most ===

impl From<(String, Duration, u32)> for wire::LeaseWorkRequest {
    fn from((agent, wait, max_work): (String, Duration, u32)) -> Self {
        Self {
            agent,
            wait: Some(to_duration(wait)),
            max_work,
        }
    }
}

impl TryFrom<wire::LeaseWorkRequest> for (String, Duration, u32) {
    type Error = ConvertError;

    fn try_from(message: wire::LeaseWorkRequest) -> Result<Self, Self::Error> {
        Ok((
            text("agent", message.agent)?,
            duration("wait", message.wait)?,
            message.max_work.max(1),
        ))
    }
}

// === HeartbeatRequest: the agent's name and the lease ===

impl From<(String, LeaseId)> for wire::HeartbeatRequest {
    fn from((agent, LeaseId(lease_id)): (String, LeaseId)) -> Self {
        Self { agent, lease_id }
    }
}

impl TryFrom<wire::HeartbeatRequest> for (String, LeaseId) {
    type Error = ConvertError;

    fn try_from(message: wire::HeartbeatRequest) -> Result<Self, Self::Error> {
        Ok((text("agent", message.agent)?, LeaseId(message.lease_id)))
    }
}

// === ReportWorkRequest: the agent's name, the lease and what was measured ===

impl From<(String, LeaseId, Measurement)> for wire::ReportWorkRequest {
    fn from((agent, LeaseId(lease_id), measurement): (String, LeaseId, Measurement)) -> Self {
        Self {
            agent,
            lease_id,
            measurement: Some(measurement.into()),
        }
    }
}

impl TryFrom<wire::ReportWorkRequest> for (String, LeaseId, Measurement) {
    type Error = ConvertError;

    fn try_from(message: wire::ReportWorkRequest) -> Result<Self, Self::Error> {
        Ok((
            text("agent", message.agent)?,
            LeaseId(message.lease_id),
            required("measurement", message.measurement)?,
        ))
    }
}

// === MeasureRequest: the network, the target and how to measure, by default if not said ===

impl From<(Vec<u8>, TargetSpec, Option<Protocol>)> for wire::MeasureRequest {
    fn from((onnx, target, protocol): (Vec<u8>, TargetSpec, Option<Protocol>)) -> Self {
        Self {
            onnx,
            target: target.to_string(),
            protocol: protocol.map(Into::into),
        }
    }
}

impl TryFrom<wire::MeasureRequest> for (Vec<u8>, TargetSpec, Option<Protocol>) {
    type Error = ConvertError;

    fn try_from(message: wire::MeasureRequest) -> Result<Self, Self::Error> {
        let protocol = message
            .protocol
            .map(|protocol| nested("protocol", protocol));
        Ok((
            bytes("onnx", message.onnx)?,
            parsed("target", &message.target)?,
            protocol.transpose()?,
        ))
    }
}
