//! The agent's life: connect, register, lease and measure until it is asked to stop.

use std::{ffi::OsString, future::Future, pin::pin, sync::Arc, time::Duration};

use bespoke_client::{ClientError, Code, FleetClient};
use bespoke_device::{AgentInfo, RuntimeInfo};
use bespoke_runtime::runtimes;
use tokio::sync::{RwLock, watch};

use crate::{AgentError, Bench, Limits, backoff::Backoff, host::machine, lease::Leases};

/// How long the coordinator is asked to wait for work.
const LEASE_WAIT: Duration = Duration::from_secs(20);
/// Most networks that are leased together, to be measured side by side.
const MAX_BATCH: u32 = 8;
/// How long a coordinator may take to say hello and goodbye.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What an agent is.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Its name, unique on the coordinator.
    pub name: String,
    /// Address of the coordinator: `http://HOST:PORT`.
    pub coordinator: String,
    /// Command line of the child that measures: a program that calls [`worker::main`](crate::worker::main).
    pub worker: Vec<OsString>,
    /// Locked for writing while a network is measured. What trains in the same program holds it for reading, step by
    /// step, so that it does not disturb a measurement.
    pub quiet: Option<Arc<RwLock<()>>>,
    /// What one measurement may use.
    pub limits: Limits,
}

/// Measures for a coordinator, one batch of networks at a time.
#[derive(Debug)]
pub struct Agent {
    coordinator: String,
    info: AgentInfo,
    bench: Bench,
}

/// Why an agent leaves its coordinator.
#[derive(Debug)]
pub(crate) enum Parting {
    /// It is worth registering again in a while.
    Passing(ClientError),
    /// The agent cannot go on.
    Final(AgentError),
}

/// Tells whether the agent was asked to stop.
#[derive(Debug)]
struct Stop(watch::Receiver<bool>);

// === impl Agent ===

impl Agent {
    /// Checks the configuration; nothing is connected to yet.
    ///
    /// # Errors
    /// Names the setting that is empty.
    pub fn new(config: AgentConfig) -> Result<Self, AgentError> {
        if config.name.is_empty() {
            return Err(AgentError::Empty {
                setting: "its name",
            });
        }
        if config.worker.is_empty() {
            return Err(AgentError::Empty {
                setting: "the command line that measures",
            });
        }
        let info = AgentInfo {
            name: config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: machine(),
            runtimes: runtimes()
                .iter()
                .map(|runtime| RuntimeInfo {
                    name: runtime.name().to_owned(),
                    version: runtime.version(),
                })
                .collect(),
        };
        Ok(Self {
            coordinator: config.coordinator,
            info,
            bench: Bench::new(config.worker, config.limits).with_training(config.quiet),
        })
    }

    /// Works until `shutdown` is there; the present measurement is finished first and the coordinator told goodbye. A
    /// coordinator that goes away is waited for.
    ///
    /// # Errors
    /// When the coordinator will not have this agent, or the child that measures cannot be started.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), AgentError> {
        let (asked, stop) = watch::channel(false);
        let mut work = pin!(self.work(Stop(stop)));
        tokio::select! {
            ended = &mut work => return ended,
            () = shutdown => {}
        }
        tracing::info!("asked to stop: what is being measured is finished first");
        asked.send_replace(true);
        work.await
    }

    async fn work(&self, mut stop: Stop) -> Result<(), AgentError> {
        let mut backoff = Backoff::default();
        while !stop.asked() {
            let error = match self.visit(&mut stop, &mut backoff).await {
                Ok(()) => break,
                Err(Parting::Passing(error)) => error,
                Err(Parting::Final(error)) => return Err(error),
            };
            let wait = backoff.next();
            tracing::warn!("{error}; trying again in {} ms", wait.as_millis());
            stop.unless(tokio::time::sleep(wait)).await;
        }
        Ok(())
    }

    /// Works for a coordinator until it goes away or the agent is asked to stop.
    async fn visit(&self, stop: &mut Stop, backoff: &mut Backoff) -> Result<(), Parting> {
        let connecting = FleetClient::connect(&self.coordinator);
        let Some(client) = stop.unless(connecting).await else {
            return Ok(());
        };
        let client = client.map_err(Parting::from_registration)?;
        let registered = self.register(&client).await;
        let heartbeat = registered.map_err(Parting::from_registration)?;
        tracing::info!("registered as `{}`", self.info.name);
        let parting = self.serve(&client, heartbeat, stop, backoff).await;
        if !matches!(parting, Err(Parting::Passing(_))) {
            self.say_goodbye(&client).await;
        }
        parting
    }

    /// Once begun, a registration is waited for, so that it can be taken back.
    async fn register(&self, client: &FleetClient) -> Result<Duration, ClientError> {
        let registering = client.register(&self.info);
        match tokio::time::timeout(ANSWER_TIMEOUT, registering).await {
            Ok(answer) => answer,
            Err(late) => Err(ClientError::Unreachable {
                url: self.coordinator.clone(),
                source: late.into(),
            }),
        }
    }

    async fn serve(
        &self,
        client: &FleetClient,
        heartbeat: Duration,
        stop: &mut Stop,
        backoff: &mut Backoff,
    ) -> Result<(), Parting> {
        loop {
            let asking = client.lease(&self.info.name, LEASE_WAIT, MAX_BATCH);
            let Some(answer) = stop.unless(asking).await else {
                return Ok(());
            };
            let work = answer.map_err(Parting::Passing)?;
            backoff.reset();
            if !work.is_empty() {
                let leases = Leases {
                    agent: &self.info.name,
                    bench: &self.bench,
                    client,
                    heartbeat,
                };
                leases.perform(work).await?;
            }
        }
    }

    /// The coordinator need not wait for this agent's leases to end. It may be gone by now.
    async fn say_goodbye(&self, client: &FleetClient) {
        let farewell = client.deregister(&self.info.name);
        match tokio::time::timeout(ANSWER_TIMEOUT, farewell).await {
            Ok(Ok(())) => tracing::info!("deregistered"),
            Ok(Err(error)) => tracing::warn!("could not deregister: {error}"),
            Err(_) => tracing::warn!("could not deregister: the coordinator does not answer"),
        }
    }
}

// === impl Parting ===

impl Parting {
    /// Another version or a name that cannot be one will be refused again; other things may change.
    fn from_registration(error: ClientError) -> Self {
        match &error {
            ClientError::Address { .. } => Self::Final(error.into()),
            ClientError::Refused { code, .. } => match code {
                Code::FailedPrecondition | Code::InvalidArgument => Self::Final(error.into()),
                _ => Self::Passing(error),
            },
            ClientError::Unreachable { .. } | ClientError::Malformed { .. } => Self::Passing(error),
        }
    }
}

// === impl Stop ===

impl Stop {
    fn asked(&self) -> bool {
        *self.0.borrow()
    }

    /// What the future yields, unless the agent is asked to stop before.
    async fn unless<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            // The sender lives as long as this does; were it gone, nobody could ask any more.
            _ = self.0.wait_for(|asked| *asked) => None,
            done = future => Some(done),
        }
    }
}
