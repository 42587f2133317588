//! Forward passes of a model, and its accuracy.

use bespoke_graph::{Graph, Model, Node, Op};
use bespoke_recipe::TrainingDevice;
use burn::tensor::{Tensor, TensorData};

use crate::body::Body;
use crate::place::Place;
use crate::{Images, NetworkError};

/// A model ready to run. Clones share their weights.
#[derive(Debug, Clone)]
pub struct Network {
    body: Body,
    place: Place,
}

/// How well a model does on images, and what it says about each.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Images whose most probable class is theirs, in per cent.
    pub accuracy_percent: f64,
    /// Probability of each class, image after image: images x classes.
    pub probabilities: Vec<f32>,
}

/// Gives a model's accuracy on images, `batch` of them at a time. A model that ends in logits gets a softmax.
///
/// # Errors
/// When images and network do not fit each other, or the device is not here.
pub fn evaluate(
    model: &Model,
    images: &Images,
    batch: usize,
    device: TrainingDevice,
) -> Result<Evaluation, NetworkError> {
    check_images(model.graph(), images)?;
    let place = Place::open(device)?;
    let network = match ends_in_softmax(model.graph()) {
        true => Network::on(place, model),
        false => Network::on(place, &model.with_probabilities()?),
    };
    let mut probabilities = Vec::with_capacity(images.count() * images.classes());
    let mut first = 0;
    while first < images.count() {
        let end = first.saturating_add(batch.max(1)).min(images.count());
        probabilities.extend(network.forward(&images.pixels(first..end), end - first)?);
        first = end;
    }
    let right = probabilities
        .chunks(images.classes())
        .zip(images.labels())
        .filter(|(row, label)| most_probable(row) == usize::from(**label))
        .count();
    Ok(Evaluation {
        accuracy_percent: 100.0 * right as f64 / images.count() as f64,
        probabilities,
    })
}

// === impl Network ===

impl Network {
    /// Loads the live part of a model, to be run on Burn's CPU backend.
    pub fn new(model: &Model) -> Self {
        Self::on(Place::flex(), model)
    }

    fn on(place: Place, model: &Model) -> Self {
        Self {
            body: Body::new(model, place.device()),
            place,
        }
    }

    /// The graph that is run: the live part of the model's.
    pub fn graph(&self) -> &Graph {
        self.body.graph()
    }

    /// The output for a batch of samples, one after the other in row-major order, as is the result.
    ///
    /// # Errors
    /// When the input does not have the elements of so many samples, or the batch is empty.
    pub fn forward(&self, input: &[f32], batch: usize) -> Result<Vec<f32>, NetworkError> {
        self.forward_observed(input, batch, |_| {})
    }

    /// The same; `ran` hears of each node but the input as soon as it was run.
    ///
    /// # Errors
    /// Those of [`forward`](Self::forward).
    pub fn forward_observed(
        &self,
        input: &[f32],
        batch: usize,
        mut ran: impl FnMut(&Node),
    ) -> Result<Vec<f32>, NetworkError> {
        let elements = self.graph().input_shape().elements();
        if batch == 0 || input.len() != elements.saturating_mul(batch) {
            return Err(NetworkError::InputLength {
                batch,
                shape: self.graph().input_shape().to_string(),
                expected: elements.saturating_mul(batch),
                got: input.len(),
            });
        }
        self.place.enter();
        let data = TensorData::new(input.to_vec(), [batch, elements]);
        let input = Tensor::from_data(data, self.place.device());
        let output = self.body.forward_by(input, |at, call| {
            let value = call.run();
            ran(&self.graph().nodes()[at]);
            value
        });
        let data = output.into_data();
        Ok(data.try_into_vec().expect("values are 32-bit floats"))
    }
}

// === helpers ===

/// Whether the images are what the network takes and it tells their classes apart.
pub fn check_images(graph: &Graph, images: &Images) -> Result<(), NetworkError> {
    if graph.input_shape().dims() != images.shape() {
        return Err(NetworkError::ImageShape {
            network: graph.input_shape().to_string(),
            images: bespoke_graph::Shape::from(images.shape().to_vec()).to_string(),
        });
    }
    if graph.output_shape().dims() != [images.classes()] {
        return Err(NetworkError::Classes {
            network: graph.output_shape().to_string(),
            classes: images.classes(),
        });
    }
    Ok(())
}

/// Whether the output is probabilities already.
pub(crate) fn ends_in_softmax(graph: &Graph) -> bool {
    matches!(graph.node(graph.output()).op, Op::Softmax { .. })
}

fn most_probable(row: &[f32]) -> usize {
    let best = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
    (0..row.len()).fold(0, best)
}
