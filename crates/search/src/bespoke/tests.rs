//! What is proposed where nothing has to be learned but by the forecast, and where a related task is known.

use bespoke_space::Architecture;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    BespokeSettings, Expected, Finished, Forecast, Problem, RelatedTask, StrategyConfig, normal,
    test_spaces::{conditional, sum, wide, within},
};

const BOUND: f64 = 3.0;
const DEVIATION: f64 = 0.7;

/// Knows errors exactly, and expects the sum of the choices with a deviation.
struct Errors;

impl Forecast for Errors {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        let normal = |value, deviation| Some(Expected { value, deviation });
        let expected = |one| vec![normal(error(one), 0.0), normal(sum(one), DEVIATION)];
        architectures.iter().map(expected).collect()
    }
}

/// Less for greater choices; no two architectures have the same.
fn error(architecture: &Architecture) -> f64 {
    let choices = architecture.choices().iter().zip(1_u32..);
    let terms = choices.map(|(choice, place)| f64::from(*choice) * f64::from(place).sqrt());
    50.0 - terms.sum::<f64>()
}

#[test]
fn where_errors_are_known_the_greatest_expected_improvement_is_proposed() {
    let space = conditional();
    let config = StrategyConfig::Bespoke(BespokeSettings { initial: 4 });
    let problem = within(BOUND, Errors);
    let mut strategy = config.build(3, problem).expect("possible settings");
    let mut seen: Vec<Architecture> = Vec::new();
    let likely = |one: &Architecture| normal::cumulative((BOUND - sum(one)) / DEVIATION);
    // The first is to improve what is all but sure to be had.
    let sure = space.architectures().filter(|one| likely(one) >= 0.97);
    let mut least = 1.05 * sure.map(|one| error(&one)).fold(f64::INFINITY, f64::min);
    loop {
        let gain = |one: &Architecture| (least - error(one)).max(0.0) * likely(one);
        let open = space.architectures();
        let open = open.filter(|one| sum(one) <= BOUND && !seen.contains(one));
        let best = open.max_by(|a, b| gain(a).total_cmp(&gain(b)));
        let best = best.expect("some network within the bound is left");
        if gain(&best) == 0.0 {
            break;
        }
        let proposal = strategy.suggest(&space).expect("a proposal");
        assert_eq!(proposal, best, "after {} trials", seen.len());
        // Every other network turns out to break the bound.
        let violation = f64::from(u8::from(seen.len().is_multiple_of(2)));
        let known = vec![Some(error(&best)), Some(BOUND * (1.0 + violation))];
        let finished = Finished::new(best.clone(), known, violation);
        strategy.update(&finished.expect("finite objectives"));
        if violation == 0.0 {
            least = error(&best);
        }
        seen.push(best);
    }
    assert!(seen.len() > 3, "{} proposals", seen.len());
}

/// The least error after so many trials where so much is known, mean over some seeds.
fn least_error(trials: usize, related: impl Fn(u64) -> Vec<RelatedTask>) -> f64 {
    let space = wide();
    let of_seed = |seed| {
        let problem = Problem {
            related: related(seed),
            ..Problem::default()
        };
        let config = StrategyConfig::default();
        let mut strategy = config.build(seed, problem).expect("possible settings");
        let mut least = f64::INFINITY;
        for _ in 0..trials {
            let one = strategy.suggest(&space).expect("the space is large");
            least = least.min(error(&one));
            let objectives = vec![Some(error(&one)), Some(sum(&one))];
            let finished = Finished::new(one, objectives, 0.0);
            strategy.update(&finished.expect("finite objectives"));
        }
        least
    };
    (0..SEEDS).map(of_seed).sum::<f64>() / SEEDS as f64
}

const SEEDS: u64 = 6;

/// Random networks with what they come to on another scale, in this order or in any.
fn task(seed: u64, is_related: bool) -> Vec<RelatedTask> {
    let space = wide();
    let mut rng = ChaCha8Rng::seed_from_u64(100 + seed);
    let networks: Vec<Architecture> = (0..60).map(|_| space.sample(&mut rng)).collect();
    let mut errors: Vec<f64> = networks
        .iter()
        .map(|one| (error(one) / 9.0).exp())
        .collect();
    if !is_related {
        errors.shuffle(&mut rng);
    }
    vec![RelatedTask {
        errors: networks.into_iter().zip(errors).collect(),
    }]
}

#[test]
fn a_related_task_helps_and_an_unrelated_one_does_not_harm_for_long() {
    let after = |trials| {
        let alone = least_error(trials, |_| Vec::new());
        let related = least_error(trials, |seed| task(seed, true));
        (
            alone,
            related,
            least_error(trials, |seed| task(seed, false)),
        )
    };
    let (alone, related, unrelated) = after(16);
    assert!(related < alone, "{alone} {related} {unrelated}");
    let (alone, related, unrelated) = after(40);
    assert!(
        related <= alone && unrelated < alone + 1.0,
        "{alone} {related} {unrelated}"
    );
}
