//! What every runtime has to do: the same networks, compared with each other.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bespoke_device::Precision;
use bespoke_graph::{Activation, Convolution, ExportOptions, Graph, Model, Op, Weights};
use bespoke_runtime::{CompileOptions, Compiled, NAMES, Runtime, RuntimeError, runtime, runtimes};
use bespoke_space::Space;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Greatest difference of two outputs, as a part of their greatest magnitude.
const TOLERANCE: f32 = 1e-4;

/// Greatest such difference from 32-bit floats. Networks with random weights are far from how robust a trained one is,
/// and their ranges come from random images: this finds operators that compute something else, not lost accuracy.
fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => TOLERANCE,
        Precision::F16 => 0.02,
        Precision::Int8 => 0.5,
    }
}

/// Networks of each space.
const OF_EACH: usize = 2;

const ONE: CompileOptions = CompileOptions {
    batch: 1,
    threads: 1,
    precision: Precision::F32,
    memory_bytes: None,
};

const PLAIN: ExportOptions = ExportOptions {
    fold_batch_norm: false,
};

const FOLDED: ExportOptions = ExportOptions {
    fold_batch_norm: true,
};

/// A network with fresh weights and batch normalisations as training would leave them, that ends in logits.
fn logits(graph: &Graph, rng: &mut ChaCha8Rng) -> Model {
    let graph = graph.live();
    let mut weights = Weights::initial(&graph, rng);
    for parameter in graph.parameters() {
        if matches!(graph.node(parameter.node).op, Op::BatchNorm { .. }) {
            let mut tensor = weights
                .get(&parameter.name)
                .expect("it was just made")
                .clone();
            for value in &mut tensor.data {
                *value += rng.random_range(-0.2..0.2);
            }
            weights.insert(parameter.name, tensor);
        }
    }
    Model::new(graph, weights).expect("the weights are the graph's")
}

/// The same with probabilities.
fn model(graph: &Graph, rng: &mut ChaCha8Rng) -> Model {
    let model = logits(graph, rng).with_probabilities();
    model.expect("the networks end in logits")
}

/// Networks of every shipped space: the same ones in every run, [`OF_EACH`] of each, one after the other. Spaces for
/// large images are given small ones, where they fix the size or compute much: the operators are the same.
static SHIPPED: LazyLock<Vec<(String, Model)>> = LazyLock::new(|| shipped(OF_EACH, model));

fn shipped(of_each: usize, model: fn(&Graph, &mut ChaCha8Rng) -> Model) -> Vec<(String, Model)> {
    let mut networks = Vec::new();
    for name in Space::builtin_names() {
        let source = Space::builtin_source(name).expect("it is in the list");
        let source = source
            .replace("resolution = 224", "resolution = 64")
            .replace("[128, 160, 176, 192, 224, 256]", "[96]");
        let space = Space::parse(name, &source).unwrap_or_else(|error| panic!("{error}"));
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..of_each {
            let architecture = space.sample(&mut rng);
            let graph = space.lower(&architecture).expect("it is of the space");
            let label = format!("{name} {}", space.format_architecture(&architecture));
            networks.push((label, model(&graph, &mut rng)));
        }
    }
    networks
}

/// A small network with a residual connection.
fn small() -> Model {
    let (mut builder, input) = Graph::builder(&[3, 9, 9]);
    let mut push = |name, op, inputs: &[_]| builder.push(name, op, inputs).expect("shapes fit");
    let conv = push("conv", Op::Conv(Convolution::same(8, 3, 2, 1)), &[input]);
    let norm = push("norm", Op::BatchNorm { epsilon: 1e-5 }, &[conv]);
    let relu = push("relu", Op::Activation(Activation::Relu), &[norm]);
    let depthwise = push(
        "depthwise",
        Op::Conv(Convolution::same(8, 3, 1, 8)),
        &[relu],
    );
    let sum = push("sum", Op::Add, &[depthwise, relu]);
    let pool = push("pool", Op::GlobalAvgPool, &[sum]);
    let flat = push("flat", Op::Reshape { shape: vec![8] }, &[pool]);
    let linear = Op::Linear {
        out_features: 5,
        bias: true,
    };
    let logits = push("logits", linear, &[flat]);
    let graph = builder.finish(logits).expect("the node is there");
    model(&graph, &mut ChaCha8Rng::seed_from_u64(1))
}

fn input(elements: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..elements).map(|_| rng.random_range(0.0..1.0)).collect()
}

fn compile(
    runtime: &dyn Runtime,
    onnx: &[u8],
    options: &CompileOptions,
) -> Result<Arc<dyn Compiled>, RuntimeError> {
    runtime.load(onnx)?.compile(options)
}

fn output(runtime: &dyn Runtime, onnx: &[u8], options: &CompileOptions, input: &[f32]) -> Vec<f32> {
    let run = || compile(runtime, onnx, options)?.spawn()?.run(input);
    run().unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn assert_close(what: &str, expected: &[f32], got: &[f32]) {
    assert_within(TOLERANCE, what, expected, got);
}

#[track_caller]
fn assert_within(tolerance: f32, what: &str, expected: &[f32], got: &[f32]) {
    assert_eq!(expected.len(), got.len(), "{what}: number of elements");
    let magnitude = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    assert!(magnitude > 0.0, "{what}: all is zero");
    for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
        let difference = (expected - got).abs() / magnitude;
        assert!(
            difference <= tolerance,
            "{what}: element {index} is {got}, expected {expected}"
        );
    }
}

#[test]
fn runtimes_agree_on_networks_of_every_shipped_space() {
    for (label, model) in SHIPPED.iter() {
        let onnx = model.to_onnx(FOLDED);
        let input = input(model.graph().input_shape().elements(), 3);
        let run = |runtime: Box<dyn Runtime>| output(&*runtime, &onnx, &ONE, &input);
        let outputs: Vec<Vec<f32>> = runtimes().into_iter().map(run).collect();
        for pair in outputs.windows(2) {
            assert_close(label, &pair[0], &pair[1]);
        }
    }
}

/// Printed where tests show their output, so that nobody takes a runtime for tested that was not there.
#[test]
fn a_runtime_that_is_not_here_says_what_would_bring_it() {
    for name in NAMES {
        match runtime(name) {
            Ok(runtime) => eprintln!("tested: {name} {}", runtime.version()),
            Err(error) => {
                eprintln!("not tested: {error}");
                assert!(matches!(error, RuntimeError::Missing { .. }), "{error}");
                assert!(!["tract", "flex"].contains(name), "{error}");
                assert!(error.to_string().contains("brings"), "{error}");
            }
        }
    }
}

#[test]
fn other_number_formats_come_close_to_32_bit_floats() {
    // Not probabilities, which are about the same for all classes as long as nothing was learned.
    for (label, model) in shipped(1, logits) {
        let onnx = model.to_onnx(PLAIN);
        let input = input(model.graph().input_shape().elements(), 3);
        for runtime in runtimes() {
            let exact = output(&*runtime, &onnx, &ONE, &input);
            for precision in runtime.precisions() {
                let options = CompileOptions {
                    precision: *precision,
                    ..ONE
                };
                let rounded = output(&*runtime, &onnx, &options, &input);
                let what = format!("{label} on {} in {precision}", runtime.name());
                assert_within(tolerance(*precision), &what, &exact, &rounded);
            }
        }
    }
}

#[test]
fn a_number_format_that_a_runtime_lacks_is_refused() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        let lacks = |precision: &Precision| !runtime.precisions().contains(precision);
        for precision in Precision::ALL.into_iter().filter(lacks) {
            let options = CompileOptions { precision, ..ONE };
            let error = compile(&*runtime, &onnx, &options).err().unwrap();
            assert!(
                matches!(error, RuntimeError::DoesNotCompile { .. }),
                "{error}"
            );
            assert!(
                error.to_string().ends_with(&format!("not in {precision}")),
                "{error}"
            );
        }
    }
}

#[test]
fn folded_batch_norm_computes_the_same() {
    for (label, model) in SHIPPED.iter().step_by(OF_EACH) {
        let input = input(model.graph().input_shape().elements(), 4);
        for runtime in runtimes() {
            let plain = output(&*runtime, &model.to_onnx(PLAIN), &ONE, &input);
            let folded = output(&*runtime, &model.to_onnx(FOLDED), &ONE, &input);
            assert_close(&format!("{label} on {}", runtime.name()), &plain, &folded);
        }
    }
}

#[test]
fn a_batch_of_two_is_two_single_passes() {
    let two = CompileOptions { batch: 2, ..ONE };
    for (label, model) in SHIPPED.iter().step_by(OF_EACH) {
        let onnx = model.to_onnx(FOLDED);
        let elements = model.graph().input_shape().elements();
        let both = input(2 * elements, 5);
        for runtime in runtimes() {
            let single = |half| output(&*runtime, &onnx, &ONE, half);
            let halves: Vec<f32> = both.chunks(elements).flat_map(single).collect();
            let batched = output(&*runtime, &onnx, &two, &both);
            assert_close(&format!("{label} on {}", runtime.name()), &halves, &batched);
        }
    }
}

#[test]
fn sessions_of_one_network_do_not_disturb_each_other() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        let compiled = compile(&*runtime, &onnx, &ONE).unwrap();
        let (mut first, mut second) = (compiled.spawn().unwrap(), compiled.spawn().unwrap());
        let (here, there) = (input(243, 1), input(243, 2));
        let before = first.run(&here).unwrap();
        let other = second.run(&there).unwrap();
        assert_eq!(first.run(&here).unwrap(), before, "{}", runtime.name());
        assert_ne!(before, other, "{}", runtime.name());
    }
}

#[test]
fn a_profile_names_every_operator_that_the_network_runs() {
    let onnx = small().to_onnx(FOLDED);
    let ticks = AtomicU64::new(0);
    let clock = || Duration::from_millis(ticks.fetch_add(1, Ordering::Relaxed));
    for runtime in runtimes() {
        let compiled = compile(&*runtime, &onnx, &ONE).unwrap();
        let mut session = compiled.spawn().unwrap();
        let operators = session.profile(&input(243, 1), 3, &clock).unwrap();
        let name = runtime.name();
        assert!(operators.iter().all(|operator| operator.ms > 0.0), "{name}");
        assert!(
            operators.iter().all(|operator| !operator.name.is_empty()),
            "{name}"
        );
        // Runtimes join what stands around the convolutions, each in its way; two convolutions and one product remain.
        let kinds: Vec<&str> = operators
            .iter()
            .map(|operator| &operator.kind[..])
            .collect();
        assert!((3..=30).contains(&kinds.len()), "{name}: {kinds:?}");
        assert!(
            kinds.iter().any(|kind| kind.contains("Conv")),
            "{name}: {kinds:?}"
        );
        let error = session.profile(&[0.0; 242], 3, &clock).unwrap_err();
        assert!(matches!(error, RuntimeError::Input { .. }), "{error}");
    }
}

#[test]
fn threads_change_nothing_but_rounding() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        let options = CompileOptions { threads: 3, ..ONE };
        let input = input(243, 1);
        let one = output(&*runtime, &onnx, &ONE, &input);
        let three = output(&*runtime, &onnx, &options, &input);
        assert_close(runtime.name(), &one, &three);
    }
}

#[test]
fn input_shape_has_the_batch_in_front() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        let options = CompileOptions { batch: 4, ..ONE };
        let compiled = compile(&*runtime, &onnx, &options).unwrap();
        assert_eq!(compiled.input_shape(), [4, 3, 9, 9], "{}", runtime.name());
        assert_eq!(compiled.input_elements(), 4 * 243, "{}", runtime.name());
    }
}

#[test]
fn input_of_another_size_is_refused() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        let compiled = compile(&*runtime, &onnx, &ONE).unwrap();
        let error = compiled.spawn().unwrap().run(&[0.0; 242]).unwrap_err();
        let (expected, got) = (243, 242);
        let runtime = runtime.name();
        assert_eq!(
            error,
            RuntimeError::Input {
                runtime,
                expected,
                got
            }
        );
    }
}

#[test]
fn broken_files_are_errors() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        for length in [0, 1, 20, onnx.len() / 2, onnx.len() - 1] {
            let outcome = compile(&*runtime, &onnx[..length], &ONE);
            assert!(outcome.is_err(), "{} of {length} bytes", runtime.name());
        }
        let outcome = compile(&*runtime, &[0xff; 300], &ONE);
        assert!(outcome.is_err(), "{}", runtime.name());
    }
}

#[test]
fn a_batch_that_does_not_fit_is_refused_before_it_is_allocated() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        let options = CompileOptions {
            batch: u32::MAX,
            memory_bytes: Some(1 << 30),
            ..ONE
        };
        let outcome = compile(&*runtime, &onnx, &options);
        assert!(
            matches!(outcome, Err(RuntimeError::Memory { .. })),
            "{}",
            runtime.name()
        );
    }
}

#[test]
fn nothing_and_nobody_cannot_compute() {
    let onnx = small().to_onnx(FOLDED);
    for runtime in runtimes() {
        for options in [
            CompileOptions { batch: 0, ..ONE },
            CompileOptions { threads: 0, ..ONE },
        ] {
            let outcome = compile(&*runtime, &onnx, &options);
            assert!(
                matches!(outcome, Err(RuntimeError::DoesNotCompile { .. })),
                "{}",
                runtime.name()
            );
        }
    }
}
