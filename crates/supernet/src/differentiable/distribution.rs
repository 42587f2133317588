//! A distribution over the architectures of a space, each choice by itself.

use bespoke_space::Architecture;
use rand::Rng;

use super::Paths;

/// Independent probabilities of the paths of each layer: the softmax of one number for each path.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Choices x paths.
    pub(super) logits: Vec<Vec<f64>>,
}

// === impl Distribution ===

impl Distribution {
    /// All paths equally likely.
    pub(super) fn uniform(choices: &[usize]) -> Self {
        Self {
            logits: choices.iter().map(|paths| vec![0.0; *paths]).collect(),
        }
    }

    /// The probability of each path of each choice; those of a choice add up to 1.
    pub fn probabilities(&self) -> Vec<Vec<f64>> {
        self.logits.iter().map(|logits| softmax(logits)).collect()
    }

    /// Mean entropy of the choices, in bits; 0 where there is none.
    pub fn entropy_bits(&self) -> f64 {
        let entropy = |p: &Vec<f64>| -> f64 {
            let terms = p.iter().filter(|p| **p > 0.0).map(|p| -p * p.log2());
            terms.sum()
        };
        let all: Vec<f64> = self.probabilities().iter().map(entropy).collect();
        all.iter().sum::<f64>() / all.len().max(1) as f64
    }

    /// An option of each choice, drawn.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Vec<usize> {
        let probabilities = self.probabilities();
        probabilities.iter().map(|p| drawn(p, rng)).collect()
    }

    /// An architecture, drawn.
    pub fn sample(&self, paths: &Paths, rng: &mut impl Rng) -> Architecture {
        paths.architecture(&self.draw(rng))
    }

    /// The architecture of the most likely paths.
    pub fn mode(&self, paths: &Paths) -> Architecture {
        let most = |logits: &Vec<f64>| {
            let best = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
            (0..logits.len()).fold(0, best)
        };
        let choices: Vec<usize> = self.logits.iter().map(most).collect();
        paths.architecture(&choices)
    }
}

// === helpers ===

pub(super) fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// A position, drawn by its probability.
pub(super) fn drawn(probabilities: &[f64], rng: &mut impl Rng) -> usize {
    let mut left = rng.random::<f64>() * probabilities.iter().sum::<f64>();
    for (at, probability) in probabilities.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return at;
        }
    }
    probabilities.len() - 1
}
