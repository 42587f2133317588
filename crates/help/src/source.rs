//! Devices whose latencies are known, and the episodes drawn from them.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, seq::index};

use crate::encoding::Encoded;
use crate::latency::{self, Scale};
use crate::meta::Episode;
use crate::modulation;
use crate::network::Samples;
use crate::{Config, HelpError};

/// A device whose latencies the predictor is trained on.
#[derive(Debug, Clone, Copy)]
pub struct SourceDevice<'a> {
    /// Latency of each network in milliseconds, in the order of the networks; `None` where it was not measured.
    pub latencies_ms: &'a [Option<f64>],
}

/// A source device, ready to be drawn from.
#[derive(Debug)]
pub(crate) struct Source {
    /// Scaled latencies of the reference networks.
    embedding: Vec<f32>,
    /// Networks with their scaled latencies, the fastest first.
    measured: Vec<(usize, f32)>,
    /// Those of them that are neither among the fastest nor among the slowest.
    typical: Range<usize>,
}

/// Networks with their scaled latencies, those of the first task first.
#[derive(Default)]
struct Drawn {
    networks: Vec<usize>,
    scaled: Vec<f32>,
}

// === impl Source ===

impl Source {
    /// Prepares the source device at a place among all.
    ///
    /// # Errors
    /// When a reference network was not measured, a latency is no positive number, or there are too few.
    pub(crate) fn new(
        at: usize,
        device: SourceDevice<'_>,
        references: &[usize],
        config: &Config,
    ) -> Result<Self, HelpError> {
        let name = format!("source device {at}");
        let of = |network: &usize| device.latencies_ms.get(*network).copied().flatten();
        let reference_ms: Option<Vec<f64>> = references.iter().map(of).collect();
        let reference_ms = reference_ms.ok_or_else(|| HelpError::References {
            reason: format!("were not all measured on {name}"),
        })?;
        let scale = Scale::new(&reference_ms, &name)?;
        let measured = sorted(device.latencies_ms);
        let all_ms: Vec<f64> = measured.iter().map(|(_, ms)| *ms).collect();
        latency::check(&all_ms, &name)?;
        let trimmed = (config.trimmed * measured.len() as f64) as usize;
        let typical = trimmed..measured.len().saturating_sub(trimmed);
        let needed = config.support.saturating_add(config.query);
        if typical.len() < needed {
            return Err(HelpError::TooFewLatencies {
                device: at,
                needed,
                got: typical.len(),
            });
        }
        let scaled = measured
            .into_iter()
            .map(|(network, ms)| (network, scale.scaled(ms)));
        Ok(Self {
            embedding: reference_ms.iter().map(|ms| scale.scaled(*ms)).collect(),
            measured: scaled.collect(),
            typical,
        })
    }
}

/// Draws the devices of an episode and their samples.
pub(crate) fn draw_episode(
    sources: &[Source],
    encoded: &Encoded,
    references: &[usize],
    config: &Config,
    device: &Device,
    rng: &mut impl Rng,
) -> Episode {
    let tasks = config.devices;
    let (mut support, mut query) = (Drawn::default(), Vec::with_capacity(tasks));
    let mut hardware = Vec::new();
    for at in index::sample(rng, sources.len(), tasks) {
        let source = &sources[at];
        let seen = index::sample(rng, source.measured.len(), config.support).into_vec();
        support.extend(seen.iter().map(|at| source.measured[*at]));
        let pairs = references.iter().zip(&source.embedding);
        support.extend(pairs.map(|(network, scaled)| (*network, *scaled)));
        let unseen = source.typical.clone().filter(|at| !seen.contains(at));
        let unseen: Vec<usize> = unseen.collect();
        let mut judges = Drawn::default();
        let drawn = index::sample(rng, unseen.len(), config.query);
        judges.extend(drawn.into_iter().map(|at| source.measured[unseen[at]]));
        query.push(judges.samples(encoded, 1, device));
        hardware.extend(&source.embedding);
    }
    Episode {
        hardware: rows(hardware, tasks, device),
        noise: noise(tasks, config, device, rng),
        support: support.samples(encoded, tasks, device),
        query,
    }
}

/// Networks that were measured with their latencies, the fastest first.
fn sorted(latencies_ms: &[Option<f64>]) -> Vec<(usize, f64)> {
    let latencies = latencies_ms.iter().copied().enumerate();
    let measured = latencies.filter_map(|(network, ms)| Some((network, ms?)));
    let mut measured: Vec<(usize, f64)> = measured.collect();
    measured.sort_by(|a, b| a.1.total_cmp(&b.1));
    measured
}

/// A tensor `[tasks, 1, columns]`.
pub(crate) fn rows(values: Vec<f32>, tasks: usize, device: &Device) -> Tensor<3> {
    let columns = values.len() / tasks;
    Tensor::from_data(TensorData::new(values, [tasks, 1, columns]), device)
}

/// Standard normal noise for `z`, drawn by the method of Box and Muller.
pub(crate) fn noise(
    tasks: usize,
    config: &Config,
    device: &Device,
    rng: &mut impl Rng,
) -> Tensor<3> {
    let mut normal = || {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let angle = std::f64::consts::TAU * rng.random::<f64>();
        (radius * angle.cos()) as f32
    };
    let count = tasks * modulation::elements(config.width);
    rows((0..count).map(|_| normal()).collect(), tasks, device)
}

// === impl Drawn ===

impl Drawn {
    fn extend(&mut self, pairs: impl Iterator<Item = (usize, f32)>) {
        for (network, scaled) in pairs {
            self.networks.push(network);
            self.scaled.push(scaled);
        }
    }

    fn samples(self, encoded: &Encoded, tasks: usize, device: &Device) -> Samples {
        let shape = [tasks, self.scaled.len() / tasks, 1];
        Samples {
            batch: encoded.batch(&self.networks, tasks, device),
            targets: Tensor::from_data(TensorData::new(self.scaled, shape), device),
        }
    }
}
