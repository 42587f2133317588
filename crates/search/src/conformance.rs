//! What every strategy has to fulfil, whatever it proposes.

use std::collections::HashSet;

use bespoke_space::{Architecture, Space};

use crate::{
    Finished, Nsga2Settings, RegularizedEvolutionSettings, Strategy, StrategyConfig,
    pareto::hypervolume,
    test_spaces::{conditional, four, wide},
};

/// Every strategy, with populations small enough for several generations in a short test.
fn every_strategy() -> Vec<StrategyConfig> {
    vec![
        StrategyConfig::Random {},
        StrategyConfig::RegularizedEvolution(RegularizedEvolutionSettings {
            population: 6,
            sample: 3,
        }),
        StrategyConfig::Nsga2(Nsga2Settings {
            population: 6,
            ..Nsga2Settings::default()
        }),
    ]
}

/// The problem ZDT1 (Zitzler, Deb and Thiele 2000) in choices: the first three decisions, as digits, say
/// where on the front an architecture lies, the others how far behind it. The front is f₂ = 1 - √f₁, all
/// others being 0.
fn zdt1(architecture: &Architecture) -> Vec<f64> {
    let (place, rest) = architecture.choices().split_at(3);
    let x = place
        .iter()
        .fold(0.0, |x, &digit| 4.0 * x + f64::from(digit))
        / 63.0;
    let mean = rest.iter().map(|&choice| f64::from(choice)).sum::<f64>() / rest.len() as f64;
    let g = 1.0 + 9.0 * mean / 3.0;
    vec![x, g * (1.0 - (x / g).sqrt())]
}

fn finished(architecture: Architecture) -> Finished {
    let objectives = zdt1(&architecture);
    Finished::new(architecture, Some(objectives), 0.0).expect("finite objectives")
}

/// Runs a search of so many trials with so many pending, each ended by `end`, and returns the proposals.
fn search(
    strategy: &mut dyn Strategy,
    space: &Space,
    (trials, pending): (usize, usize),
    end: impl Fn(usize, Architecture) -> Finished,
) -> Vec<Architecture> {
    let mut proposals: Vec<Architecture> = Vec::new();
    for trial in 0..trials {
        if trial >= pending {
            let oldest = proposals[trial - pending].clone();
            strategy.update(&end(trial - pending, oldest));
        }
        let Some(proposal) = strategy.suggest(space) else {
            break;
        };
        proposals.push(proposal);
    }
    proposals
}

fn assert_distinct(proposals: &[Architecture], strategy: &dyn Strategy) {
    let distinct: HashSet<&Architecture> = proposals.iter().collect();
    assert_eq!(
        distinct.len(),
        proposals.len(),
        "{} repeated itself",
        strategy.name()
    );
}

#[test]
fn a_strategy_bears_the_name_of_its_config() {
    for config in every_strategy() {
        assert_eq!(config.build(0).name(), config.name());
    }
}

#[test]
fn same_seed_and_results_give_the_same_proposals() {
    let space = wide();
    for config in every_strategy() {
        let run = |seed| {
            search(
                config.build(seed).as_mut(),
                &space,
                (60, 3),
                |_, proposal| finished(proposal),
            )
        };
        assert_eq!(run(7), run(7), "{}", config.name());
        assert_ne!(run(7), run(8), "{}", config.name());
    }
}

#[test]
fn evolution_learns_from_results() {
    let space = wide();
    for config in every_strategy() {
        let run = |sign: f64| {
            search(config.build(7).as_mut(), &space, (60, 3), |_, proposal| {
                let objectives = zdt1(&proposal).iter().map(|value| sign * value).collect();
                Finished::new(proposal, Some(objectives), 0.0).expect("finite objectives")
            })
        };
        assert_eq!(
            run(1.0) == run(-1.0),
            config.name() == "random",
            "{}",
            config.name()
        );
    }
}

#[test]
fn any_number_of_proposals_may_be_pending_and_none_repeats() {
    let space = wide();
    for config in every_strategy() {
        for pending in [1, 2, 17, 100] {
            let mut strategy = config.build(1);
            let end = |_, proposal| finished(proposal);
            let proposals = search(strategy.as_mut(), &space, (100, pending), end);
            assert_eq!(proposals.len(), 100);
            assert_distinct(&proposals, strategy.as_ref());
        }
    }
}

#[test]
fn what_was_reported_from_elsewhere_is_not_proposed() {
    let space = four();
    let all: Vec<Architecture> = space.architectures().collect();
    for config in every_strategy() {
        let mut strategy = config.build(1);
        for known in &all[..3] {
            strategy.update(&Finished::failed(known.clone()));
        }
        assert_eq!(
            strategy.suggest(&space),
            Some(all[3].clone()),
            "{}",
            config.name()
        );
        assert_eq!(strategy.suggest(&space), None);
    }
}

#[test]
fn failed_and_infeasible_trials_are_borne() {
    let space = wide();
    for config in every_strategy() {
        let failed = |_, proposal| Finished::failed(proposal);
        let infeasible = |trial, proposal| {
            Finished::new(proposal, None, 1.0 / (trial + 1) as f64).expect("a possible violation")
        };
        let mixed = |trial: usize, proposal| match trial % 3 {
            0 => failed(trial, proposal),
            1 => infeasible(trial, proposal),
            _ => finished(proposal),
        };
        let ends: [&dyn Fn(usize, Architecture) -> Finished; 3] = [&failed, &infeasible, &mixed];
        for end in ends {
            let mut strategy = config.build(2);
            let proposals = search(strategy.as_mut(), &space, (60, 4), end);
            assert_eq!(proposals.len(), 60);
            assert_distinct(&proposals, strategy.as_ref());
        }
    }
}

#[test]
fn a_space_is_exhausted_to_the_last_architecture_and_then_gives_none() {
    for space in [four(), conditional()] {
        let all: HashSet<Architecture> = space.architectures().collect();
        for config in every_strategy() {
            for pending in [1, 5] {
                let mut strategy = config.build(3);
                let end = |trial: usize, proposal| {
                    Finished::new(proposal, Some(vec![trial as f64]), 0.0)
                        .expect("finite objectives")
                };
                let proposals = search(strategy.as_mut(), &space, (1000, pending), end);
                assert_distinct(&proposals, strategy.as_ref());
                assert_eq!(proposals.into_iter().collect::<HashSet<_>>(), all);
                assert_eq!(strategy.suggest(&space), None);
            }
        }
    }
}

/// Hypervolume that a search of 200 trials, 4 of them pending, reaches on average over ten seeds, with what
/// is beyond the bound on the first objective known only by its violation.
fn mean_hypervolume(config: &StrategyConfig, bound: f64) -> f64 {
    let space = wide();
    let end = |_, proposal: Architecture| {
        let objectives = zdt1(&proposal);
        let violation = (objectives[0] / bound - 1.0).max(0.0);
        let known = (violation == 0.0).then_some(objectives);
        Finished::new(proposal, known, violation).expect("finite objectives")
    };
    let reached = |seed| {
        let proposals = search(config.build(seed).as_mut(), &space, (200, 4), end);
        let points: Vec<Vec<f64>> = proposals.iter().map(zdt1).collect();
        hypervolume(&points, &[bound.next_up(), 8.0])
    };
    (0..10).map(reached).sum::<f64>() / 10.0
}

#[test]
fn evolution_and_nsga2_reach_more_than_random_search() {
    let random = StrategyConfig::Random {};
    let evolution = StrategyConfig::RegularizedEvolution(RegularizedEvolutionSettings::default());
    let nsga2 = StrategyConfig::Nsga2(Nsga2Settings::default());
    for bound in [1.0, 0.05] {
        let [by_chance, evolved, selected] =
            [&random, &evolution, &nsga2].map(|config| mean_hypervolume(config, bound));
        let front: Vec<[f64; 2]> = (0..64)
            .map(f64::from)
            .map(|i| [i / 63.0, 1.0 - (i / 63.0).sqrt()])
            .collect();
        let best = hypervolume(&front, &[bound.next_up(), 8.0]);
        assert!(
            best - evolved < 0.8 * (best - by_chance),
            "evolution {evolved}, random {by_chance}"
        );
        assert!(
            best - selected < 0.8 * (best - by_chance),
            "NSGA-II {selected}, random {by_chance}"
        );
    }
}
