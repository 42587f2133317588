//! The fleet as it runs: the state machine behind a lock, a clock, and the store that remembers what was measured.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bespoke_device::{AgentInfo, LeaseId, TargetFingerprint, TargetSpec, Work};
use bespoke_measure::{Estimate, Measurement, Verdict};
use bespoke_store::Store;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    CoordinatorError,
    fleet::{Fleet, FleetError, JobError, Progress},
    order::Order,
};

/// Longest time that a request for work may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Has networks measured.
pub struct Dispatch {
    fleet: Mutex<Fleet>,
    /// Notified when agents, the queue or leases have changed.
    changed: Notify,
    store: Arc<dyn Store>,
    lease_timeout: Duration,
}

/// What was measured of a network on a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Its latency.
    pub latency: Estimate,
    /// Energy of a pass in millijoules, positive, where the target reports it.
    pub energy_mj: Option<f64>,
}

/// What happens while a measurement is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No agent can take it at the moment.
    NoAgent,
    /// An agent has taken it.
    Taken {
        /// Its name.
        agent: String,
    },
}

// === impl Dispatch: agents ===

impl Dispatch {
    /// A dispatch without agents.
    pub fn new(fleet: Fleet, lease_timeout: Duration, store: Arc<dyn Store>) -> Self {
        let (fleet, changed) = (Mutex::new(fleet), Notify::new());
        Self {
            fleet,
            changed,
            store,
            lease_timeout,
        }
    }

    /// Adds or replaces an agent.
    ///
    /// # Errors
    /// When it is of another version.
    pub fn register(&self, agent: AgentInfo) -> Result<(), CoordinatorError> {
        self.fleet().register(agent, now())?;
        self.changed.notify_waiters();
        Ok(())
    }

    /// Removes an agent.
    pub fn deregister(&self, name: &str) {
        self.fleet().deregister(name);
        self.changed.notify_waiters();
    }

    /// All agents, by name.
    pub fn agents(&self) -> Vec<AgentInfo> {
        self.fleet().agents().cloned().collect()
    }

    /// What the target is on the first agent that offers it.
    pub fn offer(&self, target: &TargetSpec) -> Option<TargetFingerprint> {
        self.fleet().offer(target)
    }

    /// Waits until an agent offers the target.
    pub async fn offered(&self, target: &TargetSpec) -> TargetFingerprint {
        let offer = self.until(|fleet| Ok::<_, Infallible>(fleet.offer(target)));
        match offer.await {
            Ok(fingerprint) => fingerprint,
        }
    }

    /// Work for an agent, at most so many pieces, as soon as there is some; none after the wait.
    ///
    /// # Errors
    /// When the agent is not registered.
    pub async fn lease(
        &self,
        name: &str,
        wait: Duration,
        most: u32,
    ) -> Result<Vec<Work>, CoordinatorError> {
        let leased = self.until(|fleet| {
            let leased = fleet.lease(name, most, now())?;
            Ok::<_, FleetError>((!leased.is_empty()).then_some(leased))
        });
        let Ok(leased) = tokio::time::timeout(wait.min(LONGEST_WAIT), leased).await else {
            return Ok(Vec::new());
        };
        let leased = leased?;
        self.changed.notify_waiters();
        let work = |(lease, order)| self.work(lease, order);
        Ok(leased.into_iter().map(work).collect())
    }

    fn work(&self, lease: LeaseId, order: Order) -> Work {
        let (lease_timeout, seed) = (self.lease_timeout, order.seed());
        let Order {
            target,
            protocol,
            onnx,
            ..
        } = order;
        Work {
            lease,
            lease_timeout,
            target,
            onnx,
            protocol,
            seed,
        }
    }

    /// Extends a lease.
    ///
    /// # Errors
    /// When it has ended.
    pub fn heartbeat(&self, name: &str, lease: LeaseId) -> Result<(), CoordinatorError> {
        Ok(self.fleet().heartbeat(name, lease, now())?)
    }

    /// Takes a measurement in: it is stored before anyone sees it.
    ///
    /// # Errors
    /// When the lease has ended, or the measurement cannot be stored.
    pub fn report(
        &self,
        name: &str,
        lease: LeaseId,
        measurement: Measurement,
    ) -> Result<(), CoordinatorError> {
        let mut fleet = self.fleet();
        let now = now();
        let order = fleet.reported(name, lease, now)?;
        let stored = self
            .store
            .put_measurement(order.graph, &order.fingerprint, &measurement);
        let outcome = match &stored {
            Ok(()) => Progress::Measured(Box::new(measurement)),
            Err(error) => Progress::Failed(JobError::NotStored {
                reason: error.to_string(),
            }),
        };
        fleet.finish(name, lease, outcome, now)?;
        Ok(stored?)
    }

    /// Ends leases whose time has run out, for as long as it is polled.
    pub async fn keep_time(&self) {
        loop {
            if self.fleet().expire(now()) {
                self.changed.notify_waiters();
            }
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let next = self.fleet().next_end();
            match next {
                // Either way the loop looks again.
                Some(next) => drop(tokio::time::timeout_at(next.into(), changed).await),
                None => changed.await,
            }
        }
    }

    /// Waits until the question has an answer, asking anew whenever something has changed.
    async fn until<T, E>(
        &self,
        mut question: impl FnMut(&mut Fleet) -> Result<Option<T>, E>,
    ) -> Result<T, E> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = question(&mut self.fleet())? {
                return Ok(answer);
            }
            changed.await;
        }
    }

    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().expect("no holder of the lock panics")
    }
}

// === impl Dispatch: orders ===

impl Dispatch {
    /// Has a network measured, unless the store knows the answer, and waits for it.
    ///
    /// # Errors
    /// When the measurement was lost too often or could not be stored.
    pub async fn measure(
        &self,
        order: Order,
        mut tell: impl FnMut(Waiting),
    ) -> Result<Measurement, CoordinatorError> {
        let (target, fingerprint) = (order.target.clone(), order.fingerprint);
        let mut progress = match self.known_or_ordered(order)? {
            Ok(known) => return Ok(known),
            Err(progress) => progress,
        };
        let mut told = None;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = progress.borrow_and_update().clone();
            let waiting = match now {
                Progress::Measured(measurement) => return Ok(*measurement),
                Progress::Failed(error) => return Err(error.into()),
                Progress::Leased { agent } => Some(Waiting::Taken { agent }),
                Progress::Queued if self.fleet().serves(&target, &fingerprint) => None,
                Progress::Queued => Some(Waiting::NoAgent),
            };
            if waiting != told {
                waiting.iter().cloned().for_each(&mut tell);
                told = waiting;
            }
            tokio::select! {
                changed = progress.changed() => changed.expect("a watched job ends with an outcome"),
                () = changed => {}
            }
        }
    }

    /// What a network takes, measured unless the store knows it, or why nothing is known: the verdict in words.
    ///
    /// # Errors
    /// When the measurement could not be stored or looked up.
    pub async fn reading(
        &self,
        order: Order,
        tell: impl FnMut(Waiting),
    ) -> Result<Result<Reading, String>, CoordinatorError> {
        match self.measure(order, tell).await {
            Ok(Measurement {
                verdict, energy_mj, ..
            }) => Ok(estimate(verdict).map(|latency| Reading {
                latency,
                energy_mj: energy_mj.filter(|mj| mj.is_finite() && *mj > 0.0),
            })),
            Err(CoordinatorError::Job(error @ JobError::Lost { .. })) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// The measurement that the store has, or the progress of the job. Under one lock, so that a report which comes
    /// in between cannot be missed and measured again.
    fn known_or_ordered(
        &self,
        order: Order,
    ) -> Result<Result<Measurement, watch::Receiver<Progress>>, CoordinatorError> {
        let mut fleet = self.fleet();
        let known = self
            .store
            .measurement(order.graph, &order.fingerprint, &order.protocol)?;
        if let Some(known) = known.filter(|known| is_final(known, order.needs_energy)) {
            return Ok(Ok(known));
        }
        let progress = fleet.order(order);
        drop(fleet);
        self.changed.notify_waiters();
        Ok(Err(progress))
    }
}

/// Whether measuring again would tell nothing new. Other verdicts may have been the hour's and not the network's.
fn is_final(known: &Measurement, needs_energy: bool) -> bool {
    match known.verdict {
        Verdict::Valid { .. } => known.energy_mj.is_some() || !needs_energy,
        Verdict::DoesNotCompile { .. } => true,
        _ => false,
    }
}

/// The latency of a verdict, or the verdict in words.
fn estimate(verdict: Verdict) -> Result<Estimate, String> {
    match verdict {
        Verdict::Valid { estimate } => Ok(estimate),
        Verdict::Unstable { reason } => Err(format!("the measurement was unstable: {reason}")),
        Verdict::Throttled { reason } => Err(format!("the machine was throttled: {reason}")),
        Verdict::TimedOut => Err("the measurement timed out".to_owned()),
        Verdict::Crashed { reason } => Err(format!("the measurement crashed: {reason}")),
        Verdict::DoesNotCompile { reason } => {
            Err(format!("the runtime does not take the network: {reason}"))
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
