//! Studies whose strategies draw from a distribution that is learned, on the digits.

use std::{path::Path, sync::Arc};

use bespoke_graph::Model;
use bespoke_measure::{Estimate, Latency, Verdict};
use bespoke_space::Space;
use bespoke_store::{MemoryStore, Store};
use bespoke_study::{Activity, Event, LearnedDistribution, Source, StudyState};

use super::fixture::{FakeAgent, in_proportion, name, outcome, until_end};
use crate::{Beforehand, Config, Coordinator, deployed::deployed, proposer::Candidate, replay};

/// 27 networks of three blocks each, and two layers that all of them have.
const SPACE: &str = "name = 'blocks'\nsource = 'made for a test'\nclasses = 10\n\
    input = { channels = 1, resolution = 8 }\n[define]\nblock = { choose = [\n\
      { name = 'e1', kind = 'mbconv', expand = 1 },\n\
      { name = 'e2', kind = 'mbconv', expand = 2 },\n  'skip',\n] }\n\
    [[stage]]\nname = 'stem'\nblock = 'conv'\nchannels = 4\nstride = 4\n\
    [[stage]]\nname = 'body'\nblock = { use = 'block' }\nrepeat = 3\nchannels = 4\n\
    [[stage]]\nblock = 'global_pool'\n[[stage]]\nblock = 'classifier'";

fn open(store: &Arc<dyn Store>, folder: &Path) -> Coordinator {
    Coordinator::open(Config::new(folder), store.clone()).expect("the store works")
}

async fn create(coordinator: &Coordinator, name: &str, settings: &str) {
    let text = format!(
        "name = '{name}'\nspace = 'blocks.toml'\n[data]\nset = 'digits'\n\
         [strategy]\nname = 'fbnet'\nepochs = 2\n{settings}\n\
         [training]\nepochs = 1\nbatch_size = 256\n[[targets]]\nruntime = 'tract'\n\
         [budget]\ntrials = 4\nin_flight = 1\n"
    );
    let source = |file: &str, text: String| Source {
        file: file.to_owned(),
        text,
    };
    let space = source("blocks.toml", SPACE.to_owned());
    let created = coordinator
        .services
        .studies
        .create(source("study.toml", text), Some(space));
    created.await.expect("the study is sound");
}

#[tokio::test]
async fn trials_follow_from_the_rounds_that_are_kept_and_blocks_are_measured_once() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let coordinator = open(&store, folder.path());
    let agent = FakeAgent::proportional(&coordinator, "a", None);
    create(&coordinator, "one", "warm_up = 0.0\nlearning_rate = 0.5").await;
    let (study, trials) = outcome(&coordinator, "one").await;
    assert!(
        matches!(study.state, StudyState::Complete { .. }),
        "{:?}",
        study.state
    );
    let rounds = store.rounds(&name("one")).expect("the store works");
    let kept: Vec<(u32, u32)> = rounds.iter().map(|r| (r.first.0, r.epoch)).collect();
    assert_eq!(kept, [(0, 1), (1, 2)]);
    let beforehand = Beforehand::of_study(&*store, &study).expect("it is kept");
    replay(&study, &beforehand, &trials).expect("the same trials are proposed");
    let error = Beforehand::none(&study).expect_err("rounds are kept by the coordinator alone");
    assert!(
        error.to_string().contains("learns a distribution"),
        "{error}"
    );

    let before = agent.count();
    create(&coordinator, "two", "warm_up = 0.0\nlearning_rate = 0.25").await;
    let (_, others) = outcome(&coordinator, "two").await;
    assert_eq!(others.len(), 4);
    assert!(agent.count() <= before + 4, "{} {before}", agent.count());
}

#[tokio::test]
async fn what_is_measured_of_trials_corrects_the_epochs_to_come() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let coordinator = open(&store, folder.path());
    // Of even distributions, the first blocks are the likeliest, and trial 0 is a network of them alone. It is slower than
    // its blocks say.
    let space = Space::parse("blocks.toml", SPACE).expect("it is sound");
    let first = space
        .architecture(&[0; 3])
        .expect("there are three choices");
    let first = Candidate::lower(&space, &first).expect("it is sound").graph;
    let (_, first) = deployed(&first).expect("it can be written");
    let _agent = FakeAgent::answering(&coordinator, "a", move |work| {
        let graph = Model::from_onnx(&work.onnx).expect("a network");
        let is_first = graph.graph().hash() == first;
        Verdict::Valid {
            estimate: times(in_proportion(&work.onnx), if is_first { 1.5 } else { 1.0 }),
        }
    });
    // The distribution stays even.
    create(&coordinator, "one", "warm_up = 1.0").await;
    let events = until_end(&coordinator, "one").await;
    let expected: Vec<f64> = events.iter().filter_map(expected_ms).collect();
    assert_eq!(expected.len(), 2);
    let level = expected[1] / expected[0];
    assert!((1.4..1.6).contains(&level), "{expected:?}");
}

fn times(estimate: Estimate, factor: f64) -> Estimate {
    let scaled = |latency: Latency| Latency::from_ms(latency.ms() * factor).expect("positive");
    Estimate {
        median_ms: scaled(estimate.median_ms),
        low_ms: scaled(estimate.low_ms),
        high_ms: scaled(estimate.high_ms),
    }
}

fn expected_ms(event: &Event) -> Option<f64> {
    match event {
        Event::Activity(Activity::SharedTraining {
            distribution:
                Some(LearnedDistribution {
                    expected_latency_ms,
                    ..
                }),
            ..
        }) => Some(*expected_latency_ms),
        _ => None,
    }
}

#[tokio::test]
async fn block_without_a_latency_ends_the_study_with_its_key() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let coordinator = open(&store, folder.path());
    let _agent = FakeAgent::answering(&coordinator, "a", |work| {
        let graph = Model::from_onnx(&work.onnx).expect("a network");
        match graph.graph().output_shape().dims() {
            [10] => Verdict::Crashed {
                reason: "signal 11".to_owned(),
            },
            _ => Verdict::Valid {
                estimate: in_proportion(&work.onnx),
            },
        }
    });
    create(&coordinator, "one", "").await;
    let (study, trials) = outcome(&coordinator, "one").await;
    let StudyState::Failed { reason } = &study.state else {
        panic!("{:?}", study.state);
    };
    assert!(reason.starts_with("the block `classifier-"), "{reason}");
    assert!(
        reason.ends_with("has no latency on tract/b1/t1/f32: the measurement crashed: signal 11"),
        "{reason}"
    );
    assert!(trials.is_empty());
}
