//! Studies that are interrupted, continued, cancelled or fail.

use std::{sync::Arc, time::Duration};

use bespoke_study::{Activity, Ending, Event, Objective, StudyState, Trial, TrialId, is_hopeless};
use tokio::sync::{RwLock, watch};

use super::{
    create,
    fixture::{EPOCHS, FakeAgent, lesson, name, open, outcome, space, study, target, until_end},
    fresh, refusal,
};
use crate::{
    evaluation::{Course, Trained},
    proposer::Candidate,
};

#[tokio::test]
async fn continued_study_is_what_it_would_have_been_at_once() {
    let (whole, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&whole, "a");
    create(&whole, study("tiny", "", "trials = 16")).await;
    let (_, expected) = outcome(&whole, "tiny").await;

    let (parts, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&parts, "a");
    for trials in [3, 10, 16] {
        create(&parts, study("tiny", "", &format!("trials = {trials}"))).await;
        let (study, journal) = outcome(&parts, "tiny").await;
        assert_eq!(
            study.state,
            StudyState::Complete {
                ending: Ending::Trials
            }
        );
        assert_eq!(journal, expected[..trials]);
    }
}

#[tokio::test]
async fn study_of_a_coordinator_that_ended_is_taken_up_by_the_next() {
    let (whole, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&whole, "a");
    create(&whole, study("tiny", "", "trials = 12")).await;
    let (_, expected) = outcome(&whole, "tiny").await;

    let (first, store, folder) = fresh();
    // Its agent stops after five measurements: the study is in the midst of things when it is paused.
    let mut agent = FakeAgent::tiring(&first, "a", 5);
    create(&first, study("tiny", "", "trials = 12")).await;
    agent.until(5).await;
    drop(agent);
    first.services.studies.pause_all().await;
    let paused = store
        .study(&name("tiny"))
        .expect("the store works")
        .expect("it is there");
    assert_eq!(paused.state, StudyState::Running);
    drop(first);

    let second = open(&store, folder.path());
    let _agent = FakeAgent::start(&second, "b");
    let (study, trials) = outcome(&second, "tiny").await;
    assert_eq!(
        study.state,
        StudyState::Complete {
            ending: Ending::Trials
        }
    );
    assert_eq!(trials, expected);
}

#[tokio::test]
async fn journal_that_does_not_follow_fails_the_study() {
    let (coordinator, store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, study("tiny", "", "trials = 4")).await;
    let (_, trials) = outcome(&coordinator, "tiny").await;
    let (graph, cost) = (trials[3].graph(), *trials[3].cost());
    let other = Trial::proposed(TrialId(1), trials[3].architecture().to_owned(), graph, cost);
    store
        .put_trial(&name("tiny"), &other)
        .expect("the store works");
    create(&coordinator, study("tiny", "", "trials = 6")).await;
    let (study, _) = outcome(&coordinator, "tiny").await;
    let StudyState::Failed { reason } = study.state else {
        panic!("{:?}", study.state)
    };
    assert!(
        reason.contains("written by another version of bespoke: trial 1"),
        "{reason}"
    );
}

#[tokio::test]
async fn network_that_cannot_be_written_fails_the_study_and_its_trial_goes_on_later() {
    let (coordinator, _store, folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    let in_the_way = folder.path().join("studies");
    std::fs::write(&in_the_way, "not a folder").expect("there is room");
    create(&coordinator, study("tiny", "", "trials = 6")).await;
    let (failed, trials) = outcome(&coordinator, "tiny").await;
    let StudyState::Failed { reason } = failed.state else {
        panic!("{:?}", failed.state)
    };
    assert!(reason.contains("studies/tiny/front"), "{reason}");
    assert!(trials.iter().all(|trial| trial.accuracy().is_none()));

    std::fs::remove_file(&in_the_way).expect("it is there");
    create(&coordinator, study("tiny", "", "trials = 6")).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(
        study.state,
        StudyState::Complete {
            ending: Ending::Trials
        }
    );
    assert!(trials.iter().all(Trial::is_finished));
}

#[tokio::test]
async fn cancelled_study_ends_and_stays_ended() {
    let (coordinator, _store, _folder) = fresh();
    create(&coordinator, study("tiny", "", "trials = 4")).await;
    let study_name = name("tiny");
    let cancelled = coordinator
        .services
        .studies
        .cancel(&study_name)
        .await
        .expect("it runs");
    assert_eq!(
        cancelled.state,
        StudyState::Complete {
            ending: Ending::Cancelled
        }
    );
    let status = refusal(&coordinator, study("tiny", "", "trials = 9"), space()).await;
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
}

#[tokio::test(start_paused = true)]
async fn study_without_agent_says_so_and_ends_with_its_time() {
    let (coordinator, _store, _folder) = fresh();
    create(&coordinator, study("tiny", "", "trials = 4\nminutes = 2.0")).await;
    let events = until_end(&coordinator, "tiny").await;
    let waiting = Activity::WaitingForAgent {
        target: target().to_string(),
    };
    assert!(events.contains(&Event::Activity(waiting)));
    let Some(Event::Study(study)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        study.state,
        StudyState::Complete {
            ending: Ending::Time
        }
    );
    assert!(
        study.elapsed >= Duration::from_secs(120),
        "{:?}",
        study.elapsed
    );
}

#[tokio::test(start_paused = true)]
async fn study_waits_for_another_agent_when_the_one_it_is_bound_to_leaves() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, study("tiny", "", "trials = 3")).await;
    let (bound, _) = outcome(&coordinator, "tiny").await;
    assert_eq!(bound.targets.len(), 1);
    drop(agent);
    coordinator.services.dispatch.deregister("a");
    create(&coordinator, study("tiny", "", "trials = 5")).await;
    let events = tokio::spawn({
        let studies = coordinator.services.studies.clone();
        async move {
            use futures::TryStreamExt;
            let events = crate::watcher::watch(studies, name("tiny")).expect("it runs");
            events
                .try_collect::<Vec<Event>>()
                .await
                .expect("the store works")
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let _agent = FakeAgent::start(&coordinator, "b");
    let events = events.await.expect("it does not panic");
    let waiting = Activity::WaitingForAgent {
        target: target().to_string(),
    };
    assert!(events.contains(&Event::Activity(waiting)));
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!((study.targets, trials.len()), (bound.targets, 5));
}

// === one training ===

const OBJECTIVES: [Objective; 2] = [Objective::Error, Objective::Latency(0)];

fn course(halt: watch::Receiver<bool>, earlier: Vec<Trial>, quiet: Arc<RwLock<()>>) -> Course {
    let space = space().expect("there is one");
    let space = bespoke_space::Space::parse(&space.file, &space.text).expect("it is sound");
    let architecture = space.neighbours(&space.sample(&mut rand_zero())).remove(0);
    let graph = Candidate::lower(&space, &architecture)
        .expect("it is sound")
        .graph;
    let mut trial = Trial::proposed(TrialId(9), String::new(), graph.hash(), graph.cost());
    let latencies = earlier.first().map(|trial| trial.latencies().to_vec());
    trial
        .measured(latencies.unwrap_or_default())
        .expect("it is new");
    Course {
        evaluator: lesson().evaluator,
        architecture: space.format_architecture(&architecture),
        graph,
        seed: 0,
        trial,
        objectives: OBJECTIVES.to_vec(),
        earlier,
        quiet,
        halt,
    }
}

fn rand_zero() -> rand_chacha::ChaCha8Rng {
    use rand::SeedableRng;
    rand_chacha::ChaCha8Rng::seed_from_u64(0)
}

#[test]
fn training_of_a_halted_study_ends_with_the_epoch() {
    let (halt, halted) = watch::channel(false);
    let trained = course(halted, Vec::new(), Arc::default()).run(|progress| {
        assert_eq!(progress.epoch, 1, "nothing comes after the first epoch");
        halt.send_replace(true);
    });
    assert!(matches!(trained, Trained::Halted));
}

#[test]
fn finished_training_counts_even_if_the_study_is_halted_in_its_last_epoch() {
    let (halt, halted) = watch::channel(false);
    let trained = course(halted, Vec::new(), Arc::default()).run(|progress| {
        if progress.epoch == EPOCHS {
            halt.send_replace(true);
        }
    });
    assert!(matches!(trained, Trained::Complete(_)));
}

#[test]
fn machine_is_free_between_epochs_and_only_then() {
    let (_halt, halted) = watch::channel(false);
    let quiet: Arc<RwLock<()>> = Arc::default();
    let course = course(halted, Vec::new(), quiet.clone());
    let trained = course.run(|_| {
        assert!(
            quiet.try_write().is_ok(),
            "an agent may have the machine now"
        );
    });
    assert!(matches!(trained, Trained::Complete(_)));
    assert!(quiet.try_write().is_ok());
}

#[test]
fn training_is_given_up_when_earlier_trials_are_as_fast_and_better() {
    let better = |id: u32| {
        let (builder, input) = bespoke_graph::Graph::builder(&[2]);
        let graph = builder.finish(input).expect("an input is a graph");
        let mut trial = Trial::proposed(TrialId(id), id.to_string(), graph.hash(), graph.cost());
        let ms = bespoke_measure::Latency::from_ms(1.0).expect("positive");
        let estimate = bespoke_measure::Estimate {
            median_ms: ms,
            low_ms: ms,
            high_ms: ms,
        };
        trial.measured(vec![estimate]).expect("it is new");
        let curve = vec![100.0; EPOCHS as usize];
        let accuracy = bespoke_study::Accuracy {
            percent: 100.0,
            images: 3,
            curve,
        };
        trial.complete(accuracy).expect("it is measured");
        trial
    };
    let earlier = vec![better(0), better(1)];
    let (_halt, halted) = watch::channel(false);
    let trained = course(halted, earlier.clone(), Arc::default()).run(|_| {});
    let Trained::Stopped { curve } = trained else {
        panic!("it is hopeless")
    };
    assert!(is_hopeless(&OBJECTIVES, &earlier[0], &curve, &earlier));
    assert!(curve.len() < EPOCHS as usize);
}
