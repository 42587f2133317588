//! The default predictor on made-up devices, whose latencies are sums over operators.

use bespoke_measure::Estimate;
use bespoke_space::{Architecture, Space};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Bespoke, Prior, SpacePredictor};
use crate::{
    Fitted, Method, Network, PredictError, Predictor, Reader, Sample, Source, Task,
    features::{Attribute, Level},
    spearman,
};

const NETWORKS: usize = 160;

/// A device: nanoseconds for a launch, a thousand multiply-accumulates and a thousand elements written.
struct Device {
    launch: f64,
    macs: f64,
    outputs: f64,
    level: Level,
    noise: f64,
}

// === impl Device ===

impl Device {
    fn drawn(rng: &mut ChaCha8Rng) -> Self {
        Self {
            launch: rng.random_range(500.0..20_000.0),
            macs: rng.random_range(10.0..400.0),
            outputs: rng.random_range(50.0..2_000.0),
            level: Level::Raw,
            noise: 0.01,
        }
    }

    fn ms(&self, network: &Network, rng: &mut ChaCha8Rng) -> f64 {
        let total = |attribute| network.features().total(self.level, attribute);
        let ns = 50_000.0
            + self.launch * total(Attribute::Operators)
            + self.macs * total(Attribute::Macs) / 1e3
            + self.outputs * total(Attribute::Outputs) / 1e3;
        ns / 1e6 * (1.0 + self.noise * rng.random_range(-1.0..1.0))
    }
}

fn networks(space: &str) -> Vec<Network> {
    let space = Space::builtin(space).expect("it comes with the program");
    let mut reader = Reader::new(&space);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut network = || reader.network(&space.sample(&mut rng)).expect("it lowers");
    (0..NETWORKS).map(|_| network()).collect()
}

fn sources(networks: &[Network], count: usize) -> Vec<Source> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let source = |index: usize| {
        let device = Device::drawn(&mut rng);
        let latencies = networks
            .iter()
            .map(|network| Some(device.ms(network, &mut rng)));
        Source {
            name: format!("device{index}"),
            latencies_ms: latencies.collect(),
        }
    };
    (0..count).map(source).collect()
}

/// What a prior makes of a device after so many measurements: rank correlation, share inside the intervals.
fn score(prior: &Prior, networks: &[Network], device: &Device, samples: usize) -> (f64, f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let all: Vec<&Network> = networks.iter().collect();
    let measured: Vec<f64> = all
        .iter()
        .map(|network| device.ms(network, &mut rng))
        .collect();
    let chosen = prior.plan(&all, samples, 0);
    let samples: Vec<Sample<'_>> = chosen
        .iter()
        .map(|index| Sample {
            network: all[*index],
            latency_ms: measured[*index],
        })
        .collect();
    let prices = prior
        .adapted(&samples)
        .expect("enough samples")
        .predict(&all)
        .expect("it prices any network");
    let expected: Vec<f64> = prices.iter().map(|price| price.median_ms.ms()).collect();
    let inside = prices.iter().zip(&measured);
    let inside =
        inside.filter(|(price, ms)| (price.low_ms.ms()..=price.high_ms.ms()).contains(*ms));
    (
        spearman(&expected, &measured),
        inside.count() as f64 / NETWORKS as f64,
    )
}

fn new_device(level: Level) -> Device {
    Device {
        launch: 3_000.0,
        macs: 90.0,
        outputs: 400.0,
        level,
        noise: 0.01,
    }
}

#[test]
fn ten_measurements_tell_a_new_device() {
    for space in ["fbnet", "ofa_mobilenetv3", "nasbench201"] {
        let networks = networks(space);
        let all: Vec<&Network> = networks.iter().collect();
        let prior = Prior::fit(&all, &sources(&networks, 4)).expect("enough to learn from");
        let (spearman, inside) = score(&prior, &networks, &new_device(Level::Raw), 10);
        assert!(spearman > 0.99, "{space}: {spearman}");
        assert!(inside > 0.8, "{space}: {inside}");
    }
}

#[test]
fn a_runtime_that_drops_dead_operators_is_found_out() {
    let networks = networks("nasbench201");
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &sources(&networks, 4)).expect("enough to learn from");
    for level in [Level::Used, Level::Live] {
        let (spearman, _) = score(&prior, &networks, &new_device(level), 12);
        assert!(spearman > 0.97, "{level:?}: {spearman}");
    }
}

#[test]
fn without_sources_the_samples_alone_tell() {
    let networks = networks("fbnet");
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &[]).expect("no source is needed");
    let (spearman, _) = score(&prior, &networks, &new_device(Level::Raw), 20);
    assert!(spearman > 0.95, "{spearman}");
}

#[test]
fn a_plan_has_different_networks_and_no_more_than_there_are() {
    let networks = networks("mobile_small");
    let all: Vec<&Network> = networks.iter().take(12).collect();
    let prior = Prior::fit(&all, &[]).expect("no source is needed");
    let mut plan = prior.plan(&all, 50, 0);
    plan.sort_unstable();
    assert_eq!(plan, (0..12).collect::<Vec<_>>());
    assert!(prior.plan(&[], 3, 0).is_empty());
}

#[test]
fn prices_are_positive_and_finite_whatever_the_samples() {
    let networks = networks("fbnet");
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &sources(&networks, 3)).expect("enough to learn from");
    for latencies in [[1e-6, 1e6], [1.0, 1.0], [1e-12, 1e-12], [1e9, 1e9]] {
        let samples: Vec<Sample<'_>> = all
            .iter()
            .zip(latencies)
            .map(|(network, latency_ms)| Sample {
                network,
                latency_ms,
            })
            .collect();
        let predictor = prior.adapted(&samples).expect("latencies");
        for price in all.iter().map(|network| predictor.price(network)) {
            let (low, median, high) = (price.low_ms.ms(), price.median_ms.ms(), price.high_ms.ms());
            assert!(
                low > 0.0 && low <= median && median <= high && high.is_finite(),
                "{price:?}"
            );
        }
    }
}

#[test]
fn what_is_no_latency_is_refused() {
    let networks = networks("mobile_small");
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &[]).expect("no source is needed");
    for latency_ms in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let sample = Sample {
            network: all[0],
            latency_ms,
        };
        let refused = prior.adapted(&[sample]).expect_err("not a latency");
        assert!(matches!(refused, PredictError::Latency { .. }), "{refused}");
    }
    assert!(matches!(
        prior.adapted(&[]),
        Err(PredictError::TooFew { .. })
    ));
    let mut few = sources(&networks, 1);
    few[0].latencies_ms[19..].fill(None);
    let refused = Prior::fit(&all, &few).expect_err("nineteen rows");
    let nineteen = "latencies of a source device: 20 needed, got 19";
    assert_eq!(refused.to_string(), nineteen);
    assert!(Prior::fit(&[], &[]).is_err());
}

#[test]
fn a_prior_reads_back_as_it_was_written() {
    let networks = networks("mobile_small");
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &sources(&networks, 3)).expect("enough to learn from");
    let text = serde_json::to_string(&prior).expect("plain data");
    let read: Prior = serde_json::from_str(&text).expect("just written");
    assert_eq!(read, prior);
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    let refused = serde_json::from_str::<Prior>(&newer).expect_err("of another version");
    assert!(
        refused.to_string().starts_with("a prior of format 2"),
        "{refused}"
    );
}

#[test]
fn same_sources_and_samples_same_prices() {
    let space = Space::builtin("fbnet").expect("it comes with the program");
    let networks = networks("fbnet");
    let sources = sources(&networks, 3);
    let task = Task {
        space: &space,
        networks: &networks,
        sources: &sources,
    };
    let all: Vec<&Network> = networks.iter().collect();
    let prices = || {
        let fitted = Bespoke.fit(&task, 0).expect("enough to learn from");
        let chosen = fitted.plan(&all, 10, 0);
        let samples: Vec<Sample<'_>> = chosen
            .iter()
            .map(|index| Sample {
                network: all[*index],
                latency_ms: 1.0 + *index as f64,
            })
            .collect();
        fitted.adapt(&samples, 0).expect("latencies").predict(&all)
    };
    assert_eq!(prices(), prices());
}

/// Of a device on which the network of index i takes i + 1 ms.
fn samples(networks: &[Network], indices: &[usize]) -> Vec<(Architecture, f64)> {
    let sample = |index: &usize| {
        let architecture = networks[*index].architecture();
        let architecture = architecture.expect("it came from one");
        (architecture.clone(), 1.0 + *index as f64)
    };
    indices.iter().map(sample).collect()
}

/// What the prior says of the networks once these samples are known.
fn prices_of(prior: &Prior, networks: &[Network], indices: &[usize]) -> Vec<Estimate> {
    let sample = |index: &usize| Sample {
        network: &networks[*index],
        latency_ms: 1.0 + *index as f64,
    };
    let samples: Vec<Sample<'_>> = indices.iter().map(sample).collect();
    let predictor = prior.adapted(&samples).expect("latencies");
    let all: Vec<&Network> = networks.iter().collect();
    predictor.predict(&all).expect("it prices any network")
}

fn assert_alike(price: &Estimate, expected: &Estimate, what: &str) {
    for (price, expected) in [
        (price.low_ms, expected.low_ms),
        (price.median_ms, expected.median_ms),
        (price.high_ms, expected.high_ms),
    ] {
        let off = (price.ms() / expected.ms() - 1.0).abs();
        assert!(off < 1e-2, "{what}: {price}, not {expected}");
    }
}

#[test]
fn an_architecture_costs_what_its_network_does() {
    for name in ["fbnet", "ofa_mobilenetv3", "nasbench201"] {
        let space = Space::builtin(name).expect("it comes with the program");
        let raw = networks(name);
        for mut reader in [Reader::new(&space), Reader::deployed(&space)] {
            let architectures = raw.iter().filter_map(Network::architecture);
            let networks: Vec<Network> = architectures
                .map(|architecture| reader.network(architecture).expect("it lowers"))
                .collect();
            let all: Vec<&Network> = networks.iter().collect();
            let prior = Prior::fit(&all, &sources(&networks, 3)).expect("enough to learn from");
            let mut of_space = SpacePredictor::new(reader);
            for indices in [[0, 5, 9], [3, 4, 40]] {
                let samples = samples(&networks, &indices);
                of_space
                    .add_target(prior.clone(), &samples)
                    .expect("latencies");
            }
            let expected = prices_of(&prior, &networks, &[0, 5, 9]);
            let other = prices_of(&prior, &networks, &[3, 4, 40]);
            for ((network, expected), other) in networks.iter().zip(&expected).zip(&other) {
                let architecture = network.architecture().expect("it came from one");
                let prices = of_space.price(architecture).expect("it lowers");
                assert_alike(&prices[0], expected, name);
                assert_alike(&prices[1], other, name);
            }
        }
    }
}

#[test]
fn prices_learn_from_the_samples_and_the_latest_sixty_trials() {
    let space = Space::builtin("fbnet").expect("it comes with the program");
    let networks = networks("fbnet");
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &[]).expect("there are networks");
    let start = || {
        let mut of_space = SpacePredictor::new(Reader::new(&space));
        let samples = samples(&networks, &[0, 1]);
        let added = of_space.add_target(prior.clone(), &samples);
        added.expect("latencies");
        of_space
    };
    let mut of_space = start();
    let asked = networks[150].architecture().expect("it came from one");
    for index in 2..70 {
        let (architecture, latency_ms) = &samples(&networks, &[index])[0];
        of_space
            .learn(architecture, &[Some(*latency_ms)])
            .expect("a latency");
        if index % 3 == 0 {
            // Prices that are asked for in between change nothing.
            of_space.price(asked).expect("it lowers");
        }
    }
    let known: Vec<usize> = [0, 1].into_iter().chain(10..70).collect();
    let expected = prices_of(&prior, &networks, &known);
    let prices = of_space.price(asked).expect("it lowers");
    assert_alike(&prices[0], &expected[150], "after 68 trials");
    assert_ne!(prices, start().price(asked).expect("it lowers"));
}

#[test]
fn a_trial_without_a_latency_teaches_nothing() {
    let space = Space::builtin("fbnet").expect("it comes with the program");
    let networks = networks("fbnet");
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &[]).expect("there are networks");
    let mut of_space = SpacePredictor::new(Reader::new(&space));
    for _ in 0..2 {
        let samples = samples(&networks, &[0, 1]);
        of_space
            .add_target(prior.clone(), &samples)
            .expect("latencies");
    }
    let asked = networks[9].architecture().expect("it came from one");
    let before = of_space.price(asked).expect("it lowers");
    assert_eq!(before[0], before[1]);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = of_space.learn(asked, &[Some(5.0), Some(bad)]);
        assert!(
            matches!(refused, Err(PredictError::Latency { .. })),
            "{bad}"
        );
    }
    of_space.learn(asked, &[None, None]).expect("nothing bad");
    assert_eq!(of_space.price(asked).expect("it lowers"), before);
    of_space.learn(asked, &[None, Some(70.0)]).expect("one");
    let after = of_space.price(asked).expect("it lowers");
    assert_eq!(after[0], before[0]);
    assert!(after[1].median_ms > before[1].median_ms);
    let added = of_space.add_target(prior, &[]);
    assert!(matches!(added, Err(PredictError::TooFew { .. })));
}
