use burn::tensor::{DType, Device, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Encoding;
use crate::encoding::Encoded;
use crate::modulation::elements;

const TASKS: usize = 2;
const REFERENCES: usize = 3;
const WIDTH: usize = 4;

/// A tensor of numbers from -1 to 1, in double precision: differences of losses have to be exact.
fn random(shape: [usize; 3], rng: &mut ChaCha8Rng) -> Tensor<3> {
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
    let options = (&Device::flex(), DType::F64);
    Tensor::from_data(TensorData::new(values, shape), options)
}

fn samples(networks: &[Encoding], places: &[usize], tasks: usize, rng: &mut ChaCha8Rng) -> Samples {
    let encoded = Encoded::new(networks.iter(), networks[0].kind()).unwrap();
    let mut batch = encoded.batch(places, tasks, &Device::flex());
    batch.inputs = batch.inputs.cast(DType::F64);
    batch.readers = batch.readers.map(|readers| readers.cast(DType::F64));
    let targets = random([tasks, places.len() / tasks, 1], rng);
    Samples { batch, targets }
}

/// A model with large rates, so that second derivatives count, and an episode.
fn tiny(networks: &[Encoding], seed: u64) -> (Model, Episode) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let device = Device::flex();
    let kind = networks[0].kind();
    let mut draw = || {
        let drawn = Parameters::draw(kind, REFERENCES, WIDTH, &device, &mut rng);
        drawn.map(|tensor| tensor.cast(DType::F64) * 2.0)
    };
    let (initial, rates) = (draw(), draw());
    let inference = Inference::draw(REFERENCES, WIDTH, &device, &mut rng);
    let inference = Inference(inference.0.map(|layer| Dense {
        weight: layer.weight.cast(DType::F64),
        bias: layer.bias.cast(DType::F64),
    }));
    let model = Model {
        initial,
        rates,
        inference,
    };
    let episode = Episode {
        hardware: random([TASKS, 1, REFERENCES], &mut rng),
        noise: random([TASKS, 1, elements(WIDTH)], &mut rng),
        support: samples(networks, &[0, 1, 2, 3, 1, 0], TASKS, &mut rng),
        query: vec![
            samples(networks, &[1, 2, 3, 4], 1, &mut rng),
            samples(networks, &[4, 0, 2, 3], 1, &mut rng),
        ],
    };
    (model, episode)
}

fn rows() -> Vec<Encoding> {
    let row = |at: usize| (0..3).map(move |feature| ((at * 3 + feature) as f32).sin());
    (0..5).map(|at| Encoding::Flat(row(at).collect())).collect()
}

fn graphs() -> Vec<Encoding> {
    let graph = |at: usize| Encoding::Graph {
        operations: (0..2 + at % 3)
            .map(|node| vec![((at + node * 2) as f32).cos(), (at as f32).sin()])
            .collect(),
        edges: vec![(0, 1), (0, 1 + at % 2 * (at % 3)), (1, at % 3)]
            .into_iter()
            .filter(|(from, to)| from < to)
            .collect(),
    };
    (0..5).map(graph).collect()
}

fn config(inner_steps: usize, second_order: SecondOrder) -> Config {
    Config {
        width: WIDTH,
        inner_steps,
        modulation: 0.3,
        second_order,
        ..Config::default()
    }
}

/// The change of the loss along a random change of each tensor: by the gradient, and by the losses themselves.
fn along_random_directions(model: &Model, episode: &Episode, config: &Config) -> Vec<[f64; 2]> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let tensors = model.clone().into_tensors();
    let gradient = model.outer_gradient(episode, config).1.into_tensors();
    let step = 1e-6;
    let along = |(at, slope): (usize, Tensor<3>)| {
        let direction = random(tensors[at].dims(), &mut rng);
        let loss = |distance: f64| {
            let mut moved = tensors.clone();
            moved[at] = moved[at].clone() + direction.clone() * distance;
            Model::from_tensors(moved).outer_gradient(episode, config).0
        };
        let expected = (loss(step) - loss(-step)) / (2.0 * step);
        [(slope * direction).sum().into_scalar::<f64>(), expected]
    };
    gradient.into_iter().enumerate().map(along).collect()
}

fn assert_gradient_agrees_with_losses(networks: &[Encoding]) {
    let (model, episode) = tiny(networks, 3);
    let pairs = along_random_directions(&model, &episode, &config(2, SecondOrder::Exact));
    for (tensor, [got, expected]) in pairs.iter().enumerate() {
        let error = (got - expected).abs();
        assert!(
            error < 1e-6 + 1e-5 * expected.abs(),
            "tensor {tensor}: {got}, not {expected}"
        );
    }
    let alive = pairs
        .iter()
        .filter(|[_, expected]| expected.abs() > 1e-6)
        .count();
    assert!(
        alive * 10 > pairs.len() * 9,
        "{alive} of {} tensors matter",
        pairs.len()
    );
}

#[test]
fn exact_gradient_of_rows_is_the_derivative_of_the_whole_loss() {
    assert_gradient_agrees_with_losses(&rows());
}

#[test]
fn exact_gradient_of_graphs_is_the_derivative_of_the_whole_loss() {
    assert_gradient_agrees_with_losses(&graphs());
}

#[test]
fn without_second_order_only_the_weights_gradient_of_a_step_changes() {
    let (model, episode) = tiny(&rows(), 3);
    let gradient = |order| model.outer_gradient(&episode, &config(1, order)).1;
    let (exact, dropped) = (gradient(SecondOrder::Exact), gradient(SecondOrder::Dropped));
    let distance = |a: Parameters, b: Parameters| {
        let difference = a.zip(b, |a, b| a - b);
        difference
            .clone()
            .dot(difference)
            .into_scalar::<f64>()
            .sqrt()
    };
    assert_eq!(distance(exact.rates, dropped.rates), 0.0);
    assert!(distance(exact.initial, dropped.initial) > 0.1);
}
