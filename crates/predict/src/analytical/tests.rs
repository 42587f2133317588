use bespoke_device::Precision;
use bespoke_graph::{Activation, Convolution, Op, Pool};

use super::*;

const ROOFLINE: &str = "peak_gflops = 1.0\nbandwidth_gb_s = 1.0\nlaunch_us = 10.0\n";

fn model(figures: &str, batch: u32, threads: u32) -> Result<Analytical, ProfileLacks> {
    let head = "name = \"board\"\nsource = \"made up\"\narchitecture = \"aarch64\"\n";
    let profile = Profile::parse("board.toml", &format!("{head}{figures}")).expect("a profile");
    let target = TargetSpec::new("tract", batch, threads, Precision::F32).expect("a target");
    Analytical::new(&profile, &target)
}

/// A model of an array of 4 x 4 units at 1 GHz with memory too fast to matter.
fn on_array(dataflow: &str) -> Analytical {
    let figures = format!(
        "bandwidth_gb_s = 1e9\n[systolic]\nrows = 4\ncolumns = 4\nclock_ghz = 1.0\ndataflow = \"{dataflow}\""
    );
    model(&figures, 1, 1).expect("a model")
}

/// The operators after each other.
fn chain(input: &[usize], ops: impl IntoIterator<Item = Op>) -> Graph {
    let (mut builder, mut at) = Graph::builder(input);
    for (index, op) in ops.into_iter().enumerate() {
        let node = builder.push(format!("n{index}"), op, &[at]);
        at = node.expect("the operators fit");
    }
    builder.finish(at).expect("the output is there")
}

fn conv(out_channels: usize, kernel: usize, groups: usize) -> Op {
    Op::Conv(Convolution::same(out_channels, kernel, 1, groups))
}

#[track_caller]
fn assert_near(given: f64, wanted: f64) {
    assert!(
        (given - wanted).abs() <= 1e-12 * wanted.abs(),
        "{given} for {wanted}"
    );
}

#[test]
fn each_operator_takes_the_longer_of_compute_and_memory_and_a_launch() {
    let graph = chain(
        &[4, 10, 10],
        [conv(8, 3, 1), Op::Activation(Activation::Relu)],
    );
    let breakdown = model(ROOFLINE, 1, 1).expect("a model").breakdown(&graph);
    let [convolution, relu] = breakdown.operators[..] else {
        panic!("two operators");
    };
    // 8 x 100 values of 36 products each, two operations a product; 400 + 800 values and 288 weights of 4 bytes.
    assert_near(convolution.compute_ms, 2.0 * 8.0 * 100.0 * 36.0 / 1e6);
    assert_near(convolution.memory_ms, 4.0 * (400.0 + 800.0 + 288.0) / 1e6);
    assert_near(relu.compute_ms, 800.0 / 1e6);
    assert_near(relu.memory_ms, 4.0 * 1600.0 / 1e6);
    assert_near(breakdown.ms(), 0.0576 + 0.0064 + 2.0 * 0.010);
    assert_eq!(breakdown.utilisation(), None);
}

#[test]
fn a_batch_multiplies_values_and_operations_but_not_parameters() {
    let graph = chain(&[4, 10, 10], [conv(8, 3, 1)]);
    let breakdown = model(ROOFLINE, 3, 1).expect("a model").breakdown(&graph);
    let convolution = breakdown.operators[0];
    assert_near(convolution.compute_ms, 3.0 * 57_600.0 / 1e6);
    assert_near(convolution.memory_ms, 4.0 * (3.0 * 1200.0 + 288.0) / 1e6);
    assert_near(convolution.launch_ms, 0.010);
}

#[test]
fn threads_use_their_share_of_the_cores_and_no_more() {
    let graph = chain(&[4, 10, 10], [conv(8, 3, 1)]);
    let compute = |figures: &str, threads| {
        let model = model(&format!("{ROOFLINE}{figures}"), 1, threads).expect("a model");
        model.breakdown(&graph).operators[0].compute_ms
    };
    assert_near(compute("cores = 4", 1), 4.0 * 0.0576);
    assert_near(compute("cores = 4", 2), 2.0 * 0.0576);
    assert_near(compute("cores = 4", 9), 0.0576);
    assert_near(compute("", 1), 0.0576);
}

#[test]
fn what_does_not_reach_the_output_costs_nothing() {
    let (mut builder, input) = Graph::builder(&[4, 6, 6]);
    let kept = builder.push("kept", conv(4, 1, 1), &[input]);
    let kept = kept.expect("it fits");
    builder
        .push("dead", conv(64, 3, 1), &[kept])
        .expect("it fits");
    let graph = builder.finish(kept).expect("the output is there");
    let alone = chain(&[4, 6, 6], [conv(4, 1, 1)]);
    let model = model(ROOFLINE, 1, 1).expect("a model");
    assert_near(model.latency_ms(&graph), model.latency_ms(&alone));
}

#[test]
fn a_batch_normalisation_behind_a_convolution_is_its_bias() {
    let norm = || Op::BatchNorm { epsilon: 1e-5 };
    let model = model(ROOFLINE, 1, 1).expect("a model");
    let mut biased = Convolution::same(8, 3, 1, 1);
    biased.bias = true;
    let merged = chain(&[4, 10, 10], [conv(8, 3, 1), norm()]);
    let with_bias = chain(&[4, 10, 10], [Op::Conv(biased)]);
    assert_near(model.latency_ms(&merged), model.latency_ms(&with_bias));
    let alone = model.breakdown(&chain(&[4, 10, 10], [norm()]));
    // Read and written 400 values each; scale, shift, mean and variance of four channels.
    assert_near(alone.operators[0].memory_ms, 4.0 * (800.0 + 16.0) / 1e6);
}

#[test]
fn poolings_sums_and_dense_layers_are_counted_as_documented() {
    let pool = Pool {
        kernel: [2; 2],
        stride: [2; 2],
        padding: [0; 2],
    };
    let (mut builder, input) = Graph::builder(&[4, 6, 6]);
    let pooled = builder.push("pool", Op::AvgPool(pool), &[input]);
    let pooled = pooled.expect("it fits");
    let sum = builder
        .push("sum", Op::Add, &[pooled, pooled])
        .expect("it fits");
    let flat = Op::Reshape { shape: vec![36] };
    let flat = builder.push("flat", flat, &[sum]).expect("it fits");
    let dense = Op::Linear {
        out_features: 10,
        bias: true,
    };
    let dense = builder.push("dense", dense, &[flat]).expect("it fits");
    let graph = builder.finish(dense).expect("the output is there");
    let breakdown = model(ROOFLINE, 1, 1).expect("a model").breakdown(&graph);
    let [pool, sum, dense] = breakdown.operators[..] else {
        panic!("a reshape does nothing");
    };
    assert_near(pool.compute_ms, 36.0 * 4.0 / 1e6);
    assert_near(sum.compute_ms, 72.0 / 1e6);
    assert_near(sum.memory_ms, 4.0 * 108.0 / 1e6);
    assert_near(dense.compute_ms, 720.0 / 1e6);
    assert_near(dense.memory_ms, 4.0 * (36.0 + 10.0 + 370.0) / 1e6);
}

#[test]
fn a_convolution_on_an_array_takes_the_cycles_of_its_dataflow() {
    // 9 pixels, windows of 8 and 8 filters on 4 x 4 units: (2 · 4 + 4 + T − 2) cycles for each piece.
    let graph = chain(&[8, 3, 3], [conv(8, 1, 1)]);
    let cases = [
        ("weight_stationary", 19.0 * 2.0 * 2.0),
        ("output_stationary", 18.0 * 3.0 * 2.0),
        ("input_stationary", 18.0 * 2.0 * 3.0),
    ];
    for (dataflow, cycles) in cases {
        let breakdown = on_array(dataflow).breakdown(&graph);
        assert_near(breakdown.ms(), cycles / 1e6);
        let used = 8.0 * 8.0 * 9.0 / (cycles * 16.0);
        assert_near(breakdown.utilisation().expect("it runs on the array"), used);
    }
}

#[test]
fn a_depthwise_convolution_leaves_most_of_an_array_idle() {
    let depthwise = chain(&[8, 3, 3], [conv(8, 3, 8)]);
    let breakdown = on_array("weight_stationary").breakdown(&depthwise);
    // Each of 8 groups: windows of 9 in three pieces, one filter.
    assert_near(breakdown.ms(), 8.0 * 19.0 * 3.0 / 1e6);
    let grouped = chain(&[8, 3, 3], [conv(8, 3, 2)]);
    let grouped = on_array("weight_stationary").breakdown(&grouped);
    // Each of 2 groups: windows of 36 in nine pieces, four filters: four times the work in fewer than twice the time.
    assert_near(grouped.ms(), 2.0 * 19.0 * 9.0 / 1e6);
    assert!(breakdown.utilisation() < grouped.utilisation());
}

#[test]
fn products_of_two_values_run_on_the_array_one_head_after_the_other() {
    let (mut builder, input) = Graph::builder(&[2, 4, 4]);
    let product = builder.push("product", Op::MatMul, &[input, input]);
    let product = product.expect("it fits");
    let graph = builder.finish(product).expect("the output is there");
    let breakdown = on_array("weight_stationary").breakdown(&graph);
    assert_near(breakdown.ms(), 2.0 * (8.0 + 4.0 + 4.0 - 2.0) / 1e6);
}

#[test]
fn what_no_array_multiplies_is_priced_by_its_memory() {
    let graph = chain(&[4, 10, 10], [Op::Activation(Activation::Relu)]);
    let figures = "bandwidth_gb_s = 1.0\n[systolic]\nrows = 4\ncolumns = 4\nclock_ghz = 1.0\ndataflow = \"weight_stationary\"";
    let model = model(figures, 1, 1).expect("a model");
    assert_near(model.latency_ms(&graph), 4.0 * 800.0 / 1e6);
    assert_eq!(model.breakdown(&graph).utilisation(), None);
}

#[test]
fn a_profile_without_figures_is_refused_by_name() {
    let refusal = |figures: &str| model(figures, 1, 1).expect_err("no model").to_string();
    assert_eq!(
        refusal("bandwidth_gb_s = 1.0"),
        "the profile of board lacks `peak_gflops`, which the analytical model needs"
    );
    assert_eq!(
        refusal("peak_gflops = 1.0"),
        "the profile of board lacks `bandwidth_gb_s`, which the analytical model needs"
    );
}
