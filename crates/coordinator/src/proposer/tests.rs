use bespoke_measure::{Estimate, Latency};
use bespoke_recipe::FbnetSettings;
use bespoke_search::{Nsga2Settings, Problem, RegularizedEvolutionSettings, StrategyConfig};
use bespoke_study::Accuracy;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::seed;

/// Twelve layers of four kernels: too many to run out of.
const WIDE: &str = "channels = 4\nrepeat = 12\nkernel = { choose = [1, 3, 5, 7] }";
/// Four networks.
const SMALL: &str = "kernel = { choose = [1, 3] }\nchannels = { choose = [4, 8] }";

fn space(stage: &str) -> Space {
    let text = format!(
        "name = 'test'\nsource = 'made for a test'\nclasses = 2\ninput = {{ channels = 1, resolution = 8 }}\n\
         [[stage]]\nblock = 'conv'\n{stage}\n[[stage]]\nblock = 'classifier'"
    );
    Space::parse("test.toml", &text).expect("the space is well formed")
}

fn strategies() -> [StrategyConfig; 3] {
    let evolution = RegularizedEvolutionSettings {
        population: 6,
        sample: 3,
    };
    [
        StrategyConfig::Random {},
        StrategyConfig::RegularizedEvolution(evolution),
        StrategyConfig::Nsga2(Nsga2Settings {
            population: 6,
            ..Nsga2Settings::default()
        }),
    ]
}

fn proposer(config: &StrategyConfig, stage: &str, in_flight: u32) -> Proposer {
    let in_flight = NonZeroU32::new(in_flight).expect("not zero");
    let strategy = config.build(7, Problem::default());
    let strategy = strategy.expect("the settings are possible");
    let objectives = vec![Objective::Error, Objective::Latency(0)];
    Proposer::new(space(stage), strategy, objectives, in_flight)
}

/// How a trial ends: decided by its network alone.
fn finish(trial: &mut Trial) {
    let number = seed::of_graph(trial.graph());
    let ms = Latency::from_ms(1.0 + (number % 97) as f64).expect("positive");
    let latencies = vec![Estimate {
        median_ms: ms,
        low_ms: ms,
        high_ms: ms,
    }];
    let percent = (number / 97 % 100) as f64;
    let done = match number % 7 {
        0 => trial.fail("it broke".to_owned()),
        1 => trial.infeasible(latencies, ("too slow".to_owned(), 0.5)),
        outcome => trial.measured(latencies).and_then(|()| match outcome {
            2 => trial.stopped(vec![percent, percent / 2.0]),
            _ => trial.complete(Accuracy {
                percent,
                images: 10,
                curve: vec![percent],
            }),
        }),
    };
    done.expect("each trial is finished once");
}

fn add(candidate: Candidate, trials: &mut Vec<Trial>) {
    let id = TrialId(u32::try_from(trials.len()).expect("few"));
    let Candidate {
        architecture,
        hash,
        cost,
        ..
    } = candidate;
    trials.push(Trial::proposed(id, architecture, hash, cost));
}

/// Runs a study in which trials finish in an order drawn from the seed.
fn journal(config: &StrategyConfig, in_flight: u32, trials: usize, order: u64) -> Vec<Trial> {
    let mut proposer = proposer(config, WIDE, in_flight);
    let mut rng = ChaCha8Rng::seed_from_u64(order);
    let mut journal: Vec<Trial> = Vec::new();
    loop {
        while journal.len() < trials {
            match proposer.next(&journal).expect("the space is sound") {
                Proposal::Candidate(candidate) => add(*candidate, &mut journal),
                Proposal::Wait => break,
                Proposal::Exhausted => panic!("the space is large"),
            }
        }
        let mut open: Vec<&mut Trial> = journal.iter_mut().filter(|t| !t.is_finished()).collect();
        if open.is_empty() {
            return journal;
        }
        let next = rng.random_range(0..open.len());
        finish(open[next]);
    }
}

#[test]
fn proposals_do_not_depend_on_the_order_in_which_trials_finish() {
    for config in strategies() {
        let expected = journal(&config, 4, 40, 0);
        for order in 1..6 {
            assert_eq!(
                journal(&config, 4, 40, order),
                expected,
                "{}",
                config.name()
            );
        }
    }
}

#[test]
fn as_many_trials_are_proposed_at_a_time_as_may_be_in_flight() {
    let mut proposer = proposer(&StrategyConfig::Random {}, WIDE, 3);
    let mut journal = Vec::new();
    for _ in 0..3 {
        match proposer.next(&journal).expect("sound") {
            Proposal::Candidate(candidate) => add(*candidate, &mut journal),
            other => panic!("{other:?}"),
        }
    }
    finish(&mut journal[1]);
    assert!(
        matches!(proposer.next(&journal), Ok(Proposal::Wait)),
        "trial 0 is not finished"
    );
    finish(&mut journal[0]);
    assert!(matches!(
        proposer.next(&journal),
        Ok(Proposal::Candidate(_))
    ));
}

#[test]
fn replayed_journal_goes_on_as_if_it_had_not_been_interrupted() {
    for config in strategies() {
        let whole = journal(&config, 4, 30, 1);
        for cut in [0, 1, 5, 17, 29] {
            let mut resumed = proposer(&config, WIDE, 4);
            resumed
                .replay(&whole[..cut])
                .expect("the journal is this version's");
            let Proposal::Candidate(next) = resumed.next(&whole[..cut]).expect("sound") else {
                panic!("the space is large");
            };
            assert_eq!(
                next.architecture,
                whole[cut].architecture(),
                "{}",
                config.name()
            );
            assert_eq!(next.hash, whole[cut].graph());
        }
    }
}

/// Of each kernel of the layers of [`WIDE`], the probability is greatest for the one of this number.
fn round(first: u32, likeliest: usize) -> Round {
    let probability = |option| if option == likeliest { 0.7 } else { 0.1 };
    Round {
        first: TrialId(first),
        epoch: first + 1,
        probabilities: vec![(0..4).map(probability).collect(); 12],
    }
}

/// Runs a study in which a distribution is learned before the trials 0, 3 and 5.
fn learned_journal(rounds: &[Round]) -> Vec<Trial> {
    let mut proposer = proposer(&fbnet(), WIDE, 2);
    let mut journal: Vec<Trial> = Vec::new();
    for number in 0..10 {
        let mut learned = rounds.iter().filter(|round| round.first.0 == number);
        learned.by_ref().cloned().for_each(|r| proposer.follow(r));
        let next = proposer.next(&journal).expect("the space is sound");
        let Proposal::Candidate(candidate) = next else {
            panic!("the space is large and all trials are finished");
        };
        add(*candidate, &mut journal);
        finish(&mut journal[number as usize]);
    }
    journal
}

fn fbnet() -> StrategyConfig {
    StrategyConfig::Fbnet(FbnetSettings::default())
}

#[test]
fn trials_are_proposed_again_by_the_distributions_that_were_kept() {
    let rounds = [round(0, 0), round(3, 1), round(5, 2)];
    let whole = learned_journal(&rounds);
    for (first, kernel) in [(0, 1), (3, 3), (5, 5)] {
        let likeliest = whole[first].architecture();
        assert_eq!(likeliest.matches(&format!("={kernel}")).count(), 12);
    }
    for cut in [0, 2, 3, 4, 9] {
        let mut resumed = proposer(&fbnet(), WIDE, 2);
        rounds.iter().cloned().for_each(|r| resumed.follow(r));
        resumed
            .replay(&whole[..cut])
            .expect("the journal follows from the rounds");
        let Ok(Proposal::Candidate(next)) = resumed.next(&whole[..cut]) else {
            panic!("the space is large");
        };
        assert_eq!(next.architecture, whole[cut].architecture(), "cut at {cut}");
    }
    let mut otherwise = proposer(&fbnet(), WIDE, 2);
    otherwise.follow(round(0, 0));
    let error = otherwise.replay(&whole).expect_err("rounds are missing");
    let trial_3 = matches!(error, ProposeError::OtherVersion { trial, .. } if trial == TrialId(3));
    assert!(trial_3, "{error}");
}

#[test]
fn journal_of_another_version_is_refused_with_the_trial_that_differs() {
    let config = &strategies()[1];
    let whole = journal(config, 4, 12, 1);
    let mut changed = whole.clone();
    changed.swap(2, 5);
    let error = proposer(config, WIDE, 4)
        .replay(&changed)
        .expect_err("it does not follow");
    let ProposeError::OtherVersion {
        journal, proposed, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(journal, whole[5].architecture());
    assert_eq!(proposed, whole[2].architecture());
    assert!(
        error.to_string().contains("written by another version"),
        "{error}"
    );
}

#[test]
fn every_network_is_proposed_once_and_then_the_space_is_exhausted() {
    for config in strategies() {
        let mut proposer = proposer(&config, SMALL, 2);
        let mut journal = Vec::new();
        loop {
            match proposer.next(&journal).expect("sound") {
                Proposal::Candidate(candidate) => add(*candidate, &mut journal),
                Proposal::Wait => panic!("all are finished"),
                Proposal::Exhausted => break,
            }
            finish(journal.last_mut().expect("one was added"));
        }
        let hashes: HashSet<GraphHash> = journal.iter().map(Trial::graph).collect();
        assert_eq!((journal.len(), hashes.len()), (4, 4), "{}", config.name());
    }
}

#[test]
fn candidate_of_a_trial_is_the_one_that_was_proposed() {
    let config = &strategies()[0];
    let mut proposer = proposer(config, WIDE, 1);
    let Ok(Proposal::Candidate(candidate)) = proposer.next(&[]) else {
        panic!("a candidate")
    };
    let mut journal = Vec::new();
    add(*candidate.clone(), &mut journal);
    let again = proposer.candidate(&journal[0]).expect("the space holds it");
    assert_eq!((again.hash, again.graph), (candidate.hash, candidate.graph));
}
