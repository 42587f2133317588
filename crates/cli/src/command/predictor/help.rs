//! HELP as a method among others: its encodings of a space's networks, and its reference networks.

use bespoke_help::{Adapted, Config, Encoding, SourceDevice, train};
use bespoke_measure::{Estimate, Latency};
use bespoke_predict::{Fitted, Method, Network, PredictError, Predictor, Sample, Task};
use bespoke_space::{Architecture, Space};
use rand::seq::{SliceRandom, index};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const NAME: &str = "help";
/// Networks whose latencies tell what a device is like.
const REFERENCES: usize = 10;

/// HELP (Lee et al., NeurIPS 2021), as the crate `help` has it. Half of its samples, ten, are of reference networks
/// that are drawn once.
pub struct Help;

struct Trained {
    help: bespoke_help::Help,
    space: Space,
    references: Vec<Architecture>,
}

struct Learned {
    adapted: Adapted,
    space: Space,
    /// Standard deviation of the samples about their predictions, in milliseconds.
    deviation: f64,
    /// Least latency that is ever predicted, in milliseconds.
    least: f64,
}

impl Method for Help {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fit(&self, task: &Task<'_>, seed: u64) -> Result<Box<dyn Fitted>, PredictError> {
        let all: Vec<usize> = (0..task.networks.len())
            .filter(|row| {
                task.sources
                    .iter()
                    .all(|source| source.latencies_ms[*row].is_some())
            })
            .collect();
        if all.len() < REFERENCES {
            return Err(PredictError::TooFew {
                what: "networks that every source has measured",
                needed: REFERENCES,
                got: all.len(),
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let drawn = index::sample(&mut rng, all.len(), REFERENCES);
        let references: Vec<usize> = drawn.into_iter().map(|position| all[position]).collect();
        let encodings = task
            .networks
            .iter()
            .map(|network| encode(task.space, network));
        let encodings: Vec<Encoding> = encodings.collect::<Result<_, _>>()?;
        let devices: Vec<SourceDevice<'_>> = task
            .sources
            .iter()
            .map(|source| SourceDevice {
                latencies_ms: &source.latencies_ms,
            })
            .collect();
        let help =
            train(&Config::default(), &encodings, &references, &devices, seed).map_err(refused)?;
        let architecture = |row: &usize| task.networks[*row].architecture_in(task.space).cloned();
        Ok(Box::new(Trained {
            help,
            space: task.space.clone(),
            references: references
                .iter()
                .map(architecture)
                .collect::<Result<_, _>>()?,
        }))
    }
}

impl Fitted for Trained {
    fn plan(&self, pool: &[&Network], samples: usize, seed: u64) -> Vec<usize> {
        let place = |reference: &Architecture| {
            pool.iter()
                .position(|network| network.architecture() == Some(reference))
        };
        let mut plan: Vec<usize> = self.references.iter().filter_map(place).collect();
        let mut others: Vec<usize> = (0..pool.len()).filter(|row| !plan.contains(row)).collect();
        others.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        plan.extend(others);
        plan.truncate(samples);
        plan
    }

    fn adapt(&self, samples: &[Sample<'_>], seed: u64) -> Result<Box<dyn Predictor>, PredictError> {
        let latency = |reference: &Architecture| {
            let sample = samples
                .iter()
                .find(|sample| sample.network.architecture() == Some(reference));
            sample.map(|sample| sample.latency_ms).ok_or_else(|| {
                let name = self.space.format_architecture(reference);
                refused(format!(
                    "the reference network {name} was not measured on the device"
                ))
            })
        };
        let references: Vec<f64> = self
            .references
            .iter()
            .map(latency)
            .collect::<Result<_, _>>()?;
        let encoded = samples
            .iter()
            .map(|sample| encode(&self.space, sample.network));
        let encoded: Vec<Encoding> = encoded.collect::<Result<_, _>>()?;
        let is_reference = |sample: &Sample<'_>| {
            let architecture = sample.network.architecture();
            architecture.is_some_and(|architecture| self.references.contains(architecture))
        };
        let support: Vec<(&Encoding, f64)> = samples
            .iter()
            .zip(&encoded)
            .filter(|(sample, _)| !is_reference(sample))
            .map(|(sample, encoding)| (encoding, sample.latency_ms))
            .collect();
        let adapted = self
            .help
            .adapt(&references, &support, seed)
            .map_err(refused)?;
        let predicted = adapted.predict(&encoded).map_err(refused)?;
        let squares = samples.iter().zip(predicted);
        let squares = squares.map(|(sample, ms)| (sample.latency_ms - ms).powi(2));
        let fastest = samples
            .iter()
            .map(|sample| sample.latency_ms)
            .fold(f64::MAX, f64::min);
        Ok(Box::new(Learned {
            deviation: (squares.sum::<f64>() / samples.len() as f64).sqrt(),
            least: fastest * 1e-3,
            adapted,
            space: self.space.clone(),
        }))
    }
}

impl Predictor for Learned {
    /// Unlike the paper, an interval comes with it: as wide as nine in ten errors of its samples would be, were they
    /// normal.
    fn predict(&self, networks: &[&Network]) -> Result<Vec<Estimate>, PredictError> {
        let encoded = networks
            .iter()
            .map(|network| encode(&self.space, network))
            .collect::<Result<Vec<_>, _>>()?;
        let predicted = self.adapted.predict(&encoded).map_err(refused)?;
        let estimate = |ms: f64| {
            let half = 1.645 * self.deviation;
            let latency =
                |ms: f64| Latency::from_ms(ms.max(self.least)).expect("positive and finite");
            Estimate {
                median_ms: latency(ms),
                low_ms: latency(ms - half),
                high_ms: latency(ms + half),
            }
        };
        Ok(predicted.into_iter().map(estimate).collect())
    }
}

/// A space of one cell is encoded as the graph of its operations, others by their choices.
fn encode(space: &Space, network: &Network) -> Result<Encoding, PredictError> {
    let architecture = network.architecture_in(space)?;
    let edges: Option<Vec<(usize, usize)>> = space
        .decisions()
        .iter()
        .map(|decision| ends(decision.path()))
        .collect();
    match edges {
        Some(edges) => Ok(cell(space, architecture, &edges)),
        None => Ok(Encoding::Flat(space.encode(architecture))),
    }
}

/// The two ends of an edge of a cell, of which the path is `….edges.FROM-TO`.
fn ends(path: &str) -> Option<(usize, usize)> {
    let (_, edge) = path.split_once(".edges.")?;
    let (from, to) = edge.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// The cell's input, its operations and its output as nodes; an edge wherever one reads another.
fn cell(space: &Space, architecture: &Architecture, ends: &[(usize, usize)]) -> Encoding {
    let options = space
        .decisions()
        .iter()
        .map(|decision| decision.options().len())
        .max()
        .unwrap_or(0);
    let one_hot = |place: usize| {
        let mut features = vec![0.0; options + 2];
        features[place] = 1.0;
        features
    };
    let chosen = architecture
        .choices()
        .iter()
        .map(|option| one_hot(usize::from(*option)));
    let operations: Vec<Vec<f32>> = std::iter::once(one_hot(options))
        .chain(chosen)
        .chain(std::iter::once(one_hot(options + 1)))
        .collect();
    let last = ends.iter().map(|(_, to)| *to).max().unwrap_or(0);
    let mut edges = Vec::new();
    for (index, (from, to)) in ends.iter().enumerate() {
        if *from == 0 {
            edges.push((0, index + 1));
        }
        if *to == last {
            edges.push((index + 1, operations.len() - 1));
        }
        let next = ends.iter().enumerate().filter(|(_, (from, _))| from == to);
        edges.extend(next.map(|(next, _)| (index + 1, next + 1)));
    }
    Encoding::Graph { operations, edges }
}

fn refused(reason: impl ToString) -> PredictError {
    PredictError::Method {
        method: NAME,
        reason: reason.to_string(),
    }
}
