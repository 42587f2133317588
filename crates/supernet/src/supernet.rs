//! The supernet of a search space.

use std::sync::Arc;

use bespoke_accuracy::DataSet;
use bespoke_graph::{Graph, Model, Weights};
use bespoke_net::{
    Batches, EpochReport, Evaluation, Images, SharedState, SharedWeights, TrainError, check_images,
    check_memory, evaluate, pass_bytes,
};
use bespoke_recipe::{Augment, Recipe, Sampling};
use bespoke_space::{Architecture, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Sampler, SamplerState, SupernetError};

/// All networks of a space on shared weights.
///
/// A weight belongs to a place in the template and to the named options there: `LAYER[OPTION].PART`. Options that are
/// numbers share: a kernel is the middle of the largest, a width the first channels, a depth the first layers
/// (Cai et al., Once-for-All, ICLR 2020).
pub struct Supernet {
    space: Space,
    sampler: Sampler,
    data: Arc<DataSet>,
    recipe: Recipe,
    seed: u64,
    weights: SharedWeights,
    epochs_trained: u32,
}

/// A supernet as plain data, as far as its training made it what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SupernetState {
    /// Epochs trained so far.
    pub epochs_trained: u32,
    /// What the sampler remembers.
    pub sampler: SamplerState,
    /// Weights and optimiser.
    pub weights: SharedState,
}

/// A network of the supernet, cut out.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// The live graph as the space lowers it, with its weights, ending in logits.
    pub model: Model,
    /// What it says about the images held out.
    pub evaluation: Evaluation,
}

/// Streams of the generator that an epoch's images are drawn from, its networks, and the images that tell which of these
/// are kept; the epoch's number is added.
const IMAGES_STREAM: u64 = 1 << 32;
const NETWORKS_STREAM: u64 = 2 << 32;
const JUDGING_STREAM: u64 = 3 << 32;
/// That of the random networks whose weights are drawn at once.
const ADMITTED_STREAM: u64 = 4 << 32;
const ADMITTED: usize = 64;
/// Images that a subnet's batch-norm statistics are taken from.
const CALIBRATION_IMAGES: usize = 1024;
/// Images that are tested at a time.
const TEST_BATCH: usize = 128;

// === impl Supernet ===

impl Supernet {
    /// Draws fresh weights.
    ///
    /// # Errors
    /// When the choices of the space cannot share weights, a network does not fit the data, or a setting is out of its
    /// range.
    pub fn new(
        space: Space,
        data: Arc<DataSet>,
        recipe: &Recipe,
        sampling: Sampling,
        seed: u64,
    ) -> Result<Self, SupernetError> {
        Batches::check(&data.train, recipe.batch_size, recipe.augment)?;
        let sampler = Sampler::new(&space, sampling)?;
        let largest = network(&space, sampler.largest())?;
        let needed = pass_bytes(&largest, recipe.batch_size);
        check_memory(needed, recipe.batch_size, recipe.device).map_err(TrainError::from)?;
        let mut supernet = Self {
            weights: SharedWeights::new(recipe, seed)?,
            space,
            sampler,
            data,
            recipe: recipe.clone(),
            seed,
            epochs_trained: 0,
        };
        supernet.admit_all()?;
        Ok(supernet)
    }

    /// Goes on from what [`Supernet::state`] told.
    ///
    /// # Errors
    /// When the state is not that of such a supernet; nothing has changed then.
    pub fn resume(&mut self, state: SupernetState) -> Result<(), SupernetError> {
        let weights = SharedWeights::with_state(&self.recipe, self.seed, state.weights)?;
        self.sampler.resume(&self.space, state.sampler)?;
        self.weights = weights;
        self.epochs_trained = state.epochs_trained;
        Ok(())
    }

    /// What the training has made of it.
    pub fn state(&self) -> SupernetState {
        SupernetState {
            epochs_trained: self.epochs_trained,
            sampler: self.sampler.state().clone(),
            weights: self.weights.state(),
        }
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Which networks are drawn.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Epochs trained so far.
    pub fn epochs_trained(&self) -> u32 {
        self.epochs_trained
    }

    /// Epochs of the whole training.
    pub fn epochs(&self) -> u32 {
        self.recipe.epochs
    }

    /// Sees all images once; each step trains the networks that the sampling draws for it.
    ///
    /// # Errors
    /// When all epochs are trained or the loss is no longer a number; after the last, the weights are those of the step
    /// before.
    pub fn epoch(&mut self) -> Result<EpochReport, SupernetError> {
        let Recipe {
            epochs,
            batch_size,
            augment,
            ..
        } = self.recipe;
        if self.epochs_trained == epochs {
            return Err(TrainError::Finished { epochs }.into());
        }
        let epoch = u64::from(self.epochs_trained);
        let data = self.data.clone();
        let images = generator(self.seed, IMAGES_STREAM + epoch);
        let mut networks = generator(self.seed, NETWORKS_STREAM + epoch);
        let batches = Batches::new(&data.train, batch_size, augment, images)?;
        let judging = generator(self.seed, JUDGING_STREAM + epoch);
        let mut judging = Batches::new(&data.train, batch_size, Augment::None, judging)?;
        let judging = judging
            .next()
            .expect("a batch takes no more images than there are");
        let Self {
            space,
            sampler,
            weights,
            ..
        } = self;
        sampler.judge_kept(space, |one| {
            Ok(weights.loss(&network(space, one)?, &judging)?)
        })?;
        let steps = batches.len() as f64;
        let (mut total, mut rate) = (0.0, 0.0);
        for (at, batch) in batches.enumerate() {
            let done = epoch as f64 + at as f64 / steps;
            let progress = done / f64::from(epochs);
            rate = self.recipe.rate_at(progress);
            let drawn = sampler.draw(space, progress, &mut networks)?;
            let graphs = drawn.iter().map(|one| network(space, one));
            let graphs = graphs.collect::<Result<Vec<_>, _>>()?;
            total += weights.step(&graphs, &batch, rate)?;
            sampler.judge(&drawn, |one| {
                Ok(weights.loss(&network(space, one)?, &judging)?)
            })?;
        }
        self.epochs_trained += 1;
        Ok(EpochReport {
            epoch: self.epochs_trained,
            loss: total / steps,
            learning_rate: rate,
        })
    }

    /// Cuts an architecture out: its weights, with batch-norm statistics of its own, and how well it does on the images
    /// held out.
    ///
    /// # Errors
    /// When the architecture does not fit the data.
    pub fn subnet(&mut self, architecture: &Architecture) -> Result<Subnet, SupernetError> {
        let Self {
            space,
            weights,
            data,
            recipe,
            ..
        } = self;
        let model = cut_out(space, architecture, weights, &data.train, recipe)?;
        let device = self.recipe.device;
        let evaluation = evaluate(&model, &self.data.held_out, TEST_BATCH, device)?;
        Ok(Subnet { model, evaluation })
    }

    /// Draws the weights of all options, each in the largest network otherwise, and those of some random networks, in
    /// which options meet that do not meet in these: so that what cannot be shared or does not fit the images is found
    /// now, and the order of the networks to come does not decide what is drawn.
    fn admit_all(&mut self) -> Result<(), SupernetError> {
        let largest = self.sampler.largest().clone();
        let mut networks = vec![largest.clone(), self.sampler.smallest().clone()];
        networks.extend(self.space.neighbours(&largest));
        let mut rng = generator(self.seed, ADMITTED_STREAM);
        networks.extend((0..ADMITTED).map(|_| self.space.sample(&mut rng)));
        for architecture in &networks {
            let network = network(&self.space, architecture)?;
            check_images(&network, &self.data.train).map_err(TrainError::from)?;
            self.weights.admit(&network)?;
        }
        Ok(())
    }
}

// === helpers ===

/// An architecture's network, named by paths.
fn network(space: &Space, architecture: &Architecture) -> Result<Graph, SupernetError> {
    Ok(space.lower_paths(architecture)?.live())
}

pub(crate) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// An architecture's live graph as the space lowers it, with the weights that are its part of the shared ones and
/// batch-norm statistics of its own.
pub(crate) fn cut_out(
    space: &Space,
    architecture: &Architecture,
    weights: &mut SharedWeights,
    images: &Images,
    recipe: &Recipe,
) -> Result<Model, SupernetError> {
    let batches = CALIBRATION_IMAGES.div_ceil(recipe.batch_size);
    let network = network(space, architecture)?;
    let weights = weights.calibrated(&network, images, recipe.batch_size, batches)?;
    let graph = space.lower(architecture)?.live();
    let weights = renamed(&weights, &network, &graph);
    Ok(Model::new(graph, weights)?)
}

/// The weights under the names of the same graph without paths.
fn renamed(weights: &Weights, paths: &Graph, plain: &Graph) -> Weights {
    let names = paths.parameters().into_iter().zip(plain.parameters());
    let mut renamed = Weights::default();
    for (path, plain) in names {
        let tensor = weights.get(&path.name).expect("it is the network's");
        renamed.insert(plain.name, tensor.clone());
    }
    renamed
}

#[cfg(test)]
mod tests;
