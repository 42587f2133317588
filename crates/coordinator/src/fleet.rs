//! The fleet: agents, the queue of networks to measure, and leases.
//!
//! A pure state machine: time is passed in, and whoever waits for a job watches its [`Progress`]. A lease has an id
//! that only grows (a fencing token): whatever an agent sends under a lease that has ended is refused, so that a job
//! which was given to another agent is never answered by the first.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use bespoke_device::{AgentInfo, LeaseId, TargetFingerprint, TargetSpec};
use bespoke_measure::Measurement;
use tokio::sync::watch;

use crate::order::{Order, OrderKey, fingerprints, serves};

#[cfg(test)]
mod tests;

/// How often a job may be lost before it fails.
const MOST_LOSSES: usize = 3;

/// Longest time that an agent without a lease may stay silent, beyond the lease timeout: it asks for work at least
/// this often.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Agents, jobs and leases.
#[derive(Debug)]
pub struct Fleet {
    version: String,
    lease_timeout: Duration,
    agents: BTreeMap<String, Member>,
    jobs: HashMap<OrderKey, Job>,
    queue: VecDeque<OrderKey>,
    leases: BTreeMap<u64, Lease>,
    next_lease: u64,
    next_member: u64,
}

/// How far a job has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Waiting for an agent.
    Queued,
    /// An agent has it.
    Leased {
        /// Its name.
        agent: String,
    },
    /// It has been measured.
    Measured(Box<Measurement>),
    /// It will not be measured.
    Failed(JobError),
}

/// Why a job was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Agent after agent took it and fell silent.
    #[error("the measurement was lost {} times: the agents that took it fell silent ({})", .agents.len(), .agents.join(", "))]
    Lost {
        /// Who took it, in order.
        agents: Vec<String>,
    },
    /// The measurement came and could not be kept.
    #[error("the measurement could not be stored: {reason}")]
    NotStored {
        /// What the store said.
        reason: String,
    },
}

/// Why an agent is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// The agent is of another version.
    #[error(
        "this agent runs bespoke {agent} and the coordinator {coordinator}: install the same version on both"
    )]
    Version {
        /// Version of the agent.
        agent: String,
        /// Version of the coordinator.
        coordinator: String,
    },
    /// Nobody has registered under that name.
    #[error("no agent `{name}` is registered: register first")]
    UnknownAgent {
        /// The name.
        name: String,
    },
    /// The lease has ended, or was never this agent's.
    #[error("lease {id} of agent `{agent}` has ended: drop its work", id = .lease.0)]
    LeaseEnded {
        /// The lease.
        lease: LeaseId,
        /// The agent.
        agent: String,
    },
}

#[derive(Debug)]
struct Member {
    agent: AgentInfo,
    /// Place in the order of registration.
    number: u64,
    last_seen: Instant,
}

#[derive(Debug)]
struct Job {
    order: Order,
    progress: watch::Sender<Progress>,
    lost_by: Vec<String>,
}

#[derive(Debug)]
struct Lease {
    key: OrderKey,
    agent: String,
    ends: Instant,
}

// === impl Fleet: agents ===

impl Fleet {
    /// A fleet without agents. Lease ids begin after `last_lease`; give a number that grows from run to run, so that
    /// an agent which outlived the coordinator cannot hold an id that is given again.
    pub fn new(version: &str, lease_timeout: Duration, last_lease: u64) -> Self {
        Self {
            version: version.to_owned(),
            lease_timeout,
            agents: BTreeMap::new(),
            jobs: HashMap::new(),
            queue: VecDeque::new(),
            leases: BTreeMap::new(),
            next_lease: last_lease + 1,
            next_member: 0,
        }
    }

    /// Adds an agent, or replaces the one of that name and ends its leases.
    ///
    /// # Errors
    /// When the agent is of another version.
    pub fn register(&mut self, agent: AgentInfo, now: Instant) -> Result<(), FleetError> {
        if agent.version != self.version {
            let (agent, coordinator) = (agent.version, self.version.clone());
            return Err(FleetError::Version { agent, coordinator });
        }
        self.end_leases(|lease| lease.agent == agent.name, true);
        let number = self.next_member;
        self.next_member += 1;
        let member = Member {
            number,
            last_seen: now,
            agent,
        };
        self.agents.insert(member.agent.name.clone(), member);
        Ok(())
    }

    /// Removes an agent and ends its leases. A clean leave is no loss: it does not count against the jobs.
    pub fn deregister(&mut self, name: &str) {
        self.agents.remove(name);
        self.end_leases(|lease| lease.agent == name, false);
    }

    /// All agents, by name.
    pub fn agents(&self) -> impl Iterator<Item = &AgentInfo> {
        self.agents.values().map(|member| &member.agent)
    }

    /// What the target is on the first agent that offers it, in the order of registration.
    pub fn offer(&self, target: &TargetSpec) -> Option<TargetFingerprint> {
        let offers = self.agents.values().filter_map(|member| {
            let fingerprint = fingerprints(&member.agent, target).next()?;
            Some((member.number, fingerprint))
        });
        offers
            .min_by_key(|(number, _)| *number)
            .map(|(_, fingerprint)| fingerprint)
    }

    /// Whether any agent can measure for a target of that fingerprint.
    pub fn serves(&self, target: &TargetSpec, fingerprint: &TargetFingerprint) -> bool {
        self.agents()
            .any(|agent| serves(agent, target, fingerprint))
    }

    fn seen(&mut self, name: &str, now: Instant) -> Result<&AgentInfo, FleetError> {
        let unknown = || FleetError::UnknownAgent {
            name: name.to_owned(),
        };
        let member = self.agents.get_mut(name).ok_or_else(unknown)?;
        member.last_seen = now;
        Ok(&member.agent)
    }
}

// === impl Fleet: jobs ===

impl Fleet {
    /// Puts a network in the queue, or joins the job that is in flight for the same one, and watches it.
    pub fn order(&mut self, order: Order) -> watch::Receiver<Progress> {
        let key = order.key();
        if let Some(job) = self.jobs.get(&key) {
            return job.progress.subscribe();
        }
        let (progress, watcher) = watch::channel(Progress::Queued);
        self.jobs.insert(
            key.clone(),
            Job {
                order,
                progress,
                lost_by: Vec::new(),
            },
        );
        self.queue.push_back(key);
        watcher
    }

    /// Gives the agent the first job in the queue that it can do, and others for the same target with it, each under a
    /// lease of its own: at most so many, and no more than its share of them among the agents that can do them.
    ///
    /// # Errors
    /// When the agent is not registered.
    pub fn lease(
        &mut self,
        name: &str,
        most: u32,
        now: Instant,
    ) -> Result<Vec<(LeaseId, Order)>, FleetError> {
        self.drop_unwatched();
        let agent = self.seen(name, now)?.clone();
        let target_of = |key: &OrderKey| self.jobs.get(key).map(|job| job.order.target.clone());
        let first = self.queue.iter().find_map(|key| {
            let target = target_of(key)?;
            serves(&agent, &target, &key.target).then_some((target, key.target))
        });
        let Some((target, fingerprint)) = first else {
            return Ok(Vec::new());
        };
        let same: Vec<OrderKey> = self
            .queue
            .iter()
            .filter(|key| key.target == fingerprint)
            .cloned()
            .collect();
        let agents = self
            .agents()
            .filter(|agent| serves(agent, &target, &fingerprint));
        let share = same.len().div_ceil(agents.count().max(1));
        let given = share.min(most as usize).max(1);
        let leased = same.into_iter().take(given);
        Ok(leased.map(|key| self.lend(name, key, now)).collect())
    }

    /// Takes a job out of the queue and lends it.
    fn lend(&mut self, name: &str, key: OrderKey, now: Instant) -> (LeaseId, Order) {
        self.queue.retain(|queued| *queued != key);
        let id = self.next_lease;
        self.next_lease += 1;
        let ends = now + self.lease_timeout;
        let job = self.jobs.get(&key).expect("queued keys have jobs");
        job.progress.send_replace(Progress::Leased {
            agent: name.to_owned(),
        });
        let order = job.order.clone();
        self.leases.insert(
            id,
            Lease {
                key,
                agent: name.to_owned(),
                ends,
            },
        );
        (LeaseId(id), order)
    }

    /// Extends a lease.
    ///
    /// # Errors
    /// When the lease has ended.
    pub fn heartbeat(&mut self, name: &str, id: LeaseId, now: Instant) -> Result<(), FleetError> {
        let ends = now + self.lease_timeout;
        self.held(name, id, now)?.ends = ends;
        self.seen(name, now).map(|_| ())
    }

    /// The order behind a lease that has not ended: what a report is about.
    ///
    /// # Errors
    /// When the lease has ended.
    pub fn reported(
        &mut self,
        name: &str,
        id: LeaseId,
        now: Instant,
    ) -> Result<&Order, FleetError> {
        let key = self.held(name, id, now)?.key.clone();
        self.seen(name, now)?;
        Ok(&self.jobs.get(&key).expect("leased keys have jobs").order)
    }

    /// Ends a lease and its job, and tells all who wait for it.
    ///
    /// # Errors
    /// When the lease has ended.
    pub fn finish(
        &mut self,
        name: &str,
        id: LeaseId,
        outcome: Progress,
        now: Instant,
    ) -> Result<(), FleetError> {
        self.held(name, id, now)?;
        let lease = self.leases.remove(&id.0).expect("the lease is held");
        let job = self.jobs.remove(&lease.key).expect("leased keys have jobs");
        job.progress.send_replace(outcome);
        Ok(())
    }

    /// Ends what has run out at this time: leases without heartbeat, whose jobs go back to the head of the queue, and
    /// agents that have fallen silent. Returns whether there was anything.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = (self.leases.len(), self.agents.len());
        self.end_leases(|lease| lease.ends <= now, true);
        let silence = self.lease_timeout + LONGEST_SILENCE;
        self.agents
            .retain(|_, member| member.last_seen + silence > now);
        before != (self.leases.len(), self.agents.len())
    }

    /// When the next lease or agent runs out, unless it is heard of.
    pub fn next_end(&self) -> Option<Instant> {
        let silence = self.lease_timeout + LONGEST_SILENCE;
        let leases = self.leases.values().map(|lease| lease.ends);
        let agents = self
            .agents
            .values()
            .map(|member| member.last_seen + silence);
        leases.chain(agents).min()
    }

    /// A lease that has not ended.
    fn held(&mut self, name: &str, id: LeaseId, now: Instant) -> Result<&mut Lease, FleetError> {
        let ended = || FleetError::LeaseEnded {
            lease: id,
            agent: name.to_owned(),
        };
        let lease = self.leases.get_mut(&id.0);
        lease
            .filter(|lease| lease.agent == name && lease.ends > now)
            .ok_or_else(ended)
    }

    /// Ends leases and puts their jobs back at the head of the queue, the oldest first.
    fn end_leases(&mut self, ended: impl Fn(&Lease) -> bool, lost: bool) {
        let ids: Vec<u64> = self
            .leases
            .iter()
            .filter(|(_, lease)| ended(lease))
            .map(|(id, _)| *id)
            .collect();
        for id in ids.into_iter().rev() {
            let lease = self.leases.remove(&id).expect("the id was just found");
            let job = self
                .jobs
                .get_mut(&lease.key)
                .expect("leased keys have jobs");
            if lost {
                job.lost_by.push(lease.agent);
            }
            if job.lost_by.len() < MOST_LOSSES {
                job.progress.send_replace(Progress::Queued);
                self.queue.push_front(lease.key);
            } else {
                let agents = std::mem::take(&mut job.lost_by);
                job.progress
                    .send_replace(Progress::Failed(JobError::Lost { agents }));
                self.jobs.remove(&lease.key);
            }
        }
    }

    /// Forgets queued jobs that nobody waits for any more.
    fn drop_unwatched(&mut self) {
        let jobs = &mut self.jobs;
        self.queue.retain(|key| {
            let watched = jobs
                .get(key)
                .is_some_and(|job| job.progress.receiver_count() > 0);
            if !watched {
                jobs.remove(key);
            }
            watched
        });
    }
}
