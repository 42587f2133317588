//! The predictor: trained on source devices, adapted to another, asked.

use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::adam::Adam;
use crate::encoding::{Encoded, Kind};
use crate::latency::{self, Scale};
use crate::meta::Model;
use crate::modulation::{Inference, modulate};
use crate::network::{Samples, predict};
use crate::parameters::Parameters;
use crate::source::{Source, draw_episode, noise, rows};
use crate::{Config, Encoding, HelpError, SourceDevice};

/// A trained predictor, which can be adapted to any number of devices.
#[derive(Debug, Clone)]
pub struct Help {
    config: Config,
    kind: Kind,
    references: Vec<Encoding>,
    model: Model,
}

/// A predictor of latencies on one device.
#[derive(Debug, Clone)]
pub struct Adapted {
    kind: Kind,
    scale: Scale,
    /// The device's embedding, once for each draw of `z`.
    hardware: Tensor<3>,
    /// Weights for each draw of `z`.
    weights: Parameters,
}

/// Networks that are predicted at once, for every draw of `z`.
const PREDICTED_AT_ONCE: usize = 32;

/// Trains a predictor on devices whose latencies are known.
///
/// `references` are the places of the reference networks, which have to be measured on every device; of the other
/// networks each device may have any part. The same arguments give the same predictor, on as many threads.
///
/// # Errors
/// When a setting is out of its range, networks are not encoded alike, there are too few references, devices or
/// latencies, or training diverges.
pub fn train(
    config: &Config,
    networks: &[Encoding],
    references: &[usize],
    devices: &[SourceDevice<'_>],
    seed: u64,
) -> Result<Help, HelpError> {
    config.check()?;
    let reference_networks = reference_networks(networks, references)?;
    if devices.len() < config.devices {
        return Err(HelpError::TooFewDevices {
            needed: config.devices,
            got: devices.len(),
        });
    }
    let kind = reference_networks[0].kind();
    let encoded = Encoded::new(networks.iter(), kind)?;
    let sources = devices.iter().enumerate();
    let sources = sources.map(|(at, device)| Source::new(at, *device, references, config));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;

    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let initial = Parameters::draw(kind, references.len(), config.width, &device, &mut rng);
    let inference = Inference::draw(references.len(), config.width, &device, &mut rng);
    let rates = initial
        .clone()
        .map(|weight| weight.zeros_like() + config.inner_rate);
    let mut model = Model {
        initial,
        rates,
        inference,
    };
    let mut adam = Adam::new(&model.clone().into_tensors());
    for episode in 1..=config.episodes {
        let drawn = draw_episode(&sources, &encoded, references, config, &device, &mut rng);
        let (loss, gradient) = model.outer_gradient(&drawn, config);
        if !loss.is_finite() {
            return Err(HelpError::Diverged { episode, loss });
        }
        let (tensors, gradients) = (model.into_tensors(), gradient.into_tensors());
        model = Model::from_tensors(adam.step(config.outer_rate, tensors, gradients));
    }
    Ok(Help {
        config: config.clone(),
        kind,
        references: reference_networks,
        model,
    })
}

// === impl Help ===

impl Help {
    /// Adapts the predictor to a device, from the latencies of the reference networks there, in their order, and of
    /// any other networks, in milliseconds. These are all latencies of the device that are read. The same arguments
    /// give the same predictor, on as many threads.
    ///
    /// # Errors
    /// When the references are not as many as in training or all take the same time, a latency is no positive
    /// number, or a network is not encoded as in training.
    pub fn adapt(
        &self,
        reference_ms: &[f64],
        support: &[(&Encoding, f64)],
        seed: u64,
    ) -> Result<Adapted, HelpError> {
        if reference_ms.len() != self.references.len() {
            let (needed, got) = (self.references.len(), reference_ms.len());
            return Err(HelpError::References {
                reason: format!("are {needed}, and {got} latencies were given"),
            });
        }
        let name = "the device to adapt to";
        let scale = Scale::new(reference_ms, name)?;
        let support_ms: Vec<f64> = support.iter().map(|(_, ms)| *ms).collect();
        latency::check(&support_ms, name)?;

        let device = Device::flex();
        let draws = self.config.draws;
        let scaled = |latencies: &[f64]| -> Vec<f32> {
            latencies.iter().map(|ms| scale.scaled(*ms)).collect()
        };
        let hardware = rows(scaled(reference_ms).repeat(draws), draws, &device);
        let networks = support.iter().map(|(network, _)| *network);
        let encoded = Encoded::new(networks.chain(&self.references), self.kind)?;
        let targets = scaled(&[&support_ms, reference_ms].concat());
        let places: Vec<usize> = (0..targets.len()).collect();
        let samples = Samples {
            batch: encoded.batch(&places.repeat(draws), draws, &device),
            targets: rows(targets.repeat(draws), draws, &device).transpose(),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let noise = noise(draws, &self.config, &device, &mut rng);
        let inferred = self.model.inference.infer(&hardware, &noise);
        let start = modulate(&self.model.initial, &inferred.z, self.config.modulation);
        let steps = self.config.inner_steps;
        Ok(Adapted {
            kind: self.kind,
            scale,
            weights: self.model.adapt(start, &hardware, &samples, steps),
            hardware,
        })
    }
}

// === impl Adapted ===

impl Adapted {
    /// Latencies of networks in milliseconds, in their order: finite numbers, but nothing keeps those far below what
    /// was measured above 0.
    ///
    /// # Errors
    /// When a network is not encoded as in training, or its numbers are so large that no latency comes out.
    pub fn predict(&self, networks: &[Encoding]) -> Result<Vec<f64>, HelpError> {
        let device = Device::flex();
        let encoded = Encoded::new(networks.iter(), self.kind)?;
        let draws = self.hardware.dims()[0];
        let mut predicted = Vec::with_capacity(networks.len());
        let places: Vec<usize> = (0..networks.len()).collect();
        for places in places.chunks(PREDICTED_AT_ONCE) {
            let batch = encoded.batch(&places.repeat(draws), draws, &device);
            let mean = predict(&self.weights, &self.hardware, &batch).mean_dim(0);
            let mean: Vec<f32> = mean.into_data().try_into_vec().expect("32-bit floats");
            predicted.extend(
                mean.into_iter()
                    .map(|scaled| self.scale.milliseconds(scaled)),
            );
        }
        match predicted.iter().position(|ms| !ms.is_finite()) {
            None => Ok(predicted),
            Some(network) => Err(HelpError::NotFinite {
                network,
                latency_ms: predicted[network],
            }),
        }
    }
}

// === helpers ===

fn reference_networks(
    networks: &[Encoding],
    references: &[usize],
) -> Result<Vec<Encoding>, HelpError> {
    if references.len() < 2 {
        return Err(HelpError::References {
            reason: format!("must be at least 2, got {}", references.len()),
        });
    }
    let outside = references.iter().find(|at| **at >= networks.len());
    if let Some(at) = outside {
        return Err(HelpError::References {
            reason: format!("name network {at} of {}", networks.len()),
        });
    }
    Ok(references.iter().map(|at| networks[*at].clone()).collect())
}

#[cfg(test)]
mod tests;
