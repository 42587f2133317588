//! A distribution over the architectures of a space, each choice by itself.

use rand::Rng;
use serde::{Deserialize, Serialize};

/// Independent probabilities of the paths of each layer: the softmax of one number for each path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
