//! `bespoke table`: tables of measured networks.

mod rows;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context, bail};
use bespoke_agent::Bench;
use bespoke_client::FleetClient;
use bespoke_device::TargetSpec;
use bespoke_graph::{ExportOptions, Graph, Model, Weights};
use bespoke_measure::{Measurement, Protocol};
use bespoke_space::{Architecture, Chain, Expanded, Space};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{block_on, predictor::progress_bar};
use crate::{
    arguments::{self, Fix, MeasureTable, On},
    local, sources,
};

use rows::Rows;

/// Draws in a row that may bring no new network before a space is taken to have no more.
const FRUITLESS_DRAWS: u32 = 10_000;

/// Rows that are measured side by side, and written together.
const ROWS: usize = 8;

/// Runs `table measure`.
pub fn run(arguments: &arguments::Table) -> anyhow::Result<ExitCode> {
    match arguments {
        arguments::Table::Measure(arguments) => block_on(measure(arguments))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(arguments: &MeasureTable) -> anyhow::Result<()> {
    let space = sources::space(&arguments.space)?;
    let fixed = Fixed::new(&space, &arguments.on.fix)?;
    let architectures = draw(&space, &fixed, arguments.networks, arguments.seed);
    let targets: Vec<String> = arguments.target.iter().map(ToString::to_string).collect();
    let mut rows = Rows::open(&arguments.out, &targets)?;
    let meter = Meter::new(&arguments.on).await?;
    let bar = progress_bar("networks");
    bar.set_length(architectures.len() as u64);
    let mut missing = Vec::new();
    for architecture in &architectures {
        let name = space.format_architecture(architecture);
        match rows.contains(&name) {
            true => bar.inc(1),
            false => missing.push((name, architecture)),
        }
    }
    for some in missing.chunks(ROWS) {
        let onnx = |(_, architecture): &(String, &Architecture)| {
            onnx(&space.lower(architecture)?.live().with_probabilities()?)
        };
        let networks: Vec<Vec<u8>> = some.iter().map(onnx).collect::<anyhow::Result<_>>()?;
        let mut cells = vec![Vec::new(); some.len()];
        for target in &arguments.target {
            let measured = meter.measure(target, &networks).await?;
            for (((name, _), cells), measurement) in some.iter().zip(&mut cells).zip(&measured) {
                cells.push(latency_ms(measurement, &bar, &format!("{target}: {name}")));
            }
        }
        for ((name, _), cells) in some.iter().zip(&cells) {
            rows.append(name, cells)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Options that decisions are held to.
pub struct Fixed(BTreeMap<usize, u16>);

// === impl Fixed ===

impl Fixed {
    /// The options asked for, where the space has them.
    pub fn new(space: &Space, fixes: &[Fix]) -> anyhow::Result<Self> {
        let option = |fix: &Fix| {
            let decisions = space.decisions();
            let decision = decisions
                .iter()
                .position(|decision| decision.path() == fix.path);
            let Some(decision) = decision else {
                bail!(
                    "the space {} has no decision `{}`; `bespoke space show` lists them",
                    space.name(),
                    fix.path
                );
            };
            let options = decisions[decision].options();
            let option = options.iter().position(|option| *option == fix.option);
            let option = option.with_context(|| {
                format!(
                    "`{}` is not `{}` but one of {}",
                    fix.path,
                    fix.option,
                    options.join(", ")
                )
            })?;
            Ok((decision, u16::try_from(option)?))
        };
        let options = fixes.iter().map(option);
        options.collect::<anyhow::Result<_>>().map(Self)
    }

    /// The networks that have these options.
    pub fn expand(&self, chain: &mut Chain) -> anyhow::Result<Expanded> {
        let allows =
            |decision: usize, option: u16| self.0.get(&decision).is_none_or(|only| *only == option);
        Ok(chain.expand_where(allows)?)
    }
}

/// Different architectures, drawn uniformly: as many as asked, or as many as there are.
pub fn draw(space: &Space, fixed: &Fixed, count: u32, seed: u64) -> Vec<Architecture> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn: Vec<Architecture> = Vec::new();
    let mut fruitless = 0;
    while drawn.len() < count as usize && fruitless < FRUITLESS_DRAWS {
        let mut choices = space.sample(&mut rng).choices().to_vec();
        for (decision, option) in &fixed.0 {
            choices[*decision] = *option;
        }
        match space.architecture(&choices) {
            Some(architecture) if !drawn.contains(&architecture) => {
                drawn.push(architecture);
                fruitless = 0;
            }
            _ => fruitless += 1,
        }
    }
    drawn
}

/// Measures here or through a coordinator.
enum Meter {
    Here(Bench),
    Coordinator(Box<FleetClient>),
}

// === impl Meter ===

impl Meter {
    /// What measures as the arguments ask.
    async fn new(on: &On) -> anyhow::Result<Self> {
        Ok(match &on.coordinator {
            Some(url) => Self::Coordinator(Box::new(FleetClient::connect(url).await?)),
            None => Self::Here(Bench::new(local::worker()?, on.limits.resolve())),
        })
    }

    /// Measures networks, given as ONNX files, side by side.
    async fn measure(
        &self,
        target: &TargetSpec,
        networks: &[Vec<u8>],
    ) -> anyhow::Result<Vec<Measurement>> {
        let protocol = Protocol::default();
        Ok(match self {
            Self::Here(bench) => bench.measure(target, networks, &protocol).await?,
            Self::Coordinator(client) => {
                stream::iter(networks)
                    .map(|onnx| client.measure(onnx.clone(), target, &protocol))
                    .buffered(ROWS)
                    .try_collect()
                    .await?
            }
        })
    }
}

/// The latency where the measurement is valid; else its verdict is told on stderr.
fn latency_ms(measurement: &Measurement, bar: &ProgressBar, what: &str) -> Option<f64> {
    let estimate = measurement.verdict.estimate();
    if estimate.is_none() {
        let verdict = &measurement.verdict;
        bar.suspend(|| eprintln!("bespoke: no latency for {what}: {verdict}"));
    }
    estimate.map(|estimate| estimate.median_ms.ms())
}

/// A network with random weights as an ONNX file.
pub fn onnx(graph: &Graph) -> anyhow::Result<Vec<u8>> {
    let weights = Weights::initial(graph, &mut ChaCha8Rng::seed_from_u64(0));
    Ok(Model::new(graph.clone(), weights)?.to_onnx(ExportOptions {
        fold_batch_norm: true,
    }))
}
