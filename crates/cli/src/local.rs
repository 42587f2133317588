//! What is on this machine: the data folder, and the agent that measures here.

use std::{ffi::OsString, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use bespoke_agent::{Agent, AgentConfig, Limits};
use bespoke_client::StudyClient;
use bespoke_coordinator::{Config, Coordinator};
use bespoke_store::{SledStore, Store};
use bespoke_study::StudyName;

use tokio::net::TcpListener;

use crate::{arguments, command::interrupted, report::Report};

/// The store in a data folder; it is made if it is not there.
pub fn open_store(data_dir: &Path) -> anyhow::Result<Arc<dyn Store>> {
    std::fs::create_dir_all(data_dir)
        .with_context(|| format!("cannot create {}", data_dir.display()))?;
    Ok(Arc::new(SledStore::open(&data_dir.join("store"))?))
}

/// The store in a data folder that must be there already.
pub fn open_existing_store(data_dir: &Path) -> anyhow::Result<Arc<dyn Store>> {
    if !data_dir.join("store").is_dir() {
        bail!(
            "{} holds no studies: run `bespoke search` first or pass another --data-dir",
            data_dir.display()
        );
    }
    open_store(data_dir)
}

/// A study of the data folder with its trials.
pub fn stored_report(store: &dyn Store, name: &StudyName) -> anyhow::Result<Report> {
    let Some(study) = store.study(name)? else {
        bail!("there is no study `{name}`; `bespoke studies list` tells which there are");
    };
    Report::new(study, store.trials(name)?)
}

/// A study of a coordinator with its trials.
pub async fn remote_report(client: &StudyClient, name: &StudyName) -> anyhow::Result<Report> {
    Report::new(client.get(name).await?, client.trials(name).await?)
}

/// Runs a coordinator that has this machine as its only agent, over loopback, until `work`, which is given its URL, has
/// ended; nothing if the user interrupted it.
pub async fn farm_of_one<T, W: Future<Output = anyhow::Result<T>>>(
    config: Config,
    limits: Limits,
    store: Arc<dyn Store>,
    work: impl FnOnce(String) -> W,
) -> anyhow::Result<Option<T>> {
    let quiet = Some(Arc::clone(&config.quiet));
    let coordinator = Coordinator::open(config, store)?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("cannot listen on the loopback address")?;
    let url = format!("http://{}", listener.local_addr()?);
    let agent = Agent::new(AgentConfig {
        name: host_name(),
        coordinator: url.clone(),
        worker: worker()?,
        quiet,
        limits,
    })?;
    tokio::select! {
        served = coordinator.serve(listener, std::future::pending()) => {
            served?;
            bail!("the coordinator has stopped");
        }
        worked = agent.run(std::future::pending()) => {
            worked?;
            bail!("the agent has stopped");
        }
        done = unless_interrupted(work(url)) => done,
    }
}

/// What a piece of work gives that the same command can go on with; nothing if the user interrupted it.
pub async fn unless_interrupted<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    tokio::select! {
        done = work => done.map(Some),
        () = interrupted() => {
            eprintln!("interrupted: nothing is lost, the same command goes on from here");
            Ok(None)
        }
    }
}

/// The command line that measures one network in a process of its own: this program again.
pub fn worker() -> anyhow::Result<Vec<OsString>> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    Ok(vec![program.into(), "measure-worker".into()])
}

/// This machine's name, by which its agent is known.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "agent".to_owned(),
        name => name.to_owned(),
    }
}

impl arguments::Limits {
    /// What a child process may use.
    pub fn resolve(&self) -> Limits {
        Limits {
            memory_bytes: self.memory_limit.saturating_mul(1 << 20),
            time: Duration::from_secs(self.time_limit),
        }
    }
}

/// How many networks are trained side by side.
pub fn trainers(asked: Option<u16>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(cores, usize::from)
}
