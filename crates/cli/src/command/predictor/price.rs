//! Prices of networks, by a predictor of a file or by a coordinator.

use std::path::Path;

use anyhow::{Context, bail};
use bespoke_client::PredictorClient;
use bespoke_coordinator::BuiltPredictor;
use bespoke_measure::Price;
use bespoke_store::StoredPredictor;
use bespoke_study::{NetworkInput, PriceBatch, SpaceSource};
use serde_json::{Value, json};

use super::kept;
use crate::{
    arguments::PricePredicted,
    command::{block_on, print, print_json},
    report::grid,
    sources,
};

/// Prints prices of architectures and files.
pub fn price(arguments: &PricePredicted) -> anyhow::Result<()> {
    let networks = networks(arguments)?;
    let (target, answers) = match (&arguments.predictor, &arguments.coordinator) {
        (Some(file), _) => by_file(file, &networks)?,
        (None, Some(url)) => block_on(by_coordinator(arguments, url, &networks))?,
        (None, None) => bail!("name a file, --predictor, or a coordinator, --coordinator"),
    };
    let mut prices: Vec<(&str, Price)> = Vec::with_capacity(networks.len());
    for ((name, _), answer) in networks.iter().zip(answers) {
        match answer {
            Ok(price) => prices.push((name, price)),
            Err(reason) => bail!("{name}: {reason}"),
        }
    }
    if arguments.json {
        return print_json(&prices.iter().map(as_json).collect());
    }
    let heading = [&format!("ms on {target}"), "interval", "source", "network"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(prices.iter().map(as_row));
    print(&grid(&rows))
}

/// What was asked for, each by its name.
fn networks(arguments: &PricePredicted) -> anyhow::Result<Vec<(String, NetworkInput)>> {
    let architectures = arguments.architectures.iter();
    let architectures =
        architectures.map(|name| Ok((name.clone(), NetworkInput::Architecture(name.clone()))));
    let files = arguments.onnx.iter().map(|path| {
        let file = NetworkInput::Onnx(sources::bytes(path)?);
        Ok((path.display().to_string(), file))
    });
    architectures.chain(files).collect()
}

/// The target, and what became of each network.
type Quoted = (String, Vec<Result<Price, String>>);

fn by_file(path: &Path, networks: &[(String, NetworkInput)]) -> anyhow::Result<Quoted> {
    let stored = StoredPredictor::from_json(&sources::text(path)?);
    let stored = stored.with_context(|| path.display().to_string())?;
    let built = BuiltPredictor::new(stored).with_context(|| path.display().to_string())?;
    let answers = networks.iter().map(|(_, network)| built.quote(network));
    Ok((built.stored.info.target.to_string(), answers.collect()))
}

async fn by_coordinator(
    arguments: &PricePredicted,
    url: &str,
    networks: &[(String, NetworkInput)],
) -> anyhow::Result<Quoted> {
    let client = PredictorClient::connect(url).await?;
    let target = arguments
        .target
        .as_ref()
        .context("name a target: --target")?;
    let space = arguments.space.as_deref().map(sources::space_source);
    let batch = PriceBatch {
        target: kept::fingerprint(&client, target, url).await?,
        space: space.transpose()?.map(SpaceSource::File),
        networks: networks
            .iter()
            .map(|(_, network)| network.clone())
            .collect(),
    };
    Ok((target.to_string(), client.predict(&batch).await?))
}

fn as_json((name, price): &(&str, Price)) -> Value {
    let Price { latency, source } = price;
    json!({
        "network": name,
        "latency_ms": latency.median_ms,
        "interval_ms": [latency.low_ms, latency.high_ms],
        "source": source.word(),
    })
}

fn as_row((name, price): &(&str, Price)) -> Vec<String> {
    let Price { latency, source } = price;
    let (low, high) = (latency.low_ms.ms(), latency.high_ms.ms());
    vec![
        format!("{:.4}", latency.median_ms.ms()),
        format!("{low:.4} … {high:.4}"),
        source.word().to_owned(),
        (*name).to_owned(),
    ]
}
