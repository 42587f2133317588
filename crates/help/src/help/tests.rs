use rand::Rng;

use super::*;

const NETWORKS: usize = 160;
const REFERENCES: [usize; 5] = [0, 1, 2, 3, 4];
const CHOICES: usize = 6;

/// Networks of six choices among three operators, as a row or as a chain of nodes; first those of one operator alone.
fn networks(graph: bool) -> Vec<Encoding> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let one_hot = |choice: usize| (0..3).map(move |at| f32::from(u8::from(at == choice)));
    let network = |at: usize| {
        let choice = |_| if at < 3 { at } else { rng.random_range(0..3) };
        let choices: Vec<usize> = (0..CHOICES).map(choice).collect();
        match graph {
            false => Encoding::Flat(choices.iter().flat_map(|c| one_hot(*c)).collect()),
            true => Encoding::Graph {
                operations: choices.iter().map(|c| one_hot(*c).collect()).collect(),
                edges: (1..CHOICES).map(|node| (node - 1, node)).collect(),
            },
        }
    };
    (0..NETWORKS).map(network).collect()
}

/// Latencies on a device where each operator has a cost of its own.
fn latencies(networks: &[Encoding], seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let costs: [f64; 3] = std::array::from_fn(|_| rng.random_range(0.1..2.0));
    let overhead = rng.random_range(0.5..5.0);
    let cost = |one_hot: &[f32]| -> f64 {
        let costs = one_hot.iter().zip(costs);
        costs.map(|(chosen, cost)| f64::from(*chosen) * cost).sum()
    };
    let latency = |network: &Encoding| match network {
        Encoding::Flat(features) => features.chunks(3).map(cost).sum::<f64>(),
        Encoding::Graph { operations, .. } => operations.iter().map(|o| cost(o)).sum(),
    };
    networks
        .iter()
        .map(|network| overhead + latency(network))
        .collect()
}

fn config() -> Config {
    Config {
        width: 16,
        episodes: 200,
        devices: 4,
        query: 40,
        inner_rate: 0.1,
        outer_rate: 3e-3,
        draws: 3,
        ..Config::default()
    }
}

fn trained(config: &Config, networks: &[Encoding]) -> Help {
    train_on(config, networks, 16, &REFERENCES).unwrap()
}

fn train_on(
    config: &Config,
    networks: &[Encoding],
    devices: u64,
    references: &[usize],
) -> Result<Help, HelpError> {
    let known: Vec<_> = (0..devices).map(|seed| known(networks, seed)).collect();
    train(config, networks, references, &sources(&known), 5)
}

/// Latencies of a source device, some of which are lacking.
fn known(networks: &[Encoding], seed: u64) -> Vec<Option<f64>> {
    let mut known: Vec<_> = latencies(networks, seed).into_iter().map(Some).collect();
    known[20 + seed as usize..60].fill(None);
    known
}

fn sources(known: &[Vec<Option<f64>>]) -> Vec<SourceDevice<'_>> {
    let source = |latencies_ms| SourceDevice { latencies_ms };
    known.iter().map(|ms| source(&ms[..])).collect()
}

/// What is measured on a new device: the references' latencies and ten more networks with theirs; and all latencies.
fn measured(networks: &[Encoding], seed: u64) -> (Vec<f64>, Vec<(&Encoding, f64)>, Vec<f64>) {
    let truth = latencies(networks, seed);
    let pairs = networks.iter().zip(truth.iter().copied());
    let support = pairs.skip(REFERENCES.len()).take(10).collect();
    (truth[..REFERENCES.len()].to_vec(), support, truth)
}

/// Mean absolute error on some new devices, of networks not measured, in parts of the references' range.
fn error(help: &Help, networks: &[Encoding]) -> f64 {
    let on_device = |seed: u64| {
        let (reference_ms, support, truth) = measured(networks, seed);
        let adapted = help.adapt(&reference_ms, &support, 9).unwrap();
        let predicted = adapted.predict(&networks[15..]).unwrap();
        let errors = predicted
            .iter()
            .zip(&truth[15..])
            .map(|(a, b)| (a - b).abs());
        let range = adapted.scale.milliseconds(1.0) - adapted.scale.milliseconds(0.0);
        errors.sum::<f64>() / predicted.len() as f64 / range
    };
    (100..106).map(on_device).sum::<f64>() / 6.0
}

fn assert_adapting_beats_not_adapting(graph: bool) {
    let networks = networks(graph);
    let mut help = trained(&config(), &networks);
    let adapted = error(&help, &networks);
    help.config.inner_steps = 0;
    let unadapted = error(&help, &networks);
    assert!(adapted < 0.1, "{adapted}");
    assert!(adapted < 0.8 * unadapted, "{adapted} against {unadapted}");
}

#[test]
fn adapting_to_a_device_beats_not_adapting_on_rows() {
    assert_adapting_beats_not_adapting(false);
}

#[test]
fn adapting_to_a_device_beats_not_adapting_on_graphs() {
    assert_adapting_beats_not_adapting(true);
}

#[test]
fn the_same_seeds_give_the_same_predictions() {
    let networks = networks(true);
    let config = Config {
        episodes: 3,
        ..config()
    };
    let predicted = |seed| {
        let (reference_ms, support, _) = measured(&networks, 100);
        let adapted = trained(&config, &networks).adapt(&reference_ms, &support, seed);
        adapted.unwrap().predict(&networks).unwrap()
    };
    let first = predicted(1);
    assert_eq!(first, predicted(1));
    assert_ne!(first, predicted(2));
}

#[test]
fn a_device_in_other_units_is_predicted_in_those() {
    let networks = networks(false);
    let config = Config {
        episodes: 3,
        ..config()
    };
    let help = trained(&config, &networks);
    let (reference_ms, support, _) = measured(&networks, 100);
    let slower: Vec<f64> = reference_ms.iter().map(|ms| ms * 1024.0).collect();
    let slower_support: Vec<_> = support.iter().map(|(n, ms)| (*n, ms * 1024.0)).collect();
    let predict = |adapted: Adapted| adapted.predict(&networks).unwrap();
    let fast = predict(help.adapt(&reference_ms, &support, 1).unwrap());
    let slow = predict(help.adapt(&slower, &slower_support, 1).unwrap());
    for (fast, slow) in fast.iter().zip(slow) {
        assert!(
            (fast * 1024.0 - slow).abs() < 1e-3 * slow.abs(),
            "{fast}, {slow}"
        );
    }
}

#[test]
fn what_training_lacks_is_named() {
    let networks = networks(false);
    let message = |config: &Config, devices, references: &[usize]| {
        let error = train_on(config, &networks, devices, references).unwrap_err();
        error.to_string()
    };
    let config = Config {
        episodes: 1,
        ..config()
    };
    assert_eq!(
        message(&config, 3, &REFERENCES),
        "an episode takes 4 source devices, there are 3"
    );
    let greedy = Config {
        query: 140,
        ..config.clone()
    };
    assert_eq!(
        message(&greedy, 4, &REFERENCES),
        "an episode takes 150 latencies of source device 0, there are 96"
    );
    assert_eq!(
        message(&config, 4, &[0]),
        "reference networks must be at least 2, got 1"
    );
    assert_eq!(
        message(&config, 4, &[0, 160]),
        "reference networks name network 160 of 160"
    );
    let wide = Config {
        outer_rate: f64::NAN,
        ..config
    };
    assert_eq!(
        message(&wide, 4, &REFERENCES),
        "`outer_rate` must be a number of at least 0, got NaN"
    );
}

#[test]
fn a_source_without_a_reference_or_with_a_wrong_latency_is_named() {
    let networks = networks(false);
    let message = |at: usize, ms: Option<f64>| {
        let mut known: Vec<_> = (0..4).map(|seed| known(&networks, seed)).collect();
        known[2][at] = ms;
        let trained = train(&config(), &networks, &REFERENCES, &sources(&known), 5);
        trained.unwrap_err().to_string()
    };
    assert_eq!(
        message(1, None),
        "reference networks were not all measured on source device 2"
    );
    assert_eq!(
        message(9, Some(f64::INFINITY)),
        "source device 2: a latency is inf ms"
    );
}

#[test]
fn what_adaptation_cannot_use_is_named() {
    let networks = networks(false);
    let config = Config {
        episodes: 0,
        ..config()
    };
    let help = trained(&config, &networks);
    let message = |reference_ms: &[f64], support: &[(&Encoding, f64)]| {
        let error = help.adapt(reference_ms, support, 1).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        message(&[1.0, 2.0], &[]),
        "reference networks are 5, and 2 latencies were given"
    );
    assert_eq!(
        message(&[3.0; 5], &[]),
        "the device to adapt to: the reference networks all take 3 ms"
    );
    let reference_ms = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(
        message(&reference_ms, &[(&networks[9], 0.0)]),
        "the device to adapt to: a latency is 0 ms"
    );
    let short = Encoding::Flat(vec![1.0]);
    assert_eq!(
        message(&reference_ms, &[(&networks[9], 1.0), (&short, 1.0)]),
        "network 1 is a row of 1 features, where a row of 18 features was expected"
    );
}

#[test]
fn no_latency_that_is_not_a_number_leaves() {
    let networks = networks(false);
    let config = Config {
        episodes: 0,
        ..config()
    };
    let help = trained(&config, &networks);
    let adapted = help.adapt(&[1.0, 2.0, 3.0, 4.0, 5.0], &[], 1).unwrap();
    let huge = Encoding::Flat(vec![f32::MAX; 18]);
    let error = adapted.predict(&[networks[0].clone(), huge]).unwrap_err();
    assert!(
        matches!(error, HelpError::NotFinite { network: 1, .. }),
        "{error}"
    );
    assert!(adapted.predict(&[]).unwrap().is_empty());
}

#[test]
fn training_that_diverges_is_given_up() {
    let config = Config {
        inner_rate: 1e30,
        ..config()
    };
    let error = train_on(&config, &networks(false), 16, &REFERENCES).unwrap_err();
    assert!(
        matches!(error, HelpError::Diverged { episode: 1, .. }),
        "{error}"
    );
}
