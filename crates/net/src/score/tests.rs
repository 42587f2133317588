//! Scores against what they are worked out to be by other ways.

use bespoke_graph::{Activation, Convolution, Graph, Model, Op, Weights};
use bespoke_recipe::ScoreName;

use super::*;
use crate::Network;

const SEED: u64 = 5;
const CLASSES: usize = 3;

/// Four images of two pixels.
fn images() -> Images {
    let pixels = vec![16, 3, 2, 9, 12, 12, 5, 14];
    Images::new([1, 1, 2], CLASSES, 16, pixels, vec![0, 1, 2, 1]).unwrap()
}

/// The network in which each operator reads the one before.
fn sequence(input: &[usize], ops: Vec<Op>) -> Graph {
    let (mut builder, mut x) = Graph::builder(input);
    for (at, op) in ops.into_iter().enumerate() {
        x = builder.push(format!("op{at}"), op, &[x]).unwrap();
    }
    builder.finish(x).unwrap()
}

fn linear(out_features: usize, bias: bool) -> Op {
    Op::Linear { out_features, bias }
}

/// Softmax regression, whose derivatives have closed forms.
fn regression() -> Graph {
    let flat = Op::Reshape { shape: vec![2] };
    sequence(&[1, 1, 2], vec![flat, linear(CLASSES, true)])
}

/// Convolutions, batch normalisations and rectifiers.
fn convolutional() -> Graph {
    let conv = |stride| Op::Conv(Convolution::same(4, 3, stride, 1));
    let norm = || Op::BatchNorm { epsilon: 1e-5 };
    let relu = || Op::Activation(Activation::Relu);
    let flat = Op::Reshape { shape: vec![4] };
    let ops = vec![
        conv(1),
        norm(),
        relu(),
        conv(2),
        norm(),
        relu(),
        Op::GlobalAvgPool,
        flat,
        linear(10, true),
    ];
    sequence(&[1, 8, 8], ops)
}

fn digits() -> Images {
    let pixel = |at: usize| ((at * 7919) % 17) as u8;
    let pixels = (0..6 * 64).map(pixel).collect();
    Images::new([1, 8, 8], 10, 16, pixels, vec![0, 1, 2, 3, 4, 5]).unwrap()
}

fn assert_close(value: f64, expected: f64, tolerance: f64) {
    let difference = (value - expected).abs();
    let allowed = tolerance * expected.abs();
    assert!(difference <= allowed, "{value}, expected {expected}");
}

/// The regression's images, its weights by input and class, its logits and its derivatives by the logits times the
/// number of images: probabilities less one for the image's class.
struct Regression {
    pixels: Vec<[f64; 2]>,
    weight: [[f64; CLASSES]; 2],
    logits: Vec<[f64; CLASSES]>,
    probabilities: Vec<[f64; CLASSES]>,
    errors: Vec<[f64; CLASSES]>,
}

impl Regression {
    fn new() -> Self {
        let graph = regression();
        let weights = draw::weights(&graph, draw::Draw::Uniform { times: 1.0 }, SEED);
        let w = &weights.get("op1.weight").unwrap().data;
        let bias = &weights.get("op1.bias").unwrap().data;
        let weight = [0, 1].map(|i| [0, 1, 2].map(|c| f64::from(w[i * CLASSES + c])));
        let images = images();
        let pixels = images.pixels(0..4);
        let pixels: Vec<[f64; 2]> = pixels
            .chunks(2)
            .map(|p| [f64::from(p[0]), f64::from(p[1])])
            .collect();
        let logits: Vec<[f64; CLASSES]> = pixels
            .iter()
            .map(|x| {
                [0, 1, 2].map(|c| x[0] * weight[0][c] + x[1] * weight[1][c] + f64::from(bias[c]))
            })
            .collect();
        let softmax = |a: &[f64; CLASSES]| {
            let sum: f64 = a.iter().map(|a| a.exp()).sum();
            a.map(|a| a.exp() / sum)
        };
        let probabilities: Vec<_> = logits.iter().map(softmax).collect();
        let mut errors = probabilities.clone();
        for (error, label) in errors.iter_mut().zip(images.labels()) {
            error[usize::from(*label)] -= 1.0;
        }
        Self {
            pixels,
            weight,
            logits,
            probabilities,
            errors,
        }
    }

    /// Mean over images of x_i · of_c.
    fn mean(&self, of: &[[f64; CLASSES]]) -> [[f64; CLASSES]; 2] {
        [0, 1].map(|i| {
            [0, 1, 2].map(|c| {
                let terms = self.pixels.iter().zip(of).map(|(x, of)| x[i] * of[c]);
                terms.sum::<f64>() / 4.0
            })
        })
    }

    /// The Hessian times a direction: mean of x · (diag p − p pᵀ) (x · v).
    fn hessian_times(&self, v: &[[f64; CLASSES]; 2]) -> [[f64; CLASSES]; 2] {
        let images = self.pixels.iter().zip(&self.probabilities);
        let of: Vec<[f64; CLASSES]> = images
            .map(|(x, p)| {
                let u = [0, 1, 2].map(|c| x[0] * v[0][c] + x[1] * v[1][c]);
                let mean: f64 = (0..CLASSES).map(|c| p[c] * u[c]).sum();
                [0, 1, 2].map(|c| p[c] * (u[c] - mean))
            })
            .collect();
        self.mean(&of)
    }
}

fn product(a: &[[f64; CLASSES]; 2], b: &[[f64; CLASSES]; 2]) -> f64 {
    a.iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(a, b)| a * b)
        .sum()
}

#[test]
fn gradient_scores_of_softmax_regression_are_the_closed_forms() {
    let known = Regression::new();
    let gradient = known.mean(&known.errors);
    let score = |name| score(name, &regression(), Some(&images()), SEED).unwrap();
    assert_close(
        score(ScoreName::GradNorm),
        product(&gradient, &gradient).sqrt(),
        1e-5,
    );
    let terms = gradient.iter().flatten().zip(known.weight.iter().flatten());
    let snip: f64 = terms.map(|(g, w)| (g * w).abs()).sum();
    assert_close(score(ScoreName::Snip), snip, 1e-5);
    let grasp = -product(&known.weight, &known.hessian_times(&gradient));
    assert_close(score(ScoreName::Grasp), grasp, 1e-2);
    let of_images = known.logits.iter().zip(&known.errors);
    let squares = of_images.map(|(a, e)| {
        (0..CLASSES)
            .map(|c| (a[c] * e[c] / 4.0).powi(2))
            .sum::<f64>()
    });
    assert_close(
        score(ScoreName::Fisher),
        0.5 * squares.sum::<f64>() / 4.0,
        1e-5,
    );
}

#[test]
fn a_layer_on_several_places_has_the_fisher_score_of_the_same_convolution() {
    let flat = || Op::Reshape {
        shape: vec![CLASSES],
    };
    let pointwise = Convolution {
        bias: true,
        ..Convolution::same(CLASSES, 1, 1, 1)
    };
    let convolution = sequence(
        &[1, 1, 2],
        vec![Op::Conv(pointwise), Op::GlobalAvgPool, flat()],
    );
    let places = sequence(
        &[1, 1, 2],
        vec![
            Op::Reshape { shape: vec![2, 1] },
            linear(CLASSES, true),
            Op::Transpose { perm: vec![1, 0] },
            Op::Reshape {
                shape: vec![CLASSES, 1, 2],
            },
            Op::GlobalAvgPool,
            flat(),
        ],
    );
    let of = |graph| score(ScoreName::Fisher, graph, Some(&images()), SEED).unwrap();
    assert_close(of(&places), of(&convolution), 1e-5);
}

#[test]
fn images_that_a_network_sees_alike_have_the_least_jacobian_score() {
    // The gradient of a linear map does not depend on the image, so that all correlations are 1.
    let score = score(ScoreName::JacobCov, &regression(), Some(&images()), SEED).unwrap();
    let of = |v: f64| (v + 1e-5).ln() + 1.0 / (v + 1e-5);
    assert_close(score, -(of(4.0) + 3.0 * of(0.0)), 1e-6);
}

#[test]
fn synflow_without_biases_is_the_output_once_for_each_layer() {
    let flat = Op::Reshape { shape: vec![16] };
    let conv = Op::Conv(Convolution::same(4, 3, 1, 1));
    let relu = Op::Activation(Activation::Relu);
    let norm = Op::BatchNorm { epsilon: 1e-5 };
    let graph = sequence(
        &[2, 2, 2],
        vec![conv, norm, relu, flat, linear(CLASSES, false)],
    );
    let positive = draw::weights(&graph, draw::Draw::Positive, SEED);
    // Running mean 0 and variance 1: in inference the normalisation is all but off.
    let network = Network::new(&Model::new(graph.clone(), positive).unwrap());
    let output = network.forward(&[1.0; 8], 1).unwrap();
    let sum: f64 = output.iter().map(|r| f64::from(*r)).sum();
    let score = score(ScoreName::Synflow, &graph, None, SEED).unwrap();
    assert_close(score, 2.0 * sum, 1e-4);
}

#[test]
fn synflow_of_a_network_too_deep_for_32_bits_is_a_number() {
    let mut ops: Vec<Op> = (0..90)
        .map(|_| Op::Conv(Convolution::same(64, 3, 1, 1)))
        .collect();
    ops.push(Op::Reshape {
        shape: vec![64 * 4],
    });
    ops.push(linear(2, false));
    let deep = sequence(&[1, 2, 2], ops);
    let score = score(ScoreName::Synflow, &deep, None, SEED).unwrap();
    assert!(score > f64::from(f32::MAX), "{score}");
}

#[test]
fn naswot_counts_the_rectifiers_that_agree() {
    let relu = Op::Activation(Activation::Relu);
    let flat = Op::Reshape { shape: vec![2] };
    let graph = sequence(
        &[1, 1, 2],
        vec![flat, linear(8, true), relu, linear(CLASSES, true)],
    );
    let two = images().select(&[0, 1]).unwrap();
    let weights = draw::weights(&graph, draw::Draw::Uniform { times: 1.0 }, SEED);
    let (weight, bias) = (
        weights.get("op1.weight").unwrap(),
        weights.get("op1.bias").unwrap(),
    );
    let is_on = |x: &[f32], unit: usize| {
        x[0] * weight.data[unit] + x[1] * weight.data[8 + unit] + bias.data[unit] > 0.0
    };
    let pixels = two.pixels(0..2);
    let agree = (0..8).filter(|unit| is_on(&pixels[..2], *unit) == is_on(&pixels[2..], *unit));
    let agree = agree.count() as f64;
    assert!((1.0..8.0).contains(&agree), "the case tells something");
    let score = score(ScoreName::Naswot, &graph, Some(&two), SEED).unwrap();
    assert_close(score, (64.0 - agree * agree).ln(), 1e-9);
}

#[test]
fn zen_of_one_weight_is_what_the_weight_does_to_the_change() {
    let flat = Op::Reshape { shape: vec![4] };
    let one = Op::Conv(Convolution::same(1, 1, 1, 1));
    let norm = Op::BatchNorm { epsilon: 1e-5 };
    let plain = sequence(&[1, 2, 2], vec![one.clone(), flat.clone()]);
    let normal: Weights = draw::weights(&plain, draw::Draw::Normal, SEED);
    let weight = f64::from(normal.get("op0.weight").unwrap().data[0]);
    let mut rng = draw::generator(SEED, draw::INPUT_STREAM);
    let noise: Vec<f32> = (0..2 * 64)
        .map(|_| draw::standard_normal(&mut rng))
        .collect();
    let change: f64 = noise[64..].iter().map(|x| f64::from(0.01 * x.abs())).sum();
    let expected = (weight.abs() * change / 16.0).ln();
    assert_close(
        score(ScoreName::Zen, &plain, None, SEED).unwrap(),
        expected,
        1e-3,
    );
    // What a normalisation takes away is added again.
    let normed = sequence(&[1, 2, 2], vec![one, norm, flat]);
    assert_close(
        score(ScoreName::Zen, &normed, None, SEED).unwrap(),
        expected,
        1e-2,
    );
}

#[test]
fn counted_scores_are_the_graph_s() {
    let graph = convolutional();
    let of = |name| score(name, &graph, None, SEED).unwrap();
    assert_eq!(of(ScoreName::Parameters), graph.cost().parameters as f64);
    assert_eq!(of(ScoreName::Flops), graph.cost().macs as f64);
    assert_eq!(of(ScoreName::Entropy), graph.entropy().score());
}

#[test]
fn same_seed_gives_the_same_score_and_another_seed_another() {
    for name in ScoreName::ALL {
        let of = |seed| score(name, &convolutional(), Some(&digits()), seed).unwrap();
        assert_eq!(of(1), of(1), "{name}");
        let is_drawn = !matches!(
            name,
            ScoreName::Parameters | ScoreName::Flops | ScoreName::Entropy
        );
        assert_eq!(of(1) != of(2), is_drawn, "{name}");
    }
}

#[test]
fn what_has_no_score_is_refused_with_the_reason() {
    let refused = |name, graph: &Graph, images: Option<&Images>| {
        score(name, graph, images, SEED).unwrap_err().to_string()
    };
    let digits = digits();
    assert_eq!(
        refused(ScoreName::Snip, &convolutional(), None),
        "the score `snip` looks at images, and none are given"
    );
    assert_eq!(
        refused(
            ScoreName::Naswot,
            &convolutional(),
            Some(&digits.select(&[0]).unwrap())
        ),
        "the score `naswot` compares images, and only one is given"
    );
    assert_eq!(
        refused(ScoreName::Fisher, &convolutional(), Some(&images())),
        "the network takes input of [1, 8, 8], the images are [1, 1, 2]"
    );
    assert_eq!(
        refused(ScoreName::Naswot, &regression(), Some(&images())),
        "the score `naswot` of this network is -inf, which is no number to compare"
    );
    let probabilities = regression().with_probabilities().unwrap();
    assert!(
        refused(ScoreName::Zen, &probabilities, None)
            .contains("takes the network that ends in logits")
    );
}
