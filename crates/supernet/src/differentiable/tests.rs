use bespoke_accuracy::DataSet;
use bespoke_space::Space;

use super::*;
use crate::SupernetError;

const SPACE: &str = "name = 'test'\nsource = 'made for a test'\nclasses = 10\n\
    input = { channels = 1, resolution = 8 }\n\
    [define]\nblock = { choose = [\n\
      { name = 'e1', kind = 'mbconv', expand = 1 },\n\
      { name = 'e4', kind = 'mbconv', expand = 4 },\n\
      'skip',\n] }\n\
    [[stage]]\nname = 'stem'\nblock = 'conv'\nchannels = 8\nstride = 2\n\
    [[stage]]\nname = 'a'\nblock = { use = 'block' }\nrepeat = 2\nchannels = 8\n\
    [[stage]]\nblock = 'global_pool'\n[[stage]]\nblock = 'classifier'\n";

fn paths() -> Paths {
    Paths::new(Space::parse("test.toml", SPACE).unwrap()).unwrap()
}

/// A millisecond for each 20,000 multiply-accumulates.
fn table(paths: &Paths) -> LatencyTable {
    let space = paths.space().clone();
    let price = |architecture: &bespoke_space::Architecture| {
        let macs = space.lower(architecture)?.live().cost().macs;
        Ok::<_, SupernetError>(macs as f64 / 2e4)
    };
    LatencyTable::new(paths, price).unwrap()
}

fn search(epochs: u32) -> Search {
    let digits = DataSet::digits().train;
    let part = |first: usize, end: usize| {
        Arc::new(digits.select(&(first..end).collect::<Vec<_>>()).unwrap())
    };
    let paths = paths();
    Search {
        table: table(&paths),
        paths,
        for_weights: part(0, 1150),
        for_choices: part(1150, 1438),
        recipe: Recipe {
            epochs,
            batch_size: 64,
            learning_rate: 0.1,
            ..Recipe::default()
        },
        seed: 1,
    }
}

fn fbnet(beta: f64) -> Fbnet {
    let settings = FbnetSettings {
        // About the same factor of the cross-entropy, whatever β.
        alpha: 0.2 * 7f64.powf(0.6 - beta),
        beta,
        warm_up: 0.0,
        learning_rate: 0.1,
        ..FbnetSettings::default()
    };
    Fbnet::new(search(4), settings).unwrap()
}

fn proxylessnas(settings: ProxylessnasSettings) -> Proxylessnas {
    let settings = ProxylessnasSettings {
        warm_up: 0.0,
        learning_rate: 0.1,
        every: 1,
        ..settings
    };
    Proxylessnas::new(search(4), settings).unwrap()
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
fn measurement_moves_the_table_towards_it_and_its_neighbours_less() {
    let paths = paths();
    let mut table = table(&paths);
    let measured = paths.architecture(&[1, 1]);
    let (other, before) = (paths.architecture(&[1, 0]), table.price_ms(&measured));
    let of_other = table.price_ms(&other);
    table.correct(&measured, before + 3.0);
    assert!((table.price_ms(&measured) - before - 1.5).abs() < 1e-9);
    assert!((table.price_ms(&other) - of_other - 1.0).abs() < 1e-9);
}

#[test]
fn fbnet_learns_weights_and_leaves_the_even_distribution() {
    let mut search = fbnet(0.6);
    let first = search.epoch().unwrap();
    let last = (1..4).map(|_| search.epoch().unwrap()).last().unwrap();
    assert!(last.loss < 0.9 * first.loss, "{first:?} {last:?}");
    assert!(last.entropy_bits < 3f64.log2() - 0.01, "{last:?}");
    assert!(search.epoch().is_err());
    for p in search.distribution().probabilities() {
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn expected_latency_falls_as_its_weight_rises() {
    let latency = |beta: f64| {
        let mut search = fbnet(beta);
        (0..4)
            .map(|_| search.epoch().unwrap())
            .last()
            .unwrap()
            .expected_latency_ms
    };
    let (light, heavy) = (latency(0.1), latency(20.0));
    assert!(heavy < light, "{light} {heavy}");

    let latency = |lambda: f64| {
        let mut search = proxylessnas(ProxylessnasSettings {
            loss: LatencyLoss::Sum { lambda },
            ..ProxylessnasSettings::default()
        });
        (0..4)
            .map(|_| search.epoch().unwrap())
            .last()
            .unwrap()
            .expected_latency_ms
    };
    let (light, heavy) = (latency(0.0), latency(20.0));
    assert!(heavy < light, "{light} {heavy}");
}

#[test]
fn proxylessnas_learns_by_gates_and_by_rewards() {
    for update in [Update::Gradient, Update::Reinforce] {
        let mut search = proxylessnas(ProxylessnasSettings {
            update,
            ..ProxylessnasSettings::default()
        });
        let first = search.epoch().unwrap();
        let last = (1..4).map(|_| search.epoch().unwrap()).last().unwrap();
        assert!(
            last.loss < 0.8 * first.loss,
            "{update:?} {first:?} {last:?}"
        );
        assert!(last.entropy_bits < 3f64.log2(), "{update:?} {last:?}");
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
