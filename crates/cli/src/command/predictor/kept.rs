//! Predictors that are kept: in the data folder's store, by a coordinator, or in a file.

use std::{collections::BTreeSet, path::Path, time::UNIX_EPOCH};

use anyhow::{Context, bail};
use bespoke_client::PredictorClient;
use bespoke_device::TargetFingerprint;
use bespoke_store::{StoreError, StoredPredictor};
use bespoke_study::{LatencySample, PredictorInfo};
use serde_json::{Value, json};

use crate::{
    arguments::{DescribePredictor, StudiesSource, TargetName},
    command::{block_on, print, print_json},
    local,
    report::grid,
    sources,
};

/// Prints a line for each version of each predictor.
pub fn list(source: &StudiesSource, data_dir: &Path) -> anyhow::Result<()> {
    let infos = all(source.coordinator.as_deref(), data_dir)?;
    if source.json {
        return print_json(&infos.iter().map(as_json).collect());
    }
    let heading = ["samples", "version", "target", "space", "fingerprint"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(infos.iter().map(|info| {
        vec![
            info.samples.len().to_string(),
            info.version.to_string(),
            info.target.to_string(),
            info.space.name.clone(),
            info.fingerprint.to_string(),
        ]
    }));
    print(&grid(&rows))
}

/// Prints all that is known of a target's predictors, or of the one in a file.
pub fn describe(arguments: &DescribePredictor, data_dir: &Path) -> anyhow::Result<()> {
    let source = &arguments.source;
    let infos = match (&arguments.predictor, &arguments.target) {
        (Some(path), _) => {
            let stored = StoredPredictor::from_json(&sources::text(path)?);
            vec![stored.with_context(|| path.display().to_string())?.info]
        }
        (None, Some(target)) => {
            let infos = all(source.coordinator.as_deref(), data_dir)?;
            let infos: Vec<PredictorInfo> = infos
                .into_iter()
                .filter(|info| target.is_of(info))
                .collect();
            if infos.is_empty() {
                bail!("{}", none(target, source.coordinator.as_deref()));
            }
            infos
        }
        (None, None) => bail!("name a target, --target, or a file, --predictor"),
    };
    if source.json {
        return print_json(&infos.iter().map(as_json).collect());
    }
    infos.iter().try_for_each(|info| print(&as_text(info)))
}

/// The one target of that name that a coordinator has predictors of.
pub async fn fingerprint(
    client: &PredictorClient,
    target: &TargetName,
    url: &str,
) -> anyhow::Result<TargetFingerprint> {
    if let TargetName::Fingerprint(fingerprint) = target {
        return Ok(*fingerprint);
    }
    let infos = client.list().await?.into_iter();
    let known: BTreeSet<TargetFingerprint> = infos
        .filter(|info| target.is_of(info))
        .map(|info| info.fingerprint)
        .collect();
    let mut known = known.iter();
    match (known.next(), known.len()) {
        (Some(only), 0) => Ok(*only),
        (Some(first), _) => {
            let all: Vec<String> = std::iter::once(first)
                .chain(known)
                .map(ToString::to_string)
                .collect();
            bail!(
                "{target} has predictors on several machines: name one of {} instead",
                all.join(", ")
            )
        }
        (None, _) => bail!("{}", none(target, Some(url))),
    }
}

/// All versions of all predictors of a coordinator, or of the data folder.
fn all(coordinator: Option<&str>, data_dir: &Path) -> anyhow::Result<Vec<PredictorInfo>> {
    match coordinator {
        Some(url) => block_on(async { Ok(PredictorClient::connect(url).await?.list().await?) }),
        None if !data_dir.join("store").is_dir() => Ok(Vec::new()),
        None => {
            let store = local::open_existing_store(data_dir)?;
            let infos = store.predictors()?.into_iter().map(|(target, version)| {
                let stored = store.predictor(&target, version)?;
                Ok(stored.map(|stored| stored.info))
            });
            let infos: Result<Vec<Option<PredictorInfo>>, StoreError> = infos.collect();
            Ok(infos?.into_iter().flatten().collect())
        }
    }
}

fn none(target: &TargetName, coordinator: Option<&str>) -> String {
    let keeper = match coordinator {
        Some(url) => format!("the coordinator at {url}"),
        None => "the data folder".to_owned(),
    };
    let url = coordinator.unwrap_or("URL");
    format!(
        "{keeper} has no predictor of {target}: `bespoke predictor adapt --coordinator {url} --space SPACE --target \
         TARGET` makes one"
    )
}

fn as_json(info: &PredictorInfo) -> Value {
    let adapted = info.adapted_at.duration_since(UNIX_EPOCH);
    json!({
        "target": info.target.to_string(),
        "fingerprint": info.fingerprint,
        "version": info.version,
        "space": info.space,
        "sources": info.sources,
        "protocol": info.protocol,
        "adapted_unix_seconds": adapted.map_or(0, |since| since.as_secs()),
        "samples": info.samples.iter().map(sample_json).collect::<Value>(),
    })
}

fn sample_json(sample: &LatencySample) -> Value {
    let latency = &sample.latency;
    json!({
        "architecture": sample.architecture,
        "latency_ms": latency.median_ms,
        "interval_ms": [latency.low_ms, latency.high_ms],
    })
}

fn as_text(info: &PredictorInfo) -> String {
    let confidence = info.protocol.confidence * 100.0;
    let interval = format!("{confidence:.0} % interval");
    let mut rows = vec![vec!["ms".to_owned(), interval, "architecture".to_owned()]];
    rows.extend(info.samples.iter().map(|sample| {
        let latency = &sample.latency;
        let (low, high) = (latency.low_ms.ms(), latency.high_ms.ms());
        vec![
            format!("{:.4}", latency.median_ms.ms()),
            format!("{low:.4} … {high:.4}"),
            sample.architecture.clone(),
        ]
    }));
    let sources = match info.sources.as_slice() {
        [] => "no other device".to_owned(),
        names => names.join(", "),
    };
    format!(
        "{} in space {}: version {} of target {}\nknew of {sources}, and measured\n{}\n",
        info.target,
        info.space.name,
        info.version,
        info.fingerprint,
        grid(&rows),
    )
}
