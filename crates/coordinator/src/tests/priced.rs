//! Studies that price their candidates before they measure them.

use std::{collections::BTreeSet, sync::Arc};

use bespoke_measure::PriceSource;
use bespoke_search::Forecast;
use bespoke_space::Space;
use bespoke_study::{Activity, Ending, Event, Front, Source, StudyState, Trial};

use futures::TryStreamExt;
use tokio::sync::Barrier;

use super::{
    create,
    fixture::{FakeAgent, in_proportion, name, open, outcome, space, study},
    fresh,
};
use crate::{
    Beforehand, Coordinator, CoordinatorError, ProposeError,
    deployed::deployed,
    forecast::StudyForecast,
    proposer::{Candidate, replay},
    watcher,
};

const SAMPLES: usize = 12;
const BOUND_MS: f64 = 1.0;

/// A study that learns its target from [`SAMPLES`] networks.
fn pricing(trials: usize) -> Source {
    let bound = format!("max_latency_ms = {BOUND_MS:?}");
    let budget = format!("trials = {trials}\n[predictor]\nsamples = {SAMPLES}");
    study("tiny", &bound, &budget)
}

/// What the agents would measure for a trial.
fn true_ms(trial: &Trial) -> f64 {
    let space = space().expect("there is one");
    let space = Space::parse(&space.file, &space.text).expect("it is sound");
    let architecture = space.parse_architecture(trial.architecture());
    let candidate = Candidate::lower(&space, &architecture.expect("the space's"));
    let (onnx, _) = deployed(&candidate.expect("it is sound").graph).expect("it can be written");
    in_proportion(&onnx).median_ms.ms()
}

fn is_predicted(trial: &Trial) -> bool {
    trial.price_source() == Some(PriceSource::Predicted)
}

/// The samples of the first predictor of the study's target.
async fn sampled(coordinator: &Coordinator) -> BTreeSet<String> {
    let (study, _) = outcome(coordinator, "tiny").await;
    let infos = coordinator.services.predictors.describe(&study.targets[0]);
    let infos = infos.expect("the study has adapted one");
    assert_eq!([infos[0].version], study.predictors[..]);
    let samples = infos[0].samples.iter();
    samples.map(|sample| sample.architecture.clone()).collect()
}

#[tokio::test]
async fn candidates_far_over_the_bound_are_not_measured() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::proportional(&coordinator, "a", None);
    create(&coordinator, pricing(30)).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    let ending = Ending::Trials;
    assert_eq!(study.state, StudyState::Complete { ending });
    let sampled = sampled(&coordinator).await;
    assert_eq!(sampled.len(), SAMPLES);
    let (predicted, measured): (Vec<&Trial>, Vec<&Trial>) =
        trials.iter().partition(|trial| is_predicted(trial));
    assert!(predicted.len() >= 5, "{} of 30", predicted.len());
    for trial in &predicted {
        assert_eq!(trial.state().word(), "infeasible");
        assert!(trial.latencies()[0].low_ms.ms() > BOUND_MS);
        assert!(true_ms(trial) > BOUND_MS, "{trial:?}");
        assert!(!sampled.contains(trial.architecture()));
    }
    let new = measured
        .iter()
        .filter(|trial| !sampled.contains(trial.architecture()));
    assert_eq!(agent.count(), SAMPLES + new.count());
}

/// How many of the first trials keep the bound, where the study file ends so.
async fn keeping(predictor: &str) -> usize {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&coordinator, "a", None);
    let bound = format!("max_latency_ms = {BOUND_MS:?}");
    let study = study("tiny", &bound, &format!("trials = 15\n{predictor}"));
    create(&coordinator, study).await;
    let (_, trials) = outcome(&coordinator, "tiny").await;
    let keeping = trials.iter().filter(|trial| true_ms(trial) <= BOUND_MS);
    keeping.count()
}

#[tokio::test]
async fn predictors_lead_to_candidates_that_keep_the_bound() {
    let without = keeping("").await;
    let with = keeping("[predictor]\nsamples = 12").await;
    let cautious = keeping("[predictor]\nsamples = 12\nconfidence = 0.95").await;
    assert!(
        with > without + 2 && cautious >= with,
        "{without} without a predictor, {with} with one, {cautious} with confidence"
    );
}

#[tokio::test]
async fn proposals_are_derived_again_from_the_predictors_of_the_store() {
    let (coordinator, store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&coordinator, "a", None);
    create(&coordinator, pricing(30)).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    let beforehand = Beforehand::of_study(&*store, &study).expect("the store works");
    replay(&study, &beforehand, &trials).expect("the journal is this version's");
    // A predictor that is adapted later is none of the study's.
    create(
        &coordinator,
        Source {
            text: pricing(1).text.replace("tiny", "later"),
            ..pricing(1)
        },
    )
    .await;
    outcome(&coordinator, "later").await;
    assert_eq!(store.predictors().expect("the store works").len(), 2);
    let again = Beforehand::of_study(&*store, &study).expect("the store works");
    replay(&study, &again, &trials).expect("the journal is this version's");
    let blind = replay(&study, &Beforehand::default(), &trials);
    let error = blind.expect_err("the strategy saw the predictor");
    assert!(matches!(
        error,
        CoordinatorError::Propose(ProposeError::OtherVersion { .. })
    ));
    let error = Beforehand::none(&study).expect_err("it has a predictor");
    assert!(
        error
            .to_string()
            .contains("`tiny` began with predictors or earlier studies"),
        "{error}"
    );
}

#[tokio::test]
async fn what_ends_a_trial_is_what_its_strategy_expects() {
    let (coordinator, store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&coordinator, "a", None);
    create(&coordinator, pricing(2)).await;
    let (study, _) = outcome(&coordinator, "tiny").await;
    let beforehand = Beforehand::of_study(&*store, &study).expect("the store works");
    let source = space().expect("there is one");
    let space = Space::parse(&source.file, &source.text).expect("it is sound");
    let spec = study.spec().expect("it is sound");
    let mut forecast = StudyForecast::new(&space, &spec, &beforehand.predictors)
        .expect("the predictor is of the space");
    let sampled = sampled(&coordinator).await;
    for architecture in space.architectures() {
        let expected = forecast
            .expect(std::slice::from_ref(&architecture))
            .remove(0);
        let price = forecast.price(&architecture).expect("it lowers");
        let name = space.format_architecture(&architecture);
        assert_eq!(price.is_none(), sampled.contains(&name), "{name}");
        let latency = expected[1].expect("the target was learned");
        assert_eq!(expected[0], None);
        assert!(latency.deviation > 0.0);
        for price in price.iter().flatten() {
            assert_eq!(price.median_ms.ms(), latency.value);
        }
    }
}

#[tokio::test]
async fn only_measured_networks_stand_on_the_front() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&coordinator, "a", None);
    create(&coordinator, pricing(42)).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert!(trials.iter().any(is_predicted));
    let front = Front::of(&study.spec().expect("it was read before"), &trials);
    assert!(!front.entries().is_empty());
    for entry in front.entries() {
        let trial = &trials[entry.trial.0 as usize];
        assert_eq!(trial.price_source(), Some(PriceSource::Measured));
        assert_eq!(entry.latencies[0].median_ms.ms(), true_ms(trial));
    }
}

#[tokio::test]
async fn watchers_see_what_is_sampled() {
    let (coordinator, _store, _folder) = fresh();
    let holds = Arc::new(Barrier::new(2));
    let _agent = FakeAgent::sharing(&coordinator, "a", holds.clone());
    create(&coordinator, pricing(1)).await;
    let studies = coordinator.services.studies.clone();
    let mut events = Box::pin(watcher::watch(studies, name("tiny")).expect("it runs"));
    loop {
        let event = events.try_next().await.expect("the store works");
        let event = event.expect("the study cannot end while its agent holds its work");
        if let Event::Activity(Activity::Sampling { agent, target, .. }) = event {
            assert_eq!((&*agent, &*target), ("a", "tract/b1/t1/f32"));
            break;
        }
    }
    holds.wait().await;
    let (study, _) = outcome(&coordinator, "tiny").await;
    assert_eq!(study.predictors.len(), 1);
}

#[tokio::test]
async fn decisions_do_not_depend_on_the_number_of_agents() {
    let (one, _store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&one, "a", None);
    create(&one, pricing(30)).await;
    let (_, expected) = outcome(&one, "tiny").await;
    let (three, _store, _folder) = fresh();
    let _agents = ["a", "b", "c"].map(|name| FakeAgent::proportional(&three, name, None));
    create(&three, pricing(30)).await;
    let (_, trials) = outcome(&three, "tiny").await;
    assert_eq!(trials, expected);
}

#[tokio::test]
async fn interrupted_study_goes_on_as_if_it_had_not_been() {
    let (whole, _store, _folder) = fresh();
    let agent = FakeAgent::proportional(&whole, "a", None);
    create(&whole, pricing(30)).await;
    let (_, expected) = outcome(&whole, "tiny").await;
    assert!(expected.iter().any(is_predicted));
    // Once while the samples are measured, once while trials are.
    for measured in [5, SAMPLES + 4] {
        assert!(measured < agent.count());
        let (first, store, folder) = fresh();
        let mut tired = FakeAgent::proportional(&first, "a", Some(measured));
        create(&first, pricing(30)).await;
        tired.until(measured).await;
        drop(tired);
        first.services.studies.pause_all().await;
        drop(first);
        let second = open(&store, folder.path());
        let fresh_agent = FakeAgent::proportional(&second, "b", None);
        let (study, trials) = outcome(&second, "tiny").await;
        let ending = Ending::Trials;
        assert_eq!(study.state, StudyState::Complete { ending });
        assert_eq!(trials, expected);
        assert_eq!(fresh_agent.count() + measured, agent.count());
    }
}

#[tokio::test]
async fn continued_study_keeps_the_predictors_it_began_with() {
    let (whole, _store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&whole, "a", None);
    create(&whole, pricing(30)).await;
    let (_, expected) = outcome(&whole, "tiny").await;
    let (parts, store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&parts, "a", None);
    for trials in [4, 17, 30] {
        create(&parts, pricing(trials)).await;
        let (_, journal) = outcome(&parts, "tiny").await;
        assert_eq!(journal, expected[..trials]);
    }
    assert_eq!(store.predictors().expect("the store works").len(), 1);
}

#[tokio::test]
async fn space_with_fewer_networks_than_samples_is_measured_as_a_whole() {
    let (coordinator, store, _folder) = fresh();
    let agent = FakeAgent::proportional(&coordinator, "a", None);
    let budget = "trials = 100\n[predictor]\nsamples = 100";
    create(&coordinator, study("tiny", "max_latency_ms = 1", budget)).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    let ending = Ending::Exhausted;
    assert_eq!(study.state, StudyState::Complete { ending });
    assert_eq!(agent.count(), trials.len());
    assert!(!trials.iter().any(is_predicted), "all were samples");
    assert_eq!(store.predictors().expect("the store works").len(), 1);
}

#[tokio::test]
async fn study_whose_samples_cannot_be_measured_fails_and_says_why() {
    let (coordinator, _store, _folder) = fresh();
    let crashed = |_: &_| bespoke_measure::Verdict::Crashed {
        reason: "signal 9".to_owned(),
    };
    let _agent = FakeAgent::answering(&coordinator, "a", crashed);
    create(&coordinator, pricing(5)).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    let StudyState::Failed { reason } = study.state else {
        panic!("{:?}", study.state)
    };
    assert_eq!(
        reason,
        "only 0 of 12 networks could be measured on tract/b1/t1/f32; the last said: the measurement crashed: signal 9"
    );
    assert!(trials.is_empty());
}
