//! Learning a device: here, into a file, or by a coordinator, which keeps what it learned.

use std::{num::NonZeroU32, path::Path, time::SystemTime};

use anyhow::{Context, bail};
use bespoke_agent::Bench;
use bespoke_client::PredictorClient;
use bespoke_coordinator::{BuiltPredictor, Candidate};
use bespoke_measure::{Measurement, Protocol};
use bespoke_store::StoredPredictor;
use bespoke_study::{
    AdaptEvent, AdaptRequest, LatencySample, PredictorInfo, SampleCount, SpaceId, SpaceSource,
};
use futures::StreamExt;
use indicatif::ProgressBar;

use super::{
    device::{Planned, write},
    progress_bar,
};
use crate::{
    arguments::Adapt,
    command::{block_on, table::onnx},
    local, sources,
};

/// Has the planned networks measured and keeps the predictor that follows.
pub fn adapt(arguments: &Adapt) -> anyhow::Result<()> {
    let info = match (&arguments.coordinator, &arguments.out) {
        (Some(url), _) => block_on(adapt_there(arguments, url))?,
        (None, Some(out)) => adapt_here(arguments, out)?,
        (None, None) => bail!("name a file to write, --out, or a coordinator, --coordinator"),
    };
    eprintln!(
        "bespoke: learned {} from {} measurements: version {} of target {}",
        info.target,
        info.samples.len(),
        info.version,
        info.fingerprint,
    );
    Ok(())
}

/// The coordinator plans, measures and keeps the predictor; how that goes is shown here.
async fn adapt_there(arguments: &Adapt, url: &str) -> anyhow::Result<PredictorInfo> {
    let samples = SampleCount::try_from(u32::from(arguments.from.samples))?;
    let wish = AdaptRequest {
        space: SpaceSource::File(sources::space_source(&arguments.from.space)?),
        target: arguments.target.clone(),
        samples,
        protocol: Protocol::default(),
    };
    let bar = progress_bar("measurements");
    bar.set_length(samples.get() as u64);
    let mut events = PredictorClient::connect(url).await?.adapt(&wish).await?;
    while let Some(event) = events.next().await {
        match event? {
            AdaptEvent::Waiting { .. } => bar.set_message("measurements; waiting for an agent"),
            AdaptEvent::Measuring { agent, .. } => {
                bar.set_message(format!("measurements; {agent} measures"));
            }
            AdaptEvent::Measured(_) => bar.inc(1),
            AdaptEvent::Unmeasured {
                architecture,
                reason,
            } => tell_unmeasured(&bar, &architecture, &reason),
            AdaptEvent::Adapted(info) => {
                bar.finish_and_clear();
                return Ok(*info);
            }
        }
    }
    bail!("the coordinator at {url} ended before the predictor was learned")
}

/// Measures on this machine and writes a file.
#[expect(
    clippy::disallowed_methods,
    reason = "a date for people to read, not a duration"
)]
fn adapt_here(arguments: &Adapt, out: &Path) -> anyhow::Result<PredictorInfo> {
    let fingerprint = bespoke_agent::fingerprint(&arguments.target)?;
    let planned = Planned::new(&arguments.from)?;
    let samples = block_on(measured(&planned.candidates(), arguments))?;
    let prior = planned.pool.prior;
    let predictor = StoredPredictor {
        info: PredictorInfo {
            fingerprint,
            version: NonZeroU32::MIN,
            target: arguments.target.clone(),
            space: SpaceId::of(planned.space.name(), &planned.source.text),
            sources: prior.sources().to_vec(),
            protocol: Protocol::default(),
            samples,
            adapted_at: SystemTime::now(),
        },
        space: planned.source,
        prior,
    };
    let text = predictor.to_json()?;
    // That something can be learned from the samples is better known before the file is there.
    let built = BuiltPredictor::new(predictor)?;
    write(out, &text)?;
    Ok(built.stored.info)
}

async fn measured(
    candidates: &[Candidate],
    arguments: &Adapt,
) -> anyhow::Result<Vec<LatencySample>> {
    let networks = candidates
        .iter()
        .map(|candidate| onnx(&candidate.graph.with_probabilities()?));
    let networks: Vec<Vec<u8>> = networks.collect::<anyhow::Result<_>>()?;
    let bench = Bench::new(local::worker()?, arguments.limits.resolve());
    let bar = progress_bar("measurements, side by side");
    bar.set_length(candidates.len() as u64);
    let measured = bench
        .measure(&arguments.target, &networks, &Protocol::default())
        .await
        .context("cannot measure here")?;
    let mut samples = Vec::with_capacity(candidates.len());
    for (candidate, Measurement { verdict, .. }) in candidates.iter().zip(measured) {
        match verdict.estimate() {
            Some(latency) => samples.push(LatencySample {
                architecture: candidate.architecture.clone(),
                latency: *latency,
            }),
            None => tell_unmeasured(&bar, &candidate.architecture, &verdict.to_string()),
        }
    }
    bar.finish_and_clear();
    Ok(samples)
}

fn tell_unmeasured(bar: &ProgressBar, architecture: &str, reason: &str) {
    bar.suspend(|| eprintln!("bespoke: no latency for {architecture}: {reason}"));
}
