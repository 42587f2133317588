//! Bytes moved and peak memory, counted by hand.

use bespoke_graph::Op;

use crate::networks::{RELU, Sketch, conv};

#[test]
fn bytes_moved_are_values_and_parameters() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let output = sketch.chain([conv(3, 1, 1), RELU], input);
    let cost = sketch.finish(output).cost();
    assert_eq!(cost.bytes_moved, 4 * (32 + 6 + 48 + 48 + 48));
}

#[test]
fn a_value_is_alive_until_its_last_reader() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let wide = sketch.chain([conv(10, 1, 1)], input);
    let narrow = sketch.chain([conv(2, 1, 1)], wide);
    let sum = sketch.push(Op::Add, &[input, narrow]);
    let cost = sketch.finish(sum).cost();
    assert_eq!(cost.peak_activation_bytes, 4 * (32 + 160 + 32));
}

#[test]
fn the_input_is_freed_after_its_last_reader() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let output = sketch.chain([conv(1, 1, 1), conv(4, 1, 1)], input);
    let cost = sketch.finish(output).cost();
    assert_eq!(cost.peak_activation_bytes, 4 * (16 + 64));
}

#[test]
fn a_reshape_takes_no_room_and_keeps_its_input_alive() {
    let (mut sketch, input) = Sketch::new(&[2, 4, 4]);
    let flat = sketch.push(Op::Reshape { shape: vec![32] }, &[input]);
    let active = sketch.push(RELU, &[input]);
    let back = sketch.push(Op::Reshape { shape: vec![32] }, &[active]);
    let active = sketch.push(RELU, &[back]);
    let sum = sketch.push(Op::Add, &[flat, active]);
    let cost = sketch.finish(sum).cost();
    assert_eq!(cost.peak_activation_bytes, 4 * 32 * 3);
    assert_eq!(cost.bytes_moved, 4 * 32 * (2 + 2 + 3));
}
