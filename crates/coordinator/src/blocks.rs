//! What the blocks of a space take on a target, measured once.

use bespoke_device::{TargetFingerprint, TargetSpec};
use bespoke_graph::{Graph, GraphHash};
use bespoke_measure::{Estimate, Protocol};
use bespoke_predict::lookup::{Layout, Operators, WholeNetwork, in_networks};
use bespoke_space::{Architecture, Chain};
use bespoke_supernet::{LatencyTable, Paths};
use futures::future::join_all;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    CoordinatorError,
    deployed::{deployed, exported},
    dispatch::{Dispatch, Waiting},
    order::Order,
    runner::blocking,
};

/// Whole networks that tell what blocks take inside of one. They are few, for the trials tell more.
const NETWORKS: usize = 10;
/// Draws these networks: the same for all studies of a space, so that they are measured once.
const SEED: u64 = 0;
/// How often a block is measured that has no latency: it may have been the hour.
const TRIES: usize = 3;
/// Files that wait to be measured at the same time.
const AT_ONCE: usize = 16;

/// The blocks of a space on a target.
pub(crate) struct Blocks<'a> {
    pub dispatch: &'a Dispatch,
    pub paths: Paths,
    pub target: &'a TargetSpec,
    pub fingerprint: TargetFingerprint,
    pub protocol: &'a Protocol,
}

/// What is measured.
struct Plan {
    chain: Chain,
    operators: Operators,
    networks: Vec<Sample>,
}

/// A whole network, drawn.
struct Sample {
    /// Canonical string of its architecture.
    name: String,
    /// Its live graph.
    graph: Graph,
    /// How much it takes of each operator.
    counts: Vec<f64>,
}

// === impl Blocks ===

impl Blocks<'_> {
    /// Has measured what is not known, as `bespoke lookup build` does: each operator by itself, and some whole networks,
    /// which tell what the operators take inside of them.
    ///
    /// # Errors
    /// When the space has too many operators to list, or one of them has no latency.
    pub async fn table(
        &self,
        tell: impl Fn(&str, Waiting) + Sync,
    ) -> Result<LatencyTable, CoordinatorError> {
        let paths = self.paths.clone();
        let mut plan = blocking(move || Plan::new(&paths)).await??;
        let mut alone_ms = Vec::new();
        for operator in self.alone(&plan.operators, &tell).await? {
            alone_ms.push(Some(operator.median_ms.ms()));
        }
        let whole = self.whole(&plan.networks, &tell).await?;
        let times = in_networks(&plan.operators, &alone_ms, &whole);
        let times: Vec<f64> = times.into_iter().flatten().collect();
        LatencyTable::new(&self.paths, |architecture| {
            let counts = plan.counts(architecture)?;
            Ok(counts
                .iter()
                .zip(&times)
                .map(|(count, ms)| count * ms)
                .sum())
        })
    }

    /// The latency of each operator by itself.
    async fn alone(
        &self,
        operators: &Operators,
        tell: &(impl Fn(&str, Waiting) + Sync),
    ) -> Result<Vec<Estimate>, CoordinatorError> {
        let mut latencies = Vec::with_capacity(operators.all().len());
        for chunk in operators.all().chunks(AT_ONCE) {
            let measured = chunk.iter().map(|operator| {
                let file = exported(&operator.graph.live());
                self.measure(&operator.key, file, tell)
            });
            for (operator, latency) in chunk.iter().zip(join_all(measured).await) {
                latencies.push(latency?.map_err(|reason| CoordinatorError::Unpriced {
                    key: operator.key.clone(),
                    target: self.target.clone(),
                    reason,
                })?);
            }
        }
        Ok(latencies)
    }

    /// The latencies of those networks that have one: another teaches nothing.
    async fn whole(
        &self,
        networks: &[Sample],
        tell: &(impl Fn(&str, Waiting) + Sync),
    ) -> Result<Vec<WholeNetwork>, CoordinatorError> {
        let measured = networks
            .iter()
            .map(|sample| self.measure(&sample.name, deployed(&sample.graph), tell));
        let mut whole = Vec::with_capacity(networks.len());
        for (sample, latency) in networks.iter().zip(join_all(measured).await) {
            if let Ok(latency) = latency? {
                whole.push(WholeNetwork {
                    counts: sample.counts.clone(),
                    ms: latency.median_ms.ms(),
                });
            }
        }
        Ok(whole)
    }

    /// What a file takes; the inner error is why it has no latency.
    async fn measure(
        &self,
        name: &str,
        file: Result<(Vec<u8>, GraphHash), CoordinatorError>,
        tell: &(impl Fn(&str, Waiting) + Sync),
    ) -> Result<Result<Estimate, String>, CoordinatorError> {
        let (onnx, graph) = file?;
        let order = Order {
            graph,
            target: self.target.clone(),
            fingerprint: self.fingerprint,
            protocol: self.protocol.clone(),
            onnx,
            needs_energy: false,
        };
        let mut latency = Err(String::new());
        for _ in 0..TRIES {
            let tell = |waiting| tell(name, waiting);
            let reading = self.dispatch.reading(order.clone(), tell).await?;
            latency = reading.map(|reading| reading.latency);
            if latency.is_ok() {
                break;
            }
        }
        Ok(latency)
    }
}

// === impl Plan ===

impl Plan {
    fn new(paths: &Paths) -> Result<Self, CoordinatorError> {
        let space = paths.space();
        let mut chain = space.chain();
        let expanded = chain.expand()?;
        let operators = Layout::Content.operators(&chain, &expanded)?;
        let mut plan = Self {
            chain,
            operators,
            networks: Vec::new(),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        for _ in 0..NETWORKS {
            let architecture = space.sample(&mut rng);
            let name = space.format_architecture(&architecture);
            if plan.networks.iter().all(|other| other.name != name) {
                let graph = space.lower(&architecture)?.live();
                let counts = plan.counts(&architecture)?;
                plan.networks.push(Sample {
                    name,
                    graph,
                    counts,
                });
            }
        }
        Ok(plan)
    }

    /// How much a network takes of each operator.
    fn counts(&mut self, architecture: &Architecture) -> Result<Vec<f64>, CoordinatorError> {
        let mut pieces = Vec::new();
        self.chain.trace(architecture, &mut pieces)?;
        let counts = self.operators.counts(&pieces);
        Ok(counts.expect("the whole space was expanded"))
    }
}
