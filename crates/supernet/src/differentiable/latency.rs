//! Expected latency, by a table of what each block takes.

use bespoke_space::Architecture;

use super::Paths;
use crate::SupernetError;

/// What a network takes on a target as a sum over its layers: of each choice, what each path takes beyond the first.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyTable {
    /// The network of all first paths, in milliseconds.
    first_ms: f64,
    /// Choices x paths, in milliseconds; the first path's is 0 until measurements correct it.
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

/// Part of a measurement's surprise that is put into the table at once.
const CORRECTION: f64 = 0.5;

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

    /// Takes a real measurement in: half of what the table is off by goes into the chosen paths and into what all networks
    /// share, in equal parts (the least-mean-squares rule of Widrow and Hoff, normalised). In milliseconds.
    pub fn correct(&mut self, architecture: &Architecture, measured_ms: f64) {
        let surprise = measured_ms - self.price_ms(architecture);
        let part = CORRECTION * surprise / (self.beyond_ms.len() as f64 + 1.0);
        self.first_ms += part;
        for (path, beyond) in architecture.choices().iter().zip(&mut self.beyond_ms) {
            beyond[usize::from(*path)] += part;
        }
    }
}
