//! The content hash.

use bespoke_graph::{Graph, GraphHash, Op};

use crate::networks::{BATCH_NORM, Edge, RELU, Sketch, conv, nas_bench_201};

fn two_branches(swapped: bool) -> Graph {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let mut branches = [conv(2, 3, 1), conv(2, 1, 1)];
    if swapped {
        branches.reverse();
    }
    let [a, b] = branches.map(|op| sketch.push(op, &[input]));
    let sum = sketch.push(Op::Add, &[a, b]);
    sketch.push(conv(7, 1, 1), &[a]);
    sketch.finish(sum)
}

#[test]
fn order_names_and_dead_code_do_not_matter() {
    let graph = two_branches(false);
    assert_eq!(graph.hash(), two_branches(true).hash());
    assert_eq!(graph.hash(), graph.live().hash());
}

#[test]
fn settings_matter() {
    let hash = |op: Op| {
        let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
        let output = sketch.push(op, &[input]);
        sketch.finish(output).hash()
    };
    let ops = [
        conv(2, 3, 1),
        conv(2, 3, 2),
        conv(2, 1, 1),
        BATCH_NORM,
        Op::BatchNorm { epsilon: 1e-3 },
        RELU,
        Op::Scale { factor: 2.0 },
        Op::Concat { axis: 0 },
        Op::Softmax { axis: 0 },
        Op::Softmax { axis: 1 },
        Op::Transpose {
            perm: vec![0, 2, 1],
        },
    ];
    let mut hashes: Vec<GraphHash> = ops.clone().map(hash).to_vec();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), ops.len());
}

#[test]
fn a_shared_value_is_not_two_equal_values() {
    let (mut shared, input) = Sketch::new(&[2, 4, 4]);
    let a = shared.push(conv(2, 3, 1), &[input]);
    let output = shared.push(Op::Add, &[a, a]);
    let shared = shared.finish(output);

    let (mut twice, input) = Sketch::new(&[2, 4, 4]);
    let a = twice.push(conv(2, 3, 1), &[input]);
    let b = twice.push(conv(2, 3, 1), &[input]);
    let output = twice.push(Op::Add, &[a, b]);
    assert_ne!(shared.hash(), twice.finish(output).hash());
}

/// Two equal convolutions, of which one is read once more: which of them stands first must not matter.
fn lopsided(first_read_again: bool) -> Graph {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let a = sketch.push(conv(2, 3, 1), &[input]);
    let b = sketch.push(conv(2, 3, 1), &[input]);
    let sum = sketch.push(Op::Add, &[a, b]);
    let again = if first_read_again { a } else { b };
    let output = sketch.push(Op::Concat { axis: 0 }, &[sum, again]);
    sketch.finish(output)
}

#[test]
fn equal_branches_with_other_readers_are_told_apart() {
    assert_eq!(lopsided(true).hash(), lopsided(false).hash());
}

/// Caches on disk are keyed by the hash: it may not change without a reason.
#[test]
fn the_hash_is_stable() {
    use Edge::{Conv1, Conv3, None, Pool, Skip};
    let graph = nas_bench_201([Conv3, Pool, Conv1, Skip, None, Conv3]);
    assert_eq!(graph.hash().to_string(), "577427de0a6b7a61a179309ad2dbce1c");
}

#[test]
fn the_text_form_parses_back_and_other_texts_do_not() {
    let hash = two_branches(false).hash();
    assert_eq!(hash.to_string().parse(), Ok(hash));
    let signed = format!("+{}", &hash.to_string()[1..]);
    for text in ["", "00", &"g".repeat(32), &signed, &"é".repeat(16)] {
        assert!(text.parse::<GraphHash>().is_err(), "{text}");
    }
}
