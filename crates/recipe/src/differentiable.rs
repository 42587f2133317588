//! How a distribution over the networks of a space is learned together with their weights.

use serde::{Deserialize, Serialize};

use crate::{RecipeError, Start, in_range};

/// A differentiable search; batches, the weights' learning rate and the like are those of the recipe.
#[derive(Debug, Clone, PartialEq)]
pub enum Differentiable {
    /// FBNet (Wu et al., CVPR 2019).
    Fbnet(FbnetSettings),
    /// ProxylessNAS (Cai et al., ICLR 2019).
    Proxylessnas(ProxylessnasSettings),
}

/// Settings of FBNet; the defaults are those of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FbnetSettings {
    /// How often the weights see their images.
    pub epochs: u32,
    /// α: weight of the latency's factor.
    pub alpha: f64,
    /// β: exponent of the logarithm of the latency.
    pub beta: f64,
    /// Temperature of the first epoch's masks.
    pub temperature: f64,
    /// Part of its logarithm that the temperature loses each epoch.
    pub annealing: f64,
    /// Epochs before the distribution is trained, as a part of all.
    pub warm_up: f64,
    /// Learning rate of the distribution.
    pub learning_rate: f64,
    /// Weight decay of the distribution.
    pub weight_decay: f64,
    /// Which weights a trial begins with.
    pub trials: Start,
}

/// Settings of ProxylessNAS; the defaults are those of the paper, whose program takes the logarithms of milliseconds: in
/// microseconds they stay positive for networks that take less than one, and the latency weighs less for the same β.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxylessnasSettings {
    /// How often the weights see their images.
    pub epochs: u32,
    /// How the distribution is trained.
    pub update: Update,
    /// How latency comes into the loss.
    pub loss: LatencyLoss,
    /// What latency is compared with, in milliseconds; that of the even distribution where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_ms: Option<f64>,
    /// Learning rate of the distribution (Adam with β of 0 and 0.999).
    pub learning_rate: f64,
    /// Steps of the weights for one of the distribution.
    pub every: u32,
    /// Epochs before the distribution is trained, as a part of all.
    pub warm_up: f64,
    /// Which weights a trial begins with.
    pub trials: Start,
}

/// How the distribution is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// By the gradient of binary gates.
    #[default]
    Gradient,
    /// By rewards: REINFORCE with the reward accuracy · (reference / latency)^0.1 of ten networks, less a moving mean.
    Reinforce,
}

/// How latency comes into the loss of the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencyLoss {
    /// α·CE·(log E\[LAT\] / log reference)^β, both in microseconds.
    Product {
        /// Weight of the product.
        alpha: f64,
        /// Exponent of the latency's part.
        beta: f64,
    },
    /// CE + λ·(E\[LAT\] − reference) / reference.
    Sum {
        /// Weight of the latency.
        lambda: f64,
    },
}

/// Weights, exponents and rates lie between 0, or this, and a billion.
const LEAST: f64 = 1e-9;
const MOST: f64 = 1e9;

// === impl Differentiable ===

impl Differentiable {
    /// How often the weights see their images.
    pub fn epochs(&self) -> u32 {
        match self {
            Self::Fbnet(settings) => settings.epochs,
            Self::Proxylessnas(settings) => settings.epochs,
        }
    }

    /// Which weights a trial begins with: those of the search, or fresh ones.
    pub fn trials(&self) -> Start {
        match self {
            Self::Fbnet(settings) => settings.trials,
            Self::Proxylessnas(settings) => settings.trials,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        match self {
            Self::Fbnet(settings) => settings.check(),
            Self::Proxylessnas(settings) => settings.check(),
        }
    }
}

// === impl FbnetSettings ===

impl Default for FbnetSettings {
    fn default() -> Self {
        Self {
            epochs: 90,
            alpha: 0.2,
            beta: 0.6,
            temperature: 5.0,
            annealing: 0.045,
            warm_up: 10.0 / 90.0,
            learning_rate: 0.01,
            weight_decay: 5e-4,
            trials: Start::default(),
        }
    }
}

impl FbnetSettings {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        in_range("epochs", f64::from(self.epochs), 1.0, 1e6)?;
        in_range("alpha", self.alpha, 0.0, MOST)?;
        in_range("beta", self.beta, 0.0, 100.0)?;
        in_range("temperature", self.temperature, LEAST, MOST)?;
        in_range("annealing", self.annealing, 0.0, 10.0)?;
        in_range("warm_up", self.warm_up, 0.0, 1.0)?;
        in_range("learning_rate", self.learning_rate, LEAST, MOST)?;
        in_range("weight_decay", self.weight_decay, 0.0, 1.0)
    }
}

// === impl ProxylessnasSettings ===

impl Default for ProxylessnasSettings {
    fn default() -> Self {
        Self {
            epochs: 160,
            update: Update::default(),
            loss: LatencyLoss::Product {
                alpha: 0.2,
                beta: 0.3,
            },
            reference_ms: None,
            learning_rate: 1e-3,
            every: 5,
            warm_up: 40.0 / 160.0,
            trials: Start::default(),
        }
    }
}

impl ProxylessnasSettings {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        in_range("epochs", f64::from(self.epochs), 1.0, 1e6)?;
        match self.loss {
            LatencyLoss::Product { alpha, beta } => {
                in_range("loss.product.alpha", alpha, 0.0, MOST)?;
                in_range("loss.product.beta", beta, 0.0, 100.0)?;
            }
            LatencyLoss::Sum { lambda } => in_range("loss.sum.lambda", lambda, 0.0, MOST)?,
        }
        if let Some(ms) = self.reference_ms {
            in_range("reference_ms", ms, LEAST, MOST)?;
        }
        in_range("learning_rate", self.learning_rate, LEAST, MOST)?;
        in_range("every", f64::from(self.every), 1.0, 1e6)?;
        in_range("warm_up", self.warm_up, 0.0, 1.0)
    }
}
