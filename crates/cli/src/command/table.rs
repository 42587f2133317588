//! `bespoke table`: tables of measurements, of whole networks and of operators.

mod rows;

use std::{collections::BTreeMap, ffi::OsString, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use bespoke_agent::measure_local;
use bespoke_client::FleetClient;
use bespoke_device::TargetSpec;
use bespoke_graph::{ExportOptions, Graph, Model, Weights};
use bespoke_measure::{Measurement, Protocol};
use bespoke_predict::lookup::{Format, Layout, LookupTable, Prices};
use bespoke_space::{Architecture, Chain, Expanded, Space};
use indicatif::ProgressBar;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::json;

use super::{predictor::progress_bar, print, print_json, tokio_runtime};
use crate::{
    arguments::{self, Bounds, Fix, LayoutName, MeasureTable, On, Operators},
    local, sources,
};

use rows::Rows;

/// Draws in a row that may bring no new network before a space is taken to have no more.
const FRUITLESS_DRAWS: u32 = 10_000;

/// Runs `table measure|operators|bounds`.
pub fn run(arguments: &arguments::Table) -> anyhow::Result<ExitCode> {
    match arguments {
        arguments::Table::Measure(arguments) => tokio_runtime()?.block_on(measure(arguments))?,
        arguments::Table::Operators(arguments) => {
            tokio_runtime()?.block_on(operators(arguments))?
        }
        arguments::Table::Bounds(arguments) => bounds(arguments)?,
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
    for architecture in &architectures {
        bar.inc(1);
        let name = space.format_architecture(architecture);
        if rows.contains(&name) {
            continue;
        }
        let onnx = onnx(&space.lower(architecture)?.live().with_probabilities()?)?;
        let mut cells = Vec::with_capacity(arguments.target.len());
        for target in &arguments.target {
            let measurement = meter.measure(target, &onnx).await?;
            cells.push(latency_ms(&measurement, &bar, &format!("{target}: {name}")));
        }
        rows.append(&name, &cells)?;
    }
    bar.finish_and_clear();
    Ok(())
}

async fn operators(arguments: &Operators) -> anyhow::Result<()> {
    let space = sources::space(&arguments.space)?;
    let fixed = Fixed::new(&space, &arguments.on.fix)?;
    let format = format_of(&arguments.out)?;
    let mut chain = space.chain();
    let expanded = fixed.expand(&mut chain)?;
    let operators = Layout::from(arguments.layout).operators(&chain, &expanded)?;
    let meter = Meter::new(&arguments.on).await?;
    let bar = progress_bar("operators");
    bar.set_length(operators.len() as u64);
    let mut measured: Vec<(String, Measurement)> = Vec::with_capacity(operators.len());
    for operator in operators {
        let onnx = onnx(&operator.graph.live())?;
        let measurement = meter.measure(&arguments.target, &onnx).await?;
        measured.push((operator.key, measurement));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let named = measured
        .iter()
        .map(|(key, measurement)| (key.as_str(), measurement));
    let text = LookupTable::from_measurements(named)?.write(format)?;
    std::fs::write(&arguments.out, text)
        .with_context(|| format!("cannot write {}", arguments.out.display()))
}

fn bounds(arguments: &Bounds) -> anyhow::Result<()> {
    let space = sources::space(&arguments.space)?;
    let fixed = Fixed::new(&space, &arguments.fix)?;
    let (file, table) = lookup_table(&arguments.lookup_table)?;
    let mut chain = space.chain();
    let expanded = fixed.expand(&mut chain)?;
    let prices = Prices::new(&table, arguments.layout.into(), &chain, &expanded);
    let ends = [
        ("least", prices.least(&expanded)),
        ("greatest", prices.greatest(&expanded)),
    ];
    let mut printed = serde_json::Map::new();
    for (name, end) in ends {
        let (ms, architecture) = end.with_context(|| file.clone())?;
        let architecture = space.format_architecture(&architecture);
        if !arguments.json {
            print(&format!("{name:<8}  {ms:.4} ms  {architecture}\n"))?;
        }
        printed.insert(
            name.to_owned(),
            json!({ "latency_ms": ms, "architecture": architecture }),
        );
    }
    if arguments.json {
        print_json(&printed.into())?;
    }
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

/// A look-up table, and what its file is called.
pub fn lookup_table(path: &Path) -> anyhow::Result<(String, LookupTable)> {
    let file = path.display().to_string();
    let table = LookupTable::parse(format_of(path)?, &file, &sources::text(path)?)?;
    Ok((file, table))
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
pub enum Meter<'a> {
    Here { worker: Vec<OsString>, on: &'a On },
    Coordinator(Box<FleetClient>),
}

// === impl Meter ===

impl<'a> Meter<'a> {
    /// What measures as the arguments ask.
    pub async fn new(on: &'a On) -> anyhow::Result<Self> {
        Ok(match &on.coordinator {
            Some(url) => Self::Coordinator(Box::new(FleetClient::connect(url).await?)),
            None => Self::Here {
                worker: local::worker()?,
                on,
            },
        })
    }

    /// Measures a network, given as an ONNX file.
    pub async fn measure(&self, target: &TargetSpec, onnx: &[u8]) -> anyhow::Result<Measurement> {
        let protocol = Protocol::default();
        Ok(match self {
            Self::Coordinator(client) => client.measure(onnx.to_vec(), target, &protocol).await?,
            Self::Here { worker, on } => {
                let limits = on.limits.resolve();
                measure_local(worker, target, onnx, &protocol, &limits).await?
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

fn format_of(path: &Path) -> anyhow::Result<Format> {
    let file = path.display().to_string();
    Format::of_file(&file).with_context(|| format!("{file}: a table ends in .yaml, .csv or .txt"))
}

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Content => Self::Content,
            LayoutName::OnceForAll => Self::OnceForAll,
            LayoutName::ProxylessNas => Self::ProxylessNas,
            LayoutName::Fbnet => Self::Fbnet,
        }
    }
}
