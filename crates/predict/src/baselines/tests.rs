use bespoke_device::{Precision, Profile, TargetSpec};
use bespoke_measure::Estimate;
use bespoke_space::{Architecture, Space};

use super::*;
use crate::{
    Method, Network, PredictError, Predictor, Sample, Task,
    analytical::Analytical,
    lookup::{Format, Layout, LookupTable},
};

const REGRESSIONS: [Regression; 3] = [Regression::Ridge, Regression::ElasticNet, Regression::Svr];

/// Sixteen networks: four widths, two kernels, two activations.
fn space() -> Space {
    let text = r#"
        name = "sixteen"
        source = "a test"
        classes = 2
        [input]
        channels = 1
        resolution = 8
        [[stage]]
        name = "stem"
        block = "conv"
        channels = { choose = [2, 4, 6, 8] }
        kernel = { choose = [1, 3] }
        activation = { choose = ["relu", "hard_swish"] }
        [[stage]]
        name = "pool"
        block = "global_pool"
        [[stage]]
        name = "head"
        block = "classifier"
    "#;
    Space::parse("sixteen.toml", text).expect("a space")
}

fn networks(space: &Space) -> Vec<Network> {
    let read = |architecture: Architecture| Network::of(space, &architecture).expect("a network");
    space.architectures().map(read).collect()
}

/// Learns from some of the networks, with their latencies.
fn adapted(
    method: &dyn Method,
    space: &Space,
    samples: &[Sample<'_>],
) -> Result<Box<dyn Predictor>, PredictError> {
    let task = Task {
        space,
        networks: &[],
        sources: &[],
    };
    method.fit(&task, 0)?.adapt(samples, 0)
}

fn price(predictor: &dyn Predictor, network: &Network) -> Estimate {
    let prices = predictor.predict(&[network]);
    prices.expect("it is of the space")[0]
}

fn samples<'a>(networks: &'a [Network], latency_ms: impl Fn(&Network) -> f64) -> Vec<Sample<'a>> {
    let sample = |network: &'a Network| Sample {
        latency_ms: latency_ms(network),
        network,
    };
    networks.iter().map(sample).collect()
}

/// Milliseconds for each choice: what regression can say exactly.
fn sum_of_choices(network: &Network) -> f64 {
    let architecture = network.architecture().expect("an architecture");
    let choices = architecture.choices();
    [1.0, 1.7, 2.4, 3.1][usize::from(choices[0])]
        + [1.0, 2.5][usize::from(choices[1])]
        + [1.0, 1.2][usize::from(choices[2])]
}

#[test]
fn a_draw_has_as_many_different_places_as_asked() {
    for seed in 0..20 {
        let mut places = draw(12, 5, seed);
        places.sort_unstable();
        places.dedup();
        assert!(places.len() == 5 && places[4] < 12, "{places:?}");
    }
    assert_eq!(draw(3, 5, 0).len(), 3);
    assert_eq!(draw(100, 10, 4), draw(100, 10, 4));
    assert_ne!(draw(100, 10, 4), draw(100, 10, 5));
}

#[test]
fn flops_scale_by_the_geometric_mean_ratio() {
    let space = space();
    let networks = networks(&space);
    let flops = |index: usize| networks[index].flops() as f64;
    let sample = |index: usize, factor| Sample {
        network: &networks[index],
        latency_ms: flops(index) * factor,
    };
    let predictor =
        adapted(&Flops, &space, &[sample(0, 2.0), sample(1, 8.0)]).expect("two samples");
    let estimate = price(&*predictor, &networks[5]);
    assert!((estimate.median_ms.ms() / flops(5) - 4.0).abs() < 1e-9);
    // Held out, each ratio is a factor of 4 from the other; 6.3138 is Student's quantile of one degree of freedom.
    let width = (estimate.high_ms.ms() / estimate.median_ms.ms()).ln();
    assert!((width - 6.3138 * 4.0_f64.ln()).abs() < 1e-9);
}

#[test]
fn latencies_proportional_to_flops_are_known_from_one_sample() {
    let space = space();
    let networks = networks(&space);
    let measured = samples(&networks, |network| network.flops() as f64 * 3.0);
    let predictor = adapted(&Flops, &space, &measured[..1]).expect("a sample");
    for (network, sample) in networks.iter().zip(&measured) {
        let price = price(&*predictor, network).median_ms.ms();
        assert!((price / sample.latency_ms - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_roofline_is_scaled_once_there_are_samples() {
    let text = "name = \"board\"\nsource = \"a test\"\narchitecture = \"aarch64\"\npeak_gflops = 1.0\nbandwidth_gb_s = 1.0\n";
    let profile = Profile::parse("board.toml", text).expect("a profile");
    let target = TargetSpec::new("tract", 1, 1, Precision::F32).expect("a target");
    let model = Analytical::new(&profile, &target).expect("a model");
    let space = space();
    let networks = networks(&space);
    let roofline = |network: &Network| {
        let architecture = network.architecture().expect("an architecture");
        model.latency_ms(&space.lower(architecture).expect("a graph"))
    };
    let price = |samples: &[Sample<'_>]| {
        let predictor = adapted(&model, &space, samples).expect("no sample is needed");
        price(&*predictor, &networks[9]).median_ms.ms()
    };
    let known = roofline(&networks[9]);
    assert!((price(&[]) / known - 1.0).abs() < 1e-9);
    let measured = samples(&networks, |network| 7.0 * roofline(network));
    assert!((price(&measured[..3]) / known - 7.0).abs() < 1e-9);
}

/// A table of the space's operators that take 1, 2, … ms, without the last `missing` of them.
fn lookup_table(space: &Space, missing: usize) -> LookupTable {
    let mut chain = space.chain();
    let expanded = chain.expand().expect("a small space");
    let operators = Layout::Content
        .operators(&chain, &expanded)
        .expect("every operator has a key");
    let operators = operators.all();
    let kept = operators.iter().take(operators.len() - missing).zip(1..);
    let rows: String = kept
        .map(|(operator, ms)| format!("{},{ms},,\n", operator.key))
        .collect();
    let text = format!("operator,mean_ms,std_ms,count\n{rows}");
    LookupTable::parse(Format::Csv, "table.csv", &text).expect("a table")
}

#[test]
fn a_look_up_table_prices_by_the_sum_of_operators() {
    let space = space();
    let networks = networks(&space);
    let lookup = Lookup::new(lookup_table(&space, 0));
    let price = |network: &Network, samples: &[Sample<'_>]| {
        let predictor = adapted(&lookup, &space, samples).expect("no sample is needed");
        price(&*predictor, network).median_ms.ms()
    };
    let prices: Vec<f64> = networks.iter().map(|network| price(network, &[])).collect();
    // The first network has the first operator of each layer: sixteen stems, a pooling for each width, as many heads.
    assert_eq!(prices[0], 1.0 + 17.0 + 21.0);
    assert_eq!(prices[15], 16.0 + 20.0 + 24.0);
    let measured = samples(&networks[..2], |_| 5.0);
    let factor = 5.0 / (prices[0] * prices[1]).sqrt();
    assert!((price(&networks[3], &measured) / prices[3] - factor).abs() < 1e-9);
}

#[test]
fn a_look_up_table_that_lacks_operators_is_refused() {
    let space = space();
    let lookup = Lookup::new(lookup_table(&space, 2));
    let error = adapted(&lookup, &space, &[])
        .err()
        .expect("two keys are missing");
    assert!(
        error
            .to_string()
            .starts_with("lookup: the table lacks 2 keys: `classifier-"),
        "{error}"
    );
}

#[test]
fn regressions_price_what_they_have_not_seen() {
    let space = space();
    let networks = networks(&space);
    let measured = samples(&networks, sum_of_choices);
    for regression in REGRESSIONS {
        let (unseen, seen): (Vec<_>, Vec<_>) = (measured.iter().zip(0..))
            .map(|(sample, row)| (*sample, row % 6 == 3))
            .partition(|(_, is_unseen)| *is_unseen);
        let seen: Vec<Sample<'_>> = seen.into_iter().map(|(sample, _)| sample).collect();
        let predictor = adapted(&regression, &space, &seen).expect("samples");
        for (sample, _) in unseen {
            let estimate = price(&*predictor, sample.network);
            let error = (estimate.median_ms.ms() / sample.latency_ms - 1.0).abs();
            assert!(error < 0.1, "{}: {error}", regression.name());
            let interval = estimate.low_ms.ms()..=estimate.high_ms.ms();
            assert!(
                interval.contains(&sample.latency_ms),
                "{}: {estimate:?}",
                regression.name()
            );
        }
    }
}

#[test]
fn too_few_samples_are_refused() {
    let space = space();
    let networks = networks(&space);
    let measured = samples(&networks, sum_of_choices);
    let too_few = |needed, got| PredictError::TooFew {
        what: "samples of the new device",
        needed,
        got,
    };
    for regression in REGRESSIONS {
        let error = adapted(&regression, &space, &measured[..2]).err();
        assert_eq!(error, Some(too_few(3, 2)));
    }
    assert_eq!(adapted(&Flops, &space, &[]).err(), Some(too_few(1, 0)));
}

#[test]
fn a_latency_that_cannot_be_one_is_refused() {
    let space = space();
    let networks = networks(&space);
    for ms in [0.0, -1.0, f64::INFINITY] {
        let measured = samples(&networks, |_| ms);
        for method in [&Flops as &dyn Method, &Regression::Ridge] {
            let error = adapted(method, &space, &measured[..4]).err();
            assert_eq!(
                error,
                Some(PredictError::Latency { ms }),
                "{}",
                method.name()
            );
        }
    }
}

#[test]
fn a_network_that_is_no_architecture_of_the_space_is_refused() {
    let space = space();
    let networks = networks(&space);
    let of_file = |network: &Network| {
        let architecture = network.architecture().expect("an architecture");
        Network::from(&space.lower(architecture).expect("a graph"))
    };
    let files: Vec<Network> = networks.iter().map(of_file).collect();
    let other = Space::builtin("fbnet").expect("it is shipped");
    let foreign = other.sample(&mut ChaCha8Rng::seed_from_u64(0));
    let foreign = Network::of(&other, &foreign).expect("a network");
    let refused = Some(PredictError::NotOfSpace {
        space: "sixteen".to_owned(),
    });
    let text = "name = \"board\"\nsource = \"a test\"\narchitecture = \"aarch64\"\npeak_gflops = 1.0\nbandwidth_gb_s = 1.0\n";
    let profile = Profile::parse("board.toml", text).expect("a profile");
    let target = TargetSpec::new("tract", 1, 1, Precision::F32).expect("a target");
    let roofline = Analytical::new(&profile, &target).expect("a model");
    let lookup = Lookup::new(lookup_table(&space, 0));
    let measured = samples(&networks, sum_of_choices);
    let of_files = samples(&files, |_| 1.0);
    for method in [&roofline as &dyn Method, &lookup, &Regression::Ridge] {
        let name = method.name();
        let predictor = adapted(method, &space, &measured).expect("samples");
        for network in [&files[0], &foreign] {
            let prices = predictor.predict(&[&networks[0], network]);
            assert_eq!(prices.err(), refused, "{name}");
        }
        assert_eq!(adapted(method, &space, &of_files).err(), refused, "{name}");
    }
    let flops = adapted(&Flops, &space, &measured).expect("samples");
    assert_eq!(
        price(&*flops, &files[3]),
        price(&*flops, &networks[3]),
        "operations are those of any graph"
    );
}
