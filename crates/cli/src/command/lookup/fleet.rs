//! Measuring many networks through a coordinator: a farm's, or one that runs in this program.

use std::{
    io::{IsTerminal, Write},
    path::Path,
    time::Duration,
};

use bespoke_client::FleetClient;
use bespoke_coordinator::Config;
use bespoke_device::TargetSpec;
use bespoke_graph::Graph;
use bespoke_measure::{Measurement, Protocol, Verdict};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;

use crate::{
    arguments::On,
    command::{predictor::progress_bar, table::onnx},
    local,
};

/// Networks that the coordinator is asked for at the same time, so that several agents have work.
const IN_FLIGHT: usize = 8;
/// How long to wait before looking again whether the agent is there.
const AGENT_WAIT: Duration = Duration::from_millis(20);

/// Has networks measured on a target.
pub struct Fleet {
    client: FleetClient,
    target: TargetSpec,
}

/// A network and what to call it.
pub struct Named {
    pub name: String,
    pub graph: Graph,
}

/// Does what needs a fleet with the coordinator that the arguments name, or with this machine's, which keeps its
/// measurements in the data folder and leaves the studies there alone; nothing if the user interrupted it.
pub async fn with_fleet<T>(
    on: &On,
    target: &TargetSpec,
    data_dir: &Path,
    work: impl AsyncFnOnce(Fleet) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let target = target.clone();
    if let Some(url) = &on.coordinator {
        let client = FleetClient::connect(url).await?;
        return local::unless_interrupted(work(Fleet { client, target })).await;
    }
    let store = local::open_store(data_dir)?;
    let config = Config {
        resume: false,
        ..Config::new(data_dir)
    };
    let work = async |url: String| {
        let client = FleetClient::connect(&url).await?;
        while client.agents().await?.is_empty() {
            tokio::time::sleep(AGENT_WAIT).await;
        }
        work(Fleet { client, target }).await
    };
    local::farm_of_one(config, on.limits.resolve(), store, work).await
}

// === impl Fleet ===

impl Fleet {
    /// Measures networks, several at a time, and tells on stderr how that goes; their measurements in order.
    pub async fn measure(
        &self,
        what: &'static str,
        networks: Vec<Named>,
    ) -> anyhow::Result<Vec<Measurement>> {
        let (progress, protocol) = (Progress::new(what, networks.len()), Protocol::default());
        let measured = stream::iter(&networks)
            .map(|network| async {
                // Elsewhere, for the agent's heartbeats are in this task.
                let graph = network.graph.clone();
                let onnx = tokio::task::spawn_blocking(move || onnx(&graph)).await??;
                let measuring = self.client.measure(onnx, &self.target, &protocol);
                let measurement = measuring.await?;
                progress.tell(&network.name, &measurement.verdict);
                anyhow::Ok(measurement)
            })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await;
        progress.bar.finish_and_clear();
        measured
    }
}

/// How far it is, on stderr: a bar on a terminal, plain lines elsewhere.
struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
}

// === impl Progress ===

impl Progress {
    fn new(what: &'static str, length: usize) -> Self {
        let bar = progress_bar(what);
        bar.set_length(length as u64);
        let is_terminal = std::io::stderr().is_terminal();
        Self { bar, is_terminal }
    }

    fn tell(&self, name: &str, verdict: &Verdict) {
        self.bar.inc(1);
        let outcome = match verdict.estimate() {
            Some(_) if self.is_terminal => return,
            Some(estimate) => estimate.median_ms.to_string(),
            None => format!("no latency: {verdict}"),
        };
        let count = format!(
            "{}/{}",
            self.bar.position(),
            self.bar.length().unwrap_or_default()
        );
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{count} {name}: {outcome}");
        });
    }
}
