//! A device of one's own: what to measure on it, what that tells, and prices.

use std::path::Path;

use anyhow::Context;
use bespoke_graph::Model;
use bespoke_measure::Estimate;
use bespoke_predict::{
    BadRows, Fitted, Network, Predictor, Prior, Reader, Saved, SavedSample, Source, Table,
};
use bespoke_space::{Architecture, Space};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    arguments::{Adapt, Fit, Plan, PlanFrom, PricePredicted},
    command::{
        print, print_json,
        table::{Fixed, Meter, draw, onnx},
        tokio_runtime,
    },
    report::grid,
    sources,
};

use super::progress_bar;

/// Networks that a plan is chosen from.
const POOL: u32 = 600;

/// Prints the networks to measure.
pub fn plan(arguments: &Plan) -> anyhow::Result<()> {
    let planned = Planned::new(&arguments.from)?;
    let names = planned
        .architectures
        .iter()
        .map(|a| planned.space.format_architecture(a));
    if arguments.json {
        return print_json(&names.map(Value::from).collect());
    }
    names
        .into_iter()
        .try_for_each(|name| print(&format!("{name}\n")))
}

/// Measures the planned networks and writes the predictor.
pub fn adapt(arguments: &Adapt) -> anyhow::Result<()> {
    let planned = Planned::new(&arguments.from)?;
    let samples = tokio_runtime()?.block_on(measured(&planned, arguments))?;
    let saved = Saved {
        space: planned.space.name().to_owned(),
        target: arguments.target.to_string(),
        prior: planned.prior,
        samples,
    };
    saved.predictor(&planned.space)?;
    write(&arguments.out, &serde_json::to_string(&saved)?)?;
    let samples = saved.samples.len();
    eprintln!(
        "bespoke: learned {} from {samples} measurements",
        saved.target
    );
    Ok(())
}

async fn measured(planned: &Planned, arguments: &Adapt) -> anyhow::Result<Vec<SavedSample>> {
    let meter = Meter::new(&arguments.on).await?;
    let bar = progress_bar("measurements");
    bar.set_length(planned.architectures.len() as u64);
    let mut samples = Vec::with_capacity(planned.architectures.len());
    for architecture in &planned.architectures {
        let graph = planned
            .space
            .lower(architecture)?
            .live()
            .with_probabilities()?;
        let measurement = meter.measure(&arguments.target, &onnx(&graph)?).await?;
        let name = planned.space.format_architecture(architecture);
        bar.inc(1);
        match measurement.verdict.estimate() {
            Some(estimate) => samples.push(SavedSample {
                architecture: name,
                latency_ms: estimate.median_ms.ms(),
            }),
            None => {
                let verdict = &measurement.verdict;
                bar.suspend(|| eprintln!("bespoke: no latency for {name}: {verdict}"));
            }
        }
    }
    bar.finish_and_clear();
    Ok(samples)
}

/// Prints prices of architectures and files.
pub fn price(arguments: &PricePredicted) -> anyhow::Result<()> {
    let saved: Saved = read(&arguments.predictor)?;
    let space = sources::space(arguments.space.as_deref().unwrap_or(&saved.space))?;
    let predictor = saved.predictor(&space)?;
    let mut reader = Reader::new(&space);
    let mut networks: Vec<(String, Network)> = Vec::new();
    for name in &arguments.architectures {
        let network = reader.network(&space.parse_architecture(name)?)?;
        networks.push((name.clone(), network));
    }
    for path in &arguments.onnx {
        let name = path.display().to_string();
        let model = Model::from_onnx(&sources::bytes(path)?).with_context(|| name.clone())?;
        networks.push((name, Network::from(model.graph())));
    }
    let all: Vec<&Network> = networks.iter().map(|(_, network)| network).collect();
    let prices = predictor.predict(&all);
    let named = networks.iter().map(|(name, _)| name.as_str()).zip(prices);
    if arguments.json {
        return print_json(&named.map(|(name, price)| as_json(name, &price)).collect());
    }
    let heading = [
        format!("ms on {}", saved.target),
        "90 % interval".into(),
        "network".into(),
    ];
    let rows = named.map(|(name, price)| {
        vec![
            format!("{:.4}", price.median_ms.ms()),
            format!("{:.4} … {:.4}", price.low_ms.ms(), price.high_ms.ms()),
            name.to_owned(),
        ]
    });
    print(&grid(
        &std::iter::once(heading.to_vec())
            .chain(rows)
            .collect::<Vec<_>>(),
    ))
}

fn as_json(name: &str, price: &Estimate) -> Value {
    json!({
        "network": name,
        "latency_ms": price.median_ms,
        "interval_ms": [price.low_ms, price.high_ms],
        "source": "predicted",
    })
}

/// Learns a prior from tables and writes it.
pub fn fit(arguments: &Fit) -> anyhow::Result<()> {
    let bad_rows = match arguments.skip_bad_rows {
        true => BadRows::LeaveOut,
        false => BadRows::Refuse,
    };
    let mut networks: Vec<Network> = Vec::new();
    let mut devices: Vec<Source> = Vec::new();
    for (space, path) in &arguments.table {
        let space = sources::space(space)?;
        let table = Table::parse(
            &space,
            &path.display().to_string(),
            &sources::bytes(path)?,
            bad_rows,
        )?;
        let mut reader = Reader::new(&space);
        for (row, architecture) in table.architectures().iter().enumerate() {
            let Some(architecture) = architecture else {
                continue;
            };
            let place = networks.len();
            networks.push(reader.network(architecture)?);
            for name in table.devices() {
                let ms = table.latencies_ms(name)?[row];
                let known = devices.iter_mut().find(|device| device.name == name);
                let device = match known {
                    Some(device) => device,
                    None => {
                        devices.push(Source {
                            name: name.to_owned(),
                            latencies_ms: Vec::new(),
                        });
                        devices.last_mut().expect("just pushed")
                    }
                };
                device.latencies_ms.resize(place, None);
                device.latencies_ms.push(ms);
            }
        }
    }
    for device in &mut devices {
        device.latencies_ms.resize(networks.len(), None);
    }
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &devices)?;
    write(&arguments.out, &serde_json::to_string(&prior)?)?;
    eprintln!(
        "bespoke: learned from {} networks on {}",
        networks.len(),
        prior.sources().join(", ")
    );
    Ok(())
}

/// A plan and what it was made with.
struct Planned {
    space: Space,
    prior: Prior,
    architectures: Vec<Architecture>,
}

// === impl Planned ===

impl Planned {
    fn new(from: &PlanFrom) -> anyhow::Result<Self> {
        let space = sources::space(&from.space)?;
        let mut reader = Reader::new(&space);
        let drawn = draw(&space, &Fixed::default(), POOL, from.seed);
        let networks = drawn
            .iter()
            .map(|architecture| reader.network(architecture));
        let networks: Vec<Network> = networks.collect::<Result<_, _>>()?;
        let pool: Vec<&Network> = networks.iter().collect();
        let prior: Prior = match &from.prior {
            Some(path) => read(path)?,
            None => Prior::fit(&pool, &[])?,
        };
        let chosen = prior.plan(&pool, usize::from(from.samples), from.seed);
        Ok(Self {
            architectures: chosen
                .into_iter()
                .map(|index| drawn[index].clone())
                .collect(),
            space,
            prior,
        })
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    serde_json::from_str(&sources::text(path)?).with_context(|| path.display().to_string())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
