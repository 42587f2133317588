//! `bespoke serve`: the coordinator.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use bespoke_coordinator::{Config, Coordinator};
use tokio::net::TcpListener;

use super::{block_on, interrupted};
use crate::{arguments::Serve, local};

/// Serves until it is asked to stop.
pub fn run(arguments: &Serve, data_dir: &Path) -> anyhow::Result<ExitCode> {
    block_on(async {
        let listen = arguments.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen}; pass a free address with --listen")
        })?;
        let config = Config {
            trainers: local::trainers(arguments.trainers),
            lease_timeout: Duration::from_secs(arguments.lease_timeout),
            heartbeat_interval: Duration::from_secs(arguments.lease_timeout) / 6,
            ..Config::new(data_dir)
        };
        let coordinator = Coordinator::open(config, local::open_store(data_dir)?)?;
        eprintln!(
            "bespoke coordinator listens on http://{}",
            listener.local_addr()?
        );
        coordinator.serve(listener, interrupted()).await?;
        Ok(ExitCode::SUCCESS)
    })
}
