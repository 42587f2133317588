use bespoke_recipe::{Augment, Sampling, TrainingDevice};

use super::*;
use crate::{load, save};

/// Elastic width, kernel, depth and expansion, and two kinds of block.
const ELASTIC: &str = r#"
name = "elastic"
source = "tests"
classes = 10

[input]
channels = 1
resolution = 8

[[stage]]
name = "stem"
block = "conv"
channels = { choose = [6, 12] }
stride = 2

[[stage]]
name = "body"
block = { choose = ["mbconv", "depthwise_separable"] }
repeat = { choose = [1, 2] }
channels = { choose = [8, 16] }
kernel = { choose = [3, 5] }
expand = { choose = [2, 3] }

[[stage]]
name = "pool"
block = "global_pool"

[[stage]]
name = "head"
block = "classifier"
"#;

fn space() -> Space {
    Space::parse("elastic.toml", ELASTIC).unwrap()
}

fn recipe(epochs: u32) -> Recipe {
    Recipe {
        epochs,
        batch_size: 64,
        learning_rate: 0.1,
        augment: Augment::Shift { pixels: 1 },
        ..Recipe::default()
    }
}

/// Convolutions and transformers of elastic width, depth and ratios.
const ATTENTIVE: &str = r#"
name = "attentive"
source = "tests"
classes = 10

[input]
channels = 1
resolution = 8

[[stage]]
name = "stem"
block = "conv"
channels = { choose = [6, 12] }

[[stage]]
name = "reduce"
block = { kind = "mbconv", expand = 2 }
channels = { choose = [8, 16, 24] }
stride = 2
skip = "project"

[[stage]]
name = "body"
identical = true
block = { kind = "transformer", head_channels = 4 }
repeat = { choose = [1, 2] }
value_ratio = { choose = [1, 2] }
mlp_ratio = { choose = [1, 2] }

[[stage]]
name = "last"
block = "conv"
kernel = 1
widen = 2

[[stage]]
name = "pool"
block = "global_pool"

[[stage]]
name = "head"
block = "classifier"
"#;

fn supernet(epochs: u32, sampling: Sampling) -> Supernet {
    let digits = Arc::new(DataSet::digits());
    Supernet::new(space(), digits, &recipe(epochs), sampling, 1).unwrap()
}

#[test]
fn largest_and_smallest_are_told_by_what_they_compute() {
    let supernet = supernet(1, Sampling::Uniform);
    let text = |of| space().format_architecture(of);
    let largest = text(supernet.sampler().largest());
    assert!(
        largest.contains("stem.channels=12") && largest.contains("body.repeat=2"),
        "{largest}"
    );
    let smallest = text(supernet.sampler().smallest());
    assert!(
        smallest.contains("stem.channels=6") && smallest.contains("body.repeat=1"),
        "{smallest}"
    );
}

#[test]
fn subnets_of_a_trained_supernet_read_digits_without_training_of_their_own() {
    let mut supernet = supernet(20, Sampling::Sandwich { random: 1 });
    let untrained = supernet
        .subnet(&supernet.sampler().largest().clone())
        .unwrap();
    let losses: Vec<f64> = (0..20).map(|_| supernet.epoch().unwrap().loss).collect();
    assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
    assert!(supernet.epoch().is_err());
    let sampler = supernet.sampler();
    // Trained alone for as many epochs, the two come to 95.5 % and 63.5 %.
    for (architecture, least) in [
        (sampler.largest().clone(), 85.0),
        (sampler.smallest().clone(), 35.0),
    ] {
        let subnet = supernet.subnet(&architecture).unwrap();
        let percent = subnet.evaluation.accuracy_percent;
        assert!(
            percent > least && percent > untrained.evaluation.accuracy_percent,
            "{percent}"
        );
        let again = evaluate(
            &subnet.model,
            &DataSet::digits().held_out,
            50,
            TrainingDevice::Flex,
        )
        .unwrap();
        assert_eq!(again.accuracy_percent, percent);
        let plain = space().lower(&architecture).unwrap().live();
        assert_eq!(subnet.model.graph(), &plain);
    }
}

#[test]
fn transformers_of_all_widths_and_ratios_learn_digits_on_shared_weights() {
    let space = Space::parse("attentive.toml", ATTENTIVE).unwrap();
    let sampling = Sampling::PerformanceAware {
        levels: 4,
        networks: 1,
        bank: 4,
    };
    let digits = Arc::new(DataSet::digits());
    let mut supernet = Supernet::new(space, digits, &recipe(12), sampling, 1).unwrap();
    let losses: Vec<f64> = (0..12).map(|_| supernet.epoch().unwrap().loss).collect();
    assert!(losses[9] < 0.5 * losses[0], "{losses:?}");
    let sampler = supernet.sampler();
    for architecture in [sampler.largest().clone(), sampler.smallest().clone()] {
        let subnet = supernet.subnet(&architecture).unwrap();
        let percent = subnet.evaluation.accuracy_percent;
        assert!(percent > 60.0, "{percent}");
    }
}

#[test]
fn a_supernet_that_was_killed_goes_on_where_its_last_epoch_ended() {
    let performance_aware = Sampling::PerformanceAware {
        levels: 3,
        networks: 1,
        bank: 3,
    };
    for sampling in [Sampling::Uniform, performance_aware] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("supernet");
        let mut whole = supernet(2, sampling);
        whole.epoch().unwrap();
        save(&whole, "it", &path).unwrap();
        whole.epoch().unwrap();

        let mut resumed = supernet(2, sampling);
        load(&mut resumed, "it", &path).unwrap();
        assert_eq!(resumed.epochs_trained(), 1);
        resumed.epoch().unwrap();
        assert_eq!(resumed.state(), whole.state());
    }
}

#[test]
fn a_state_that_is_damaged_is_told_and_one_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("supernet");
    let mut trained = supernet(2, Sampling::Uniform);
    trained.epoch().unwrap();
    save(&trained, "first", &path).unwrap();
    let loaded = |of: &str, path: &std::path::Path| {
        let mut supernet = supernet(2, Sampling::Uniform);
        load(&mut supernet, of, path).map(|()| supernet)
    };
    let of_other = loaded("second", &path).unwrap();
    assert_eq!(of_other.epochs_trained(), 0);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let damaged = loaded("first", &path);
    assert!(damaged.err().unwrap().to_string().contains("is damaged"));
    let absent = loaded("first", &folder.path().join("none")).unwrap();
    assert_eq!(absent.epochs_trained(), 0);
}

#[test]
fn choices_that_cannot_share_weights_are_told_by_place() {
    let text = ELASTIC.replace("stride = 2", "stride = 1\ngroups = 1")
        .replace("name = \"pool\"\nblock = \"global_pool\"", "name = \"pool\"\nblock = \"conv\"\nchannels = 12\nkernel = 1\ngroups = { choose = [2, 4] }");
    let space = Space::parse("grouped.toml", &text).unwrap();
    let digits = Arc::new(DataSet::digits());
    let refused = Supernet::new(space, digits, &recipe(1), Sampling::Uniform, 1);
    let message = refused.err().unwrap().to_string();
    assert!(
        message.starts_with("the choices at `pool.conv.weight` cannot share weights"),
        "{message}"
    );
}

#[test]
fn a_space_of_which_some_networks_take_other_images_is_refused_at_once() {
    let text = ELASTIC.replace("resolution = 8", "resolution = { choose = [8, 16] }");
    let space = Space::parse("elastic.toml", &text).unwrap();
    let digits = Arc::new(DataSet::digits());
    let refused = Supernet::new(space, digits, &recipe(1), Sampling::Uniform, 1);
    let told = refused.err().unwrap().to_string();
    assert!(told.contains("the network takes input of"), "{told}");
}

#[test]
fn a_batch_of_more_images_than_there_are_is_refused_at_once() {
    let recipe = Recipe {
        batch_size: 5000,
        ..recipe(1)
    };
    let digits = Arc::new(DataSet::digits());
    let refused = Supernet::new(space(), digits, &recipe, Sampling::Uniform, 1);
    assert_eq!(
        refused.err().unwrap().to_string(),
        "a batch takes 5000 images, there are 1438"
    );
}

#[test]
fn networks_that_memory_cannot_hold_are_refused_before_any_weight_is_drawn() {
    let text = ELASTIC
        .replace("resolution = 8", "resolution = 2048")
        .replace("choose = [1, 2]", "choose = [1, 64]");
    let space = Space::parse("elastic.toml", &text).unwrap();
    let digits = Arc::new(DataSet::digits());
    let refused = Supernet::new(space, digits, &recipe(1), Sampling::Uniform, 1);
    let told = refused.err().unwrap().to_string();
    assert!(
        told.starts_with("a pass over 64 images keeps at least"),
        "{told}"
    );
}
