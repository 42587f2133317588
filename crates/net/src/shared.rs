//! Weights that many networks share.
//!
//! H. Cai, C. Gan, T. Wang, Z. Zhang, S. Han: Once-for-All: Train One Network and Specialize it for Efficient Deployment
//! (ICLR 2020). Unlike the paper, a smaller kernel is the centre of the larger one as it is, without a learned map.

mod form;
mod mixture;

use std::collections::{BTreeMap, HashMap};

use bespoke_graph::{Graph, Parameter, Weights};
use bespoke_recipe::Recipe;
use burn::nn::loss::CrossEntropyLoss;
use burn::tensor::{self, Device, Tensor, TensorData};

use self::form::Form;
use crate::batches::{Batch, Batches};
use crate::body::Body;
use crate::network::check_images;
use crate::place::{Place, forget};
use crate::train::{generator, loss};
use crate::{Images, TrainError};

pub use mixture::{Mixed, Mixture};

/// Named weights that networks of different widths and kernels read and train.
///
/// Two networks share the parameters that have the same name in both: of the axes of channels the first are read, of a
/// kernel the centre. A parameter is as large as the largest network so far needed it. Networks are live graphs that
/// end in logits. Batch normalisation shares scale and shift; its running statistics belong to one network and are
/// made by [`SharedWeights::calibrated`].
///
/// Seed, networks, batches and number of threads determine the weights, to the last bit.
pub struct SharedWeights {
    recipe: Recipe,
    seed: u64,
    /// How often parameters were drawn.
    draws: u64,
    steps: u64,
    tensors: BTreeMap<String, Shared>,
    loss: CrossEntropyLoss,
    place: Place,
}

/// Shared weights and their optimiser's state as plain data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SharedState {
    /// How often parameters were drawn.
    pub draws: u64,
    /// Steps trained.
    pub steps: u64,
    /// All parameters, in the order of their names.
    pub parameters: Vec<SharedParameter>,
}

/// One parameter of shared weights as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedParameter {
    /// Its name.
    pub name: String,
    /// What it belongs to, as text: networks share it only where this is equal.
    pub form: String,
    /// Lengths of four axes; the last are 1 where it has fewer.
    pub dims: [usize; 4],
    /// The values, row-major.
    pub values: Vec<f32>,
    /// What the last step changed, over the learning rate; none before the first.
    pub velocity: Option<Vec<f32>>,
}

/// A parameter, without autodiff.
struct Shared {
    form: Form,
    value: Tensor<4>,
    velocity: Option<Tensor<4>>,
}

/// Gradients by parameter, without autodiff.
type Gradients = HashMap<String, Tensor<4>>;

// === impl SharedWeights ===

impl SharedWeights {
    /// No weights yet: they are drawn when a network first needs them. Of the recipe, what belongs to a single step
    /// counts: momentum, weight decay and label smoothing; and the device.
    ///
    /// # Errors
    /// When a setting is out of its range, or its device is not here.
    pub fn new(recipe: &Recipe, seed: u64) -> Result<Self, TrainError> {
        Self::with_state(recipe, seed, SharedState::default())
    }

    /// Goes on where a state was taken.
    ///
    /// # Errors
    /// When a setting is out of its range, its device is not here, or a parameter's values are not those of its shape.
    pub fn with_state(recipe: &Recipe, seed: u64, state: SharedState) -> Result<Self, TrainError> {
        recipe.check()?;
        let place = Place::open(recipe.device)?.autodiff();
        let inner = place.device().clone().inner();
        let read = |parameter: SharedParameter| parameter.read(&inner);
        let tensors = state.parameters.into_iter().map(read);
        Ok(Self {
            recipe: recipe.clone(),
            seed,
            draws: state.draws,
            steps: state.steps,
            tensors: tensors.collect::<Result<_, _>>()?,
            loss: loss(recipe, place.device()),
            place,
        })
    }

    /// Weights, optimiser and counters as they are now.
    pub fn state(&self) -> SharedState {
        let parameters = self.tensors.iter().map(|(name, shared)| SharedParameter {
            name: name.clone(),
            form: shared.form.to_string(),
            dims: shared.value.dims(),
            values: values(shared.value.clone()),
            velocity: shared.velocity.clone().map(values),
        });
        SharedState {
            draws: self.draws,
            steps: self.steps,
            parameters: parameters.collect(),
        }
    }

    /// Steps trained so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Numbers in all parameters together.
    pub fn elements(&self) -> usize {
        let elements = self.tensors.values().map(|shared| shared.value.dims());
        elements.map(|dims| dims.iter().product::<usize>()).sum()
    }

    /// Draws the parameters that a network needs and nobody has needed before, and widens those that are too small.
    ///
    /// # Errors
    /// When a parameter cannot be shared with the networks before; names it.
    pub fn admit(&mut self, network: &Graph) -> Result<(), TrainError> {
        let mut rng = None;
        for parameter in trained(network) {
            let form = Form::of(network, &parameter);
            let dims = padded(&parameter);
            let known = self.tensors.get(&parameter.name);
            if let Some(known) = known
                && let Some(reason) = known.form.conflict(&form)
            {
                let parameter = parameter.name;
                return Err(TrainError::CannotShare { parameter, reason });
            }
            let had = known.map(|known| known.value.dims());
            let wanted = had.map_or(dims, |had| {
                std::array::from_fn(|axis| had[axis].max(dims[axis]))
            });
            if had == Some(wanted) {
                continue;
            }
            let rng = rng.get_or_insert_with(|| {
                self.draws += 1;
                generator(self.seed, self.draws)
            });
            let fresh = network.fresh(&parameter, &wanted, rng).data;
            let inner = self.place.device().clone().inner();
            let mut value = Tensor::from_data(TensorData::new(fresh, wanted), &inner);
            let mut velocity = None;
            if let Some(known) = known {
                let place = region(wanted, known.value.dims());
                value = value.slice_assign(place.clone(), known.value.clone());
                velocity = known
                    .velocity
                    .clone()
                    .map(|velocity| Tensor::zeros(wanted, &inner).slice_assign(place, velocity));
            }
            let shared = Shared {
                form,
                value,
                velocity,
            };
            self.tensors.insert(parameter.name, shared);
        }
        Ok(())
    }

    /// One step for several networks on the same images: each parameter takes the sum of their gradients over the number
    /// of those that read any part of it; one that none reads stays as it is. Returns the mean of their losses.
    ///
    /// # Errors
    /// When a network cannot share its weights, or a loss is no longer a number: no weight has changed then.
    pub fn step(
        &mut self,
        networks: &[Graph],
        batch: &Batch,
        rate: f64,
    ) -> Result<f64, TrainError> {
        self.place.enter();
        networks
            .iter()
            .try_for_each(|network| self.admit(network))?;
        let (input, targets) = batch.tensors(self.place.device());
        let mut gradients = Gradients::new();
        let mut readers = HashMap::new();
        let mut total = 0.0;
        for network in networks {
            let leaves = self.leaves([network]);
            let body = self.body(network, &leaves);
            let loss = self
                .loss
                .forward(body.forward(input.clone()), targets.clone());
            total += self.finite(loss.clone().into_scalar::<f32>(), rate)?;
            gather(&leaves, &mut loss.backward(), &mut gradients);
            for name in leaves.into_keys() {
                *readers.entry(name).or_insert(0.0) += 1.0;
            }
        }
        for (name, gradient) in &mut gradients {
            *gradient = gradient.clone().div_scalar(readers[name]);
        }
        self.descend(gradients, 1.0, rate);
        Ok(total / networks.len() as f64)
    }

    /// The loss of a network on images, with batch normalisation as in training; no weight changes.
    ///
    /// # Errors
    /// When the network cannot share its weights.
    pub fn loss(&mut self, network: &Graph, batch: &Batch) -> Result<f32, TrainError> {
        let body = self.untrained(network)?;
        let (input, targets) = batch.tensors(self.place.device());
        let loss = self.loss.forward(body.forward(input), targets);
        let loss = loss.into_scalar::<f32>();
        forget(self.place.device());
        Ok(loss)
    }

    /// A network's weights with statistics of its own: means over all batches, as they are seen in training.
    ///
    /// # Errors
    /// When images and network do not fit each other, there are fewer images than in a batch, or the network cannot
    /// share its weights.
    pub fn calibrated(
        &mut self,
        network: &Graph,
        images: &Images,
        batch_size: usize,
        batches: usize,
    ) -> Result<Weights, TrainError> {
        check_images(network, images)?;
        let mut body = self.untrained(network)?;
        let rng = generator(self.seed, 0);
        let all = Batches::new(images, batch_size, bespoke_recipe::Augment::None, rng)?;
        for (at, batch) in all.take(batches.max(1)).enumerate() {
            body.set_momentum(1.0 / (at + 1) as f64);
            body.forward(batch.tensors(self.place.device()).0);
            forget(self.place.device());
        }
        body.settle();
        Ok(body.weights())
    }

    /// A network on its parts of the weights, to which no gradient comes back.
    fn untrained(&mut self, network: &Graph) -> Result<Body, TrainError> {
        self.place.enter();
        self.admit(network)?;
        Ok(self.body(network, &self.constants([network])))
    }

    /// The parameters of networks, to which no gradient comes back.
    fn constants<'a>(
        &self,
        networks: impl IntoIterator<Item = &'a Graph>,
    ) -> HashMap<String, Tensor<4>> {
        let constant = |(name, leaf): (String, Tensor<4>)| (name, leaf.set_require_grad(false));
        self.leaves(networks).into_iter().map(constant).collect()
    }

    /// The parameters of networks as leaves that gradients come back to.
    fn leaves<'a>(
        &self,
        networks: impl IntoIterator<Item = &'a Graph>,
    ) -> HashMap<String, Tensor<4>> {
        let parameters = networks.into_iter().flat_map(trained);
        let leaf = |parameter: Parameter| {
            let value = self.tensors[&parameter.name].value.clone();
            (parameter.name, Tensor::from_inner(value).require_grad())
        };
        parameters.map(leaf).collect()
    }

    /// A network on its parts of the leaves.
    fn body(&self, network: &Graph, leaves: &HashMap<String, Tensor<4>>) -> Body {
        let part = |parameter: Parameter| {
            let (leaf, dims) = (leaves[&parameter.name].clone(), padded(&parameter));
            let full = leaf.dims();
            let part = match full == dims {
                true => leaf,
                false => leaf.slice(region(full, dims)),
            };
            (parameter.name, part)
        };
        let tensors = trained(network).map(part).collect();
        Body::on_tensors(network.clone(), &tensors, self.place.device())
    }

    fn finite(&self, loss: f32, learning_rate: f64) -> Result<f64, TrainError> {
        match loss.is_finite() {
            true => Ok(f64::from(loss)),
            false => Err(TrainError::Diverged {
                step: self.steps,
                learning_rate,
                loss,
            }),
        }
    }

    /// Stochastic gradient descent with momentum, on the gradients times a factor.
    fn descend(&mut self, gradients: Gradients, factor: f64, rate: f64) {
        for (name, gradient) in gradients {
            let shared = self.tensors.get_mut(&name).expect("it was admitted");
            let mut change = gradient.mul_scalar(factor);
            if shared.form.is_decayed() && self.recipe.weight_decay > 0.0 {
                change = change + shared.value.clone().mul_scalar(self.recipe.weight_decay);
            }
            if let Some(velocity) = shared.velocity.take() {
                change = change + velocity.mul_scalar(self.recipe.momentum);
            }
            shared.value = shared.value.clone() - change.clone().mul_scalar(rate);
            shared.velocity = Some(change);
        }
        self.steps += 1;
    }
}

// === impl SharedParameter ===

impl SharedParameter {
    fn read(self, device: &Device) -> Result<(String, Shared), TrainError> {
        let elements = self.dims.iter().product::<usize>();
        let lengths = [Some(&self.values), self.velocity.as_ref()];
        let form = self.form.parse::<Form>();
        let (Ok(form), true) = (form, lengths.iter().flatten().all(|v| v.len() == elements)) else {
            let reason = format!(
                "of the form `{}` has other values than its shape",
                self.form
            );
            let parameter = self.name;
            return Err(TrainError::CannotShare { parameter, reason });
        };
        let tensor = |values| Tensor::from_data(TensorData::new(values, self.dims), device);
        let shared = Shared {
            form,
            value: tensor(self.values),
            velocity: self.velocity.map(tensor),
        };
        Ok((self.name, shared))
    }
}

// === helpers ===

/// The parameters that are trained: all but running statistics.
fn trained(network: &Graph) -> impl Iterator<Item = Parameter> {
    use bespoke_graph::Role;
    let is_trained = |parameter: &Parameter| matches!(parameter.role, Role::Weight | Role::Bias);
    network.parameters().into_iter().filter(is_trained)
}

/// A parameter's shape with axes of length 1 behind.
fn padded(parameter: &Parameter) -> [usize; 4] {
    let dims = parameter.shape.dims();
    std::array::from_fn(|axis| dims.get(axis).copied().unwrap_or(1))
}

/// Where a part stands in a whole: at the beginning of the channels, in the middle of the kernel.
fn region(whole: [usize; 4], part: [usize; 4]) -> [std::ops::Range<usize>; 4] {
    std::array::from_fn(|axis| {
        let first = match axis {
            2 | 3 => (whole[axis] - part[axis]) / 2,
            _ => 0,
        };
        first..first + part[axis]
    })
}

/// Adds what a loss has sent back to the leaves.
fn gather(
    leaves: &HashMap<String, Tensor<4>>,
    sent_back: &mut tensor::Gradients,
    into: &mut Gradients,
) {
    for (name, leaf) in leaves {
        if let Some(gradient) = leaf.grad_remove(sent_back) {
            let sum = match into.remove(name) {
                Some(before) => before + gradient,
                None => gradient,
            };
            into.insert(name.clone(), sum);
        }
    }
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    let data = tensor.into_data();
    data.try_into_vec().expect("parameters are 32-bit floats")
}

#[cfg(test)]
mod tests;
