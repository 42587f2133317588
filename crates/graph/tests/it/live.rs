//! Dead-code removal.

use std::borrow::Cow;

use bespoke_graph::{Activation, Graph, Op};

use crate::networks::{BATCH_NORM, Edge, RELU, Sketch, average, conv, nas_bench_201, zeros};

fn kinds(graph: &Graph) -> Vec<&'static str> {
    graph.nodes().iter().map(|node| node.op.kind()).collect()
}

#[test]
fn what_cannot_reach_the_output_is_removed() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let output = sketch.chain([conv(3, 1, 1)], input);
    sketch.chain([conv(5, 1, 1), RELU], output);
    let live = sketch.finish(output).live();
    assert_eq!(kinds(&live), ["Input", "Conv"]);
    assert_eq!(live.nodes()[1].name, "node1");
}

#[test]
fn a_branch_fed_by_zeros_is_absent() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let none = zeros(&mut sketch, &[2, 4, 4]);
    let branch = sketch.chain([RELU, conv(2, 3, 1), BATCH_NORM, average(3, 1, 1)], none);
    let left = sketch.push(Op::Add, &[input, branch]);
    let both = sketch.push(Op::Add, &[branch, none]);
    let sum = sketch.push(Op::Add, &[both, left]);
    let output = sketch.push(RELU, &[sum]);
    let live = sketch.finish(output).live();
    assert_eq!(kinds(&live), ["Input", "Relu"]);
    assert_eq!(live.nodes()[1].inputs[0].index(), 0);
}

#[test]
fn zeros_remain_where_nothing_absorbs_them() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let none = zeros(&mut sketch, &[2, 4, 4]);
    let again = zeros(&mut sketch, &[2, 4, 4]);
    let joined = sketch.push(Op::Concat { axis: 0 }, &[input, none, again]);
    let sigmoid = sketch.push(Op::Activation(Activation::Sigmoid), &[none]);
    let output = sketch.push(Op::Concat { axis: 0 }, &[joined, sigmoid]);
    let live = sketch.finish(output).live();
    assert_eq!(
        kinds(&live),
        ["Input", "Zeros", "Concat", "Sigmoid", "Concat"]
    );
}

#[test]
fn a_repeated_addend_stays_when_the_other_is_zero() {
    let (mut sketch, input) = Sketch::new(&[2, 1, 1]);
    let none = zeros(&mut sketch, &[2, 4, 4]);
    let output = sketch.push(Op::Add, &[input, none]);
    let live = sketch.finish(output).live();
    assert_eq!(kinds(&live), ["Input", "Zeros", "Add"]);
}

#[test]
fn a_network_of_nothing_is_zeros() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let none = zeros(&mut sketch, &[2, 4, 4]);
    let product = sketch.push(Op::Mul, &[input, none]);
    let output = sketch.chain([Op::GlobalAvgPool, Op::Reshape { shape: vec![2] }], product);
    let live = sketch.finish(output).live();
    assert_eq!(kinds(&live), ["Input", "Zeros"]);
    assert_eq!(live.output_shape().dims(), [2]);
    assert_eq!(live.live(), live);
}

#[test]
fn the_live_graph_of_a_live_graph_is_the_same() {
    use Edge::{Conv1, Conv3, None, Pool, Skip};
    for cell in [
        [None; 6],
        [Conv1, None, Conv3, None, None, Pool],
        [None, Skip, Conv3, None, Pool, None],
    ] {
        let live = nas_bench_201(cell).live();
        assert_eq!(live.live(), live);
        let is_copied = matches!(live.live_part(), Cow::Owned(_));
        assert_eq!(is_copied, kinds(&live).contains(&"Zeros"));
    }
}
