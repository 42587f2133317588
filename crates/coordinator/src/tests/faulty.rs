//! What evaluators and agents do that they should not: a study keeps what is sound and says what is not.

use std::sync::Arc;

use bespoke_accuracy::{Decision, EpochProgress, Evaluated, EvaluationError, Evaluator};
use bespoke_graph::Graph;
use bespoke_store::MemoryStore;
use bespoke_study::{Activity, Event, Front, Source, StudySpec, StudyState, TrialState};
use futures::StreamExt;

use super::{
    create,
    fixture::{FakeAgent, agent_info, lesson, name, outcome, study, target},
    fresh,
};
use crate::{Config, Coordinator, Evaluators, Lesson, seed, watcher};

/// An evaluator that gives every third network an accuracy that there is not: at the end alone, or after each epoch.
#[derive(Clone, Copy)]
struct Wrong {
    percent: f64,
    in_each_epoch: bool,
}

impl Wrong {
    fn is_about(graph: &Graph) -> bool {
        seed::of_graph(graph.hash()).is_multiple_of(3)
    }
}

impl Evaluators for Wrong {
    fn open(&self, _spec: &StudySpec, _space: &Source) -> Result<Lesson, String> {
        Ok(Lesson {
            evaluator: Arc::new(*self),
            ..lesson()
        })
    }
}

impl Evaluator for Wrong {
    fn evaluate(
        &self,
        graph: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        if !Self::is_about(graph) {
            return lesson().evaluator.evaluate(graph, seed, observer);
        }
        let mut told = |mut progress: EpochProgress| {
            if self.in_each_epoch {
                progress.accuracy_percent = self.percent;
            }
            observer(progress)
        };
        let evaluated = lesson().evaluator.evaluate(graph, seed, &mut told)?;
        Ok(Evaluated {
            accuracy_percent: self.percent,
            ..evaluated
        })
    }
}

#[tokio::test]
async fn trial_with_an_accuracy_that_there_is_not_fails_and_stands_on_no_front() {
    for (percent, in_each_epoch, words) in [
        (f64::NAN, true, "an accuracy of NaN %"),
        (f64::NAN, false, "an accuracy of NaN %"),
        (150.0, true, "an accuracy of 150 %"),
        (-1.0, false, "an accuracy of -1 %"),
        (f64::INFINITY, false, "an accuracy of inf %"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (config, store) = (Config::new(folder.path()), Arc::<MemoryStore>::default());
        let evaluators = Wrong {
            percent,
            in_each_epoch,
        };
        let coordinator = Coordinator::open_with(config, store, Arc::new(evaluators));
        let coordinator = coordinator.expect("the store works");
        let _agent = FakeAgent::start(&coordinator, "a");
        create(&coordinator, study("tiny", "", "trials = 20")).await;
        let (study, trials) = outcome(&coordinator, "tiny").await;
        assert!(matches!(study.state, StudyState::Complete { .. }));
        let failed = trials.iter().filter_map(|trial| match trial.state() {
            TrialState::Failed { reason } => Some(reason),
            _ => None,
        });
        let failed: Vec<&String> = failed.collect();
        assert!((1..20).contains(&failed.len()), "{}", failed.len());
        for reason in failed {
            assert!(reason.contains(words), "{reason}");
            assert!(reason.ends_with("it must be a number from 0 to 100"));
        }
        let front = Front::of(&study.spec().expect("it was read before"), &trials);
        let mut entries = front.entries().iter();
        assert!(entries.all(|entry| (0.0..=100.0).contains(&entry.accuracy.percent)));
        assert!(!front.entries().is_empty());
    }
}

/// Waits until someone who begins to watch now is told that the study waits.
async fn until_waiting(coordinator: &Coordinator) {
    let waiting = Event::Activity(Activity::WaitingForAgent {
        target: target().to_string(),
    });
    let studies = coordinator.services.studies.clone();
    let events = watcher::watch(studies, name("tiny"));
    let mut events = Box::pin(events.expect("there is such a study"));
    while let Some(event) = events.next().await {
        if event.expect("the store works") == waiting {
            return;
        }
    }
    panic!("the study does not wait");
}

#[tokio::test]
async fn study_whose_target_goes_away_waits_and_loses_nothing() {
    let (whole, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&whole, "a");
    create(&whole, study("tiny", "", "trials = 9")).await;
    let (_, expected) = outcome(&whole, "tiny").await;

    let (coordinator, _store, _folder) = fresh();
    let mut agent = FakeAgent::tiring(&coordinator, "a", 4);
    create(&coordinator, study("tiny", "", "trials = 9")).await;
    agent.until(4).await;
    drop(agent);
    coordinator.services.dispatch.deregister("a");
    until_waiting(&coordinator).await;
    // The target by name, on another machine: its latencies would not be comparable.
    let mut stranger = agent_info("stranger");
    stranger.machine.cpu_model = "another model".to_owned();
    let dispatch = &coordinator.services.dispatch;
    dispatch.register(stranger).expect("the same version");
    // Who begins to watch only now is told as well.
    until_waiting(&coordinator).await;
    let studies = &coordinator.services.studies;
    let known = studies
        .trials(&name("tiny"))
        .expect("there is such a study");
    assert!(known.iter().any(|trial| !trial.is_finished()));

    let _agent = FakeAgent::start(&coordinator, "b");
    let (_, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(trials, expected);
}
