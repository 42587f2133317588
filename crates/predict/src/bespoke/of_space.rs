//! Prices of one space's architectures, quickly: a layer is priced once, however many networks have it; and ever
//! better: each trial teaches something of the targets.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bespoke_measure::Estimate;
use bespoke_space::{Architecture, PieceId};

use super::{
    Prior,
    predictor::{BespokePredictor, Sums},
    prior::check,
};
use crate::{Features, Network, PredictError, Reader, Sample};

/// How many trials a price may learn from beside the samples: the latest. Adapting takes time in proportion to the cube
/// of all.
const MOST_TRIALS: usize = 60;

/// How many networks are kept that had to be read as a whole; some KiB each.
const MOST_WHOLE: usize = 20_000;

/// A [`BespokePredictor`] for each of several targets, for the architectures of one space, which learn from samples and
/// go on learning from trials.
///
/// What it says depends only on the priors, the samples, and the trials in their order.
///
/// Where no layer of a network is dead, its price is a sum over its layers, and those are known after a while: then it
/// takes less than a microsecond. Other networks are priced as a whole, and read when they are first asked for.
#[derive(Debug, Clone)]
pub struct SpacePredictor {
    layers: Layers,
    targets: Vec<Target>,
}

/// What was read of the space.
#[derive(Debug, Clone)]
struct Layers {
    reader: Reader,
    /// By piece; `None` where the piece can be dead or make others so.
    features: Vec<Option<Features>>,
    /// Networks that are not the sum of their pieces.
    whole: HashMap<Architecture, Arc<Network>>,
    /// What every network ends in.
    ending: Features,
    /// Of the network at hand.
    pieces: Vec<PieceId>,
}

/// What is known of one target.
#[derive(Debug, Clone)]
struct Target {
    prior: Prior,
    samples: Vec<Known>,
    /// The latest, the oldest first.
    trials: VecDeque<Known>,
    /// Of what is known; `None` where something came since.
    prices: Option<Prices>,
}

/// A network and its latency in milliseconds.
type Known = (Arc<Network>, f64);

/// Prices of layers.
#[derive(Debug, Clone)]
struct Prices {
    predictor: BespokePredictor,
    /// Of a network without layers.
    nothing: Sums,
    /// By piece, as far as they were asked for.
    pieces: Vec<Option<Sums>>,
}

// === impl SpacePredictor ===

impl SpacePredictor {
    /// For the space of the reader, and for no target yet. Samples and trials are read as it reads.
    pub fn new(reader: Reader) -> Self {
        let layers = Layers {
            ending: reader.ending(),
            reader,
            features: Vec::new(),
            whole: HashMap::new(),
            pieces: Vec::new(),
        };
        Self {
            layers,
            targets: Vec::new(),
        }
    }

    /// Adds a target of which the latencies of some architectures are known, in milliseconds.
    ///
    /// # Errors
    /// When there is no sample, one does not lower to a graph, or a latency is not positive and finite.
    pub fn add_target(
        &mut self,
        prior: Prior,
        samples: &[(Architecture, f64)],
    ) -> Result<(), PredictError> {
        let network = |(architecture, latency_ms): &(Architecture, f64)| {
            let network = self.layers.reader.network(architecture)?;
            Ok((Arc::new(network), *latency_ms))
        };
        let samples: Result<Vec<Known>, PredictError> = samples.iter().map(network).collect();
        let mut target = Target {
            prior,
            samples: samples?,
            trials: VecDeque::new(),
            prices: None,
        };
        target.prices(&self.layers)?;
        self.targets.push(target);
        Ok(())
    }

    /// Learns what an architecture took on each target in milliseconds, where that is known.
    ///
    /// # Errors
    /// When the architecture does not lower to a graph, or a latency is not positive and finite; nothing is learned
    /// then.
    pub fn learn(
        &mut self,
        architecture: &Architecture,
        latencies_ms: &[Option<f64>],
    ) -> Result<(), PredictError> {
        latencies_ms
            .iter()
            .flatten()
            .try_for_each(|ms| check(*ms))?;
        let network = Arc::new(self.layers.reader.network(architecture)?);
        for (target, latency_ms) in self.targets.iter_mut().zip(latencies_ms) {
            if let Some(latency_ms) = latency_ms {
                target.learn((Arc::clone(&network), *latency_ms));
            }
        }
        Ok(())
    }

    /// The price of an architecture on each target: that of its network, up to rounding.
    ///
    /// # Errors
    /// When the architecture does not lower to a graph.
    pub fn price(&mut self, architecture: &Architecture) -> Result<Vec<Estimate>, PredictError> {
        let Self { layers, targets } = self;
        let whole = layers.read(architecture)?;
        let price = |target: &mut Target| {
            let prices = target.prices(layers)?;
            Ok(match &whole {
                Some(network) => prices.predictor.price(network),
                None => prices.sum(layers),
            })
        };
        targets.iter_mut().map(price).collect()
    }
}

// === impl Layers ===

impl Layers {
    /// Finds the pieces of an architecture's network; the network itself where it is not the sum of them.
    fn read(&mut self, architecture: &Architecture) -> Result<Option<Arc<Network>>, PredictError> {
        if let Some(network) = self.whole.get(architecture) {
            return Ok(Some(Arc::clone(network)));
        }
        self.reader.pieces(architecture, &mut self.pieces)?;
        for piece in self.features.len()..self.reader.seen() {
            self.features.push(self.reader.whole(piece));
        }
        let mut pieces = self.pieces.iter();
        if pieces.all(|piece| self.features[piece.index()].is_some()) {
            return Ok(None);
        }
        let network = Arc::new(self.reader.network(architecture)?);
        if self.whole.len() < MOST_WHOLE {
            self.whole
                .insert(architecture.clone(), Arc::clone(&network));
        }
        Ok(Some(network))
    }
}

// === impl Target ===

impl Target {
    fn learn(&mut self, known: Known) {
        if self.trials.len() == MOST_TRIALS {
            self.trials.pop_front();
        }
        self.trials.push_back(known);
        self.prices = None;
    }

    fn prices(&mut self, layers: &Layers) -> Result<&mut Prices, PredictError> {
        let prices = match self.prices.take() {
            Some(prices) => prices,
            None => {
                let known = self.samples.iter().chain(&self.trials);
                let samples = known.map(|(network, latency_ms)| Sample {
                    network,
                    latency_ms: *latency_ms,
                });
                let samples: Vec<Sample<'_>> = samples.collect();
                Prices::new(self.prior.adapted(&samples)?, layers)
            }
        };
        Ok(self.prices.insert(prices))
    }
}

// === impl Prices ===

impl Prices {
    fn new(predictor: BespokePredictor, layers: &Layers) -> Self {
        let mut nothing = predictor.nothing();
        predictor.add(&layers.ending, &mut nothing);
        Self {
            predictor,
            nothing,
            pieces: Vec::new(),
        }
    }

    /// The price of the network at hand, which is the sum of its pieces.
    fn sum(&mut self, layers: &Layers) -> Estimate {
        let Self {
            predictor,
            nothing,
            pieces,
        } = self;
        pieces.resize(layers.features.len(), None);
        let mut total = *nothing;
        for piece in &layers.pieces {
            let sums = pieces[piece.index()].get_or_insert_with(|| {
                let mut sums = Sums::default();
                let features = layers.features[piece.index()].as_ref();
                predictor.add(features.expect("it is a sum"), &mut sums);
                sums
            });
            for (total, part) in total.iter_mut().zip(sums) {
                *total += *part;
            }
        }
        predictor.estimate(&total)
    }
}
