//! Work that a coordinator lent: measure it, keep its leases alive meanwhile, report.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use bespoke_client::{ClientError, Code, FleetClient};
use bespoke_device::{LeaseId, Work};
use bespoke_measure::Measurement;
use tokio::{
    sync::mpsc::unbounded_channel,
    time::{Instant, sleep, timeout},
};

use crate::{Bench, agent::Parting, child::Order};

/// Heartbeats are not sent more often, whatever the coordinator says.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(10);

/// What work is done with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leases<'a> {
    /// The agent's name.
    pub(crate) agent: &'a str,
    pub(crate) bench: &'a Bench,
    pub(crate) client: &'a FleetClient,
    /// How often to send a heartbeat.
    pub(crate) heartbeat: Duration,
}

/// Why a lease is over before its work is done.
enum Lost {
    /// The coordinator ended it, or did not hear from this agent for too long.
    Ended(LeaseId, String),
    /// The coordinator does not know this agent any more.
    Unknown(ClientError),
}

/// A lease that is alive.
#[derive(Debug, Clone, Copy)]
struct Held {
    lease: LeaseId,
    timeout: Duration,
    heard: Instant,
}

/// The leases whose work is not reported yet.
struct Holding(Mutex<Vec<Held>>);

// === impl Leases ===

impl Leases<'_> {
    /// Measures and reports. A lease that ends meanwhile drops its work; what else is not reported yet is begun anew.
    pub(crate) async fn perform(&self, mut work: Vec<Work>) -> Result<(), Parting> {
        while !work.is_empty() {
            let held = work.iter().map(|work| Held {
                lease: work.lease,
                timeout: work.lease_timeout,
                heard: Instant::now(),
            });
            let held = Holding(Mutex::new(held.collect()));
            let lost = tokio::select! {
                done = self.measure(&work, &held) => return done,
                lost = self.keep(&held) => lost,
            };
            match lost {
                Lost::Ended(lease, reason) => {
                    tracing::warn!("lease {lease} is lost, its work is dropped: {reason}");
                    let left = held.all().clone();
                    let alive = |work: &Work| left.iter().any(|held| held.lease == work.lease);
                    work.retain(|work| work.lease != lease && alive(work));
                }
                Lost::Unknown(error) => return Err(Parting::Passing(error)),
            }
        }
        Ok(())
    }

    async fn measure(&self, work: &[Work], held: &Holding) -> Result<(), Parting> {
        let target = |work: &Work| work.target.clone();
        let mut rest = work;
        // A coordinator lends work for one target; should it not, each target's is a batch of its own.
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|work| target(work) == first.target);
            let (batch, others) = rest.split_at(same.count());
            self.measure_batch(batch, held).await?;
            rest = others;
        }
        Ok(())
    }

    async fn measure_batch(&self, work: &[Work], held: &Holding) -> Result<(), Parting> {
        let orders: Vec<Order<'_>> = work
            .iter()
            .map(|work| Order {
                target: &work.target,
                onnx: &work.onnx,
                protocol: &work.protocol,
                seed: work.seed,
            })
            .collect();
        for Work { lease, target, .. } in work {
            tracing::info!("lease {lease}: measuring on {target}");
        }
        let (done, mut measured) = unbounded_channel();
        let measuring = async {
            let performed = self.bench.perform(&orders, done).await;
            performed.map_err(Parting::Final)
        };
        let reporting = async {
            while let Some((number, measurement)) = measured.recv().await {
                let work = &work[number];
                held.all().retain(|held| held.lease != work.lease);
                self.report(work, &measurement).await?;
            }
            Ok(())
        };
        tokio::try_join!(measuring, reporting).map(|_| ())
    }

    /// Sends heartbeats until a lease is lost.
    async fn keep(&self, held: &Holding) -> Lost {
        loop {
            sleep(self.heartbeat.max(SHORTEST_HEARTBEAT)).await;
            let now = held.all().clone();
            for lease in now {
                match self.beat(lease).await {
                    Ok(None) => {}
                    Ok(Some(heard)) => {
                        let mut all = held.all();
                        let same = all.iter_mut().find(|held| held.lease == lease.lease);
                        same.into_iter().for_each(|held| held.heard = heard);
                    }
                    // A lease whose report came first has ended as it should.
                    Err(_) if held.all().iter().all(|held| held.lease != lease.lease) => {}
                    Err(lost) => return lost,
                }
            }
        }
    }

    /// Sends a heartbeat: when it was heard, or nothing when it was not and may be yet.
    async fn beat(&self, held: Held) -> Result<Option<Instant>, Lost> {
        let asking = self.client.heartbeat(self.agent, held.lease);
        let reason = match timeout(held.timeout, asking).await {
            Ok(Ok(())) => return Ok(Some(Instant::now())),
            Ok(Err(error)) => match error.code() {
                Some(Code::FailedPrecondition) => {
                    return Err(Lost::Ended(held.lease, error.to_string()));
                }
                Some(Code::NotFound) => return Err(Lost::Unknown(error)),
                _ => error.to_string(),
            },
            Err(_) => "the coordinator does not answer".to_owned(),
        };
        match held.heard.elapsed() >= held.timeout {
            true => Err(Lost::Ended(held.lease, reason)),
            false => Ok(None),
        }
    }

    /// Hands in the measurement; a coordinator that is out of reach is tried again for as long as the lease may last.
    async fn report(&self, work: &Work, measurement: &Measurement) -> Result<(), Parting> {
        let lease = work.lease;
        let deadline = Instant::now() + work.lease_timeout;
        loop {
            let reporting = self.client.report(self.agent, lease, measurement);
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

// === impl Holding ===

impl Holding {
    fn all(&self) -> MutexGuard<'_, Vec<Held>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}
