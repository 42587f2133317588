use bespoke_accuracy::DataSet;
use bespoke_recipe::{FbnetSettings, LatencyLoss, ProxylessnasSettings, Update};
use bespoke_space::Space;

use super::*;

const SPACE: &str = "name = 'test'\nsource = 'made for a test'\nclasses = 10\n\
    input = { channels = 1, resolution = 8 }\n\
    [define]\nblock = { choose = [\n\
      { name = 'e1', kind = 'mbconv', expand = 1 },\n\
      { name = 'e4', kind = 'mbconv', expand = 4 },\n\
      'skip',\n] }\n\
    [[stage]]\nname = 'stem'\nblock = 'conv'\nchannels = 8\nstride = 2\n\
    [[stage]]\nname = 'a'\nblock = { use = 'block' }\nrepeat = 2\nchannels = 8\n\
    [[stage]]\nblock = 'global_pool'\n[[stage]]\nblock = 'classifier'\n";

pub(super) fn paths() -> Paths {
    Paths::new(Space::parse("test.toml", SPACE).unwrap()).unwrap()
}

/// A millisecond for each 20,000 multiply-accumulates.
pub(super) fn table(paths: &Paths) -> LatencyTable {
    let space = paths.space().clone();
    let price = |architecture: &Architecture| {
        let macs = space.lower(architecture)?.live().cost().macs;
        Ok::<_, SupernetError>(macs as f64 / 2e4)
    };
    LatencyTable::new(paths, price).unwrap()
}

pub(super) fn search(method: Differentiable) -> Search {
    let config = SearchConfig {
        paths: paths(),
        method,
        recipe: Recipe {
            batch_size: 64,
            learning_rate: 0.1,
            ..Recipe::default()
        },
        seed: 1,
    };
    Search::new(config, &DataSet::digits().train).unwrap()
}

/// A search of four epochs.
pub(super) fn fbnet(beta: f64) -> Search {
    search(Differentiable::Fbnet(FbnetSettings {
        epochs: 4,
        // About the same factor of the cross-entropy, whatever β.
        alpha: 0.2 * 7f64.powf(0.6 - beta),
        beta,
        warm_up: 0.0,
        learning_rate: 0.1,
        ..FbnetSettings::default()
    }))
}

pub(super) fn proxylessnas(settings: ProxylessnasSettings) -> Search {
    search(Differentiable::Proxylessnas(ProxylessnasSettings {
        epochs: 4,
        warm_up: 0.0,
        learning_rate: 0.1,
        every: 1,
        ..settings
    }))
}

/// All epochs.
fn reports(mut search: Search) -> Vec<SearchReport> {
    let table = table(&paths());
    let reports = (0..search.epochs()).map(|_| search.epoch(&table).unwrap());
    reports.collect()
}

#[test]
fn table_prices_networks_as_the_sum_that_it_was_made_of() {
    let paths = paths();
    let table = table(&paths);
    for architecture in paths.space().architectures() {
        let macs = paths
            .space()
            .lower(&architecture)
            .unwrap()
            .live()
            .cost()
            .macs;
        assert!((table.price_ms(&architecture) - macs as f64 / 2e4).abs() < 1e-9);
    }
}

#[test]
fn gradient_of_the_expected_latency_is_that_of_finite_differences() {
    let (paths, table) = (paths(), table(&paths()));
    let logits = vec![vec![0.3, -0.8, 0.1], vec![-0.2, 0.5, 0.9]];
    assert_eq!(paths.choices(), [3, 3]);
    let expected = |logits: &[Vec<f64>]| {
        let probabilities: Vec<Vec<f64>> =
            logits.iter().map(|l| distribution::softmax(l)).collect();
        table.expected(&probabilities)
    };
    for choice in 0..2 {
        let p = distribution::softmax(&logits[choice]);
        let gradient = fbnet::through_softmax(&p, &expected(&logits).by_probability[choice]);
        for path in 0..3 {
            let moved = |by: f64| {
                let mut logits = logits.clone();
                logits[choice][path] += by;
                expected(&logits).ms
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (difference - gradient[path]).abs() < 1e-6,
                "{difference} {gradient:?}"
            );
        }
    }
}

#[test]
fn table_is_brought_to_the_level_of_what_was_measured_and_one_false_measurement_moves_little() {
    let paths = paths();
    let table = table(&paths);
    let all: Vec<_> = paths.space().architectures().collect();
    let measured = |factors: &[f64]| {
        let pairs = all.iter().zip(factors);
        let pairs = pairs.map(|(of, factor)| (of.clone(), factor * table.price_ms(of)));
        table.corrected(&pairs.collect::<Vec<_>>())
    };
    let level = |corrected: &LatencyTable| corrected.price_ms(&all[8]) / table.price_ms(&all[8]);
    assert!((level(&measured(&[1.4, 1.5, 1.6])) - 1.5).abs() < 1e-9);
    assert!((level(&measured(&[1.4, 1.5, 100.0])) - 1.5).abs() < 1e-9);
    assert!((level(&measured(&[1.4, 1.6])) - 1.5).abs() < 1e-9);
    assert_eq!(measured(&[]), table);
}

#[test]
fn fbnet_learns_weights_and_leaves_the_even_distribution() {
    let mut search = fbnet(0.6);
    let table = table(&paths());
    let first = search.epoch(&table).unwrap();
    let last = (1..4)
        .map(|_| search.epoch(&table).unwrap())
        .last()
        .unwrap();
    assert!(last.loss < 0.9 * first.loss, "{first:?} {last:?}");
    assert!(last.entropy_bits < 3f64.log2() - 0.01, "{last:?}");
    assert!(search.epoch(&table).is_err());
    for p in search.distribution().probabilities() {
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn expected_latency_falls_as_its_weight_rises() {
    let last_ms = |search: Search| reports(search)[3].expected_latency_ms;
    let (light, heavy) = (last_ms(fbnet(0.1)), last_ms(fbnet(20.0)));
    assert!(heavy < light, "{light} {heavy}");

    let weighed = |lambda: f64| {
        proxylessnas(ProxylessnasSettings {
            loss: LatencyLoss::Sum { lambda },
            ..ProxylessnasSettings::default()
        })
    };
    let (light, heavy) = (last_ms(weighed(0.0)), last_ms(weighed(20.0)));
    assert!(heavy < light, "{light} {heavy}");
}

#[test]
fn proxylessnas_learns_by_gates_and_by_rewards() {
    for update in [Update::Gradient, Update::Reinforce] {
        let reports = reports(proxylessnas(ProxylessnasSettings {
            update,
            ..ProxylessnasSettings::default()
        }));
        let (first, last) = (reports[0], reports[3]);
        assert!(
            last.loss < 0.8 * first.loss,
            "{update:?} {first:?} {last:?}"
        );
        assert!(last.entropy_bits < 3f64.log2(), "{update:?} {last:?}");
    }
}

#[test]
fn batch_of_more_images_than_the_distribution_learns_is_refused() {
    let config = SearchConfig {
        paths: paths(),
        method: Differentiable::Fbnet(FbnetSettings::default()),
        recipe: Recipe {
            batch_size: 288,
            ..Recipe::default()
        },
        seed: 1,
    };
    let refused = Search::new(config, &DataSet::digits().train).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "`batch_size` is 288, and the distribution learns a fifth of the 1438 images"
    );
}

#[test]
fn published_spaces_of_blocks_can_be_searched() {
    for (name, layers) in [("fbnet", 22), ("fbnet_imagenet", 22), ("proxylessnas", 21)] {
        let paths = Paths::new(Space::builtin(name).unwrap()).unwrap();
        assert_eq!(paths.choices().len(), layers, "{name}");
    }
}

#[test]
fn space_whose_choices_are_no_blocks_is_refused_by_its_decision() {
    let text = SPACE.replace("repeat = 2", "repeat = { choose = [1, 2] }");
    let refused = Paths::new(Space::parse("test.toml", &text).unwrap());
    let message = refused.err().unwrap().to_string();
    assert!(
        message.ends_with("`a.layer2.block` lies inside of another choice"),
        "{message}"
    );
    let elastic = SPACE.replace(
        "channels = 8\nstride",
        "channels = { choose = [8, 12] }\nstride",
    );
    let refused = Paths::new(Space::parse("test.toml", &elastic).unwrap());
    let message = refused.err().unwrap().to_string();
    assert_eq!(
        message,
        "`space` cannot be searched by its blocks: `stem.channels` changes more than one layer"
    );
}

#[test]
fn search_that_memory_cannot_hold_is_refused_before_any_weight_is_drawn() {
    let text = SPACE
        .replace("resolution = 8", "resolution = 2048")
        .replace("channels = 8\n", "channels = 16\n")
        .replace("repeat = 2", "repeat = 64");
    let config = SearchConfig {
        paths: Paths::new(Space::parse("test.toml", &text).unwrap()).unwrap(),
        method: Differentiable::Fbnet(FbnetSettings::default()),
        recipe: Recipe::default(),
        seed: 1,
    };
    let refused = Search::new(config, &DataSet::digits().train);
    let told = refused.err().unwrap().to_string();
    assert!(told.contains("images keeps at least"), "{told}");
}

#[test]
fn pass_of_a_search_keeps_the_largest_paths_of_each_layer() {
    let paths = paths();
    let [one, two, all] = [1, 2, usize::MAX].map(|count| paths.pass_bytes(64, count));
    // Beside the blocks with expansions of 1 and 4, a third leaves the layer out.
    assert!(one < two && two <= all, "{one} {two} {all}");
    assert!(two - one < one, "{one} {two}");
}

#[test]
fn a_distribution_that_is_seldom_trained_is_trained_though_epochs_are_short() {
    // 17 steps an epoch, and the first of the distribution after 20.
    let settings = ProxylessnasSettings {
        every: 20,
        epochs: 2,
        warm_up: 0.0,
        learning_rate: 0.1,
        ..ProxylessnasSettings::default()
    };
    let reports = reports(search(Differentiable::Proxylessnas(settings)));
    assert_eq!(reports[0].entropy_bits, 3f64.log2());
    assert!(reports[1].entropy_bits < 3f64.log2());
}

#[test]
fn the_last_epoch_trains_the_distribution_whatever_comes_before() {
    let settings = FbnetSettings {
        epochs: 1,
        warm_up: 1.0,
        ..FbnetSettings::default()
    };
    let reports = reports(search(Differentiable::Fbnet(settings)));
    assert!(reports[0].entropy_bits < 3f64.log2());
}
