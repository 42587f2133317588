use bespoke_graph::{Activation, Convolution, Graph, Op};
use bespoke_recipe::{Augment, TrainingDevice};
use rand::Rng;

use super::*;
use crate::{Threads, evaluate};

const FLEX: TrainingDevice = TrainingDevice::Flex;

const SHAPE: [usize; 3] = [1, 6, 6];

/// A mobile network in small: dense, depthwise and pointwise convolutions with batch normalisation.
fn network(batch_norm: bool) -> Graph {
    let (mut builder, mut x) = Graph::builder(&SHAPE);
    let convs = [
        Convolution::same(8, 3, 1, 1),
        Convolution::same(8, 3, 2, 8),
        Convolution::same(12, 1, 1, 1),
    ];
    for (at, conv) in convs.into_iter().enumerate() {
        x = builder
            .push(format!("conv{at}"), Op::Conv(conv), &[x])
            .unwrap();
        if batch_norm {
            let op = Op::BatchNorm { epsilon: 1e-5 };
            x = builder.push(format!("norm{at}"), op, &[x]).unwrap();
        }
        let op = Op::Activation(Activation::Relu);
        x = builder.push(format!("relu{at}"), op, &[x]).unwrap();
    }
    x = builder.push("pool", Op::GlobalAvgPool, &[x]).unwrap();
    x = builder
        .push("flat", Op::Reshape { shape: vec![12] }, &[x])
        .unwrap();
    let op = Op::Linear {
        out_features: 2,
        bias: true,
    };
    let output = builder.push("logits", op, &[x]).unwrap();
    builder.finish(output).unwrap()
}

/// Class 0: lines that lie; class 1: lines that stand; on noise.
fn lines(count: usize, seed: u64) -> Images {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for at in 0..count {
        let (standing, line) = (at % 2 == 1, rng.random_range(0..6));
        for y in 0..6 {
            for x in 0..6 {
                let on = line == if standing { x } else { y };
                pixels.push(rng.random_range(0..60) + if on { 150 } else { 0 });
            }
        }
        labels.push(u8::from(standing));
    }
    Images::new(SHAPE, 2, 255, pixels, labels).unwrap()
}

fn config() -> Recipe {
    Recipe {
        epochs: 4,
        batch_size: 16,
        label_smoothing: 0.1,
        augment: Augment::ShiftAndFlip { pixels: 1 },
        ..Recipe::default()
    }
}

fn trained(seed: u64) -> (Model, Vec<EpochReport>) {
    let images = lines(160, 1);
    let mut trainer = Trainer::new(&network(true), &config(), seed).unwrap();
    let reports = (0..4).map(|_| trainer.epoch(&images).unwrap()).collect();
    (trainer.model(), reports)
}

#[test]
fn network_learns_and_keeps_what_it_learned_in_its_model() {
    let (model, reports) = trained(1);
    assert!(reports[3].loss < reports[0].loss, "{reports:?}");
    assert_eq!(
        reports.iter().map(|r| r.epoch).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert!(reports[3].learning_rate < 0.001, "{reports:?}");
    let held_out = lines(101, 2);
    let evaluation = evaluate(&model, &held_out, 32, FLEX).unwrap();
    assert!(
        evaluation.accuracy_percent > 80.0,
        "{}",
        evaluation.accuracy_percent
    );
    assert_eq!(evaluation.probabilities.len(), 101 * 2);
}

#[test]
fn same_seed_gives_the_same_weights_to_the_last_bit() {
    let (model, reports) = trained(3);
    assert_eq!((model.clone(), reports), trained(3));
    assert_ne!(model, trained(4).0);
}

#[test]
fn trainings_side_by_side_do_not_disturb_each_other() {
    let alone = Threads::new(1).unwrap().run(|| trained(5));
    let both: Vec<_> = std::thread::scope(|scope| {
        let started =
            [5, 6].map(|seed| scope.spawn(move || Threads::new(1).unwrap().run(|| trained(seed))));
        started
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(both[0], alone);
    assert_ne!(both[1], alone);
}

#[test]
fn training_may_move_to_another_thread_between_epochs() {
    let images = lines(160, 1);
    let mut trainer = Trainer::new(&network(true), &config(), 3).unwrap();
    for _ in 0..4 {
        std::thread::scope(|scope| {
            scope.spawn(|| trainer.epoch(&images).unwrap());
        });
    }
    assert_eq!(trainer.model(), trained(3).0);
}

#[test]
fn accuracy_is_the_same_for_logits_and_probabilities_and_any_batch() {
    let (model, _) = trained(1);
    let images = lines(50, 2);
    let logits = evaluate(&model, &images, 50, FLEX).unwrap();
    let probabilities = evaluate(&model.with_probabilities().unwrap(), &images, 7, FLEX).unwrap();
    assert_eq!(logits.accuracy_percent, probabilities.accuracy_percent);
    for (a, b) in logits
        .probabilities
        .iter()
        .zip(&probabilities.probabilities)
    {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
    let sum: f32 = logits.probabilities[..2].iter().sum();
    assert!((sum - 1.0).abs() < 1e-6);
}

#[test]
fn loss_that_is_no_number_ends_the_training_with_its_step() {
    let config = Recipe {
        learning_rate: 1e6,
        ..config()
    };
    let mut trainer = Trainer::new(&network(false), &config, 1).unwrap();
    let error = trainer.epoch(&lines(160, 1)).unwrap_err();
    let TrainError::Diverged {
        step,
        learning_rate,
        loss,
    } = error
    else {
        panic!("{error}");
    };
    assert!(step >= 1 && learning_rate > 1e5 && !loss.is_finite());
    assert!(
        error
            .to_string()
            .contains(&format!("at step {step}, with a learning rate of"))
    );
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let epoch = |images: &Images, batch_size| {
        let config = Recipe {
            batch_size,
            ..config()
        };
        let mut trainer = Trainer::new(&network(true), &config, 1).unwrap();
        trainer.epoch(images).unwrap_err().to_string()
    };
    assert_eq!(
        epoch(&lines(10, 1), 11),
        "a batch takes 11 images, there are 10"
    );
    let moved = Batches::check(&lines(10, 1), 2, Augment::Shift { pixels: 200 });
    let told = moved.unwrap_err().to_string();
    assert!(told.starts_with("`augment` moves images of "), "{told}");
    let wide = Images::new([1, 2, 2], 2, 1, vec![0; 8], vec![0, 1]).unwrap();
    assert_eq!(
        epoch(&wide, 2),
        "the network takes input of [1, 6, 6], the images are [1, 2, 2]"
    );
    let many = Images::new(SHAPE, 3, 1, vec![0; 72], vec![0, 1]).unwrap();
    assert_eq!(
        epoch(&many, 2),
        "the network yields [2], the images have 3 classes"
    );
}

#[test]
fn settings_out_of_range_are_named() {
    let recipe = Recipe {
        momentum: 1.0,
        ..Recipe::default()
    };
    let error = Trainer::new(&network(true), &recipe, 1).err().unwrap();
    assert!(
        error.to_string().starts_with("`momentum` must be"),
        "{error}"
    );
}

#[test]
fn network_with_probabilities_is_not_trained() {
    let graph = network(true).with_probabilities().unwrap();
    let error = Trainer::new(&graph, &config(), 1).err().unwrap();
    assert_eq!(
        error.to_string(),
        "node `probabilities` is a softmax: training takes the network that ends in logits"
    );
}

#[test]
fn schedule_ends_with_its_last_epoch() {
    let config = Recipe {
        epochs: 1,
        ..config()
    };
    let mut trainer = Trainer::new(&network(true), &config, 1).unwrap();
    trainer.epoch(&lines(16, 1)).unwrap();
    let error = trainer.epoch(&lines(16, 1)).unwrap_err();
    assert_eq!(error.to_string(), "all 1 epochs are trained");
}

#[test]
fn every_device_that_is_here_trains_and_others_say_what_would_bring_them() {
    for device in [FLEX, TrainingDevice::Libtorch, TrainingDevice::LibtorchCuda] {
        let recipe = Recipe { device, ..config() };
        let mut trainer = match Trainer::new(&network(true), &recipe, 1) {
            Ok(trainer) => trainer,
            Err(error) => {
                eprintln!("not tested: {error}");
                assert_ne!(device, FLEX, "{error}");
                assert!(error.to_string().contains("bring"), "{error}");
                continue;
            }
        };
        eprintln!("tested: {device}");
        for _ in 0..recipe.epochs {
            trainer.epoch(&lines(160, 1)).unwrap();
        }
        let images = lines(101, 2);
        let there = evaluate(&trainer.model(), &images, 50, device).unwrap();
        let here = evaluate(&trainer.model(), &images, 50, FLEX).unwrap();
        assert!(
            there.accuracy_percent > 80.0,
            "{device}: {}",
            there.accuracy_percent
        );
        for (there, here) in there.probabilities.iter().zip(&here.probabilities) {
            assert!((there - here).abs() < 1e-3, "{device}: {there} and {here}");
        }
    }
}
