use std::{
    cell::Cell,
    sync::{Arc, Mutex},
};

use bespoke_measure::Latency;

use super::*;
use crate::{BadRows, Network, Predictor};

const ROWS: usize = 10;

/// Ten networks that differ in their channels.
fn space() -> Space {
    let text = r#"
        name = "ten"
        source = "a test"
        classes = 2
        [input]
        channels = 1
        resolution = 4
        [[stage]]
        name = "stem"
        block = "conv"
        channels = { choose = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }
        kernel = 1
        [[stage]]
        name = "pool"
        block = "global_pool"
        [[stage]]
        name = "head"
        block = "classifier"
    "#;
    Space::parse("ten.toml", text).expect("a space")
}

/// Row `n`, of `n + 1` channels, takes `n + 1` ms on `even`, except for row 3, which was not measured, and ten times as
/// long on `known`.
fn table(space: &Space) -> Table {
    let mut text = "architecture,known,even\n".to_owned();
    for row in 0..ROWS {
        let option = u16::try_from(row).expect("few rows");
        let architecture = space.architecture(&[option]).expect("an option");
        let name = space.format_architecture(&architecture);
        let even = if row == 3 {
            String::new()
        } else {
            (row + 1).to_string()
        };
        text += &format!("{name},{},{even}\n", 10 * (row + 1));
    }
    Table::parse(space, "t.csv", text.as_bytes(), BadRows::Refuse).expect("a table")
}

fn evaluation() -> Evaluation {
    Evaluation {
        sources: vec!["known".to_owned()],
        source_rows: Rows::Range(0..5),
        targets: Targets::All,
        pool_rows: None,
        test_rows: Rows::All,
        trim: 0.0,
        samples: 2,
        draws: NonZeroUsize::new(4).expect("four"),
        seed: 7,
    }
}

/// Measures what it is told to, and prices a network at its parameters. Remembers what it was shown.
#[derive(Clone, Default)]
struct Spy {
    plans: Vec<Vec<usize>>,
    shown: Arc<Mutex<Vec<Vec<f64>>>>,
    pools: Arc<Mutex<Vec<usize>>>,
}

impl Method for Spy {
    fn name(&self) -> &'static str {
        "spy"
    }

    fn fit(&self, task: &Task<'_>, _seed: u64) -> Result<Box<dyn Fitted>, PredictError> {
        assert_eq!(task.networks.len(), 5);
        assert_eq!(task.sources[0].latencies_ms[4], Some(50.0));
        Ok(Box::new(self.clone()))
    }
}

impl Fitted for Spy {
    fn plan(&self, pool: &[&Network], _samples: usize, _seed: u64) -> Vec<usize> {
        let mut pools = self.pools.lock().expect("no panics");
        pools.push(pool.len());
        self.plans[(pools.len() - 1) % self.plans.len()].clone()
    }

    fn adapt(
        &self,
        samples: &[Sample<'_>],
        _seed: u64,
    ) -> Result<Box<dyn Predictor>, PredictError> {
        let latencies = samples.iter().map(|sample| sample.latency_ms).collect();
        self.shown.lock().expect("no panics").push(latencies);
        Ok(Box::new(self.clone()))
    }
}

impl Predictor for Spy {
    fn predict(&self, networks: &[&Network]) -> Result<Vec<Estimate>, PredictError> {
        let price = |network: &&Network| {
            let ms = Latency::from_ms(network.flops() as f64).expect("parameters");
            Estimate {
                median_ms: ms,
                low_ms: ms,
                high_ms: ms,
            }
        };
        Ok(networks.iter().map(price).collect())
    }
}

fn spy(plans: &[&[usize]]) -> Spy {
    Spy {
        plans: plans.iter().map(|plan| plan.to_vec()).collect(),
        ..Spy::default()
    }
}

fn run(evaluation: &Evaluation, method: &dyn Method) -> Result<Scorecard, EvaluateError> {
    let space = space();
    let now = Cell::new(Duration::ZERO);
    // Each look at the clock is a millisecond after the last one.
    let clock = || {
        now.set(now.get() + Duration::from_millis(1));
        now.get()
    };
    evaluation.run(&space, &table(&space), method, &clock, &mut |_, _| {})
}

fn refusal(change: impl FnOnce(&mut Evaluation)) -> String {
    let mut evaluation = evaluation();
    change(&mut evaluation);
    let error = run(&evaluation, &spy(&[&[0, 1]])).expect_err("a fault");
    error.to_string()
}

#[test]
fn a_method_sees_the_latencies_that_it_planned_and_no_others() {
    let spy = spy(&[&[3, 0]]);
    let scorecard = run(&evaluation(), &spy).expect("scores");
    // Of the rows 0 to 4 the fourth has no latency, so the fourth of the pool is row 4.
    assert_eq!(*spy.shown.lock().unwrap(), [[5.0, 1.0]]);
    assert!(spy.pools.lock().unwrap().iter().all(|count| *count == 4));
    assert_eq!(scorecard.targets[0].samples_read, 2);
    assert_eq!(scorecard.targets[0].rows_scored, ROWS - 1);
    assert_eq!(scorecard.targets[0].spearman, 1.0);
}

#[test]
fn a_latency_that_is_read_twice_is_one_sample() {
    let scorecard = run(&evaluation(), &spy(&[&[2, 2]])).expect("scores");
    assert_eq!(scorecard.targets[0].samples_read, 1);
}

#[test]
fn draws_of_one_plan_are_scored_once() {
    let same = spy(&[&[0, 1]]);
    let scorecard = run(&evaluation(), &same).expect("scores");
    assert_eq!(same.shown.lock().unwrap().len(), 1);
    assert_eq!(scorecard.draws, 4);
    assert_eq!(scorecard.targets[0].spearman_sd, 0.0);
    let two = spy(&[&[0, 1], &[1, 0]]);
    run(&evaluation(), &two).expect("scores");
    assert_eq!(two.shown.lock().unwrap().len(), 2);
}

#[test]
fn scores_are_means_over_the_draws() {
    let scores = |spearman| {
        let estimate = |ms| {
            let ms = Latency::from_ms(ms).expect("a latency");
            Estimate {
                median_ms: ms,
                low_ms: ms,
                high_ms: ms,
            }
        };
        let scores = Scores::of(&[estimate(1.0), estimate(2.0)], &[1.0, 1.0]);
        Draw {
            scores: Scores { spearman, ..scores },
            samples_read: 3,
            rows_scored: 2,
        }
    };
    let over = TargetScores::over("x", &[scores(0.5), scores(0.7), scores(0.6)]);
    assert!((over.spearman - 0.6).abs() < 1e-12 && (over.spearman_sd - 0.1).abs() < 1e-12);
    assert_eq!(
        (over.mape, over.coverage_90, over.within_5_percent),
        (0.5, 0.5, 0.5)
    );
    assert_eq!((over.samples_read, over.rows_scored), (3, 2));
}

#[test]
fn trimming_drops_the_fastest_and_slowest_of_the_target() {
    let mut evaluation = evaluation();
    evaluation.trim = 0.25;
    let scorecard = run(&evaluation, &spy(&[&[0, 1]])).expect("scores");
    assert_eq!(scorecard.targets[0].rows_scored, 9 - 2 * 2);
}

#[test]
fn times_are_those_of_the_clock() {
    let scorecard = run(&evaluation(), &spy(&[&[0, 1]])).expect("scores");
    assert!((scorecard.train_seconds - 1e-3).abs() < 1e-9);
    assert!((scorecard.plan_ms - 1.0).abs() < 1e-9 && (scorecard.adapt_ms - 1.0).abs() < 1e-9);
    assert!((scorecard.predict_us - 1e3 / 9.0).abs() < 1e-6);
}

#[test]
fn more_samples_than_latencies_are_refused() {
    let error = refusal(|evaluation| evaluation.samples = 5);
    assert_eq!(
        error,
        "5 samples of `even` asked for, but rows 0..5 hold 4 of its latencies"
    );
}

#[test]
fn the_pool_may_be_other_rows_than_the_sources() {
    let mut evaluation = evaluation();
    evaluation.pool_rows = Some(Rows::Range(7..10));
    let spy = spy(&[&[0, 1]]);
    run(&evaluation, &spy).expect("scores");
    assert_eq!(*spy.shown.lock().unwrap(), [[8.0, 9.0]]);
}

#[test]
fn a_device_is_either_known_or_new() {
    let error = refusal(|evaluation| evaluation.targets = Targets::Named(vec!["known".to_owned()]));
    assert_eq!(error, "device `known` is a source and a target");
    let error = refusal(|evaluation| evaluation.sources.push("even".to_owned()));
    assert!(error.contains("no target"), "{error}");
}

#[test]
fn unknown_devices_list_the_known_ones() {
    for error in [
        refusal(|evaluation| evaluation.sources = vec!["watch".to_owned()]),
        refusal(|evaluation| evaluation.targets = Targets::Named(vec!["watch".to_owned()])),
    ] {
        assert!(
            error.contains("`watch`") && error.contains("known, even"),
            "{error}"
        );
    }
}

#[test]
fn too_little_to_rank_is_refused() {
    let error = refusal(|evaluation| evaluation.test_rows = Rows::Range(3..5));
    assert!(
        error.starts_with("1 latencies of `even` in rows 3..5"),
        "{error}"
    );
    let error = refusal(|evaluation| evaluation.trim = 0.5);
    assert!(error.starts_with("trim is 0.5"), "{error}");
}

#[test]
fn a_source_without_latencies_is_refused() {
    let error = refusal(|evaluation| {
        evaluation.sources = vec!["even".to_owned()];
        evaluation.source_rows = Rows::Range(3..4);
    });
    assert_eq!(error, "source `even` has no latency in rows 3..4");
}
