//! The settings.

use crate::HelpError;

/// How HELP is trained and asked. [`Config::default`] has the settings of the paper, but for `episodes` and `outer_rate`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Outputs of each layer before the head; the layers of the head have twice as many.
    pub width: usize,
    /// Steps of the outer loop; in the paper 2,000 for NAS-Bench-201 and 4,000 for FBNet.
    pub episodes: usize,
    /// Source devices in an episode, drawn without replacement.
    pub devices: usize,
    /// Latencies of a device that the inner loop adapts to, beside those of the reference networks.
    pub support: usize,
    /// Latencies of a device that the adapted predictor is judged by.
    pub query: usize,
    /// Steps of the inner loop.
    pub inner_steps: usize,
    /// Where the learned rates of the inner loop start, one for each weight.
    pub inner_rate: f64,
    /// Rate of the outer loop's optimiser, Adam; in the paper 1e-4.
    pub outer_rate: f64,
    /// How much of `z` acts on the weights of the head.
    pub modulation: f64,
    /// Weight in the loss of how far `z` is from standard normal, for each device.
    pub divergence: f64,
    /// Draws of `z` that a prediction is the mean of.
    pub draws: usize,
    /// Part of a source device's latencies at either end, fastest and slowest, by which nothing is judged.
    pub trimmed: f64,
    /// What the outer loop knows of how the inner loop bends.
    pub second_order: SecondOrder,
}

/// What the gradient of the outer loop knows of the second derivatives of the inner loop's loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecondOrder {
    /// All of it, as published.
    #[default]
    Exact,
    /// Nothing: the gradient with respect to the adapted weights stands for that with respect to the initial ones.
    Dropped,
}

// === impl Config ===

impl Config {
    /// Checks that every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), HelpError> {
        let counts = [
            ("width", self.width),
            ("devices", self.devices),
            ("query", self.query),
            ("draws", self.draws),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(HelpError::Setting {
                key,
                reason: "must be at least 1".to_owned(),
            });
        }
        let numbers = [
            ("inner_rate", self.inner_rate),
            ("outer_rate", self.outer_rate),
            ("modulation", self.modulation),
            ("divergence", self.divergence),
            ("trimmed", self.trimmed),
        ];
        let fits = |number: f64| number.is_finite() && number >= 0.0;
        if let Some((key, number)) = numbers.into_iter().find(|(_, number)| !fits(*number)) {
            return Err(HelpError::Setting {
                key,
                reason: format!("must be a number of at least 0, got {number}"),
            });
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            width: 100,
            episodes: 1000,
            devices: 8,
            support: 10,
            query: 200,
            inner_steps: 2,
            inner_rate: 1e-3,
            outer_rate: 1e-3,
            modulation: 0.01,
            divergence: 0.1,
            draws: 10,
            trimmed: 0.1,
            second_order: SecondOrder::Exact,
        }
    }
}
