//! Expected latency, by a table of what each block takes.

use bespoke_measure::median;
use bespoke_space::Architecture;
use serde::{Deserialize, Serialize};

use super::Paths;
use crate::SupernetError;

/// What a network takes on a target as a sum over its layers: of each choice, what each path takes beyond the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyTable {
    /// The network of all first paths, in milliseconds.
    first_ms: f64,
    /// Choices x paths, in milliseconds; the first path's is 0.
    beyond_ms: Vec<Vec<f64>>,
}

/// The expected latency under probabilities of the paths, and its derivatives.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedLatency {
    /// In milliseconds.
    pub ms: f64,
    /// Derivative by each probability: choices x paths, in milliseconds.
    pub by_probability: Vec<Vec<f64>>,
}

// === impl LatencyTable ===

impl LatencyTable {
    /// Asks a price that adds up over layers, such as a look-up table's, for the network of all first paths and for each
    /// that differs from it in one layer. In milliseconds.
    ///
    /// # Errors
    /// The price's own; a price that is no time.
    pub fn new<E: From<SupernetError>>(
        paths: &Paths,
        mut price_ms: impl FnMut(&Architecture) -> Result<f64, E>,
    ) -> Result<Self, E> {
        let mut time = |choices: &[usize]| {
            let ms = price_ms(&paths.architecture(choices))?;
            match ms.is_finite() && ms > 0.0 {
                true => Ok(ms),
                false => Err(E::from(SupernetError::Setting {
                    key: "table",
                    reason: format!("gives a network {ms} ms"),
                })),
            }
        };
        let none = vec![0; paths.choices().len()];
        let first_ms = time(&none)?;
        let mut beyond_ms = Vec::with_capacity(none.len());
        for (choice, count) in paths.choices().into_iter().enumerate() {
            let mut beyond = vec![0.0];
            for path in 1..count {
                let mut choices = none.clone();
                choices[choice] = path;
                beyond.push(time(&choices)? - first_ms);
            }
            beyond_ms.push(beyond);
        }
        Ok(Self {
            first_ms,
            beyond_ms,
        })
    }

    /// What an architecture takes, in milliseconds.
    pub fn price_ms(&self, architecture: &Architecture) -> f64 {
        let chosen = architecture.choices().iter().zip(&self.beyond_ms);
        let beyond: f64 = chosen
            .map(|(path, beyond)| beyond[usize::from(*path)])
            .sum();
        self.first_ms + beyond
    }

    /// The expected latency: it is linear in the probabilities, so that they are all that its gradient needs.
    pub fn expected(&self, probabilities: &[Vec<f64>]) -> ExpectedLatency {
        let terms = probabilities.iter().zip(&self.beyond_ms);
        let of_choice = |(p, ms): (&Vec<f64>, &Vec<f64>)| -> f64 {
            p.iter().zip(ms).map(|(p, ms)| p * ms).sum()
        };
        ExpectedLatency {
            ms: self.first_ms + terms.map(of_choice).sum::<f64>(),
            by_probability: self.beyond_ms.clone(),
        }
    }

    /// The table at the level of real measurements, in milliseconds: all times are multiplied by the median of measured
    /// over priced, and with none they stay.
    ///
    /// What operators take that were measured one by one is off by about the same factor in all networks of a space, and
    /// the networks that a search measures are few and alike: they tell that factor, and not which path is dearer than
    /// another. Of a median, a measurement that went wrong moves little.
    #[must_use]
    pub fn corrected(&self, measured: &[(Architecture, f64)]) -> Self {
        let ratios = measured.iter().map(|(of, ms)| ms / self.price_ms(of));
        let ratios: Vec<f64> = ratios.collect();
        let level = match ratios.is_empty() {
            true => 1.0,
            false => median(&ratios),
        };
        let at_level = |times: &Vec<f64>| times.iter().map(|ms| ms * level).collect();
        Self {
            first_ms: self.first_ms * level,
            beyond_ms: self.beyond_ms.iter().map(at_level).collect(),
        }
    }
}
