//! One lease: measure, keep it alive meanwhile, report.

use std::{convert::Infallible, time::Duration};

use bespoke_client::{ClientError, Code, FleetClient};
use bespoke_device::Work;
use bespoke_measure::Measurement;
use tokio::time::{Instant, sleep, timeout};

use crate::{AgentConfig, agent::Parting, child::Order};

/// Heartbeats are not sent more often, whatever the coordinator says.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(10);

/// Work that a coordinator lent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease<'a> {
    pub(crate) config: &'a AgentConfig,
    pub(crate) client: &'a FleetClient,
    pub(crate) work: &'a Work,
    /// How often to send a heartbeat.
    pub(crate) heartbeat: Duration,
}

/// Why a lease is over before its work is done.
enum Lost {
    /// The coordinator ended it, or did not hear from this agent for too long.
    Ended(String),
    /// The coordinator does not know this agent any more.
    Unknown(ClientError),
}

// === impl Lease ===

impl Lease<'_> {
    /// Measures and reports. A lease that ends meanwhile kills the child and drops the work.
    pub(crate) async fn perform(&self) -> Result<(), Parting> {
        let Work { lease, target, .. } = self.work;
        tracing::info!("lease {lease}: measuring on {target}");
        let order = Order {
            target,
            onnx: &self.work.onnx,
            protocol: &self.work.protocol,
            seed: self.work.seed,
        };
        let quiet = self.config.quiet.as_deref();
        let measuring = order.measure(&self.config.worker, &self.config.limits, quiet);
        let lost = tokio::select! {
            measured = measuring => {
                return self.report(&measured.map_err(Parting::Final)?).await;
            }
            Err(lost) = self.keep() => lost,
        };
        match lost {
            Lost::Ended(reason) => {
                tracing::warn!("lease {lease} is lost, its work is dropped: {reason}");
                Ok(())
            }
            Lost::Unknown(error) => Err(Parting::Passing(error)),
        }
    }

    /// Sends heartbeats until the lease is lost.
    async fn keep(&self) -> Result<Infallible, Lost> {
        let interval = self.heartbeat.max(SHORTEST_HEARTBEAT);
        let mut heard = Instant::now();
        loop {
            sleep(interval).await;
            let asking = self.client.heartbeat(&self.config.name, self.work.lease);
            let reason = match timeout(self.work.lease_timeout, asking).await {
                Ok(Ok(())) => {
                    heard = Instant::now();
                    continue;
                }
                Ok(Err(error)) => match error.code() {
                    Some(Code::FailedPrecondition) => return Err(Lost::Ended(error.to_string())),
                    Some(Code::NotFound) => return Err(Lost::Unknown(error)),
                    _ => error.to_string(),
                },
                Err(_) => "the coordinator does not answer".to_owned(),
            };
            if heard.elapsed() >= self.work.lease_timeout {
                return Err(Lost::Ended(reason));
            }
        }
    }

    /// Hands in the measurement; a coordinator that is out of reach is tried again for as long as the lease may last.
    async fn report(&self, measurement: &Measurement) -> Result<(), Parting> {
        let lease = self.work.lease;
        let deadline = Instant::now() + self.work.lease_timeout;
        loop {
            let reporting = self.client.report(&self.config.name, lease, measurement);
            match reporting.await {
                Ok(()) => {
                    tracing::info!("lease {lease}: {}", measurement.verdict.word());
                    return Ok(());
                }
                Err(ClientError::Unreachable { .. }) if Instant::now() < deadline => {
                    sleep(self.heartbeat.max(SHORTEST_HEARTBEAT)).await;
                }
                Err(error) => match error.code() {
                    None | Some(Code::NotFound) => return Err(Parting::Passing(error)),
                    Some(_) => {
                        tracing::warn!("lease {lease}: the report was refused: {error}");
                        return Ok(());
                    }
                },
            }
        }
    }
}
