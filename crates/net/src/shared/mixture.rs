//! A network whose layers are sums of paths, each times its gate.

use std::collections::HashMap;

use bespoke_graph::Graph;
use burn::tensor::Tensor;

use super::{Gradients, SharedWeights, gather};
use crate::TrainError;
use crate::batches::Batch;
use crate::place::forget;

/// One layer of a network as the sum of paths, each times its gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The paths: live graphs from the layer's input to its output, all with the same shapes.
    pub paths: Vec<Graph>,
    /// A factor for each path. A single path is taken as it is.
    pub gates: Vec<f64>,
}

/// What a step of a mixed network came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// The cross-entropy.
    pub loss: f64,
    /// Its derivative by each gate of each layer; empty where there is a single path.
    pub by_gate: Vec<Vec<f64>>,
}

// === impl SharedWeights ===

impl SharedWeights {
    /// One step of the weights of all paths given, with the gradient of the cross-entropy times a factor. No other path
    /// is in memory.
    ///
    /// # Errors
    /// As [`SharedWeights::step`].
    pub fn mixed_step(
        &mut self,
        layers: &[Mixture],
        batch: &Batch,
        rate: f64,
        factor: f64,
    ) -> Result<Mixed, TrainError> {
        let (mixed, gradients) = self.mixed(layers, batch, rate)?;
        self.descend(gradients, factor, rate);
        Ok(mixed)
    }

    /// The gradient of the cross-entropy by the gates of a mixed network; the weights stay.
    ///
    /// # Errors
    /// As [`SharedWeights::step`].
    pub fn by_gates(&mut self, layers: &[Mixture], batch: &Batch) -> Result<Mixed, TrainError> {
        Ok(self.mixed(layers, batch, 0.0)?.0)
    }

    /// How many of a batch's images a mixed network tells the classes of rightly, normalised as in training.
    ///
    /// # Errors
    /// When paths cannot share their weights.
    pub fn right(&mut self, layers: &[Mixture], batch: &Batch) -> Result<usize, TrainError> {
        let paths = || layers.iter().flat_map(|layer| &layer.paths);
        paths().try_for_each(|path| self.admit(path))?;
        self.place.enter();
        let leaves = self.constants(paths());
        let (input, targets) = batch.tensors(self.place.device());
        let output = self.run(layers, input, &leaves, |gate| gate).0;
        let told = output.argmax(1).reshape([targets.dims()[0]]);
        let right = told.equal(targets).int().sum().into_scalar::<i64>() as usize;
        forget(self.place.device());
        Ok(right)
    }

    /// The output of a mixed network, and the gates of its layers; `made` may make leaves of them.
    fn run(
        &self,
        layers: &[Mixture],
        mut value: Tensor<2>,
        leaves: &HashMap<String, Tensor<4>>,
        made: impl Fn(Tensor<2>) -> Tensor<2>,
    ) -> (Tensor<2>, Vec<Vec<Tensor<2>>>) {
        let mut gates = Vec::with_capacity(layers.len());
        for layer in layers {
            let gate = |gate: &f64| made(Tensor::from_data([[*gate as f32]], self.place.device()));
            let own: Vec<Tensor<2>> = match layer.paths.len() {
                1 => Vec::new(),
                _ => layer.gates.iter().map(gate).collect(),
            };
            let gated = layer.paths.iter().enumerate().map(|(at, path)| {
                let output = self.body(path, leaves).forward(value.clone());
                match own.get(at) {
                    Some(gate) => output * gate.clone(),
                    None => output,
                }
            });
            let sum = gated.reduce(|sum, path| sum + path);
            value = sum.expect("a layer has a path");
            gates.push(own);
        }
        (value, gates)
    }

    fn mixed(
        &mut self,
        layers: &[Mixture],
        batch: &Batch,
        rate: f64,
    ) -> Result<(Mixed, Gradients), TrainError> {
        let paths = || layers.iter().flat_map(|layer| &layer.paths);
        paths().try_for_each(|path| self.admit(path))?;
        let leaves = self.leaves(paths());
        self.place.enter();
        let (input, targets) = batch.tensors(self.place.device());
        let (value, gates) = self.run(layers, input, &leaves, Tensor::require_grad);
        let loss = self.loss.forward(value, targets);
        let finite = self.finite(loss.clone().into_scalar::<f32>(), rate)?;
        let mut sent_back = loss.backward();
        let mut number = |gate: &Tensor<2>| {
            let gradient = gate.grad_remove(&mut sent_back);
            gradient.map_or(0.0, |gradient| f64::from(gradient.into_scalar::<f32>()))
        };
        let by_gate = gates
            .iter()
            .map(|own| own.iter().map(&mut number).collect());
        let by_gate = by_gate.collect();
        let mut gradients = Gradients::new();
        gather(&leaves, &mut sent_back, &mut gradients);
        Ok((
            Mixed {
                loss: finite,
                by_gate,
            },
            gradients,
        ))
    }
}
