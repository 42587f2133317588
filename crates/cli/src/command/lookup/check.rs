//! `bespoke lookup check`: random networks are priced with a table and measured.

use std::path::Path;

use anyhow::{Context, bail};
use bespoke_predict::lookup::{Agreement, CheckedNetwork, Correction, PriceError};
use bespoke_space::Architecture;
use serde_json::{Value, json};

use super::{
    Layers,
    fleet::{Fleet, Named, with_fleet},
    read_table,
};
use crate::{
    arguments::CheckLookup,
    command::{print, print_json, table::draw},
};

/// Prices, measures and prints how both agree; nothing if the user interrupted it.
pub async fn check(arguments: &CheckLookup, data_dir: &Path) -> anyhow::Result<Option<()>> {
    let mut layers = Layers::new(&arguments.space, &arguments.on.fix)?;
    let priced = priced(&mut layers, arguments)?;
    let mut named = Vec::with_capacity(priced.len());
    for (architecture, _) in &priced {
        let graph = layers.space.lower(architecture)?.live();
        named.push(Named {
            name: layers.space.format_architecture(architecture),
            graph: graph.with_probabilities()?,
        });
    }
    let measuring = async |fleet: Fleet| fleet.measure("networks", named).await;
    let measured = with_fleet(&arguments.on, &arguments.target, data_dir, measuring).await?;
    let Some(measured) = measured else {
        return Ok(None);
    };
    let both = priced.into_iter().zip(measured);
    let checked = both.filter_map(|((architecture, table_ms), measurement)| {
        Some(CheckedNetwork {
            architecture,
            table_ms,
            measured_ms: measurement.verdict.estimate()?.median_ms.ms(),
        })
    });
    let checked: Vec<CheckedNetwork> = checked.collect();
    let agreement = Agreement::of(&layers.space, &checked).with_context(|| {
        format!(
            "{} of {} networks have a latency, and a check needs two",
            checked.len(),
            arguments.networks
        )
    })?;
    if arguments.json {
        print_json(&as_json(arguments, &layers, &checked, &agreement))?;
    } else {
        print(&as_text(arguments, &agreement))?;
    }
    Ok(Some(()))
}

/// Random networks and their prices; those that have none are counted on stderr.
fn priced(
    layers: &mut Layers,
    arguments: &CheckLookup,
) -> anyhow::Result<Vec<(Architecture, f64)>> {
    let (file, table) = read_table(&arguments.table)?;
    let prices = layers.prices(&table);
    let drawn = draw(
        &layers.space,
        &layers.fixed,
        arguments.networks,
        arguments.seed,
    );
    let mut priced = Vec::with_capacity(drawn.len());
    let mut refused: Vec<PriceError> = Vec::new();
    for architecture in drawn {
        match prices.network_ms(&layers.pieces(&architecture)?) {
            Ok(ms) if ms > 0.0 => priced.push((architecture, ms)),
            Ok(_) => bail!("{file}: a network takes no time at all by this table"),
            Err(error) => refused.push(error),
        }
    }
    if let Some(error) = refused.first() {
        if priced.is_empty() {
            bail!("{file}: {error}");
        }
        eprintln!(
            "bespoke: {} of {} networks have no price; of the first, {error}",
            refused.len(),
            arguments.networks
        );
    }
    Ok(priced)
}

fn as_text(arguments: &CheckLookup, agreement: &Agreement) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let signed = |share: f64| format!("{:+.1} %", 100.0 * share);
    let Agreement {
        networks,
        line,
        factor,
        offset,
        ..
    } = agreement;
    let mut text = format!(
        "{networks} networks of {} on {}\n\
         error     median {}, nine in ten under {}\n\
         bias      {} (median; + is a price that is too high)\n\
         Spearman  {:.4}\n\
         line      measured = {:.4} ms + {:.4} · table; median error left {}\n\
         \x20         by a factor alone ({:.4}) {}, by an offset alone ({:.4} ms) {}\n",
        arguments.space,
        arguments.target,
        percent(agreement.median_error),
        percent(agreement.p90_error),
        signed(agreement.bias),
        agreement.spearman,
        line.offset_ms,
        line.factor,
        percent(line.median_error),
        factor.factor,
        percent(factor.median_error),
        offset.offset_ms,
        percent(offset.median_error),
    );
    for trend in &agreement.trends {
        text += &format!(
            "fails     with {}: bias {} where there is least of it, {} where there is most (correlation {:+.2})\n",
            trend.what,
            signed(trend.bias_of_least),
            signed(trend.bias_of_most),
            trend.correlation,
        );
    }
    if agreement.trends.is_empty() {
        text += "fails     with no kind of network more than with another\n";
    }
    text
}

fn as_json(
    arguments: &CheckLookup,
    layers: &Layers,
    checked: &[CheckedNetwork],
    agreement: &Agreement,
) -> Value {
    let correction = |correction: &Correction| {
        json!({
            "offset_ms": correction.offset_ms,
            "factor": correction.factor,
            "median_error": correction.median_error,
        })
    };
    let trends = agreement.trends.iter().map(|trend| {
        json!({
            "what": trend.what,
            "correlation": trend.correlation,
            "bias_of_least": trend.bias_of_least,
            "bias_of_most": trend.bias_of_most,
        })
    });
    let networks = checked.iter().map(|network| {
        json!({
            "architecture": layers.space.format_architecture(&network.architecture),
            "table_ms": network.table_ms,
            "measured_ms": network.measured_ms,
        })
    });
    json!({
        "space": layers.space.name(),
        "target": arguments.target.to_string(),
        "median_error": agreement.median_error,
        "p90_error": agreement.p90_error,
        "bias": agreement.bias,
        "spearman": agreement.spearman,
        "line": correction(&agreement.line),
        "factor": correction(&agreement.factor),
        "offset": correction(&agreement.offset),
        "trends": trends.collect::<Vec<_>>(),
        "networks": networks.collect::<Vec<_>>(),
    })
}
