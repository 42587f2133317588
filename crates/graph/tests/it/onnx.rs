//! ONNX in and out.

use bespoke_graph::{ExportOptions, Graph, Model, Op, Tensor, Weights};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::networks::{BATCH_NORM, RELU, Sketch, conv, every_operator, zeros};

const PLAIN: ExportOptions = ExportOptions {
    fold_batch_norm: false,
};
const FOLDED: ExportOptions = ExportOptions {
    fold_batch_norm: true,
};

/// Weights that no two parameters share, with variances above zero.
fn model(graph: Graph) -> Model {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut weights = Weights::default();
    for parameter in graph.parameters() {
        let mut draw = || 0.1 + (rng.next_u32() % 1000) as f32 / 1000.0;
        let data = (0..parameter.shape.elements()).map(|_| draw()).collect();
        let shape = parameter.shape.dims().to_vec();
        weights.insert(parameter.name, Tensor { shape, data });
    }
    Model::new(graph, weights).expect("each parameter got its values")
}

fn read(bytes: &[u8]) -> Model {
    Model::from_onnx(bytes).expect("what was written can be read")
}

fn batch_norms(model: &Model) -> usize {
    let is_norm = |op: &Op| matches!(op, Op::BatchNorm { .. });
    let nodes = model.graph().nodes();
    nodes.iter().filter(|node| is_norm(&node.op)).count()
}

#[test]
fn what_is_written_reads_back_the_same() {
    let model = model(every_operator());
    let back = read(&model.to_onnx(PLAIN));
    assert_eq!(back.graph().hash(), model.graph().hash());
    assert_eq!(back.weights(), model.weights());
    assert_eq!(back.graph().live(), model.graph().live());
}

#[test]
fn only_the_live_graph_is_written() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let output = sketch.push(conv(3, 1, 1), &[input]);
    sketch.push(conv(5, 1, 1), &[input]);
    let back = read(&model(sketch.finish(output)).to_onnx(PLAIN));
    assert_eq!(back.graph().nodes().len(), 2);
    assert_eq!(back.weights().iter().count(), 1);
}

#[test]
fn networks_that_compute_nothing_read_back() {
    let (mut sketch, _) = Sketch::new(&[2, 4, 4]);
    let output = zeros(&mut sketch, &[5]);
    let (identity, input) = Sketch::new(&[2]);
    for graph in [sketch.finish(output), identity.finish(input)] {
        let back = read(&model(graph.clone()).to_onnx(PLAIN));
        assert_eq!(back.graph(), &graph.live());
    }
}

#[test]
fn names_that_clash_in_the_file_are_kept_apart() {
    let (mut builder, input) = Graph::builder(&[2, 4, 4]);
    let first = builder.push("a", conv(2, 1, 1), &[input]);
    let first = first.expect("the shapes fit");
    let second = builder.push("a.weight", conv(2, 1, 1), &[first]);
    let second = second.expect("the shapes fit");
    let model = model(builder.finish(second).expect("the output is there"));
    assert_eq!(read(&model.to_onnx(PLAIN)), model);
}

#[test]
fn folding_leaves_normalisations_that_others_precede() {
    let back = read(&model(every_operator()).to_onnx(FOLDED));
    assert_eq!(batch_norms(&back), 0);

    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let layer = sketch.push(conv(2, 1, 1), &[input]);
    let norm = sketch.push(BATCH_NORM, &[layer]);
    let sum = sketch.push(Op::Add, &[layer, norm]);
    let output = sketch.chain([RELU, BATCH_NORM], sum);
    let model = model(sketch.finish(output));
    let back = read(&model.to_onnx(FOLDED));
    assert_eq!(back, read(&model.to_onnx(PLAIN)));
    assert_eq!(batch_norms(&back), 2);
}

#[test]
fn folding_computes_the_same_function() {
    let (mut sketch, input) = Sketch::new(&[1, 1, 1]);
    let norm = Op::BatchNorm { epsilon: 0.5 };
    let output = sketch.chain([conv(2, 1, 1), norm], input);
    let graph = sketch.finish(output);
    let mut weights = Weights::default();
    let mut set = |name: &str, shape: &[usize], data: [f32; 2]| {
        let (shape, data) = (shape.to_vec(), data.to_vec());
        weights.insert(name, Tensor { shape, data });
    };
    set("node1.weight", &[2, 1, 1, 1], [3.0, -2.0]);
    set("node2.weight", &[2], [2.0, 1.0]);
    set("node2.bias", &[2], [0.25, 5.0]);
    set("node2.mean", &[2], [1.0, 4.0]);
    set("node2.variance", &[2], [3.5, 0.5]);
    let model = Model::new(graph, weights).expect("the weights fit");

    let folded = read(&model.to_onnx(FOLDED));
    let values = |name: &str| folded.weights().get(name).map(|tensor| tensor.data.clone());
    assert_eq!(values("node1.weight"), Some(vec![3.0, -2.0]));
    assert_eq!(values("node1.bias"), Some(vec![-0.75, 1.0]));
}

/// Bytes changed, cut out, repeated or cut short: each must be a model or an error.
#[test]
fn damaged_files_are_errors_or_models() {
    let valid = model(every_operator()).to_onnx(PLAIN);
    let mut rng = ChaCha8Rng::seed_from_u64(201);
    let mut errors = 0;
    for _ in 0..2_000 {
        let damaged = damage(&valid, &mut rng);
        match Model::from_onnx(&damaged) {
            Ok(model) => {
                model.graph().cost();
                model.graph().hash();
                read(&model.to_onnx(FOLDED));
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                errors += 1;
            }
        }
    }
    assert!((500..2_000).contains(&errors), "{errors} of 2,000");
}

fn damage(valid: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    let mut below = |end: usize| rng.next_u64() as usize % end.max(1);
    for _ in 0..=below(4) {
        let at = below(bytes.len());
        let end = (at + 1 + below(8)).min(bytes.len());
        match below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => bytes[at] ^= 1 << below(8),
            4 => bytes[at] = [0, 1, 127, 128, 255][below(5)],
            _ => bytes[at] = below(256) as u8,
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}
