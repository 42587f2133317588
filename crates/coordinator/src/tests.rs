//! Studies from beginning to end, with agents and a trainer that answer at once.

mod energy;
mod faulty;
pub(crate) mod fixture;
mod interrupted;
mod learned;
mod predicted;
mod priced;
mod scored;
mod served;
mod warm;

use std::{collections::BTreeSet, sync::Arc};

use bespoke_measure::Verdict;
use bespoke_space::Space;
use bespoke_store::{MemoryStore, Store};
use bespoke_study::{Ending, Front, Source, StudyState, Trial, TrialState};
use tempfile::TempDir;
use tokio::sync::Barrier;

use self::fixture::{EPOCHS, FakeAgent, accuracy, latency, name, open, outcome, space, study};
use crate::{Coordinator, deployed::deployed, proposer::Candidate};

/// A coordinator on an empty store and folder.
fn fresh() -> (Coordinator, Arc<dyn Store>, TempDir) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    (open(&store, folder.path()), store, folder)
}

async fn create(coordinator: &Coordinator, source: Source) {
    coordinator
        .services
        .studies
        .create(source, space())
        .await
        .expect("the study is sound");
}

/// The refusal of a study.
async fn refusal(
    coordinator: &Coordinator,
    source: Source,
    space: Option<Source>,
) -> tonic::Status {
    let refused = coordinator.services.studies.create(source, space).await;
    refused.expect_err("it is refused").into()
}

/// The latency that the fake agents measure for a trial.
fn latency_of(trial: &Trial) -> f64 {
    let space = space().expect("there is one");
    let space = Space::parse(&space.file, &space.text).expect("it is sound");
    let architecture = space
        .parse_architecture(trial.architecture())
        .expect("the space's");
    let candidate = Candidate::lower(&space, &architecture).expect("it is sound");
    let (onnx, _) = deployed(&candidate.graph).expect("it can be written");
    latency(&onnx).median_ms.ms()
}

#[tokio::test]
async fn study_ends_with_the_networks_that_nobody_beats() {
    let (coordinator, _store, folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    create(
        &coordinator,
        study("tiny", "max_latency_ms = 60", "trials = 20"),
    )
    .await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(
        study.state,
        StudyState::Complete {
            ending: Ending::Trials
        }
    );
    assert_eq!(trials.len(), 20);
    let found = Front::of(&study.spec().expect("it was read before"), &trials);
    for trial in &trials {
        let ms = latency_of(trial);
        assert_eq!(trial.latencies()[0].median_ms.ms(), ms);
        match trial.state() {
            TrialState::Infeasible { .. } => assert!(ms * 1.01 > 60.0),
            TrialState::Complete { accuracy: got, .. } => {
                assert!(ms * 1.01 <= 60.0);
                assert_eq!(got.percent, accuracy(trial.graph()));
                assert_eq!(got.curve.len(), EPOCHS as usize);
            }
            TrialState::Stopped { .. } => assert!(!found.contains(trial.id())),
            other => panic!("trial {} is {other:?}", trial.id()),
        }
    }
    let feasible = trials.iter().filter(|trial| trial.accuracy().is_some());
    let best = feasible.clone().filter(|trial| {
        let beats = |other: &Trial| {
            accuracy(other.graph()) >= accuracy(trial.graph())
                && latency_of(other) <= latency_of(trial)
                && other.id() != trial.id()
        };
        !feasible.clone().any(beats)
    });
    let expected: BTreeSet<String> = best
        .map(|trial| format!("trial-{:04}.onnx", trial.id().0))
        .collect();
    assert!(!expected.is_empty());
    let front = folder.path().join("studies/tiny/front");
    let files = std::fs::read_dir(front).expect("networks were kept");
    let names = files.map(|file| {
        file.expect("readable")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let kept: BTreeSet<String> = names.filter(|name| name.ends_with(".onnx")).collect();
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn agents_of_one_kind_share_the_work_of_a_study() {
    let (coordinator, _store, _folder) = fresh();
    let barrier = Arc::new(Barrier::new(2));
    let first = FakeAgent::sharing(&coordinator, "a", barrier.clone());
    let second = FakeAgent::sharing(&coordinator, "b", barrier);
    create(&coordinator, study("tiny", "", "trials = 8")).await;
    outcome(&coordinator, "tiny").await;
    assert!(first.count() > 0 && second.count() > 0);
    assert_eq!(first.count() + second.count(), 8);
}

#[tokio::test]
async fn what_is_known_is_not_measured_again() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, study("first", "", "trials = 8")).await;
    let (_, first) = outcome(&coordinator, "first").await;
    create(&coordinator, study("second", "", "trials = 8")).await;
    let (_, second) = outcome(&coordinator, "second").await;
    assert_eq!(first, second);
    assert_eq!(agent.count(), 8);
}

#[tokio::test]
async fn every_target_of_a_study_is_measured() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::start(&coordinator, "a");
    let second = "[[targets]]\nruntime = 'flex'\nmax_latency_ms = 0.5";
    create(&coordinator, study("tiny", second, "trials = 4")).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(study.targets.len(), 2);
    assert_eq!(agent.count(), 8);
    for trial in &trials {
        assert_eq!(trial.latencies().len(), 2);
        let TrialState::Infeasible { reason, .. } = trial.state() else {
            panic!("{trial:?}")
        };
        assert!(
            reason.contains("flex/b1/t1/f32, the bound is 0.5"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn study_whose_bound_nothing_meets_ends_with_an_empty_front() {
    let (coordinator, _store, folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    create(
        &coordinator,
        study("tiny", "max_latency_ms = 0.001", "trials = 6"),
    )
    .await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(
        study.state,
        StudyState::Complete {
            ending: Ending::Trials
        }
    );
    let front = Front::of(&study.spec().expect("it was read before"), &trials);
    assert!(front.entries().is_empty());
    assert!(
        trials.iter().all(|trial| trial.latencies().len() == 1),
        "the fastest can be told"
    );
    assert!(!folder.path().join("studies").exists());
}

#[tokio::test]
async fn bound_on_cost_is_judged_without_measuring() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::start(&coordinator, "a");
    let bounds = "[bounds]\nmax_parameters = 1";
    create(&coordinator, study("tiny", bounds, "trials = 5")).await;
    let (_, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(trials.len(), 5);
    for trial in &trials {
        assert_eq!(
            (trial.state().word(), trial.latencies().len()),
            ("infeasible", 0)
        );
    }
    assert_eq!(agent.count(), 0);
}

#[tokio::test]
async fn bound_on_cost_that_some_networks_keep_costs_no_trial() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    let space = space().expect("there is one");
    let space = Space::parse(&space.file, &space.text).expect("it is sound");
    let parameters = |architecture| {
        let graph = space.lower(&architecture).expect("it lowers");
        graph.live().cost().parameters
    };
    let mut counts: Vec<u64> = space.architectures().map(parameters).collect();
    counts.sort_unstable();
    let most = counts[counts.len() / 4];
    assert!(most < counts[counts.len() / 2], "most networks break it");
    let bounds = format!("[bounds]\nmax_parameters = {most}");
    create(&coordinator, study("tiny", &bounds, "trials = 8")).await;
    let (_, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(trials.len(), 8);
    for trial in &trials {
        assert_ne!(trial.state().word(), "infeasible");
    }
}

#[tokio::test]
async fn trial_without_a_valid_measurement_fails_with_the_verdict() {
    let (coordinator, _store, _folder) = fresh();
    let crashed = |_: &_| Verdict::Crashed {
        reason: "signal 9".to_owned(),
    };
    let _agent = FakeAgent::answering(&coordinator, "a", crashed);
    create(&coordinator, study("tiny", "", "trials = 3")).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(
        study.state,
        StudyState::Complete {
            ending: Ending::Trials
        }
    );
    let TrialState::Failed { reason } = trials[0].state() else {
        panic!("{:?}", trials[0])
    };
    assert_eq!(reason, "tract/b1/t1/f32: the measurement crashed: signal 9");
}

#[tokio::test]
async fn space_that_is_tried_out_ends_the_study() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, study("tiny", "", "trials = 1000")).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert_eq!(
        study.state,
        StudyState::Complete {
            ending: Ending::Exhausted
        }
    );
    let graphs: BTreeSet<_> = trials.iter().map(Trial::graph).collect();
    assert_eq!(graphs.len(), trials.len());
}

#[tokio::test]
async fn faulty_study_is_refused_before_anything_is_stored() {
    let (coordinator, store, _folder) = fresh();
    let sound = || study("tiny", "", "trials = 1");
    let with = |from: &str, to: &str| {
        let Source { file, text } = sound();
        Source {
            file,
            text: text.replace(from, to),
        }
    };
    let small = |from: &str, to: &str| {
        let Source { file, text } = space().expect("there is one");
        Some(Source {
            file,
            text: text.replace(from, to),
        })
    };
    let cases = [
        (with("seed", "sed"), space(), "study.toml:3: "),
        (
            with("'tract'", "'trakt'"),
            space(),
            "there is no runtime `trakt`; there are flex, tract",
        ),
        (
            with("'digits'", "'mnist'\nfolder = '/nowhere'"),
            space(),
            "[data]: the folder is empty",
        ),
        (
            with("test.toml", "nowhere"),
            None,
            "no space `nowhere` is shipped",
        ),
        (
            sound(),
            small("resolution = 8", "resolution = 16"),
            "[1, 16, 16]",
        ),
        (
            sound(),
            small("classes = 2", "classes = 3"),
            "have 2 classes",
        ),
        (sound(), small("kernel", "kernels"), "test.toml:"),
    ];
    for (source, space, words) in cases {
        let status = refusal(&coordinator, source, space).await;
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
        assert!(
            status.message().contains(words),
            "{} lacks {words}",
            status.message()
        );
    }
    assert!(
        store
            .study(&name("tiny"))
            .expect("the store works")
            .is_none()
    );
}

#[tokio::test]
async fn study_of_the_same_name_with_other_settings_is_refused() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, study("tiny", "", "trials = 2")).await;
    outcome(&coordinator, "tiny").await;
    let status = refusal(
        &coordinator,
        study("tiny", "max_latency_ms = 9", "trials = 2"),
        space(),
    )
    .await;
    assert_eq!(status.code(), tonic::Code::AlreadyExists);
    assert!(
        status.message().contains("give this one another name"),
        "{}",
        status.message()
    );
}
