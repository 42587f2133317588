//! What is judged and not trained leaves no memory behind. One test alone, for it looks at the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bespoke_graph::{Activation, Convolution, Graph, Op};
use bespoke_net::{Batches, Images, Mixture, SharedWeights, score};
use bespoke_recipe::{Augment, Recipe, ScoreName};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 8;
const PASSES: usize = 400;
/// What Burn notes down of so many passes takes ten on its own backend, and much more on libtorch.
const MOST_MEBIBYTES: f64 = 3.0;

fn network() -> Graph {
    let (mut builder, input) = Graph::builder(&[1, 8, 8]);
    let ops = [
        ("conv", Op::Conv(Convolution::same(16, 3, 1, 1))),
        ("norm", Op::BatchNorm { epsilon: 1e-5 }),
        ("act", Op::Activation(Activation::Relu)),
        ("depthwise", Op::Conv(Convolution::same(16, 3, 1, 16))),
        ("pool", Op::GlobalAvgPool),
        ("flat", Op::Reshape { shape: vec![16] }),
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

fn images() -> Images {
    let pixel = |at: usize| (at % 64 * (at / 64 + 1) / 5 % 16) as u8;
    let pixels = (0..BATCH * 64).map(pixel).collect();
    let labels = (0..BATCH).map(|at| (at % 2) as u8).collect();
    Images::new([1, 8, 8], 2, 16, pixels, labels).unwrap()
}

fn resident_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<f64>().unwrap() / 1024.0
}

/// By how much memory grows in passes, when as many have warmed it up.
fn growth(mut pass: impl FnMut()) -> f64 {
    (0..PASSES).for_each(|_| pass());
    let before = resident_mebibytes();
    (0..PASSES).for_each(|_| pass());
    resident_mebibytes() - before
}

#[test]
fn judging_leaves_no_memory_behind() {
    let (network, images) = (network(), images());
    let recipe = Recipe {
        batch_size: BATCH,
        ..Recipe::default()
    };
    let mut shared = SharedWeights::new(&recipe, 1).unwrap();
    let rng = ChaCha8Rng::seed_from_u64(1);
    let mut batches = Batches::new(&images, BATCH, Augment::None, rng).unwrap();
    let batch = batches.next().unwrap();
    let layers = [Mixture {
        paths: vec![network.clone()],
        gates: vec![1.0],
    }];
    let grown = [
        growth(|| drop(shared.calibrated(&network, &images, BATCH, 1).unwrap())),
        growth(|| assert!(shared.loss(&network, &batch).is_ok())),
        growth(|| assert!(shared.right(&layers, &batch).is_ok())),
        growth(|| assert!(score(ScoreName::Naswot, &network, Some(&images), 1).is_ok())),
        growth(|| assert!(score(ScoreName::Zen, &network, None, 1).is_ok())),
    ];
    assert!(
        grown.iter().all(|grown| *grown < MOST_MEBIBYTES),
        "{grown:?}"
    );
}
