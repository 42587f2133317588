//! Studies that judge candidates by scores, and train those that are on the front when the search is over.

use std::time::Duration;

use bespoke_study::{Ending, Front, Source, StudyState, Trial, TrialState, to_be_trained};

use super::{
    create,
    fixture::{EPOCHS, FakeAgent, accuracy, name, open, outcome, study},
    fresh,
};

/// A study of this score.
fn scored(score: &str, budget: &str) -> Source {
    judged(
        &format!("name = 'zero_cost'\nscore = {score}\nbatch_size = 4"),
        budget,
    )
}

/// A study of this evaluator.
fn judged(evaluator: &str, budget: &str) -> Source {
    let source = study("tiny", "", budget);
    let table = format!("\n[evaluator]\n{evaluator}\n");
    Source {
        text: source.text + &table,
        ..source
    }
}

/// A trial as it was before it was trained.
fn untrained(trial: &Trial) -> Trial {
    let state = TrialState::Scored {
        latencies: trial.latencies().to_vec(),
        reason: String::new(),
    };
    let (architecture, cost) = (trial.architecture().to_owned(), *trial.cost());
    Trial::restore(trial.id(), architecture, trial.graph(), cost, state)
        .with_energies(trial.energies_mj().to_vec())
        .with_score(trial.score())
}

#[tokio::test]
async fn the_best_by_score_and_latency_are_trained_in_the_end() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, scored("'parameters'", "trials = 16")).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    let ending = Ending::Trials;
    assert_eq!(study.state, StudyState::Complete { ending });
    let (spec, before) = (
        study.spec().expect("it is sound"),
        trials.iter().map(untrained).collect::<Vec<_>>(),
    );
    let best = to_be_trained(&spec, &before);
    assert!((1..trials.len()).contains(&best.len()), "{best:?}");
    for trial in &trials {
        assert_eq!(trial.score(), Some(trial.cost().parameters as f64));
        match trial.accuracy() {
            Some(accuracy) => {
                assert!(best.contains(&trial.id()));
                assert_eq!(accuracy.curve.len(), EPOCHS as usize, "to the end");
            }
            None => assert!(!best.contains(&trial.id())),
        }
    }
    assert_eq!(to_be_trained(&spec, &trials), []);
}

#[tokio::test]
async fn the_best_by_shared_weights_are_trained_in_the_end() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    let evaluator = "name = 'supernet'\nfront = 'scratch'";
    create(&coordinator, judged(evaluator, "trials = 16")).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    let spec = study.spec().expect("it is sound");
    let before: Vec<Trial> = trials.iter().map(untrained).collect();
    let best = to_be_trained(&spec, &before);
    assert!((1..trials.len()).contains(&best.len()), "{best:?}");
    for trial in &trials {
        assert_eq!(trial.score(), Some(accuracy(trial.graph())));
        assert_eq!(trial.accuracy().is_some(), best.contains(&trial.id()));
    }
    let front = Front::of(&spec, &trials);
    assert_eq!(front.entries().len(), best.len());
}

#[tokio::test]
async fn a_scored_study_that_was_interrupted_ends_as_it_would_have_at_once() {
    let (whole, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&whole, "a");
    create(&whole, scored("'flops'", "trials = 10")).await;
    let (_, expected) = outcome(&whole, "tiny").await;

    let (first, store, folder) = fresh();
    let mut agent = FakeAgent::tiring(&first, "a", 5);
    create(&first, scored("'flops'", "trials = 10")).await;
    agent.until(5).await;
    drop(agent);
    first.services.studies.pause_all().await;
    drop(first);
    let second = open(&store, folder.path());
    let _agent = FakeAgent::start(&second, "b");
    let (_, trials) = outcome(&second, "tiny").await;
    assert_eq!(trials, expected);
}

#[tokio::test]
async fn a_scored_study_whose_time_was_spent_trains_what_it_has_found() {
    let (first, store, folder) = fresh();
    let _agent = FakeAgent::start(&first, "a");
    create(&first, scored("'parameters'", "trials = 6")).await;
    let (mut study, trials) = outcome(&first, "tiny").await;
    drop(first);
    // As the end of the program would leave it between the search and the training, the budget's minute being over.
    for trial in &trials {
        let put = store.put_trial(&name("tiny"), &untrained(trial));
        put.expect("the store works");
    }
    let text = &mut study.submission.study.text;
    *text = text.replace("trials = 6", "trials = 6\nminutes = 1");
    study.state = StudyState::Running;
    study.elapsed = Duration::from_secs(60);
    store
        .put_study(&name("tiny"), &study)
        .expect("the store works");
    let second = open(&store, folder.path());
    let _agent = FakeAgent::start(&second, "a");
    let (_, again) = outcome(&second, "tiny").await;
    assert_eq!(again, trials);
}

#[tokio::test]
async fn a_network_without_a_score_fails_its_trial_with_a_sentence() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, scored("'snip'", "trials = 3")).await;
    let (_, trials) = outcome(&coordinator, "tiny").await;
    for trial in trials {
        let TrialState::Failed { reason } = trial.state() else {
            panic!("{:?}", trial.state())
        };
        // The digits have ten classes, the test's space two.
        assert_eq!(reason, "the network yields [2], the images have 10 classes");
    }
}
