//! `bespoke lookup build`: every operator of a space is measured by itself, and some networks as a whole.

use std::path::Path;

use anyhow::{Context, bail};
use bespoke_measure::Measurement;
use bespoke_predict::lookup::{Entry, Format, LookupTable, Operators, WholeNetwork, in_networks};

use super::{
    Layers,
    fleet::{Fleet, Named, with_fleet},
};
use crate::{
    arguments::BuildLookup,
    command::{print, table::draw},
};

/// Measures what is not known yet and writes the table; nothing if the user interrupted it.
pub async fn build(arguments: &BuildLookup, data_dir: &Path) -> anyhow::Result<Option<()>> {
    arguments.format.check_file(arguments.out.as_ref())?;
    let mut layers = Layers::new(&arguments.space, &arguments.on.fix)?;
    let (layout, format) = arguments.format.parts();
    let operators = layout.operators(&layers.chain, &layers.expanded)?;
    let networks = draw(
        &layers.space,
        &layers.fixed,
        arguments.networks,
        arguments.seed,
    );
    let mut whole = Vec::with_capacity(networks.len());
    for architecture in &networks {
        let name = layers.space.format_architecture(architecture);
        let graph = layers.space.lower(architecture)?.live();
        let graph = graph.with_probabilities()?;
        let counts = operators.counts(&layers.pieces(architecture)?);
        let counts = counts.with_context(|| format!("`{name}` was not expanded"))?;
        whole.push((Named { name, graph }, counts));
    }
    let measuring = async |fleet: Fleet| measured(&fleet, &operators, whole).await;
    let measured = with_fleet(&arguments.on, &arguments.target, data_dir, measuring).await?;
    let Some((alone, networks)) = measured else {
        return Ok(None);
    };
    let text = table(&operators, &alone, &networks, format)?.write(format)?;
    match &arguments.out {
        Some(path) => std::fs::write(path, text)
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => print(&text)?,
    }
    tell(&operators, &alone, &networks);
    Ok(Some(()))
}

/// The operators' measurements, in their order, and those networks that have a latency.
async fn measured(
    fleet: &Fleet,
    operators: &Operators,
    whole: Vec<(Named, Vec<f64>)>,
) -> anyhow::Result<(Vec<Measurement>, Vec<WholeNetwork>)> {
    let named = |operator: &bespoke_predict::lookup::Operator| Named {
        name: operator.key.clone(),
        graph: operator.graph.live(),
    };
    let alone = operators.all().iter().map(named).collect();
    let alone = fleet.measure("operators", alone).await?;
    let (named, counts): (Vec<Named>, Vec<Vec<f64>>) = whole.into_iter().unzip();
    let latencies = fleet.measure("networks", named).await?;
    let networks = counts.into_iter().zip(&latencies);
    let networks = networks.filter_map(|(counts, measurement)| {
        let estimate = measurement.verdict.estimate()?;
        let ms = estimate.median_ms.ms();
        Some(WholeNetwork { counts, ms })
    });
    Ok((alone, networks.collect()))
}

/// The operators that have a latency, with what they take inside of networks.
fn table(
    operators: &Operators,
    alone: &[Measurement],
    networks: &[WholeNetwork],
    format: Format,
) -> anyhow::Result<LookupTable> {
    let alone_ms: Vec<Option<f64>> = (alone.iter())
        .map(|measurement| Some(measurement.verdict.estimate()?.median_ms.ms()))
        .collect();
    if let (Some(first), true) = (alone.first(), alone_ms.iter().all(Option::is_none)) {
        bail!("no operator has a latency; the first: {}", first.verdict);
    }
    let times = in_networks(operators, &alone_ms, networks);
    let entries = operators.all().iter().zip(alone).zip(times);
    let entries = entries.filter_map(|((operator, alone), ms)| {
        let mut entry = Entry::new(ms?, alone);
        if format == Format::Fbnet {
            (entry.std_ms, entry.count) = (None, None);
        }
        Some((operator.key.as_str(), entry))
    });
    Ok(LookupTable::from_entries(entries)?)
}

/// What the table holds and what it lacks, on stderr.
fn tell(operators: &Operators, alone: &[Measurement], networks: &[WholeNetwork]) {
    let all = operators.all().iter().zip(alone);
    let missing = all.filter(|(_, alone)| alone.verdict.estimate().is_none());
    let mut count = 0;
    for (operator, alone) in missing {
        count += 1;
        eprintln!("bespoke: left out: {}: {}", operator.key, alone.verdict);
    }
    eprintln!(
        "bespoke: {} operators, measured alone and within {} networks; {count} left out",
        alone.len() - count,
        networks.len(),
    );
    if count > 0 {
        eprintln!(
            "bespoke: networks with an operator that was left out have no price; the same command tries again"
        );
    }
}
