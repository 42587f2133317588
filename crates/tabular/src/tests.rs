//! A space of eight networks, of which every figure can be worked out by hand.

use std::{collections::BTreeSet, num::NonZeroUsize};

use bespoke_predict::{BadRows, Rows, Table};
use bespoke_search::{Expected, Finished, Forecast, StrategyConfig};
use bespoke_space::{Architecture, Space};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::{
    Accuracies, Benchmark, Best, Evaluated, Latencies, LatencyMs, Outcome, Sampling, Search,
    TabularError, Target, strategy, summary,
};

/// Accuracy, milliseconds on the phone and on the board, of each network in turn. The front of accuracy and the phone
/// are the networks 1, 3 and 6.
const FIGURES: [[f64; 3]; 8] = [
    [20.0, 9.0, 1.0],
    [30.0, 1.0, 8.0],
    [25.0, 4.0, 2.0],
    [50.0, 2.0, 7.0],
    [50.0, 3.0, 3.0],
    [10.0, 2.0, 4.0],
    [70.0, 5.0, 6.0],
    [60.0, 6.0, 5.0],
];

fn space() -> Space {
    let text = "name = 'eight'
        source = 'made for a test'
        classes = 2
        input = { channels = 1, resolution = 8 }
        [[stage]]
        block = 'conv'
        channels = { choose = [1, 2, 3, 4] }
        kernel = { choose = [1, 3] }
        [[stage]]
        block = 'classifier'";
    Space::parse("eight.toml", text).expect("the space is well formed")
}

fn architecture(index: usize) -> Architecture {
    let network = space().architectures().nth(index);
    network.expect("there are eight")
}

fn name(index: usize) -> String {
    space().format_architecture(&architecture(index))
}

/// A table of some columns of the figures, the last network first.
fn table(heading: &str, columns: &[usize]) -> String {
    let row = |index: usize| {
        let cells = columns.iter().map(|column| FIGURES[index][*column]);
        let cells: Vec<String> = cells.map(|cell| cell.to_string()).collect();
        format!("\"{}\",{}\n", name(index), cells.join(","))
    };
    let rows: String = (0..FIGURES.len()).rev().map(row).collect();
    format!("architecture,{heading}\n{rows}")
}

fn accuracies(text: &str, column: &str) -> Result<Accuracies, String> {
    let parsed = Accuracies::parse(&space(), "a.csv", text.as_bytes(), column);
    parsed.map_err(|error| error.to_string())
}

fn latencies(text: &str) -> Table {
    Table::parse(&space(), "l.csv", text.as_bytes(), BadRows::Refuse).expect("a table")
}

fn benchmark(targets: &[(&str, Option<f64>)]) -> Result<Benchmark, TabularError> {
    let accuracies = accuracies(&table("top1", &[0]), "top1").expect("a table");
    let latencies = latencies(&table("phone,board", &[1, 2]));
    let target = |(column, bound_ms): &(&str, Option<f64>)| Target {
        column: (*column).to_owned(),
        bound_ms: *bound_ms,
    };
    let targets = targets.iter().map(target).collect();
    Benchmark::new(space(), accuracies, &latencies, targets)
}

fn search(strategy: StrategyConfig, evaluations: usize) -> Search {
    Search {
        strategy,
        evaluations,
        in_flight: NonZeroUsize::MIN,
        confidence: 0.5,
        related: None,
    }
}

fn run(benchmark: &Benchmark, evaluations: usize, seed: u64) -> Outcome {
    let search = search(StrategyConfig::Random {}, evaluations);
    search
        .run(benchmark, seed, None)
        .expect("the settings are possible")
}

#[test]
fn accuracies_are_read_by_column_and_other_columns_hold_anything() {
    let text = table("top1,note", &[0, 1]).replace(",9\n", ",slow\n");
    assert!(text.contains("slow"), "{text}");
    let read = accuracies(&text, "top1").expect("a table");
    assert_eq!(
        read,
        accuracies(&table("top1", &[0]), "top1").expect("a table")
    );
}

#[test]
fn an_accuracy_that_cannot_be_is_named_with_file_line_and_column() {
    for cell in ["NaN", "-0.1", "100.1", "inf", "good", ""] {
        let text = table("top1,note", &[0, 1]).replacen(",60,", &format!(",{cell},"), 1);
        let error = accuracies(&text, "top1").expect_err("refused");
        let expected = format!(
            "a.csv:2: column `top1`: `{cell}` is not an accuracy: a percentage from 0 to 100"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn a_table_that_lacks_a_column_or_a_network_is_refused() {
    let text = table("top1", &[0]);
    let error = accuracies(&text, "top5").expect_err("refused");
    assert_eq!(
        error,
        "a.csv:1: there is no column `top5`: the table has top1"
    );
    let without = text.replace(&format!("\"{}\",50\n", name(3)), "");
    let error = accuracies(&without, "top1").expect_err("refused");
    let expected = format!("a.csv: column `architecture`: `{}` is missing", name(3));
    assert!(error.starts_with(&expected), "{error}");
    let error = accuracies("architecture,top1\nmagic,3\n", "top1").expect_err("refused");
    assert!(
        error.starts_with("a.csv:2: column `architecture`: "),
        "{error}"
    );
}

#[test]
fn a_network_without_a_latency_is_refused() {
    let text = table("phone,board", &[1, 2]).replace(",9,1\n", ",9,\n");
    let accuracies = accuracies(&table("top1", &[0]), "top1").expect("a table");
    let targets = Target::all(&["phone".to_owned(), "board".to_owned()], &[]);
    let targets = targets.expect("two targets");
    let error = Benchmark::new(space(), accuracies, &latencies(&text), targets);
    let error = error.expect_err("refused").to_string();
    let expected = format!("column `board`: no latency of `{}`", name(0));
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn targets_have_a_bound_each_or_none_has() {
    let [phone, board] = ["phone", "board"].map(str::to_owned);
    let two = [phone.clone(), board];
    let all = Target::all(&two, &[None, Some(3.0)]).expect("two targets");
    let bounds: Vec<Option<f64>> = all.iter().map(|target| target.bound_ms).collect();
    assert_eq!(bounds, [None, Some(3.0)]);
    let refused = |columns: &[String], bounds: &[Option<f64>]| {
        let refused = Target::all(columns, bounds);
        refused.expect_err("refused").to_string()
    };
    assert!(refused(&two, &[None]).starts_with("1 bounds for 2 latency columns"));
    assert!(refused(&[], &[]).starts_with("no latency column"));
    assert!(refused(&[phone.clone(), phone.clone()], &[]).contains("`phone` is named twice"));
    for bound_ms in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = refused(std::slice::from_ref(&phone), &[Some(bound_ms)]);
        assert!(error.starts_with("the bound on `phone` is "), "{error}");
    }
}

#[test]
fn a_bound_that_no_network_meets_is_answered_with_the_least_latency() {
    let refused = |targets: &[(&str, Option<f64>)]| {
        let refused = benchmark(targets);
        refused.expect_err("refused").to_string()
    };
    assert_eq!(
        refused(&[("phone", Some(0.5))]),
        "no network of this space runs under 0.5 ms on phone: the fastest takes 1 ms"
    );
    let error = refused(&[("phone", Some(1.0)), ("board", Some(1.0))]);
    assert!(error.contains("all bounds at once"), "{error}");
}

/// The front encloses, under 90 % error and 9 ms: 20 by 8, 20 more by 7, 20 more by 4.
#[test]
fn the_fraction_is_that_of_the_true_front() {
    let benchmark = benchmark(&[("phone", None)]).expect("a benchmark");
    let front = 20.0 * 8.0 + 20.0 * 7.0 + 20.0 * 4.0;
    let rows = |networks: &[usize]| -> Vec<usize> {
        let rows = networks.iter();
        rows.map(|index| benchmark.networks.row(&architecture(*index)))
            .collect()
    };
    for (networks, volume) in [
        (vec![1, 3, 6], front),
        (vec![0, 5], 0.0),
        (vec![1], 20.0 * 8.0),
        (vec![7, 4], 40.0 * 6.0 + 10.0 * 3.0),
    ] {
        let fraction = benchmark.hypervolume_fraction(&rows(&networks));
        assert!(
            (fraction - volume / front).abs() < 1e-12,
            "{networks:?}: {fraction}"
        );
    }
}

#[test]
fn a_search_evaluates_different_networks_until_none_is_left() {
    let benchmark = benchmark(&[("phone", None)]).expect("a benchmark");
    let outcome = run(&benchmark, 60, 3);
    assert_eq!(outcome.evaluations, 8);
    assert_eq!(
        outcome.hypervolume_fraction.iter().collect::<Vec<_>>(),
        [(&50, &1.0)]
    );
    assert_eq!(outcome.best, None);
    assert_eq!(outcome, run(&benchmark, 60, 3));
    assert_eq!(run(&benchmark, 49, 3).hypervolume_fraction.len(), 0);
}

#[test]
fn the_best_is_the_most_accurate_that_meets_every_bound() {
    let one = benchmark(&[("phone", Some(2.5))]).expect("a benchmark");
    let best = |index, latency_ms| Best {
        network: evaluated(index, latency_ms),
        oracle_accuracy: 50.0,
    };
    let expected = best(3, LatencyMs::One(2.0));
    assert_eq!(run(&one, 8, 0).best, Some(Some(expected)));
    let both = benchmark(&[("phone", Some(4.0)), ("board", Some(3.0))]).expect("a benchmark");
    let expected = best(4, on_both(3.0, 3.0));
    assert_eq!(run(&both, 8, 0).best, Some(Some(expected)));
}

#[test]
fn every_network_of_the_front_meets_every_bound() {
    let both = benchmark(&[("phone", Some(4.0)), ("board", Some(4.0))]).expect("a benchmark");
    let expected = [
        evaluated(5, on_both(2.0, 4.0)),
        evaluated(4, on_both(3.0, 3.0)),
        evaluated(2, on_both(4.0, 2.0)),
    ];
    assert_eq!(run(&both, 8, 0).front, expected);
    let free = benchmark(&[("phone", None)]).expect("a benchmark");
    let front = run(&free, 8, 0).front;
    let expected = [1, 3, 6].map(|index| evaluated(index, LatencyMs::One(FIGURES[index][1])));
    assert_eq!(front, expected);
}

fn evaluated(index: usize, latency_ms: LatencyMs) -> Evaluated {
    Evaluated {
        architecture: name(index),
        accuracy: FIGURES[index][0],
        latency_ms,
    }
}

fn on_both(phone: f64, board: f64) -> LatencyMs {
    LatencyMs::Several([("phone".to_owned(), phone), ("board".to_owned(), board)].into())
}

#[test]
fn a_search_that_met_no_bound_has_no_best() {
    let benchmark = benchmark(&[("phone", Some(1.0))]).expect("a benchmark");
    let outcomes: Vec<Outcome> = (0..20).map(|seed| run(&benchmark, 1, seed)).collect();
    let found = |outcome: &&Outcome| outcome.best != Some(None);
    let count = outcomes.iter().filter(found).count();
    assert!((1..20).contains(&count), "{count}");
    let accuracy = &summary(&outcomes)[0];
    assert_eq!(
        (accuracy.seeds, accuracy.median, accuracy.mean),
        (count, 30.0, 30.0)
    );
    let lost = outcomes
        .iter()
        .find(|outcome| !found(outcome))
        .expect("there is one");
    let json = serde_json::to_value(lost).expect("an outcome has a text");
    assert!(
        json["best"].is_null() && json.get("best").is_some(),
        "{json}"
    );
}

/// What the forecast says of a network.
fn expected(forecast: &mut dyn Forecast, index: usize) -> Vec<Option<(f64, f64)>> {
    let expected = forecast.expect(&[architecture(index)]).remove(0);
    let parts = |expected: Expected| (expected.value, expected.deviation);
    expected
        .into_iter()
        .map(|expected| expected.map(parts))
        .collect()
}

#[test]
fn a_search_knows_beforehand_what_it_is_told_and_no_more() {
    let benchmark = benchmark(&[("phone", None), ("board", Some(3.0))]).expect("a benchmark");
    let known = |accuracies_known, latencies| {
        let forecast = benchmark.forecast(accuracies_known, latencies);
        expected(forecast.expect("something is known").as_mut(), 6)
    };
    let [error, phone, board] = [30.0, 5.0, 6.0].map(|value| Some((value, 0.0)));
    assert_eq!(known(false, Latencies::Table), [None, phone, board]);
    assert_eq!(known(true, Latencies::Table), [error, phone, board]);
    assert_eq!(known(true, Latencies::Trials), [error, None, None]);
    assert!(benchmark.forecast(false, Latencies::Trials).is_none());
    let vague = || Latencies::Expected(Box::new(Vague));
    let vaguely = Some((7.0, 0.5));
    assert_eq!(known(false, vague()), [None, vaguely, None]);
    assert_eq!(known(true, vague()), [error, vaguely, None]);
}

/// Expects the same of every network, on the first target only.
struct Vague;

impl Forecast for Vague {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        let expected = Expected {
            value: 7.0,
            deviation: 0.5,
        };
        vec![vec![None, Some(expected)]; architectures.len()]
    }
}

#[test]
fn what_is_drawn_from_the_table_meets_the_bounds() {
    let benchmark = benchmark(&[("phone", Some(4.0)), ("board", Some(4.0))]);
    let benchmark = benchmark.expect("a benchmark");
    let forecast = benchmark.forecast(false, Latencies::Table);
    let mut forecast = forecast.expect("something is known");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let drawn: BTreeSet<Architecture> = (0..60)
        .map(|_| forecast.sample(&mut rng).expect("there is one"))
        .collect();
    assert_eq!(drawn, [2, 4, 5].map(architecture).into());
}

#[test]
fn a_search_that_knows_the_latencies_proposes_what_meets_the_bounds_first() {
    let benchmark = benchmark(&[("phone", Some(2.0))]).expect("a benchmark");
    for name in ["random", "regularized_evolution", "nsga2"] {
        let search = search(strategy(Some(name), &[]).expect("it is there"), 3);
        for seed in 0..10 {
            let forecast = benchmark.forecast(false, Latencies::Table);
            let outcome = search.run(&benchmark, seed, forecast).expect("it runs");
            let best = outcome.best.flatten().expect("three meet the bound");
            assert_eq!(best.network.accuracy, 50.0, "{name}");
        }
    }
}

#[test]
fn proposals_in_flight_are_made_without_their_results() {
    let row = |index: usize| format!("\"{}\",{}\n", name(index), 100.0 - FIGURES[index][0]);
    let rows: String = (0..FIGURES.len()).rev().map(row).collect();
    let upside_down = format!("architecture,top1\n{rows}");
    let phone = latencies(&table("phone", &[1]));
    let benchmarks = [table("top1", &[0]), upside_down].map(|text| {
        let accuracies = accuracies(&text, "top1").expect("a table");
        let targets = Target::all(&["phone".to_owned()], &[]).expect("a target");
        Benchmark::new(space(), accuracies, &phone, targets).expect("a benchmark")
    });
    let settings = [("population".to_owned(), "2".to_owned())];
    let config = strategy(Some("nsga2"), &settings).expect("it has that setting");
    let mut search = search(config, 6);
    let mut proposes_alike = |in_flight| {
        search.in_flight = NonZeroUsize::new(in_flight).expect("above 0");
        (0..20).all(|seed| {
            let [one, other] = [0, 1].map(|index: usize| {
                let rows = search.evaluated(&benchmarks[index], seed, None);
                rows.expect("the settings are possible")
            });
            one == other
        })
    };
    assert!(proposes_alike(6));
    assert!(!proposes_alike(1));
}

#[test]
fn a_predictor_measures_as_many_networks_as_it_may_and_no_target_beforehand() {
    let benchmark = benchmark(&[("phone", None), ("board", None)]).expect("a benchmark");
    let table = latencies(&table("phone,board", &[1, 2]));
    let sampling = |sources: &[&str], samples| Sampling {
        sources: sources.iter().map(|name| (*name).to_owned()).collect(),
        source_rows: Rows::Range(0..6),
        samples,
    };
    let sampled = sampling(&[], 4)
        .measure(&benchmark, &table)
        .expect("it measures");
    for (index, of_target) in sampled.targets.iter().enumerate() {
        let different: BTreeSet<&Architecture> = of_target.iter().map(|(a, _)| a).collect();
        assert_eq!(different.len(), 4);
        for (network, ms) in of_target {
            let figures = (0..8).find(|other| architecture(*other) == *network);
            let figures = FIGURES[figures.expect("one of the eight")];
            assert_eq!(*ms, figures[1 + index]);
            // The table is upside down: its rows 6 and 7 are the networks 1 and 0.
            assert!(figures != FIGURES[0] && figures != FIGURES[1]);
        }
    }
    let error = |sampling: Sampling| {
        let error = sampling.measure(&benchmark, &table);
        error.expect_err("refused").to_string()
    };
    assert!(error(sampling(&["phone"], 2)).contains("`phone` is a source and a target"));
    assert!(error(sampling(&[], 7)).starts_with("7 samples asked for, but there are 6 rows"));
    assert!(error(sampling(&["watch"], 2)).contains("unknown device `watch`"));
}

#[test]
fn a_predictor_expects_latencies_with_doubt_and_no_errors() {
    let benchmark = benchmark(&[("phone", None), ("board", None)]).expect("a benchmark");
    let sampling = Sampling {
        sources: Vec::new(),
        source_rows: Rows::All,
        samples: 6,
    };
    let sampled = sampling.measure(&benchmark, &latencies(&table("phone,board", &[1, 2])));
    let sampled = sampled.expect("it measures");
    let mut forecast = sampled.forecast(&benchmark).expect("it learns");
    for index in 0..8 {
        let expected = expected(forecast.as_mut(), index);
        assert_eq!((expected.len(), expected[0]), (3, None));
        for latency in &expected[1..] {
            let (ms, deviation) = latency.expect("it is priced");
            assert!(ms > 0.0 && deviation > 0.0, "{ms} {deviation}");
        }
    }
}

#[test]
fn a_predictor_learns_from_trials() {
    let benchmark = benchmark(&[("phone", None)]).expect("a benchmark");
    let sampling = Sampling {
        sources: Vec::new(),
        source_rows: Rows::All,
        samples: 2,
    };
    let sampled = sampling.measure(&benchmark, &latencies(&table("phone", &[1])));
    let sampled = sampled.expect("it measures");
    let mut forecast = sampled.forecast(&benchmark).expect("it learns");
    let error = |forecast: &mut dyn Forecast| -> f64 {
        let mut off = |index: usize| {
            let (ms, _) = expected(forecast, index)[1].expect("it is priced");
            (ms - FIGURES[index][1]).abs()
        };
        (0..8).map(&mut off).sum()
    };
    let before = error(forecast.as_mut());
    for index in 0..8 {
        let objectives = benchmark.networks.objectives(index);
        let objectives = objectives.into_iter().map(Some).collect();
        let architecture = benchmark.networks.architectures[index].clone();
        forecast.update(&Finished::new(architecture, objectives, 0.0).expect("finite"));
    }
    let after = error(forecast.as_mut());
    assert!(after < before, "{after}, {before} before");
}
