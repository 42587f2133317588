use bespoke_graph::{Activation, Convolution, Graph, Model, Op};
use bespoke_recipe::{Augment, Recipe, TrainingDevice};

use super::*;
use crate::{Network, evaluate};

/// A network of a convolution and a depthwise one for 8x8 images.
fn network(width: usize, kernel: usize) -> Graph {
    network_by("depthwise", width, kernel)
}

/// The same, the depthwise convolution by that name.
fn network_by(depthwise: &str, width: usize, kernel: usize) -> Graph {
    let (mut builder, input) = Graph::builder(&[1, 8, 8]);
    let ops = [
        ("conv", Op::Conv(Convolution::same(width, 3, 2, 1))),
        ("norm", Op::BatchNorm { epsilon: 1e-5 }),
        ("act", Op::Activation(Activation::Relu)),
        (
            depthwise,
            Op::Conv(Convolution::same(width, kernel, 1, width)),
        ),
        ("pool", Op::GlobalAvgPool),
        ("flat", Op::Reshape { shape: vec![width] }),
        (
            "logits",
            Op::Linear {
                out_features: 2,
                bias: true,
            },
        ),
    ];
    let push = |at, (name, op)| builder.push(name, op, &[at]).unwrap();
    let output = ops.into_iter().fold(input, push);
    builder.finish(output).unwrap()
}

/// Two classes: bright on the left, bright on the right.
fn images() -> Images {
    let image = |at: usize| {
        let is_bright = move |x: usize| (x < 4) == at.is_multiple_of(2);
        let pixel = move |x: usize| u8::from(is_bright(x)) * (5 + ((at * 7 + x) % 5) as u8);
        (0..8).flat_map(move |_| (0..8).map(pixel))
    };
    let pixels = (0..64).flat_map(image).collect();
    let labels = (0..64).map(|at| at % 2).collect();
    Images::new([1, 8, 8], 2, 16, pixels, labels).unwrap()
}

fn recipe() -> Recipe {
    Recipe {
        batch_size: 16,
        weight_decay: 0.0,
        ..Recipe::default()
    }
}

fn batch(at: u64) -> Batch {
    let images = images();
    let mut all = Batches::new(&images, 16, Augment::None, generator(1, at)).unwrap();
    all.next().unwrap()
}

fn of(shared: &SharedWeights, name: &str) -> (Vec<f32>, [usize; 4]) {
    let state = shared.state();
    let found = state
        .parameters
        .into_iter()
        .find(|p| p.name == name)
        .unwrap();
    (found.values, found.dims)
}

#[test]
fn narrow_network_trains_the_first_channels_and_the_middle_of_the_kernel() {
    let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
    shared.admit(&network(4, 5)).unwrap();
    let (before, dims) = of(&shared, "depthwise.weight");
    assert_eq!(dims, [4, 1, 5, 5]);
    shared.step(&[network(2, 3)], &batch(0), 0.1).unwrap();
    let (after, _) = of(&shared, "depthwise.weight");
    let changed: Vec<usize> = (0..before.len())
        .filter(|at| before[*at] != after[*at])
        .collect();
    let middle =
        |at: &usize| at / 25 < 2 && (1..4).contains(&(at / 5 % 5)) && (1..4).contains(&(at % 5));
    assert!(
        !changed.is_empty() && changed.iter().all(middle),
        "{changed:?}"
    );
}

#[test]
fn weights_grow_with_the_networks_and_keep_what_they_were() {
    let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
    shared.step(&[network(2, 3)], &batch(0), 0.1).unwrap();
    let (before, _) = of(&shared, "depthwise.weight");
    shared.admit(&network(4, 5)).unwrap();
    let (after, dims) = of(&shared, "depthwise.weight");
    assert_eq!(dims, [4, 1, 5, 5]);
    let kept = |channel: usize, y: usize, x: usize| after[channel * 25 + (y + 1) * 5 + x + 1];
    for (at, value) in before.iter().enumerate() {
        assert_eq!(kept(at / 9, at / 3 % 3, at % 3), *value);
    }
}

#[test]
fn a_parameter_takes_the_mean_of_the_gradients_of_the_networks_that_read_it() {
    let networks = ["here", "there"].map(|name| network_by(name, 2, 3));
    let after_step_of = |stepped: &[Graph], name: &str| {
        let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
        networks.iter().for_each(|one| shared.admit(one).unwrap());
        shared.step(stepped, &batch(0), 0.1).unwrap();
        of(&shared, name).0
    };
    let [first, second] = networks.each_ref().map(std::slice::from_ref);
    let is_near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);

    let alone = after_step_of(first, "here.weight");
    assert!(!is_near(&alone, &after_step_of(second, "here.weight")));
    assert!(is_near(&alone, &after_step_of(&networks, "here.weight")));

    let [a, b] = [first, second].map(|one| after_step_of(one, "logits.weight"));
    let mean: Vec<f32> = a
        .iter()
        .zip(&b)
        .map(|(a, b)| f32::midpoint(*a, *b))
        .collect();
    assert!(!is_near(&a, &b));
    assert!(is_near(&mean, &after_step_of(&networks, "logits.weight")));
}

#[test]
fn networks_learn_together_and_are_used_with_statistics_of_their_own() {
    let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
    let networks = [network(8, 5), network(4, 3)];
    let losses: Vec<f64> = (0..60)
        .map(|at| shared.step(&networks, &batch(at), 0.1).unwrap())
        .collect();
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
    for network in networks {
        let weights = shared.calibrated(&network, &images(), 16, 4).unwrap();
        let model = Model::new(network, weights).unwrap();
        let evaluation = evaluate(&model, &images(), 16, TrainingDevice::Flex).unwrap();
        assert!(evaluation.accuracy_percent > 95.0);
    }
}

#[test]
fn calibration_gives_the_statistics_of_the_images() {
    let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
    let network = network(2, 3);
    let weights = shared.calibrated(&network, &images(), 16, 4).unwrap();
    let model = Model::new(network, weights).unwrap();
    let (mut builder, input) = Graph::builder(&[1, 8, 8]);
    let conv = Op::Conv(Convolution::same(2, 3, 2, 1));
    let output = builder.push("conv", conv, &[input]).unwrap();
    let graph = builder.finish(output).unwrap();
    let conv = Model::new(graph, model.weights().clone()).unwrap();
    let maps = Network::new(&conv)
        .forward(&images().pixels(0..64), 64)
        .unwrap();
    let of_first: Vec<f32> = maps.chunks(16).step_by(2).flatten().copied().collect();
    let mean = of_first.iter().sum::<f32>() / of_first.len() as f32;
    let told = model.weights().get("norm.mean").unwrap().data[0];
    assert!((told - mean).abs() < 1e-4, "{told} {mean}");
}

#[test]
fn training_goes_on_from_a_state_as_if_nothing_had_happened() {
    let mut whole = SharedWeights::new(&recipe(), 1).unwrap();
    whole.step(&[network(2, 3)], &batch(0), 0.1).unwrap();
    let mut resumed = SharedWeights::with_state(&recipe(), 1, whole.state()).unwrap();
    for shared in [&mut whole, &mut resumed] {
        shared.step(&[network(4, 5)], &batch(1), 0.1).unwrap();
    }
    assert_eq!(whole.state(), resumed.state());
}

#[test]
fn loss_that_is_no_number_is_told_with_step_and_rate_and_changes_nothing() {
    let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
    shared.step(&[network(2, 3)], &batch(0), 1e30).unwrap();
    let state = shared.state();
    let error = shared.step(&[network(2, 3)], &batch(1), 1e30).unwrap_err();
    let TrainError::Diverged {
        step,
        learning_rate,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((step, learning_rate), (1, 1e30));
    assert_eq!(shared.state(), state);
}

#[test]
fn choices_that_cannot_share_weights_are_refused_by_place() {
    let grouped = |groups| {
        let (mut builder, input) = Graph::builder(&[1, 8, 8]);
        let op = Op::Conv(Convolution::same(8, 3, 1, 1));
        let stem = builder.push("stem", op, &[input]).unwrap();
        let op = Op::Conv(Convolution::same(8, 3, 1, groups));
        let output = builder.push("stage1.conv", op, &[stem]).unwrap();
        builder.finish(output).unwrap()
    };
    let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
    shared.admit(&grouped(2)).unwrap();
    assert_eq!(
        shared.admit(&grouped(4)).unwrap_err().to_string(),
        "the choices at `stage1.conv.weight` cannot share weights: it is a convolution in 2 groups from 8 to 8 channels \
         in one network and a convolution in 4 groups from 8 to 8 channels in another"
    );
}

#[test]
fn gradient_by_the_gates_is_that_of_finite_differences() {
    let part = |name: &str, op, shape: &[usize]| {
        let (mut builder, input) = Graph::builder(shape);
        let output = builder.push(name, op, &[input]).unwrap();
        builder.finish(output).unwrap()
    };
    let conv = |name, kernel| {
        part(
            name,
            Op::Conv(Convolution::same(2, kernel, 1, 1)),
            &[1, 8, 8],
        )
    };
    let linear = Op::Linear {
        out_features: 2,
        bias: true,
    };
    let flat = {
        let (mut builder, input) = Graph::builder(&[2, 8, 8]);
        let flat = builder
            .push("flat", Op::Reshape { shape: vec![128] }, &[input])
            .unwrap();
        let output = builder.push("logits", linear, &[flat]).unwrap();
        builder.finish(output).unwrap()
    };
    let layers = |gates: [f64; 2]| {
        let paths = vec![conv("small", 1), conv("large", 3)];
        let gates = gates.to_vec();
        let end = Mixture {
            paths: vec![flat.clone()],
            gates: vec![1.0],
        };
        [Mixture { paths, gates }, end]
    };
    let mut shared = SharedWeights::new(&recipe(), 1).unwrap();
    let mixed = shared.by_gates(&layers([0.3, 0.7]), &batch(0)).unwrap();
    assert!(mixed.by_gate[1].is_empty());
    for gate in 0..2 {
        let mut loss = |step: f64| {
            let mut gates = [0.3, 0.7];
            gates[gate] += step;
            shared.by_gates(&layers(gates), &batch(0)).unwrap().loss
        };
        let difference = (loss(1e-2) - loss(-1e-2)) / 2e-2;
        let gradient = mixed.by_gate[0][gate];
        assert!(
            (difference - gradient).abs() < 1e-3 + 0.02 * gradient.abs(),
            "{difference} {gradient}"
        );
    }
}
