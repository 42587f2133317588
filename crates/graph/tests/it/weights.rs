//! Parameters, fresh weights, models.

use bespoke_graph::{Graph, GraphError, Model, Op, Tensor, Weights};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::networks::{BATCH_NORM, Sketch, conv};

fn small() -> Graph {
    let (mut sketch, input) = Sketch::new(&[3, 8, 8]);
    let output = sketch.chain([conv(64, 3, 1), BATCH_NORM, conv(8, 1, 1)], input);
    sketch.finish(output)
}

#[test]
fn parameters_are_named_after_their_nodes_with_onnx_shapes() {
    let (mut sketch, input) = Sketch::new(&[4, 6]);
    let linear = Op::Linear {
        out_features: 3,
        bias: true,
    };
    let output = sketch.chain([Op::LayerNorm { epsilon: 1e-5 }, linear, BATCH_NORM], input);
    let parameters = sketch.finish(output).parameters();
    let listed: Vec<String> = parameters
        .iter()
        .map(|parameter| format!("{} {}", parameter.name, parameter.shape))
        .collect();
    let expected = [
        "node1.weight [6]",
        "node1.bias [6]",
        "node2.weight [6, 3]",
        "node2.bias [3]",
        "node3.weight [4]",
        "node3.bias [4]",
        "node3.mean [4]",
        "node3.variance [4]",
    ];
    assert_eq!(listed, expected);
}

#[test]
fn fresh_weights_fit_and_have_the_spread_asked_for() {
    let graph = small();
    let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(1));
    let stem = weights.get("node1.weight").expect("the stem has a weight");
    let squares: f32 = stem.data.iter().map(|value| value * value).sum();
    let variance = squares / stem.data.len() as f32;
    assert!(
        (variance / (2.0 / (64.0 * 9.0)) - 1.0).abs() < 0.2,
        "{variance}"
    );
    assert!(Model::new(graph, weights).is_ok());
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    let graph = small();
    let draw = |seed| Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(seed));
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn weights_that_do_not_fit_are_refused_and_others_dropped() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let output = sketch.chain([conv(3, 1, 1)], input);
    let graph = sketch.finish(output);
    let with = |name: &str, shape: &[usize], values: usize| {
        let mut weights = Weights::default();
        let (shape, data) = (shape.to_vec(), vec![0.5; values]);
        weights.insert(name, Tensor { shape, data });
        weights
    };
    let refused = [
        with("other.weight", &[3, 2, 1, 1], 6),
        with("node1.weight", &[2, 3, 1, 1], 6),
        with("node1.weight", &[3, 2, 1, 1], 5),
    ];
    for weights in refused {
        let error = Model::new(graph.clone(), weights).expect_err("it does not fit");
        assert!(
            matches!(error, GraphError::Weights { parameter, .. } if parameter == "node1.weight")
        );
    }

    let mut weights = with("node1.weight", &[3, 2, 1, 1], 6);
    weights.insert(
        "dead.weight",
        Tensor {
            shape: vec![0],
            data: vec![],
        },
    );
    let model = Model::new(graph, weights).expect("it fits");
    assert_eq!(model.weights().iter().count(), 1);
    let model = model.with_probabilities().expect("the output has an axis");
    assert_eq!(
        model.graph().node(model.graph().output()).name,
        "probabilities"
    );
}
